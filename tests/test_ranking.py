"""Questions find the sections that answer, words decide where they can, and filters apply before ranking."""

from __future__ import annotations

import datetime
import math
import shutil
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from conftest import BigramEncoder

import briefqa
from briefqa.lexicon import Concept, load_lexicon
from briefqa.ranking import Evidence, Ranking, rank
from briefqa.settings import Settings
from briefqa.store import CandidateSpans, Filters

pytestmark = pytest.mark.both_stores


@pytest.fixture
def qa(index: Path, encoder: BigramEncoder):  # type: ignore[no-untyped-def]
    with briefqa.open(index, encoder=encoder) as opened:
        yield opened


def found(hits: list[briefqa.Hit]) -> list[str]:
    return [f"{hit.article}#{hit.anchor}" for hit in hits]


def test_a_hit_says_where_it_stands(qa: briefqa.BriefQA) -> None:
    hit = qa.retrieve("Blackwell系列与Rubin芯片", k=1)[0]
    assert (hit.article, hit.anchor, hit.heading) == ("policy", "banned", "仍被禁止的产品")
    assert hit.heading_path == ("仍被禁止的产品",)
    assert (hit.title, hit.date, hit.rank) == ("芯片出口政策", "2025-12-15", 1)
    assert hit.url == "https://example.org/policy#banned"
    assert hit.spans[0].text == "Blackwell系列与Rubin芯片仍在禁止清单上。"


def test_hits_and_their_spans_come_best_first(qa: briefqa.BriefQA) -> None:
    hits = qa.retrieve("车载芯片", k=4)
    assert [hit.rank for hit in hits] == [1, 2, 3, 4]
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert found(hits)[0] == "industry/vendors#vendors"
    assert hits[0].spans[0].text == "地平线 | 车载芯片"
    assert hits[0].spans[0].header == ("企业", "领域")


@pytest.mark.parametrize(
    ("filters", "articles"),
    [
        ({"since": "2025-12-01"}, {"policy"}),
        ({"since": "2025-12"}, {"policy"}),
        ({"until": "2025-11"}, {"industry/vendors"}),
        ({"until": datetime.date(2025, 12, 14)}, {"industry/vendors"}),
        ({"since": "2025-12-15", "until": "2025-12-15"}, {"policy"}),
        ({"tags": "出口"}, {"policy"}),
        ({"tags": ["芯片", "nothing"]}, {"policy", "industry/vendors"}),
        ({"category": "产业"}, {"industry/vendors"}),
        ({"articles": ["weather"]}, {"weather"}),
        ({"articles": ["weather", "policy"], "category": "政策"}, {"policy"}),
        ({"since": "2026"}, set()),
        ({"category": "x' OR 1=1 --"}, set()),
        ({"since": None, "tags": None, "category": ""}, {"policy", "industry/vendors", "weather"}),
    ],
)
def test_filters_apply_before_ranking(qa: briefqa.BriefQA, filters: dict, articles: set[str]) -> None:  # type: ignore[type-arg]
    assert {hit.article for hit in qa.retrieve("Paris rain", k=9, **filters)} == articles


def test_articles_can_be_left_out(qa: briefqa.BriefQA) -> None:
    left = qa.rank("芯片", 10, Filters(without=("policy",))).hits
    assert {hit.article for hit in left} == {"industry/vendors", "weather"}


def test_a_ranking_says_what_of_the_question_its_first_hit_holds(qa: briefqa.BriefQA) -> None:
    held = qa.rank("Blackwell系列与Rubin芯片", 3, Filters())
    assert held.hits[0].anchor == "banned" and not held.foreign
    assert held.held > 0.9 and held.reach == pytest.approx(1) and held.missing == 0
    lacking = qa.rank("MI300X芯片与H200", 3, Filters())
    assert lacking.missing == pytest.approx(0.5) and lacking.reach < held.reach
    asked = qa.rank("What did it do in Paris and in Rome?", 3, Filters())
    assert asked.hits[0].article == "weather" and not asked.foreign
    assert qa.rank("¿Qué tiempo hace en Paris y en Rome?", 3, Filters()).foreign


