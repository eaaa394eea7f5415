"""Ask a corpus of briefs a question in any language and get an answer you can check, down to the sentence.

    import briefqa

    briefqa.build("corpus", "index")
    with briefqa.open("index") as qa:
        answer = qa.ask("which chips are banned?")
        answer.text, answer.citations[0].quote, answer.citations[0].url

Names are loaded when first used, so that `import briefqa` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__: str

if TYPE_CHECKING:
    from briefqa.answer import Answer, Doubt
    from briefqa.api import BriefQA, ask, open, retrieve
    from briefqa.articles import Problem
    from briefqa.checking import Check, Place
    from briefqa.chunks import Span
    from briefqa.citations import Citation
    from briefqa.errors import (
        ArticleError,
        BriefqaError,
        ConversationsError,
        CorpusError,
        DeviceError,
        EncoderMismatchError,
        EncoderNotFoundError,
        ExportError,
        GoldenSetError,
        IndexCorruptError,
        IndexLockedError,
        IndexNotFoundError,
        IndexWriteError,
        LLMError,
        PasswordFileError,
        QuestionError,
        SavedAnswerError,
        SettingsError,
        StoreError,
        WorkersError,
    )
    from briefqa.indexing import BuildReport, build
    from briefqa.llm import Endpoint
    from briefqa.planning import Lag, Plan, find_lag, plan
    from briefqa.ranking import Hit
    from briefqa.verification import Verification, verify

_MODULE_OF = {
    "answer": ["Answer", "Doubt"],
    "api": ["BriefQA", "ask", "open", "retrieve"],
    "articles": ["Problem"],
    "indexing": ["BuildReport", "build"],
    "checking": ["Check", "Place"],
    "chunks": ["Span"],
    "citations": ["Citation"],
    "errors": [
        "ArticleError",
        "BriefqaError",
        "ConversationsError",
        "CorpusError",
        "DeviceError",
        "EncoderMismatchError",
        "EncoderNotFoundError",
        "ExportError",
        "GoldenSetError",
        "IndexCorruptError",
        "IndexLockedError",
        "IndexNotFoundError",
        "IndexWriteError",
        "LLMError",
        "PasswordFileError",
        "QuestionError",
        "SavedAnswerError",
        "SettingsError",
        "StoreError",
        "WorkersError",
    ],
    "llm": ["Endpoint"],
    "planning": ["Lag", "Plan", "find_lag", "plan"],
    "ranking": ["Hit"],
    "verification": ["Verification", "verify"],
}
_HOME = {name: module for module, names in _MODULE_OF.items() for name in names}

__all__ = [
    "Answer",
    "ArticleError",
    "BriefQA",
    "BriefqaError",
    "ConversationsError",
    "BuildReport",
    "Check",
    "Citation",
    "CorpusError",
    "DeviceError",
    "Doubt",
    "EncoderMismatchError",
    "EncoderNotFoundError",
    "Endpoint",
    "ExportError",
    "GoldenSetError",
    "Hit",
    "IndexCorruptError",
    "IndexLockedError",
    "IndexNotFoundError",
    "IndexWriteError",
    "LLMError",
    "Lag",
    "PasswordFileError",
    "Place",
    "Plan",
    "Problem",
    "QuestionError",
    "SavedAnswerError",
    "SettingsError",
    "Span",
    "StoreError",
    "Verification",
    "WorkersError",
    "ask",
    "build",
    "find_lag",
    "open",
    "plan",
    "retrieve",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its module (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version  # 30 ms, for which a question need not wait

        globals()[name] = version("briefqa")
        return globals()[name]
    if name not in _HOME:
        raise AttributeError(f"module 'briefqa' has no attribute {name!r}")
    value = getattr(import_module(f"briefqa.{_HOME[name]}"), name)
    globals()[name] = value
    return value
