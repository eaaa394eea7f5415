"""Score an index with a golden set: questions of which it is known where the corpus answers them.

    questions = read_golden_set("golden.jsonl")
    with briefqa.open("index") as qa:
        evaluation = evaluate(qa, questions)
    evaluation.overall.hit_at_1, evaluation.by_language["en"].ndcg_at_10, evaluation.misses[0].found

A golden set is a file of JSON lines:

    {"question": "which chips are banned?", "expected": ["policy#banned"], "difficulty": "easy", "language": "en"}

`expected` names every section that answers, as article#anchor; without a "#" it means any section of that article; []
means that the corpus does not answer, so that a refusal is right. `difficulty` and `language` may be left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from math import log2
from pathlib import Path
from statistics import fmean

from briefqa.api import BriefQA
from briefqa.errors import GoldenSetError, QuestionError
from briefqa.question import check_question
from briefqa.ranking import Hit
from briefqa.store import Snapshot

# Sections that are scored: the depth that MRR@10 and nDCG@10 carry in their names.
_DEPTH = 10
# Hits that are asked for, so that ten sections are left when several chunks are of one section.
_HITS = 30
# Sections that a miss shows in place of the expected ones.
_SHOWN = 5
_EXAMPLE = 'like {"question": "which chips are banned?", "expected": ["policy#banned"]}'


@dataclass(frozen=True, slots=True)
class GoldenQuestion:
    """A question and the sections that answer it.

    expected: article#anchor, or article for any of its sections; empty when the corpus does not answer. difficulty,
    language: names to group by, or "". line: 1-based, in the golden file.
    """

    question: str
    expected: tuple[str, ...]
    difficulty: str
    language: str
    line: int


@dataclass(frozen=True, slots=True)
class Scores:
    """Means over so many answerable questions; 0..1, higher is better, and all 0 where there is no question."""

    questions: int
    hit_at_1: float
    hit_at_5: float
    mrr_at_10: float
    ndcg_at_10: float


@dataclass(frozen=True, slots=True)
class Refusals:
    """How many questions were refused: wrongly if the corpus answers them, rightly if it does not."""

    answerable: int
    answerable_refused: int
    unanswerable: int
    unanswerable_refused: int


@dataclass(frozen=True, slots=True)
class FoundSection:
    """A section, as article#anchor, with the score of its best chunk."""

    section: str
    score: float


@dataclass(frozen=True, slots=True)
class Miss:
    """A question whose first hit is no expected section.

    rank: of the best expected section, or 0 if it is not among the first ten. found: the best sections instead, best
    first. line: of the golden file.
    """

    question: str
    language: str
    difficulty: str
    line: int
    expected: tuple[str, ...]
    rank: int
    found: tuple[FoundSection, ...]


