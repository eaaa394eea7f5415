"""Follow-ups are understood from what was said before; complete questions never are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path

import pytest
from conftest import BigramEncoder
from hypothesis import given, settings
from hypothesis import strategies as st

import briefqa
from briefqa.answer import Answer
from briefqa.chunks import Span
from briefqa.citations import Citation
from briefqa.errors import QuestionError
from briefqa.followups import Turn, Understood, understand
from briefqa.leaning import find_leaning
from briefqa.lexicon import Lexicon, load_lexicon
from briefqa.question import LONGEST_QUESTION, asks_for
from briefqa.ranking import Evidence, Hit
from briefqa.settings import Settings

ROOT = Path(__file__).parents[1]
GOLDEN = [json.loads(line) for line in (ROOT / "tests/golden/sample.jsonl").read_text(encoding="utf-8").splitlines()]
FOLLOWUPS = [
    json.loads(line) for line in (ROOT / "tests/golden/followups.jsonl").read_text(encoding="utf-8").splitlines()
]


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return load_lexicon(Settings.from_environment().cache_dir)


@pytest.fixture(scope="module")
def qa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[briefqa.BriefQA]:
    index = tmp_path_factory.mktemp("sample") / "index"
    briefqa.build(ROOT / "corpus", index)
    with briefqa.open(index) as opened:
        yield opened


def citation(article: str, anchor: str, heading: str = "") -> Citation:
    return Citation(1, article, anchor, heading, "题目", "2025-12-15", "引文", (), 0, 2, "")


def hit(heading: str, *rows: str) -> Hit:
    spans = tuple(Span(row, ("企业", "产品"), 0, len(row), "row") for row in rows)
    return Hit("a", heading, heading, (heading,), "题目", "", "", "", "", 0.9, 1, spans)


def answered(question: str, *citations: Citation, hits: Sequence[Hit] = (), understood: str = "") -> Answer:
    return Answer(question, "", citations, True, 0.9, tuple(hits), understood)


def refused(question: str) -> Answer:
    return Answer(question, "", (), False, 0.1, ())


# Which questions lean on what was said before.

NAMES = """那H20呢？|H20呢|那么B200呢？|至于价格呢？|换成Rubin呢？|那2023年呢？|那在欧洲呢？|那H20怎么样？
H20也是吗？|那對中國的影響呢？|and what about the H20?|What about Blackwell?|And the H20?|and Rubin?
but what about 2023?|and in Europe?|and the price?|what about the Institute for Progress?|And the H20's?
compared with Blackwell?|ok and the B200?|¿y el H20?|¿Y Blackwell?|¿qué hay de Rubin?|¿y en 2023?
et le H20 ?|qu'en est-il du H20 ?|und der H20?|was ist mit dem H20?|а H20?|а что насчёт H20?
وماذا عن H20؟|ماذا عن B200؟|وH20؟|H20は？|では、H20は？|Rubinはどうですか？|価格は？|e il H20?|H20은요?"""
POINTS = """它什么时候发布的？|它和H20比怎么样？|其主要产品是什么？|其中哪家上市了？|他们怎么看？
Combien coûte-t-il ?|这家公司在哪里？|这些企业都有哪些产品？|这款芯片的带宽是多少？|这意味着什么？
该公司什么时候成立的？|此举有什么影响？|谁反对这项政策？|谁生产它？|哪家公司制造它？|前者和后者哪个更快？
两者有什么区别？|它們什麼時候發布？|那它为什么被禁？|when was it released?|is it banned?
what does it cost?|which of them is listed?|who makes it?|what are its main products?|how did they react?
does it have more memory than the H20?|what does that mean?|why is this important?
And which of them are listed?|When did this happen?|Do these chips support FP8?|how do they deal with it?
What about its price?|¿Cuál es su precio?|¿Qué significa eso?|¿quién lo fabrica?|Sont-elles cotées ?
wer stellt sie her?|wann wurde er vorgestellt?|когда он вышел?|кто его производит?|هل هو محظور؟
ماذا يعني هذا؟|それはいつ発表されましたか？|その価格は？|これは禁止されていますか？
彼らはどう対応しましたか？"""
ASKS = """为什么？|为什么呢|為什麼？|多少钱？|什么时候？|在哪里？|怎么做到的？|那为什么呢？|什么时候发布的？
有什么条件？|结论是什么？|原因是什么？|有名单吗？|差多少？|上市了吗？|哪一年？|快多少倍？|为什么不行？
why?|why not?|and why?|how come?|how much?|How fast?|since when?|by whom?|which ones?|in which year?
what conditions?|what is the price?|who decided?|what happened?|¿por qué?|¿y por qué?|¿cuánto cuesta?
¿cuándo se anunció?|pourquoi ?|qui le fabrique ?|quel est son prix ?|那是什么时候的事？|warum?|wie viel?
почему?|сколько?|لماذا؟|ولماذا؟|متى؟|متى صدر؟|なぜ？|なぜですか？|いくらですか？|いつ発売されましたか？
結論は出ましたか？|왜?|perché?"""
MORE = """还有呢|还有吗？|還有呢？|然后呢？|详细说说|还有哪些？|what else?|anything else?|tell me more|go on
¿algo más?|¿qué más?|quoi d'autre ?|was noch?|ещё?|المزيد|他には？"""
COMPLETE = """寒武纪是什么时候上市的？|哪些芯片被禁止出口？|B200？|25%？|12月11日|GB200|什么是芯片？|芯片是什么？
华为是做什么的？|那寒武纪是什么时候上市的？|那么美国为什么放行H200？|这次放行的产品和最新一代差多少？
白宫官员怎么称呼这种分成做法？|采购者应该买什么芯片？|企业该如何选择国产芯片？|此外还有哪些企业做GPU？
黄仁勋是谁？|怎么做红烧肉？|台积电的工艺|昇腾怎么样？|其他国家对芯片出口有什么限制？
国际组织如何看待该协定的影响？|呢绒面料的价格是多少？|Which chips are banned?
When did Chinese officials hold their urgent talks?|Is NVIDIA preparing to make more of these chips?
What is Rubin?|What is inflation?|Who was Napoleon?|Is it legal to export the B200 to China?
Is it true that the H20 was approved for China?|How long does it take to build a chip fab?
And when was Rubin announced?|but why did Washington approve the H200?|H20 memory|what does MUSA mean?
Which country does Germany share its longest border with?|Why did it rain so much in Paris last summer?
Who said that the H20 is banned?|What about the export rules for Rubin chips in Europe after 2025?
¿Qué es la inflación?|¿Está prohibido el H20 en China?|¿Y qué empresas chinas quieren comprar el H200?
Qu'est-ce que l'inflation ?|Quand Blackwell a-t-il été annoncé ?|Est-ce que le H20 est interdit ?
Was ist Inflation?|Gibt es eine Kundenliste für den Export?|Что такое инфляция?
А когда была представлена архитектура Hopper?|ما هو التضخم؟|وما الشركات الصينية التي تريد شراء H200؟
輸出が禁止されたままのチップはどれですか？|明日の東京の天気は？|自動車向けのAIチップを作っている会社は？
ルービンとは何ですか？|アリババは何を問い合わせたのですか？"""


