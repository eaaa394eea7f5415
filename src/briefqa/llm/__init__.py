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

Names are loaded when first used: most answers need no model, and an Endpoint to be configured needs none of the rest.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from briefqa.llm.claims import Claims
    from briefqa.llm.endpoint import Endpoint, LanguageModel
    from briefqa.llm.rewording import Rewording, corpus_languages
    from briefqa.llm.writer import gather_sources, write

_HOME = {
    "Claims": "claims",
    "Endpoint": "endpoint",
    "LanguageModel": "endpoint",
    "Rewording": "rewording",
    "corpus_languages": "rewording",
    "gather_sources": "writer",
    "write": "writer",
}

__all__ = ["Claims", "Endpoint", "LanguageModel", "Rewording", "corpus_languages", "gather_sources", "write"]


def __getattr__(name: str) -> Any:
    """Load a name from its module (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'briefqa.llm' has no attribute {name!r}")
    value = getattr(import_module(f"briefqa.llm.{_HOME[name]}"), name)
    globals()[name] = value
    return value