def test_words_reach_only_what_the_filters_let_pass(qa: briefqa.BriefQA) -> None:
    assert qa.rank("Blackwell", 3, Filters()).reach == pytest.approx(1)
    assert qa.rank("Blackwell", 3, Filters(articles=("weather",))).reach == 0
    assert qa.rank("Blackwell", 3, Filters(articles=("weather",))).missing == 0  # a word, no code


def test_a_lead_is_that_of_the_nearest_over_the_next(qa: briefqa.BriefQA) -> None:
    alone = qa.rank("Paris", 3, Filters(articles=("weather",)))
    with qa.store.snapshot() as snapshot:
        unrelated = snapshot.geometry.unrelated
    assert alone.lead == pytest.approx(abs(alone.closeness - unrelated), abs=1e-6)


@pytest.mark.parametrize("question", ["", "  \n", "x" * 5000])
@pytest.mark.both_stores(False)
def test_a_question_nobody_could_answer_is_an_error(qa: briefqa.BriefQA, question: str) -> None:
    with pytest.raises(briefqa.QuestionError):
        qa.retrieve(question)


@pytest.mark.parametrize("filters", [{"since": "yesterday"}, {"until": "2025-13-01"}, {"since": "2025-1"}])
@pytest.mark.both_stores(False)
def test_a_date_that_is_none_is_an_error_that_shows_the_form(qa: briefqa.BriefQA, filters: dict) -> None:  # type: ignore[type-arg]
    with pytest.raises(briefqa.QuestionError, match="2025-12-31"):
        qa.retrieve("H200", **filters)


def test_k_below_one_is_an_error(qa: briefqa.BriefQA) -> None:
    with pytest.raises(briefqa.QuestionError, match="at least one"):
        qa.retrieve("H200", k=0)


@pytest.mark.parametrize("question", ["'; DROP TABLE article; --", "\x00", "\ud800", "🙂", "？" * 3000])
def test_any_text_is_a_question(qa: briefqa.BriefQA, question: str) -> None:
    assert len(qa.retrieve(question, k=4)) == 4