@pytest.mark.parametrize(
    ("questions", "kind"), [(NAMES, "names"), (POINTS, "points"), (ASKS, "asks"), (MORE, "more"), (COMPLETE, "")]
)
def test_a_question_leans_on_what_was_said_only_where_its_words_do(questions: str, kind: str, lexicon: Lexicon) -> None:
    wrong = {}
    for question in questions.replace("\n", "|").split("|"):
        leaning = find_leaning(question, lexicon)
        if (leaning.kind if leaning else "") != kind:
            wrong[question] = leaning
    assert wrong == {}


def test_every_question_of_the_golden_set_is_complete(lexicon: Lexicon) -> None:
    assert [item["question"] for item in GOLDEN if find_leaning(item["question"], lexicon)] == []


@settings(max_examples=200, deadline=None)
@given(
    st.text(alphabet=st.sampled_from("那它其这呢H2 0?？的abéя는وはの-—\n'\u0301𠀀\ud83d"), max_size=20)
    | st.text(max_size=20)
)
def test_any_text_is_understood_as_something(text: str) -> None:
    lexicon = load_lexicon(Settings.from_environment().cache_dir)
    understood = understand(text, [answered("哪些芯片被禁止出口？")], lexicon)
    assert understood.question.startswith(text.strip()) or "哪些芯片被禁止出口？" in understood.question


