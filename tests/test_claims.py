"""Sentences of a language model against the quotes that they cite: figures, dates, names, quotations, and support."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from briefqa.llm.claims import Claims
from briefqa.llm.figures import missing_figures
from briefqa.llm.names import missing_names, quotations
from briefqa.quotes import Quote

GOLDEN = Path(__file__).parent / "golden" / "claims.jsonl"
CLAIMS = [json.loads(line) for line in GOLDEN.read_text(encoding="utf-8").splitlines()]


def reasons(
    claims: Claims, sentence: str, quotes: Sequence[Quote], quoted: Sequence[str] = ()
) -> dict[str, tuple[str, ...]]:
    return {doubt.reason: doubt.found for doubt in claims.check(sentence, quotes, quoted)}


def test_honest_sentences_are_seldom_doubted(claims: Claims, sample_quotes: dict[str, Quote]) -> None:
    honest = [claim for claim in CLAIMS if claim["supported"]]
    doubted = [
        claim["claim"]
        for claim in honest
        if claims.check(claim["claim"], [sample_quotes[text] for text in claim["quotes"]])
    ]
    assert len(honest) == 34 and len(doubted) <= 3, doubted


def test_no_invention_on_the_subject_of_its_quote_passes(claims: Claims, sample_quotes: dict[str, Quote]) -> None:
    invented = [claim for claim in CLAIMS if not claim["supported"]]
    assert len(invented) == 14
    for claim in invented:
        found = reasons(claims, claim["claim"], [sample_quotes[text] for text in claim["quotes"]])
        assert "unsupported" in found, claim


def test_a_sentence_is_seldom_borne_out_by_another_quote(claims: Claims, sample_quotes: dict[str, Quote]) -> None:
    others = list(sample_quotes.values())[::17]
    honest = [claim for claim in CLAIMS if claim["supported"]][::2]
    pairs = [(claim["claim"], other) for claim in honest for other in others if other.text not in claim["quotes"]]
    passed = [(claim, other.text) for claim, other in pairs if not claims.check(claim, [other])]
    assert len(pairs) > 100 and len(passed) <= 0.03 * len(pairs), passed


def test_every_quote_bears_itself_out(claims: Claims, sample_quotes: dict[str, Quote]) -> None:
    for text, quote in list(sample_quotes.items())[::9]:
        assert claims.check(text, [quote]) == (), text


def test_a_sentence_without_quotes_is_uncited_and_nothing_else(claims: Claims) -> None:
    assert reasons(claims, "Intel pays 30% from 2031 on.", []) == {"uncited": ()}


REVENUE = "收益分成：H200对华销售收入的25%归美国政府所有。"
MEETING = "据接近决策层的人士透露，中国政府已于2025年12月11日为此召开紧急会议，讨论要不要让H200进入国内市场。"


@pytest.mark.parametrize(
    ("sentence", "quote", "expected"),
    [
        ("H200在中国的销售收入有30%交给美国政府。", REVENUE, {"figure": ("30%",)}),
        ("Of the H200's sales in China 30 percent go to the US government.", REVENUE, {"figure": ("30 percent",)}),
        ("The US government takes a quarter, 25%, of the H200's sales in China.", REVENUE, {}),
        ("China held an emergency meeting on December 12, 2025 about the H200.", MEETING, {"date": ("December 12",)}),
        ("中国政府在2024年12月11日召开了关于H200的紧急会议。", MEETING, {"date": ("2024年12月11日",)}),
        ("China held an emergency meeting about the H300 on 11 December 2025.", MEETING, {"name": ("H300",)}),
        ("特朗普政府取得H200对华销售收入的25%。", REVENUE, {"name": ("特朗普",)}),
    ],
)  # fmt: skip
def test_what_stands_in_no_cited_quote_is_named(
    claims: Claims, sample_quotes: dict[str, Quote], sentence: str, quote: str, expected: dict[str, tuple[str, ...]]
) -> None:
    assert reasons(claims, sentence, [sample_quotes[quote]]) == expected


def test_the_date_of_the_brief_counts_as_its_source(claims: Claims, sample_quotes: dict[str, Quote]) -> None:
    assert "date" not in reasons(
        claims, "据2025年12月的简报，H200对华销售收入的25%归美国政府。", [sample_quotes[REVENUE]]
    )


def test_an_invented_quotation_is_marked(claims: Claims, sample_quotes: dict[str, Quote]) -> None:
    quote = sample_quotes[
        "白宫官员把这种做法称为“创新税收模式”，所得资金将用于支持美国本土的半导体研发，并推动制造业回流。"
    ]
    honest, invented = "白宫官员称之为“创新税收模式”。", "白宫官员称之为“双赢的历史性协议”。"
    assert reasons(claims, honest, [quote], ["创新税收模式"]) == {}
    assert reasons(claims, invented, [quote], ["双赢的历史性协议"])["quotation"] == ("双赢的历史性协议",)


def test_a_short_heading_needs_no_support_but_its_figures_do(claims: Claims, sample_quotes: dict[str, Quote]) -> None:
    quote = sample_quotes[REVENUE]
    assert claims.check("The conditions:", [quote], leads=True) == ()
    assert [doubt.reason for doubt in claims.check("All 47 conditions:", [quote], leads=True)] == ["figure"]
    long = "The moon landing was filmed in a studio near the old town and nobody noticed:"
    assert [doubt.reason for doubt in claims.check(long, [quote], leads=True)] == ["unsupported"]


@pytest.mark.parametrize(
    ("sentence", "source"),
    [
        ("25% of it", "百分之二十五"),
        ("a share of 70%", "七成企业"),
        ("75% more", "增加约四分之三"),
        ("25 percent", "a quarter of the sales"),
        ("about 80 billion", "约800亿个"),
        ("$80bn", "800亿美元"),
        ("80 billion dollars", "$80bn"),
        ("on December 11", "12月11日"),
        ("on 11 December 2025", "2025-12-11"),
        ("in December 2025", "2025年，……12月"),
        ("12 companies", "十二家企业"),
        ("twelve companies", "12家企业"),
        ("6 times", "nearly six times"),
        ("3,000 people", "3000人"),
        ("2 times as many", "twice as many"),
        ("一万五千人", "15000人"),
        ("the 4NP process", "采用4NP工艺"),
        ("three things, one of them new", "没有数字"),
        ("千万不要，十分重要", "没有数字"),
    ],
)
def test_a_figure_is_the_same_in_another_form(claims: Claims, sentence: str, source: str) -> None:
    assert missing_figures(sentence, source, claims.lexicon) == ([], [])


@pytest.mark.parametrize(
    ("sentence", "source", "figures", "dates"),
    [
        ("30%", "25%", ["30%"], []),
        ("25%", "25家", ["25%"], []),
        ("90 billion", "800亿", ["90 billion"], []),
        ("90bn", "800亿", ["90bn"], []),
        ("fifteen companies", "十二家企业", ["fifteen"], []),
        ("二十家企业", "十二家企业", ["二十"], []),
        ("3.5倍", "2.5倍", ["3.5"], []),
        ("December 12, 2026", "2025年12月11日", [], ["2026", "December 12"]),
        ("December 2025", "2024年12月到2025年3月", [], ["December 2025"]),
        ("in 1998", "在1989年", [], ["1998"]),
    ],
)
def test_a_figure_that_is_not_there_is_found(
    claims: Claims, sentence: str, source: str, figures: list[str], dates: list[str]
) -> None:
    assert missing_figures(sentence, source, claims.lexicon) == (figures, dates)


@pytest.mark.parametrize(
    ("sentence", "source"),
    [
        ("Nvidia sells H20s to Huawei.", "英伟达向华为出售H20"),
        ("英伟达与拜登", "Nvidia and Biden"),
        ("American and Chinese officials met.", "中美官员会面，美国与中国"),
        ("The U.S. and the EU agree.", "美国和欧盟同意"),
        ("He flew to Taiwan.", "the Taiwanese capital"),
        ("The White House and the Department of Commerce agree.", "白宫和商务部同意"),
        ("Chips Are Banned From Sale", "chips are banned from sale"),
        ("However, In March it may change.", "it may change in march"),
        ("Die Regierung prüft den Antrag der Firma.", "die regierung prüft"),
        ("据《芯片战争》报道", "《芯片战争》"),
        ("GPT-4 and COVID-19", "gpt4与covid19"),
    ],
)
def test_a_name_is_the_same_in_another_form(claims: Claims, sentence: str, source: str) -> None:
    assert missing_names(sentence, source, claims.lexicon) == []


@pytest.mark.parametrize(
    ("sentence", "source", "names"),
    [
        ("The H300 and the B200 are sold.", "B200已售", ["H300"]),
        ("Officials met in Beijing.", "官员在上海会面", ["Beijing"]),
        ("It was Intel and not AMD.", "AMD did it", ["Intel"]),
        ("Intel and AMD compete.", "AMD competes", ["Intel"]),
        ("华为与腾讯合作", "华为与阿里巴巴合作", ["腾讯"]),
        ("特朗普说", "Biden said", ["特朗普"]),
        ("据《芯片战争》报道", "据报道", ["芯片战争"]),
        ("该芯片采用Ampere架构", "该芯片采用Hopper架构", ["Ampere"]),
    ],
)
def test_a_name_that_is_not_there_is_found(claims: Claims, sentence: str, source: str, names: list[str]) -> None:
    assert missing_names(sentence, source, claims.lexicon) == names


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("他说：“可以。不过要等。”然后走了", ["可以。不过要等。"]),
        ('He said "yes" and "no".', ["yes", "no"]),
        ("「甲」与『乙』和«丙»", ["甲", "乙", "丙"]),
        ("she said “it never ends", ["it never ends"]),
        ("it's the users' choice", []),
        ("", []),
    ],
)
def test_quotations_are_found_in_all_marks(text: str, quoted: list[str]) -> None:
    assert [text[start:end] for start, end in quotations(text)] == quoted