def test_threads_share_an_open_index(qa: briefqa.BriefQA) -> None:
    expected = found(qa.retrieve("车载芯片", k=4))
    answers: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda: answers.extend(found(qa.retrieve("车载芯片", k=4)) for _ in range(20)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [expected] * 160


def test_a_closed_index_says_that_it_is_closed(index: Path, encoder: BigramEncoder) -> None:
    qa = briefqa.open(index, encoder=encoder)
    qa.close()
    with pytest.raises(briefqa.BriefqaError, match="closed"):
        qa.retrieve("H200")


def test_an_article_without_an_original_has_no_url(qa: briefqa.BriefQA) -> None:
    assert qa.retrieve("Paris", k=1, articles="weather")[0].url == ""


# Words against cosines

BAIT = "诱饵 bait"


class Hostile(BigramEncoder):
    """Puts every text somewhere at random, and every question beside the texts that hold the bait."""

    name = "hostile"
    fingerprint = "hostile/1"
    dim = 64

    def encode_query(self, texts: Sequence[str]) -> np.ndarray:
        return self._encode([f"{text} {BAIT}" for text in texts])

    def _encode(self, texts: Sequence[str]) -> np.ndarray:
        rows = np.stack([np.random.default_rng(zlib.crc32(text.encode())).normal(size=self.dim) for text in texts])
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        rows[:, 0] += [0.7 * (BAIT in text) for text in texts]
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


class Blank(Hostile):
    """Tells questions apart and no texts: words alone decide.

    lean: how much nearer to all questions texts in Chinese are than others; 0.1 is half the spread of cosines.
    """

    name = "blank"
    fingerprint = "blank/1"

    def __init__(self, lean: float = 0.0) -> None:
        super().__init__()
        self.lean = lean

    def encode_document(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> np.ndarray:
        rows = np.zeros((len(texts), self.dim), dtype=np.float32)
        rows[:, 1] = 1
        rows[:, 0] = [self.lean * any("\u4e00" <= char for char in text) for text in texts]
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class Constant(BigramEncoder):
    """Tells nothing apart."""

    name = "constant"
    fingerprint = "constant/1"

    def _encode(self, texts: Sequence[str]) -> np.ndarray:
        return np.full((len(texts), self.dim), self.dim**-0.5, dtype=np.float32)


@contextmanager
def opened(folder: Path, articles: Mapping[str, str], encoder: BigramEncoder) -> Iterator[briefqa.BriefQA]:
    """Build an index of articles, slug → text, and open it."""
    for slug, text in articles.items():
        (folder / "articles").mkdir(parents=True, exist_ok=True)
        (folder / "articles" / f"{slug}.md").write_text(text, encoding="utf-8")
    report = briefqa.build(folder / "articles", folder / "built", encoder=encoder)
    assert report.problems == ()
    with briefqa.open(folder / "built", encoder=encoder) as qa:
        yield qa


def sections(**texts: str) -> str:
    return "\n\n".join(f"## 关于此事的一节 {{#{anchor}}}\n\n{text}" for anchor, text in texts.items())


FACTS = sections(
    bait=f"{BAIT}：什么都在这里，这里什么都有。",
    b200="B200芯片仍不得出售。",
    gb200="GB200芯片仍不得出售。",
    share="销售额的25%须上缴。",
    other_share="销售额的15%须上缴，共25项。",
    founder="这家公司由任正非创立。",
    other_founder="这家公司由任志强创立。",
    meeting="The meeting was held on December 11, 2025.",
    other_meeting="另一次会议于2024年3月11日举行。",
    money="共投资800亿元。",
    other_money="共投资80亿元。",
    model="OpenAI发布了GPT-4。",
    nvidia="英伟达的总部在加州。",
    node="采用7纳米工艺。",
    bank="中央银行降低了利率。",
    banned="这些产品被禁止。",
)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[briefqa.BriefQA]:
    with opened(tmp_path_factory.mktemp("hostile"), {"facts": FACTS}, Hostile()) as qa:
        yield qa


def test_the_hostile_encoder_prefers_the_bait(hostile: briefqa.BriefQA) -> None:
    for question in ("zzzz", "qqqq?", "ψψψψ", "？？"):
        assert hostile.retrieve(question, k=1)[0].anchor == "bait"


SHORT_QUESTIONS = [
    ("B200?", "b200"),
    ("GB200？", "gb200"),
    ("b200", "b200"),
    ("25%?", "share"),
    ("百分之二十五", "share"),
    ("任正非", "founder"),
    ("任志强？", "other_founder"),
    ("2025年12月11日", "meeting"),
    ("11 de diciembre de 2025", "meeting"),
    ("March 11, 2024?", "other_meeting"),
    ("80 billion", "money"),
    ("8,000,000,000", "other_money"),
    ("GPT-4?", "model"),
    ("英偉達", "nvidia"),
    ("7 nm", "node"),
]


@pytest.mark.parametrize(("question", "anchor"), SHORT_QUESTIONS)
def test_an_exact_word_wins_over_an_encoder_that_prefers_another_section(
    hostile: briefqa.BriefQA, question: str, anchor: str
) -> None:
    hits = hostile.retrieve(question, k=16)
    assert hits[0].anchor == anchor
    assert len({hit.anchor for hit in hits}) == 16


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[briefqa.BriefQA]:
    with opened(tmp_path_factory.mktemp("blank"), {"facts": FACTS}, Blank()) as qa:
        yield qa


@pytest.mark.parametrize(
    ("question", "anchor"),
    [
        *SHORT_QUESTIONS,
        ("banned?", "banned"),
        ("the central bank", "bank"),
        ("Zhengfei", "founder"),
        ("Ren Zhiqiang", "other_founder"),
        ("¿25 por ciento?", "share"),
        ("7 nanometers?", "node"),
    ],
)
def test_words_alone_decide_where_all_texts_are_as_near(blank: briefqa.BriefQA, question: str, anchor: str) -> None:
    first, second = blank.retrieve(question, k=2)
    assert first.anchor == anchor and first.score > second.score


def test_an_exact_word_wins_where_the_encoder_knows_nothing(tmp_path: Path) -> None:
    with opened(tmp_path, {"facts": FACTS}, Constant()) as qa:
        assert [qa.retrieve(question, k=1)[0].anchor for question, _ in SHORT_QUESTIONS] == [
            anchor for _, anchor in SHORT_QUESTIONS
        ]


def test_a_score_is_the_same_when_asked_again(tmp_path: Path) -> None:
    with opened(tmp_path, {"facts": FACTS}, Hostile()) as qa:
        questions = [question for question, _ in SHORT_QUESTIONS]
        first = [qa.retrieve(question, k=16) for question in questions]
        assert [qa.retrieve(question, k=16) for question in reversed(questions)] == first[::-1]
    with briefqa.open(tmp_path / "built", encoder=Hostile()) as qa:
        assert [qa.retrieve(question, k=16) for question in questions] == first


# Shares and coverage


def expected_match(
    concepts: Sequence[Concept], chunks: Sequence[tuple[Mapping[str, Sequence[int]], int]]
) -> tuple[list[float], list[list[float]]]:
    """Work out the share of each chunk and the coverage of each of its spans. chunks: places of terms, spans."""
    lengths = [sum(map(len, places.values())) for places, _ in chunks]
    mean = sum(lengths) / len(lengths)
    shares, coverage, total = [0.0] * len(chunks), [[0.0] * n_spans for _, n_spans in chunks], 0.0
    for concept in concepts:
        # Of each chunk, the sum over the alternatives of what their rarest term counts.
        counts = [sum(min(len(places.get(term, ())) for term in option) for option in concept) for places, _ in chunks]
        n_chunks_with = sum(count > 0 for count in counts)
        rarity = math.log(1 + (len(chunks) - n_chunks_with + 0.5) / (n_chunks_with + 0.5))
        total += rarity
        for i, (places, n_spans) in enumerate(chunks):
            shares[i] += rarity * counts[i] / (counts[i] + 1.2 * (0.25 + 0.75 * lengths[i] / mean))
            for span in range(n_spans):
                here = {term for term, where in places.items() if {0, span + 1} & set(where)}
                coverage[i][span] += rarity * any(here.issuperset(option) for option in concept)
    return [share / total for share in shares], [[value / total for value in values] for values in coverage]


@pytest.mark.parametrize(
    "question",
    [
        "H200的出口，H200",
        "Which chips did the central bank ban in December 2025?",
        "中央银行禁止了什么？",
        "no word of this stands zzzz qqqq",
        "关于此事的一节",
        "German semiconductors, France and rare earths",
        "机构 职能 国家",
        "25%",
    ],
)
def test_shares_and_coverage_are_what_they_are_worked_out_to_be(tmp_path: Path, question: str) -> None:
    lexicon = load_lexicon(Settings.from_environment().cache_dir)
    more = sections(a="H200。H200。25%。出口H200。" * 3, b="中央、中央与中央银行。")
    articles = {
        "facts": FACTS,
        "offices": OFFICES,
        "both": BILINGUAL,
        "more": more,
    }
    with opened(tmp_path, articles, Blank()) as qa, qa.store.snapshot() as snapshot:
        rows = np.arange(snapshot.n_chunks)
        chunks = [(lexicon.places(chunk), len(chunk.spans)) for chunk, _ in snapshot.chunks(rows)]
        for take in (lexicon.own_concepts, lexicon.bridged_concepts):
            concepts = take(question, snapshot.known_terms)
            if concepts:
                shares, coverage = expected_match(concepts, chunks)
                match = snapshot.match(concepts, Filters())
                assert match.share_of(rows) == pytest.approx(shares, abs=1e-5) and max(shares) <= 1
                for some in (rows, rows[::3], rows[1:2], rows[:0]):
                    flat = [value for row in some for value in coverage[row]]
                    spans = CandidateSpans.of(some, snapshot.facts(some).spans)
                    assert match.coverage(spans) == pytest.approx(flat, abs=1e-5)


# Rows

OFFICES = """---
title: 机构一览
---

## 机构 {#offices}

| 机构 | 职能 |
|---|---|
| 甲部 | 石油 |
| 乙行 | 中央银行 |
| 丙会 | 股票市场 |
| 丁院 | 大学 |

## 半导体产量 {#output}

| 国家 | 半导体 |
|---|---|
| 法国 | 12 |
| 德国 | 34 |
"""
COUNTRIES = """# Figures

## Figures of last year {#figures}

| Country | Rare earths |
|---|---|
| Spain | 12 |
| Italy | 34 |

## Universities {#universities}

| Country | University |
|---|---|
| Spain | 56 |
| Italy | 78 |
"""


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[briefqa.BriefQA]:
    articles = {"offices": OFFICES, "countries": COUNTRIES}
    with opened(tmp_path_factory.mktemp("rows"), articles, Blank()) as qa:
        yield qa


@pytest.mark.parametrize(
    ("question", "anchor", "row"),
    [
        ("中央银行是哪个机构？", "offices", "乙行 | 中央银行"),
        ("What is the central bank?", "offices", "乙行 | 中央银行"),
        ("Who is in charge of oil?", "offices", "甲部 | 石油"),
        ("Which one runs the stock market?", "offices", "丙会 | 股票市场"),
        ("法国的半导体产量", "output", "法国 | 12"),
        ("Germany semiconductors", "output", "德国 | 34"),
        ("How many semiconductors did France make?", "output", "法国 | 12"),
        ("Italy rare earths", "figures", "Italy | 34"),
        ("西班牙稀土", "figures", "Spain | 12"),
        ("意大利有多少大学？", "universities", "Italy | 78"),
        ("¿Cuántos semiconductores?", "output", "法国 | 12"),
    ],
)
def test_a_row_is_found_by_its_cells_and_headers_in_either_language(
    rows: briefqa.BriefQA, question: str, anchor: str, row: str
) -> None:
    hit = rows.retrieve(question, k=1)[0]
    assert (hit.anchor, hit.spans[0].text) == (anchor, row)
    assert hit.spans[0].kind == "row" and len(hit.spans[0].header) == 2
    assert [span.score for span in hit.spans] == sorted((span.score for span in hit.spans), reverse=True)


# Equals


@pytest.mark.parametrize(
    ("dates", "order"),
    [
        (("2025-12-01", "2025-12-02"), ["b", "a"]),
        (("2025-12-02", "2025-12-01"), ["a", "b"]),
        (("2024-12-31", "2025-01-01"), ["b", "a"]),
        (("2025-12-01", ""), ["a", "b"]),
        (("", "1999-01-01"), ["b", "a"]),
    ],
)
@pytest.mark.parametrize("encoder", [Hostile(), BigramEncoder()], ids=["hostile", "bigrams"])
def test_of_two_articles_that_say_the_same_the_newer_comes_first(
    tmp_path: Path, encoder: BigramEncoder, dates: tuple[str, str], order: list[str]
) -> None:
    articles = {
        slug: f"---\ntitle: 芯片\n{date and 'date: '}{date}\n---\n\n## 出口 {{#export}}\n\nH200的出口被禁止。很久。\n"
        for slug, date in zip("ab", dates, strict=True)
    }
    articles["c"] = "# 天气\n\n下雨了。\n"
    with opened(tmp_path, articles, encoder) as qa:
        for question in ("H200的出口", "is the H200 banned?", "zzzz"):
            hits = [hit for hit in qa.retrieve(question, k=3) if hit.article != "c"]
            assert [hit.article for hit in hits] == order
            assert hits[0].score == pytest.approx(hits[1].score, abs=1e-6)


# Filters and candidates


@pytest.mark.parametrize(
    ("question", "word"),
    [("H200", "H200"), ("반도체", "반도체"), ("banned", "禁止"), ("2025-12-11", "2025年12月11日")],
    ids=["as it is", "in a language without a bridge", "translated", "a date"],
)
def test_words_are_looked_for_among_what_the_filters_let_pass(tmp_path: Path, question: str, word: str) -> None:
    # More sections nearer to the question than there are candidates, and more that hold the word more often.
    near = "\n\n".join(f"## Part {{#near{i}}}\n\nNothing of the kind ({i} of many)." for i in range(170))
    full = "\n\n".join(f"## Part {{#full{i}}}\n\n{f'{question}. ' * 3}" for i in range(60))
    right = sections(right=f"其中提到了{word}一事，还有别的。")
    articles = {
        "old": f"---\ndate: 2024-01-01\ntags: [旧]\n---\n\n{full}\n",
        "new": f"---\ndate: 2025-01-01\ntags: [新]\n---\n\n{near}\n\n{right}\n",
    }
    with opened(tmp_path, articles, Blank(-0.1)) as qa:
        assert qa.retrieve(question, k=1)[0].article == "old"
        filters: dict[str, str]
        for filters in ({"since": "2024-06"}, {"tags": "新"}, {"articles": "new"}, {"until": "2025", "since": "2025"}):
            hits = qa.retrieve(question, k=60, **filters)  # type: ignore[arg-type]
            assert hits[0].anchor == "right" and {hit.article for hit in hits} == {"new"} and len(hits) == 60
        assert {hit.article for hit in qa.retrieve("Nothing of the kind", k=50, until="2024")} == {"old"}
        assert qa.retrieve(question, since="2026") == []


def test_as_many_hits_as_asked_for(tmp_path: Path) -> None:
    with opened(tmp_path, {"many": sections(**{f"s{i}": f"H200 第{i}段。" for i in range(130)})}, Hostile()) as qa:
        for k in (1, 49, 50, 51, 120, 130, 1_000):
            hits = qa.retrieve("H200", k=k)
            assert len({hit.anchor for hit in hits}) == len(hits) == min(k, 130)
            assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
        assert found(qa.retrieve("第7段", k=1)) == ["many#s7"]


# Small corpora

ORDINARY_AND_ODD = [
    "哪些芯片被禁止？",
    "which chips are banned?",
    "？？",
    "的",
    "zzzz",
    "¿Qué chips?",
    "어떤 칩이 금지되었나요?",
]
ORDINARY_AND_ODD += [
    "ما هي الرقائق المحظورة؟",
    "チップはいつ禁止されましたか",
    "25%",
    "🙂",
    "\0",
    "1" * 300,
    "任 正 非 " * 100,
]


@pytest.mark.parametrize("encoder", [Hostile(), BigramEncoder(), Constant()], ids=["hostile", "bigrams", "constant"])
@pytest.mark.parametrize(
    "text", ["芯片。\n", "# 芯片\n\n## 出口\n\nH200被禁止。\n", "| a | b |\n|---|---|\n| 1 |  |\n"]
)
def test_a_corpus_of_one_section_gives_that_section(tmp_path: Path, encoder: BigramEncoder, text: str) -> None:
    with opened(tmp_path, {"only": text}, encoder) as qa:
        for question in ORDINARY_AND_ODD:
            (hit,) = qa.retrieve(question)
            assert (hit.article, hit.rank) == ("only", 1) and math.isfinite(hit.score)
            assert hit.spans and all(math.isfinite(span.score) for span in hit.spans)
            assert 0 <= qa.ask(question).confidence <= 1


@pytest.mark.parametrize("text", [None, "", "---\ntitle: 芯片\n---\n"], ids=["no article", "no text", "a title"])
def test_an_empty_corpus_gives_nothing(tmp_path: Path, encoder: BigramEncoder, text: str | None) -> None:
    (tmp_path / "articles").mkdir()
    if text is not None:
        (tmp_path / "articles" / "only.md").write_text(text, encoding="utf-8")
    briefqa.build(tmp_path / "articles", tmp_path / "built", encoder=encoder)
    with briefqa.open(tmp_path / "built", encoder=encoder) as qa:
        for question in ORDINARY_AND_ODD:
            assert qa.retrieve(question) == [] and qa.retrieve(question, since="2025") == []
            answer = qa.ask(question)
            assert (answer.answered, answer.confidence, answer.citations) == (False, 0, ())


# Two languages

BILINGUAL = """# H200

## Export of chips {#en}

The central bank banned the export of semiconductors.

## 芯片的出口 {#zh}

中央银行禁止了半导体的出口。

## Weather {#weather}

It rained in Paris.

## 天气 {#tianqi}

巴黎下雨了。
"""


@pytest.mark.parametrize(
    "encoder", [Blank(), Blank(0.08), Blank(-0.08), BigramEncoder()], ids=["blank", "to zh", "to en", "bigrams"]
)
@pytest.mark.parametrize(
    ("question", "anchor"),
    [
        ("中央银行禁止了什么的出口？", "zh"),
        ("中央銀行禁止半導體出口", "zh"),
        ("What did the central bank ban the export of?", "en"),
        ("the central bank banned the export of semiconductors", "en"),
        ("巴黎下雨了吗？", "tianqi"),
        ("Did it rain in Paris?", "weather"),
    ],
)
def test_what_both_languages_say_is_taken_from_that_of_the_question(
    tmp_path: Path, encoder: BigramEncoder, question: str, anchor: str
) -> None:
    with opened(tmp_path, {"both": BILINGUAL}, encoder) as qa:
        assert qa.retrieve(question, k=1)[0].anchor == anchor


@pytest.mark.parametrize(
    ("question", "anchors"),
    [
        ("中央银行禁止了什么的出口？", ["zh", "en"]),
        ("the central bank banned the export of semiconductors", ["en", "zh"]),
        ("巴黎下雨了", ["tianqi", "weather"]),
    ],
)
def test_the_other_language_comes_second(tmp_path: Path, question: str, anchors: list[str]) -> None:
    with opened(tmp_path, {"both": BILINGUAL}, Blank()) as qa:
        assert [hit.anchor for hit in qa.retrieve(question, k=2)] == anchors


# Another encoder


@pytest.mark.both_stores(False)
def test_words_decide_with_a_small_model_of_sentence_transformers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from test_encoders import _make_model

    load_lexicon(Settings.from_environment().cache_dir)  # its tables are there to be copied
    for folder in Settings.from_environment().cache_dir.glob("cedict-*"):
        shutil.copytree(folder, tmp_path / "cache" / folder.name)
    monkeypatch.setenv("BRIEFQA_CACHE_DIR", str(tmp_path / "cache"))
    _make_model(tmp_path / "tiny", {})
    (tmp_path / "articles").mkdir()
    (tmp_path / "articles" / "facts.md").write_text(FACTS, encoding="utf-8")
    report = briefqa.build(tmp_path / "articles", tmp_path / "built", encoder=str(tmp_path / "tiny"))
    assert (report.articles_added, report.chunks_embedded, report.problems) == (1, 16, ())
    with briefqa.open(tmp_path / "built") as qa:
        assert qa.info().encoder == str(tmp_path / "tiny")
        for question, anchor in SHORT_QUESTIONS:
            assert qa.retrieve(question, k=1)[0].anchor == anchor
    assert briefqa.build(tmp_path / "articles", tmp_path / "built").articles_unchanged == 1


# Other evidence


def ranked(
    qa: briefqa.BriefQA, question: str, evidence: Evidence, articles: tuple[str, ...] = ()
) -> tuple[list[str], Ranking]:
    lexicon = load_lexicon(Settings.from_environment().cache_dir)
    with qa.store.snapshot() as snapshot:
        ranking = rank(question, snapshot, qa._load_encoder(snapshot), lexicon, 9, Filters(articles=articles), evidence)
    return found(list(ranking.hits)), ranking


def test_a_translation_that_is_near_to_the_question_counts_as_much_as_the_question(qa: briefqa.BriefQA) -> None:
    question = "Who makes the chips of cars, and who trains in the cloud?"
    near = f"{question} 车载芯片，云端训练"
    alone, other, joined = (
        {f"{hit.article}#{hit.anchor}": hit.score for hit in ranking.hits}
        for _, ranking in (
            ranked(qa, question, Evidence()),
            ranked(qa, near, Evidence()),
            ranked(qa, question, Evidence(translations=(near,))),
        )
    )
    assert alone["industry/vendors#vendors"] < other["industry/vendors#vendors"]
    # Sections of one sentence: where the best span differs, the two scores do not simply add up.
    for section in ("policy#banned", "weather#weather"):
        assert joined[section] == pytest.approx((alone[section] + other[section]) / 2, abs=0.01)
    assert joined["industry/vendors#vendors"] > alone["industry/vendors#vendors"]


def test_a_translation_of_something_else_changes_nothing(qa: briefqa.BriefQA) -> None:
    question = "Blackwell系列与Rubin芯片仍在禁止清单上吗？"
    before, alone = ranked(qa, question, Evidence())
    after, joined = ranked(qa, question, Evidence(translations=("It rained in Paris.", "")))
    assert after == before
    assert [hit.score for hit in joined.hits] == pytest.approx([hit.score for hit in alone.hits])
    assert joined.evidence == pytest.approx(alone.evidence) and joined.reach == pytest.approx(alone.reach)


def test_what_is_stressed_counts_more_than_the_rest(qa: briefqa.BriefQA) -> None:
    question = "Blackwell在清单上吗？销售额呢？"
    assert ranked(qa, question, Evidence())[0][0] == "policy#banned"
    assert ranked(qa, question, Evidence(stressed="销售额的25%上缴美国政府"))[0][0] == "policy#conditions"


def test_sections_that_are_looked_at_first_or_last_move_by_a_little(qa: briefqa.BriefQA) -> None:
    sections = frozenset({("weather", "weather"), ("policy", "gone"), ("gone", "")})
    alone = ranked(qa, "芯片出口", Evidence())[1]
    first = ranked(qa, "芯片出口", Evidence(sections=sections))[1]
    last = ranked(qa, "芯片出口", Evidence(told=sections))[1]

    def moved(ranking: Ranking) -> dict[str, float]:
        scores = {(hit.article, hit.anchor): hit.score for hit in alone.hits}
        changes = {(hit.article, hit.anchor): hit.score - scores[hit.article, hit.anchor] for hit in ranking.hits}
        return {f"{article}#{anchor}": change / alone.spread for (article, anchor), change in changes.items() if change}

    assert moved(first) == {"weather#weather": pytest.approx(1, abs=0.01)}
    assert moved(last) == {"weather#weather": pytest.approx(-3, abs=0.01)}
    # Where it is looked for says nothing about whether the corpus answers.
    assert (first.evidence == alone.evidence).all() and (last.evidence == alone.evidence).all()


def test_sections_that_the_filters_leave_out_stay_out(qa: briefqa.BriefQA) -> None:
    evidence = Evidence(("Paris",), "rain", frozenset({("weather", "weather")}))
    assert ranked(qa, "Paris rain", evidence, ("policy",))[0] == [
        "policy#banned",
        "policy#conditions",
    ]