# What they stand for.


@pytest.mark.parametrize(
    ("before", "question", "meant"),
    [
        ("B200能出口吗？", "那H20呢？", "H20能出口吗？"),
        ("B200能出口吗？", "and what about the H20?", "H20能出口吗？"),
        ("which companies asked about the H200?", "And the H20?", "which companies asked about the H20?"),
        ("When was Hopper announced?", "and Blackwell?", "When was Blackwell announced?"),
        ("What happened to Intel in 2023?", "and in 2024?", "What happened to Intel in 2024?"),
        ("What is the H100's memory bandwidth?", "And the H20's?", "What is the H20's memory bandwidth?"),
        ("¿Cuánta memoria tiene el H200?", "¿Y el B200?", "¿Cuánta memoria tiene el B200?"),
        ("Quand Blackwell a-t-il été annoncé ?", "Et Rubin ?", "Quand Rubin a-t-il été annoncé ?"),
        ("Wann wurde Hopper vorgestellt?", "Und Blackwell?", "Wann wurde Blackwell vorgestellt?"),
        ("ما سعة ذاكرة H200؟", "وماذا عن B200؟", "ما سعة ذاكرة B200؟"),
        ("Hopperという名前は誰に由来しますか？", "Rubinは？", "Rubinという名前は誰に由来しますか？"),
        ("H200的算力是H20的几倍？", "那B200呢？", "B200的算力是H20的几倍？"),
    ],
)
def test_a_thing_takes_the_place_of_the_one_of_its_kind(
    before: str, question: str, meant: str, lexicon: Lexicon
) -> None:
    assert understand(question, [answered(before)], lexicon) == Understood(meant)


@pytest.mark.parametrize(
    ("before", "question", "meant", "stressed"),
    [
        ("哪些芯片被禁止出口？", "那H20呢？", "H20：哪些芯片被禁止出口？", "H20"),
        ("which chips are banned?", "and what about the H20?", "which chips are banned? — H20", "H20"),
        ("哪款更快，H100还是H200？", "那B200呢？", "B200：哪款更快，H100还是H200？", "B200"),
        ("Is Cambricon listed?", "and in 2023?", "Is Cambricon listed? — 2023", "2023"),
        ("寒武纪是什么时候上市的？", "价格呢？", "价格：寒武纪是什么时候上市的？", "价格"),
        ("What did Alibaba ask about the H200?", "and ByteDance?", "What did ByteDance ask about the H200?", ""),
    ],
)
def test_a_thing_without_a_place_stands_beside_the_question_before(
    before: str, question: str, meant: str, stressed: str, lexicon: Lexicon
) -> None:
    assert understand(question, [answered(before)], lexicon) == Understood(meant, Evidence(stressed=stressed))


def test_a_chinese_name_is_known_by_a_heading_or_a_row_where_the_answer_was_looked_for(lexicon: Lexicon) -> None:
    hits = [hit("寒武纪"), hit("厂商一览", "寒武纪 | 思元", "摩尔线程 | MTT S")]
    history = [answered("寒武纪是什么时候上市的？", hits=hits)]
    assert understand("摩尔线程呢？", history, lexicon).question == "摩尔线程是什么时候上市的？"
    assert understand("思元呢？", history, lexicon).question == "思元：寒武纪是什么时候上市的？"
    assert understand("它的产品有哪些？", history, lexicon).question == "寒武纪的产品有哪些？"


