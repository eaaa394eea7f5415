"""Numbers are read in every notation, and what is no number for certain is not read."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from briefqa.tables.amounts import DATE, Amount, as_year, find_amounts, has_number, is_blank, read_amount, read_unit

INFINITY = Decimal("Infinity")


def worth(text: str) -> tuple[float, str]:
    amount = read_amount(text)
    assert amount is not None and amount.exact, text
    return float(amount.least), amount.unit


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("1,234.56", 1234.56, ""),
        ("１，２３４", 1234, ""),
        ("12,34,567", 1234567, ""),
        ("1'234", 1234, ""),
        ("-5", -5, ""),
        ("−0.04", -0.04, ""),
        ("－700,450.60", -700450.6, ""),
        ("(1,234.50)", -1234.5, ""),
        ("（2.5%）", -2.5, "%"),
        ("△12", -12, ""),
        ("＋5％", 5, "%"),
        ("百分之二十五", 25, "%"),
        ("3.5‰", 0.35, "%"),
        ("3.5万", 35_000, ""),
        ("1.2亿元", 120_000_000, "元"),
        ("1亿2000万元", 120_000_000, "元"),
        ("三千五百万", 35_000_000, ""),
        ("一百二十", 120, ""),
        ("2 million", 2_000_000, ""),
        ("$1.5bn", 1.5e9, "usd"),
        ("$5m", 5_000_000, "usd"),
        ("¥300", 300, "元"),
        ("5元/吨", 5, "元/吨"),
        ("80 GB HBM3", 80e9, "byte"),
        ("3.35 TB/s", 3.35e12, "byte/second"),
        ("7纳米", 7e-9, "m"),
        ("300人", 300, ""),
        ("100多家", 100, ""),
        ("约100", 100, ""),
        ("20年", 240, "month"),
        ("5.5e+06", 5_500_000, ""),
        ("1,234[1]", 1234, ""),
        ("1,234*", 1234, ""),
        ("1234①", 1234, ""),
        ("25%（约5000人）", 25, "%"),
    ],
)
def test_a_number_is_read_in_any_notation(text: str, value: float, unit: str) -> None:
    found, found_unit = worth(text)
    assert found == pytest.approx(value) and found_unit == unit


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("5-10", 5, 10),
        ("5%～10%", 5, 10),
        ("5至10万元", 5, 10),
        ("1.5倍到5倍", 1.5, 5),
        ("100以上", 100, INFINITY),
        ("over 100", 100, INFINITY),
        ("100+", 100, INFINITY),
        ("不到5", -INFINITY, 5),
        ("up to 141 GB HBM3e", -INFINITY, 141),
        ("3年以内", -INFINITY, 3),
    ],
)
def test_a_range_has_two_ends(text: str, low: float, high: float) -> None:
    amount = read_amount(text)
    assert amount is not None and not amount.exact
    assert (amount.low, amount.high) == (Decimal(str(low)), Decimal(str(high)))


@pytest.mark.parametrize(
    "text",
    [
        "", "H200", "HBM4", "3rd", "第3名", "5G", "No. 3", "1/2", "1,234,56", "1 234", "5 or 10", "12, 15", "16GB x 2",
        "8核16线程", "1小时30分", "1234¹", "2022年的旗舰", "一般企业", "三星", "1.", "一、", "2021/13/45", "9" * 80,
    ],
)  # fmt: skip
def test_what_is_no_number_for_certain_is_not_read(text: str) -> None:
    assert read_amount(text) is None


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2025-12-11", 20251211, 20251211),
        ("2025年3月", 20250301, 20250331),
        ("March 2024", 20240301, 20240331),
        ("June 2024 (name only)", 20240601, 20240631),
        ("2018年", 20180101, 20181231),
    ],
)
def test_a_date_is_all_its_days(text: str, low: int, high: int) -> None:
    amount = read_amount(text)
    assert amount == Amount(Decimal(low), Decimal(high), Decimal(1), DATE)


def test_a_plain_number_is_a_year_only_where_one_is_meant() -> None:
    plain = read_amount("2021")
    assert plain is not None and plain.unit == "" and as_year(plain).low == 20210101
    more = read_amount("2021.5")
    assert more is not None and as_year(more) is more


@pytest.mark.parametrize("text", ["", "-", "—", "N/A", "无", "未列", "/", "暂无", "not available", "Not listed here"])
def test_a_cell_may_say_that_there_is_no_value(text: str) -> None:
    assert is_blank(text) and read_amount(text) is None


def test_a_digit_in_a_name_is_no_number() -> None:
    assert not has_number("HBM3") and not has_number("GPT-4") and has_number("第3名") and has_number("5 or 6")


@pytest.mark.parametrize(
    ("name", "scale", "unit"),
    [
        ("金额（万元）", 10_000, "元"),
        ("金额(单位：万元)", 10_000, "元"),
        ("金额（人民币亿元）", 100_000_000, "元"),
        ("占比%", 1, "%"),
        ("出资比例(%)", 1, "%"),
        ("Revenue ($ million)", 1_000_000, "usd"),
        ("Revenue (in millions)", 1_000_000, ""),
        ("显存/GB", 10**9, "byte"),
        ("价格，元", 1, "元"),
        ("期末余额", 1, ""),
        ("资产(2021)", 1, ""),
    ],
)
def test_a_column_may_say_its_unit(name: str, scale: int, unit: str) -> None:
    assert read_unit(name) == (Decimal(scale), unit)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("“期末余额”大于3941.5的项目", ["3941.5"]),
        ("more than 100 GB of memory", ["100 GB"]),
        ("超过一百万人的城市", ["一百万人"]),
        ("介于5到10之间", ["5", "10"]),
        ("低于-700,450.60的", ["-700,450.60"]),
        ("显存超过4 TB/s的有哪些", ["4 TB/s"]),
        ("2020年12月31日的余额", ["2020年12月31日"]),
        ("H200和5G手机第3名一共有几个", []),
    ],
)
def test_the_numbers_of_a_question_are_found(text: str, written: list[str]) -> None:
    assert [text[start:end] for start, end, _ in find_amounts(text)] == written


@given(st.decimals(min_value=-(10**12), max_value=10**12, places=2, allow_nan=False, allow_infinity=False))
def test_a_number_is_worth_the_same_however_it_is_written(value: Decimal) -> None:
    bare = f"{value:.2f}"
    grouped = f"{value:,.2f}"
    forms = [
        bare,
        grouped,
        bare.replace("-", "−"),
        grouped.translate(str.maketrans("0123456789,.-", "０１２３４５６７８９，．－")),
    ]
    if value < 0:
        forms.append(f"({-value:,.2f})")
    for form in forms:
        amount = read_amount(form)
        assert amount is not None and amount.low == amount.high == value, form


@given(st.integers(0, 99_999), st.sampled_from(["万", "亿", "万元", "亿元", " million", " billion"]))
def test_a_power_multiplies(value: int, power: str) -> None:
    factor = {"万": 10**4, "亿": 10**8, "m": 10**6, "b": 10**9}[power.strip()[0]]
    amount = read_amount(f"{value}{power}")
    assert amount is not None and amount.least == value * factor


@given(st.text(max_size=70))
def test_any_text_can_be_asked_for_its_amount(text: str) -> None:
    amount = read_amount(text)
    assert amount is None or (amount.low <= amount.high and amount.scale > 0)
    for start, end, found in find_amounts(text):
        assert 0 <= start < end <= len(text) and found.low <= found.high
    read_unit(text)
    is_blank(text)
