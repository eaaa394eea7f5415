"""What a language model may do, and what keeps it honest: it words answers from quotes, and rewords questions.

    model = LanguageModel(Endpoint("http://127.0.0.1:8080/v1", "qwen3"))
    *_, answer = write(quoted, gather_sources(question, ranking), model, Claims(encoder, lexicon, geometry))

| module | what |
|---|---|
| `endpoint`  | any OpenAI-compatible endpoint |
| `prompts`   | what a model is given, briefs as data |
| `figures`   | figures and dates that stand in no source |
| `names`     | names and quotations that stand in no source |
| `claims`    | each sentence against the quotes that it cites |
| `drafts`    | a model's reply made harmless, keys to numbers |
| `writer`    | an answer worded by a model, or the quoted one |
| `rewording` | a question translated or made complete by a model |
"""

from __future__ import annotations

from briefqa.llm.claims import Claims
from briefqa.llm.endpoint import Endpoint, LanguageModel
from briefqa.llm.rewording import Rewording, corpus_languages
from briefqa.llm.writer import gather_sources, write

__all__ = ["Claims", "Endpoint", "LanguageModel", "Rewording", "corpus_languages", "gather_sources", "write"]