@pytest.mark.parametrize(
    ("before", "question", "meant"),
    [
        ("B200能出口吗？", "它什么时候发布的？", "B200什么时候发布的？"),
        ("B200能出口吗？", "其带宽是多少？", "B200的带宽是多少？"),
        ("H200的算力是H20的几倍？", "它什么时候发布的？", "H200什么时候发布的？"),
        ("What is Rubin?", "When was it announced?", "When was Rubin announced?"),
        ("When was Moore Threads founded?", "What are its products?", "What are Moore Threads's products?"),
    ],
)
def test_a_pronoun_stands_for_the_one_thing_that_was_asked_about(
    before: str, question: str, meant: str, lexicon: Lexicon
) -> None:
    assert understand(question, [answered(before)], lexicon) == Understood(meant)


@pytest.mark.parametrize(
    ("before", "question", "meant"),
    [
        ("哪些芯片被禁止出口？", "为什么？", "哪些芯片被禁止出口？为什么？"),
        ("which chips are banned?", "why?", "which chips are banned? why?"),
        ("which chips are banned", "why", "which chips are banned? why?"),
        ("H20和H200哪个快？", "它什么时候发布的？", "H20和H200哪个快？它什么时候发布的？"),
        ("Which vendors are there?", "which of them is listed?", "Which vendors are there? which of them is listed?"),
        ("哪些芯片被禁止出口？", "¿por qué?", "哪些芯片被禁止出口？ ¿por qué?"),
        ("緊急会議はいつ開かれましたか？", "結論は出ましたか？", "緊急会議はいつ開かれましたか？結論は出ましたか？"),
        ("ما هي الرقائق المحظورة؟", "لماذا؟", "ما هي الرقائق المحظورة؟ لماذا؟"),
    ],
)
def test_what_only_asks_or_points_follows_the_question_before(
    before: str, question: str, meant: str, lexicon: Lexicon
) -> None:
    cited = citation("policy", "banned")
    understood = understand(question, [answered(before, cited)], lexicon)
    assert understood.question == meant
    assert understood.evidence.sections == {("policy", "banned")} and meant.endswith(understood.evidence.stressed)


def test_more_of_the_same_is_looked_for_where_nothing_was_cited_yet(lexicon: Lexicon) -> None:
    first = answered("哪些芯片被禁止出口？", citation("policy", "banned"))
    second = answered("还有呢？", citation("policy", "table"), understood="哪些芯片被禁止出口？")
    assert understand("还有吗？", [first, second], lexicon) == Understood(
        "哪些芯片被禁止出口？", Evidence(told=frozenset({("policy", "banned"), ("policy", "table")}))
    )


# Conversations.


def test_a_follow_up_to_a_follow_up_means_what_that_one_meant(lexicon: Lexicon) -> None:
    turns: list[Turn] = [answered("B200能出口吗？")]
    for question, meant in [
        ("那H20呢？", "H20能出口吗？"),
        ("为什么？", "H20能出口吗？为什么？"),
        ("什么时候？", "H20能出口吗？什么时候？"),
        ("那Rubin呢？", "Rubin：H20能出口吗？"),
    ]:
        assert understand(question, turns, lexicon).question == meant
        turns.append(answered(question, understood=meant))


def test_after_a_refusal_the_topic_is_still_that_of_the_last_answer(lexicon: Lexicon) -> None:
    turns = [answered("B200能出口吗？"), refused("红烧肉怎么做？"), refused("那它呢？")]
    assert understand("那H20呢？", turns, lexicon).question == "H20能出口吗？"


def test_without_an_answer_before_it_a_follow_up_is_answered_as_it_stands(lexicon: Lexicon) -> None:
    for history in ([], (), [refused("B200能出口吗？")], [""]):
        assert understand(" 那H20呢？ ", history, lexicon) == Understood("那H20呢？")


def test_earlier_questions_may_be_given_as_text(lexicon: Lexicon) -> None:
    assert understand("那H20呢？", ("随便", "B200能出口吗？"), lexicon).question == "H20能出口吗？"


def test_a_follow_up_that_would_be_too_long_is_answered_as_it_stands(lexicon: Lexicon) -> None:
    assert understand("why?", ["x" * (LONGEST_QUESTION - 2)], lexicon) == Understood("why?")


@pytest.mark.parametrize("history", ["B200能出口吗？", [{"role": "user"}], [None], {"q": 1}, 7, [["B200能出口吗？"]]])
def test_a_history_that_is_none_is_said_in_one_line(history: object, lexicon: Lexicon) -> None:
    with pytest.raises(QuestionError, match=r"^history has \w+ where a list of earlier answers is expected: pass .*$"):
        understand("那H20呢？", history, lexicon)  # type: ignore[arg-type]