@dataclass(frozen=True, slots=True)
class UnknownSection:
    """An expected section that the index does not hold, so that no ranking can find it. line: of the golden file."""

    line: int
    section: str
    message: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a golden set says of an index.

    Groups stand in the order in which the golden set names them; "" is the group of the questions that name none. Only
    answerable questions are ranked and grouped. misses: the worst first. wrongly_refused, wrongly_answered: questions.
    """

    overall: Scores
    by_language: dict[str, Scores]
    by_difficulty: dict[str, Scores]
    by_language_and_difficulty: dict[str, dict[str, Scores]]
    refusals: Refusals
    misses: tuple[Miss, ...]
    wrongly_refused: tuple[str, ...]
    wrongly_answered: tuple[str, ...]
    unknown: tuple[UnknownSection, ...]


def read_golden_set(path: str | Path) -> list[GoldenQuestion]:
    """Read a golden set; blank lines are passed over. Raises GoldenSetError with the file, the line and the cure."""
    path = Path(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise GoldenSetError(f"no golden set at {path}: name a file of JSON lines, {_EXAMPLE}") from None
    except OSError as error:
        raise GoldenSetError(f"{path} cannot be read: {error.strerror or error}; name a file of JSON lines") from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise GoldenSetError(f"{path}:{line}: not UTF-8: save the file as UTF-8") from None
    # Not splitlines: JSON lets U+2028 and its like stand in a string.
    lines = enumerate(text.split("\n"), 1)
    questions = [_parse_line(content, f"{path}:{line}", line) for line, content in lines if content.strip()]
    if not questions:
        raise GoldenSetError(f"{path} holds no questions: write one a line, {_EXAMPLE}")
    return questions


def _parse_line(content: str, place: str, line: int) -> GoldenQuestion:
    try:
        entry = json.loads(content)
        # Half a surrogate pair ("\\ud83d") can be escaped in JSON, but neither embedded nor printed.
        json.dumps(entry, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise GoldenSetError(f"{place}: not JSON: write one object a line, {_EXAMPLE}") from None
    if not isinstance(entry, dict):
        raise GoldenSetError(f"{place}: not a JSON object: write one a line, {_EXAMPLE}")
    question = entry.get("question")
    if not isinstance(question, str):
        raise GoldenSetError(f"{place}: no question: add one, {_EXAMPLE}")
    try:
        question = check_question(question)
    except QuestionError as error:
        raise GoldenSetError(f"{place}: {error}") from None
    expected = entry.get("expected")
    if not isinstance(expected, list) or not all(isinstance(section, str) and section for section in expected):
        raise GoldenSetError(
            f'{place}: expected is no list of sections: write ["article#anchor"], or [] if the corpus does not answer'
        )
    for name in ("difficulty", "language"):
        if not isinstance(entry.get(name, ""), str):
            raise GoldenSetError(f"{place}: {name} is no string: put it in quotes or leave it out")
    # An entry that is written twice is one section, which can be found once.
    expected = tuple(dict.fromkeys(expected))
    return GoldenQuestion(question, expected, entry.get("difficulty", ""), entry.get("language", ""), line)


def evaluate(
    qa: BriefQA, questions: Sequence[GoldenQuestion], progress: Callable[[int, int], None] | None = None
) -> Evaluation:
    """Ask every question and score what comes back. progress: called with how many of how many are done."""
    outcomes = []
    for done, golden in enumerate(questions, 1):
        outcomes.append(_ask(qa, golden))
        if progress:
            progress(done, len(questions))
    ranked = [outcome for outcome in outcomes if outcome.golden.expected]
    unanswerable = [outcome for outcome in outcomes if not outcome.golden.expected]
    spoken = _grouped(ranked, lambda golden: golden.language)
    misses = [outcome for outcome in ranked if outcome.rank != 1]
    wrongly_refused = tuple(outcome.golden.question for outcome in ranked if outcome.refused)
    wrongly_answered = tuple(outcome.golden.question for outcome in unanswerable if not outcome.refused)
    with qa.store.snapshot() as snapshot:
        unknown = _find_unknown(snapshot, questions)
    return Evaluation(
        overall=_mean(ranked),
        by_language={language: _mean(group) for language, group in spoken.items()},
        by_difficulty=_by_difficulty(ranked),
        by_language_and_difficulty={language: _by_difficulty(group) for language, group in spoken.items()},
        refusals=Refusals(
            answerable=len(ranked),
            answerable_refused=len(wrongly_refused),
            unanswerable=len(unanswerable),
            unanswerable_refused=len(unanswerable) - len(wrongly_answered),
        ),
        misses=tuple(outcome.miss() for outcome in sorted(misses, key=lambda miss: -(miss.rank or _DEPTH + 1))),
        wrongly_refused=wrongly_refused,
        wrongly_answered=wrongly_answered,
        unknown=unknown,
    )


def hit_at(ranked: Sequence[str], expected: Collection[str], k: int) -> float:
    """Return 1 if one of the first k sections is expected, else 0."""
    return float(any(_gains(ranked[:k], expected)))


def reciprocal_rank(ranked: Sequence[str], expected: Collection[str], k: int = _DEPTH) -> float:
    """Return 1 / rank of the first expected section, or 0 if it is not among the first k."""
    rank = _first_rank(ranked[:k], expected)
    return 1 / rank if rank else 0.0


def ndcg(ranked: Sequence[str], expected: Collection[str], k: int = _DEPTH) -> float:
    """Return the discounted gain of the first k sections by the most that they could gain, in 0..1.

    Relevance is binary: a section is expected or not (Järvelin and Kekäläinen, 2002, with the logarithm of rank + 1).
    """
    gained = sum(gain / log2(rank + 1) for rank, gain in enumerate(_gains(ranked[:k], expected), 1))
    ideal = sum(1 / log2(rank + 1) for rank in range(1, min(k, len(set(expected))) + 1))
    return gained / ideal if ideal else 0.0


def ranked_sections(hits: Sequence[Hit]) -> tuple[FoundSection, ...]:
    """Return the first ten sections of the hits, each once, at the place and with the score of its best chunk."""
    sections: dict[str, FoundSection] = {}
    for hit in hits:
        section = f"{hit.article}#{hit.anchor}"
        sections.setdefault(section, FoundSection(section, hit.score))
    return tuple(sections.values())[:_DEPTH]


def _gains(ranked: Sequence[str], expected: Collection[str]) -> list[bool]:
    """Return of each section whether it is expected; what is expected gains once, so that no list gains above ideal."""
    awaited = set(expected)
    gains = []
    for section in ranked:
        entry = section if section in awaited else section.rpartition("#")[0]
        gains.append(entry in awaited)
        awaited.discard(entry)
    return gains


def _first_rank(ranked: Sequence[str], expected: Collection[str]) -> int:
    gains = _gains(ranked, expected)
    return gains.index(True) + 1 if any(gains) else 0


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What came back for one question. rank: see Miss."""

    golden: GoldenQuestion
    found: tuple[FoundSection, ...]
    refused: bool

    @property
    def ranked(self) -> list[str]:
        return [found.section for found in self.found]

    @property
    def rank(self) -> int:
        return _first_rank(self.ranked, self.golden.expected)

    def miss(self) -> Miss:
        golden = self.golden
        return Miss(
            question=golden.question,
            language=golden.language,
            difficulty=golden.difficulty,
            line=golden.line,
            expected=golden.expected,
            rank=self.rank,
            found=self.found[:_SHOWN],
        )


