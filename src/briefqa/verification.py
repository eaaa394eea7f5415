"""Saved answers to verdicts: does the corpus, as it is today, still say what they quote?

    verification = verify("answer.json", index="index")
    verification.good, verification.against
    verification.answers[0].citations[0].failure        # see checking.py

Today's corpus is its files, where they are there, else the index.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from briefqa.answer import Answer
from briefqa.articles import Problem, list_articles, read_article, slug_of
from briefqa.checking import Check, Source, check_citations, printable
from briefqa.citations import markers
from briefqa.errors import ArticleError, IndexCorruptError, IndexNotFoundError
from briefqa.indexing import compare
from briefqa.saved import SavedAnswer, read_saved
from briefqa.settings import Settings
from briefqa.store import Snapshot, open_reader
from briefqa.verbatim import KeptArticles, VisibleArticle, bare, visible_article


@dataclass(frozen=True, slots=True)
class AnswerCheck:
    """What became of an answer. citations: a check each. problems: a line each, on what its text does with them."""

    question: str
    citations: tuple[Check, ...]
    problems: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether nothing is wrong with it."""
        return not self.problems and not any(check.failure for check in self.citations)


@dataclass(frozen=True, slots=True)
class Verification:
    """What became of saved answers.

    against: what they were checked against, in words. answers: a check each. problems: articles that could not be read.
    """

    against: str
    answers: tuple[AnswerCheck, ...]
    problems: tuple[Problem, ...]

    @property
    def good(self) -> bool:
        """Whether nothing is wrong with any of them."""
        return all(answer.good for answer in self.answers)


class CorpusFiles:
    """The files of a corpus as they are now, to check citations against. Raises CorpusError if there is no such folder.

    indexed: an index that may hold some of them unchanged, so that they need not be read when a quote is looked for
    everywhere. problems: of the files that could not be read.
    """

    def __init__(self, corpus: Path, indexed: Snapshot | None = None) -> None:
        self.problems: list[Problem] = []
        self._corpus = corpus
        self._indexed = indexed
        self._paths = {slug_of(path, corpus): path for path in list_articles(corpus)[0]}
        self._kept = KeptArticles()

    def visible(self, slug: str) -> VisibleArticle | None:
        """Return what a reader sees of an article; None if there is none, or it cannot be read."""
        kept = self._kept.get(slug)
        path = self._paths.get(slug)
        if kept is not None or path is None:
            return kept
        try:
            return self._kept.keep(visible_article(read_article(path, self._corpus)))
        except ArticleError as error:
            self.problems.append(Problem(path.relative_to(self._corpus).as_posix(), error.line, str(error)))
            del self._paths[slug]
            return None

    def holding(self, bares: Collection[str]) -> Iterator[VisibleArticle]:
        """Yield each article that holds one of these texts, white space and borders aside."""
        unchanged: set[str] = set()
        if self._indexed is not None:
            known = self._indexed.known_articles()
            unchanged |= set(compare(self._corpus, list(self._paths.values()), known, lambda *_: None).unchanged)
            yield from (article for article in self._indexed.holding(bares) if article.slug in unchanged)
        for slug in [slug for slug in self._paths if slug not in unchanged]:
            article = self.visible(slug)
            if article is not None:
                whole = bare("".join([section.text for section in article.sections]))
                if any(text in whole for text in bares):
                    yield article


def verify(
    answer: Answer | str | Path | Sequence[Answer] | Sequence[SavedAnswer],
    index: str | Path | None = None,
    corpus: str | Path | None = None,
    store: str | None = None,
) -> Verification:
    """Check an answer, or the file where one or several are saved, against today's corpus.

    corpus: the folder of articles; left out, the one that the index was built from, or where that is gone the index
    itself. Raises SavedAnswerError, CorpusError, IndexNotFoundError, IndexCorruptError.
    """
    answers = _saved(answer)
    folder = Path(corpus).expanduser() if corpus is not None else None
    try:
        settings = Settings.from_environment(index=index, store=store)
        reader = open_reader(settings.index, settings.store)
    except (IndexNotFoundError, IndexCorruptError):
        if folder is None:
            raise
        return _verify_files(answers, folder, None)
    try:
        with reader.snapshot() as snapshot:
            built_from = Path(snapshot.info().corpus)
            if folder is not None or built_from.is_dir():
                return _verify_files(answers, folder or built_from, snapshot)
            against = f"the index in {reader.place}, generation {snapshot.generation} ({built_from} is not there)"
            return Verification(against, _check_answers(answers, snapshot), ())
    finally:
        reader.close()


def _saved(answer: Answer | str | Path | Sequence[Answer] | Sequence[SavedAnswer]) -> list[SavedAnswer]:
    if isinstance(answer, (str, Path)):
        return read_saved(Path(answer).expanduser())
    several = [answer] if isinstance(answer, Answer) else answer
    return [SavedAnswer.of(one) if isinstance(one, Answer) else one for one in several]


def _verify_files(answers: Sequence[SavedAnswer], folder: Path, indexed: Snapshot | None) -> Verification:
    files = CorpusFiles(folder, indexed)
    checks = _check_answers(answers, files)
    return Verification(f"the articles in {folder}", checks, tuple(files.problems))


def _check_answers(answers: Sequence[SavedAnswer], source: Source) -> tuple[AnswerCheck, ...]:
    cited = [(citation, answer.retrieved) for answer in answers for citation in answer.citations]
    checks = iter(check_citations(cited, source))
    return tuple(
        AnswerCheck(answer.question, tuple(next(checks) for _ in answer.citations), tuple(_text_problems(answer)))
        for answer in answers
    )


def _text_problems(answer: SavedAnswer) -> Iterator[str]:
    """Say where an answer's text and its citations do not belong together."""
    numbers = Counter(str(citation.number) for citation in answer.citations)
    for number, count in numbers.items():
        if count > 1:
            yield f"{count} citations have the number {printable(number)}"
    if answer.text is None:
        return
    if answer.answered and not numbers:
        yield "the answer cites nothing"
    elif numbers and not answer.answered:
        yield "a refusal cites nothing, and this one does"
    named = dict.fromkeys(markers(answer.text))
    for number in named:
        if number not in numbers:
            yield f"the text names [{number}], and there is no such citation"
    for number in numbers:
        if number not in named:
            yield f"citation {printable(number)} is named nowhere in the text"