def test_one_answer_is_no_history(lexicon: Lexicon) -> None:
    with pytest.raises(QuestionError, match="history has Answer"):
        understand("那H20呢？", answered("B200能出口吗？"), lexicon)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("question", "like"),
    [
        ("什么时候召开了紧急会议？为什么？", "为什么？"),
        ("Which chips are banned? Since when?", "since when?"),
        ("什么时候发布的？ 多少钱？", "多少钱？"),
        ("How much is it — and when?", "when?"),
    ],
)
def test_the_last_of_several_questions_says_what_is_asked_for(question: str, like: str) -> None:
    assert asks_for(question) is asks_for(like)


# With an index.


def test_the_answer_keeps_the_question_and_says_what_was_understood(index: Path, encoder: BigramEncoder) -> None:
    with briefqa.open(index, encoder=encoder) as qa:
        first = qa.ask("Blackwell系列在禁止清单上吗？")
        answer = qa.ask("那Rubin呢？", history=[first])
        assert first.answered and first.understood == ""
        assert answer.question == "那Rubin呢？" and answer.understood == "Rubin系列在禁止清单上吗？"
        in_full = qa.ask("Rubin系列在禁止清单上吗？")
        for field in fields(Answer):
            if field.name not in ("question", "understood"):
                assert getattr(answer, field.name) == getattr(in_full, field.name)
        assert list(qa.ask_stream("那Rubin呢？", history=[first]))[-1] == answer
        assert qa.retrieve("那Rubin呢？", k=10, history=[first]) == list(answer.hits)


def test_sections_of_an_earlier_build_do_no_harm(index: Path, encoder: BigramEncoder) -> None:
    with briefqa.open(index, encoder=encoder) as qa:
        gone = answered("Blackwell系列在禁止清单上吗？", citation("gone", "nowhere"), citation("policy", "gone"))
        assert qa.ask("为什么？", history=[gone]).hits[0].article == "policy"


def test_filters_hold_for_follow_ups(index: Path, encoder: BigramEncoder) -> None:
    with briefqa.open(index, encoder=encoder) as qa:
        first = qa.ask("Blackwell系列在禁止清单上吗？")
        hits = qa.ask("为什么？", history=[first], articles="industry/vendors").hits
        assert hits and {hit.article for hit in hits} == {"industry/vendors"}


def test_a_complete_question_is_answered_as_without_a_history(qa: briefqa.BriefQA) -> None:
    answers = {item["question"]: qa.ask(item["question"]) for item in GOLDEN}
    answered_ones = [item for item in GOLDEN if answers[item["question"]].answered]
    for item in GOLDEN:
        related, unrelated = (
            [
                answers[other["question"]]
                for other in answered_ones
                if other is not item and set(other["expected"]).isdisjoint(item["expected"]) is apart
            ]
            for apart in (False, True)
        )
        for history in ([*unrelated[:1], *related[:1]], [*related[:1], *unrelated[:1]], unrelated[-1:]):
            assert qa.ask(item["question"], history=history) == answers[item["question"]]


def test_follow_ups_find_the_sections_that_answer_them(qa: briefqa.BriefQA) -> None:
    first = third = alone = 0
    for item in FOLLOWUPS:
        turns: list[Answer] = []
        for question in item["history"]:
            turns.append(qa.ask(question, history=turns))
        found = [f"{hit.article}#{hit.anchor}" for hit in qa.retrieve(item["question"], history=turns)]
        first += found[0] in item["expected"]
        third += not set(found[:3]).isdisjoint(item["expected"])
        hit = qa.retrieve(item["question"], k=1)[0]
        alone += f"{hit.article}#{hit.anchor}" in item["expected"]
    assert len(FOLLOWUPS) >= 90
    assert first / len(FOLLOWUPS) >= 0.8 and third / len(FOLLOWUPS) >= 0.94
    assert alone / len(FOLLOWUPS) < 0.65