def _ask(qa: BriefQA, golden: GoldenQuestion) -> _Outcome:
    found = ranked_sections(qa.retrieve(golden.question, _HITS)) if golden.expected else ()
    return _Outcome(golden, found, not qa.ask(golden.question).answered)


def _mean(outcomes: Sequence[_Outcome]) -> Scores:
    if not outcomes:
        return Scores(0, 0.0, 0.0, 0.0, 0.0)
    pairs = [(outcome.ranked, outcome.golden.expected) for outcome in outcomes]
    return Scores(
        questions=len(pairs),
        hit_at_1=fmean(hit_at(ranked, expected, 1) for ranked, expected in pairs),
        hit_at_5=fmean(hit_at(ranked, expected, 5) for ranked, expected in pairs),
        mrr_at_10=fmean(reciprocal_rank(ranked, expected) for ranked, expected in pairs),
        ndcg_at_10=fmean(ndcg(ranked, expected) for ranked, expected in pairs),
    )


def _grouped(outcomes: Sequence[_Outcome], name: Callable[[GoldenQuestion], str]) -> dict[str, list[_Outcome]]:
    groups: dict[str, list[_Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(name(outcome.golden), []).append(outcome)
    return groups


def _by_difficulty(outcomes: Sequence[_Outcome]) -> dict[str, Scores]:
    return {name: _mean(group) for name, group in _grouped(outcomes, lambda golden: golden.difficulty).items()}


def _find_unknown(snapshot: Snapshot, questions: Sequence[GoldenQuestion]) -> tuple[UnknownSection, ...]:
    """Return what is expected and not in the index: a slip of the golden set, or an article that has moved on."""
    expected = [(golden.line, section, *_split(section)) for golden in questions for section in golden.expected]
    # Chunks, not headings: a heading without text of its own is a section, but never a hit.
    anchors = snapshot.anchors({slug for _, _, slug, _ in expected})
    unknown = []
    for line, section, slug, anchor in expected:
        if slug not in anchors:
            reason = f"there is no article {slug}"
        elif anchor is not None and anchor not in anchors[slug]:
            place = f"under the anchor {anchor}" if anchor else "before its first heading"
            reason = f"{slug} has no text {place}"
        else:
            continue
        message = f"{section} cannot be found: {reason}; correct the golden set, or build the index again"
        unknown.append(UnknownSection(line, section, message))
    return tuple(unknown)


def _split(section: str) -> tuple[str, str | None]:
    """Return the article and the anchor of an expected section; None for an article's any section."""
    if "#" not in section:
        return section, None
    slug, _, anchor = section.rpartition("#")
    return slug, anchor
