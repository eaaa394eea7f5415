"""Tables answer with the rows that match and what their cells come to; where that is not sure, they say nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import BigramEncoder, make_ranking
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.console import Console

import briefqa
from briefqa.answer import compose
from briefqa.lexicon import load_lexicon
from briefqa.ranking import rank
from briefqa.settings import Settings
from briefqa.store import Filters
from briefqa.tables import TableAnswer, answer_from_table
from briefqa.terminal import render_answer

LEXICON = load_lexicon(Settings.from_environment().cache_dir)

CITIES = """# 沿海城市概览

## 人口与面积 {#cities}

| 城市 | 省份 | 人口（万人） | 面积(平方公里) | 地铁里程 | 财政收入（亿元） | 增长率 |
|---|---|---|---|---|---|---|
| 杭州 | 浙江 | 1,252.2 | 16,850 | 516 km | 260 | 5.0% |
| 宁波 | 浙江 | 969.7 | 9,816 | 186 km | 178.5 | -1.2% |
| 厦门 | 福建 | 532.7 | 1,701 | 98.4 km | 94.5 | 3.1% |
| 福州 | 福建 | 846.9 | 11,968 | 139 km | 73.2 | (2.5%) |
| 珠海 | 广东 | 249.4 | 1,736 | - | 48.6 | 5.0% |
| 合　计 | | 3,850.9 | 42,071 | | 654.8 | |
"""
BUSES = """# Electric buses in European cities

## Fleets {#fleets}

| City | Country | Buses | Operator | Range (km) | Contract value | First delivery | Status |
|---|---|---|---|---|---|---|---|
| Oslo | Norway | 450 | Ruter | 250 | $160 million | 2021-11 | In service |
| Turin | Italy | 225 | GTT | 220 | $95m | 2023-06 | In service |
| Lyon | France | 62 | TCL | 200-250 | $31.5 million | 2020-02 | Retired |
| Porto | Portugal | 48 | STCP | 300 | n/a | 2022-09 | Ordered |
| Graz | Austria | 48 | Holding Graz | 270 | $28 million | 2024-01 | Ordered |
| Total | | 833 | | | | | |
"""
TOWNS = """# Towns

## Figures {#figures}

| City | Population | Area |
|---|---|---|
| Turin | 850,000 | 130 |
| Graz | 290,000 | 128 |
| Trento | 118,000 | 158 |
"""
CHIPS = """# 加速卡一览

## 规格 {#specs}

| 芯片型号 | 架构 | 显存 | 显存带宽 | 出口状态 |
|---|---|---|---|---|
| 甲一 | Alder | 80 GB HBM3 | 900 GB/s | 有条件批准 |
| 甲二 | Alder | 96 GB HBM3 | 1.2 TB/s | 禁止出口 |
| 乙一 | Birch | 192 GB HBM3e | 8 TB/s | 禁止出口 |
| 丙 | Cedar | HBM4 | 未列 | 尚未公布 |
"""
STAFF = """# 员工情况

## 学历构成 {#education}

| 学历 | 博士 | 硕士 | 本科 | 大专 | 合计 |
|---|---|---|---|---|---|
| 期初人数 | 12 | 85 | 240 | 310 | 647 |
| 期末人数 | 15 | 120 | 260 | 255 | 650 |

## 名单 {#people}

| 姓名 | 部门 | 职务 | 入职时间 |
|---|---|---|---|
| 王小明 | 研发部 | 经理 | 2019年3月 |
| 李华 | 市场部 | 总监 | 2021年7月 |
| 赵敏 | 研发部 | 工程师 | 2020年12月 |
| 孙丽 | 财务部 | 经理 | 2018年1月 |
"""
POLICIES = """# 补贴政策

## 时间表 {#timeline}

| 时间 | 政策 | 发布机构 | 主要内容 |
|---|---|---|---|
| 2022年1月 | 购置补贴退坡 | 财政部 | 标准下降30% |
| 2023年6月 | 减免延续 | 财政部、税务总局 | 延长至2027年底 |
| 2024年4月 | 以旧换新 | 商务部 | 最高1万元 |

## 销量 {#sales}

下表为2024年各品牌的销量（单位：万辆）。

| 排名 | 品牌 | 销量 | 同比增长 | 百公里加速 |
|---|---|---|---|---|
| 1 | 海燕 | 427.2 | 41.3% | 6.1秒 |
| 2 | 云雀 | 50.1 | -1.1% | 3.8秒 |
| 3 | 白鹭 | 22.2 | 87% | 5.28秒 |
"""
GRANTS = """# Grants by year

## Programmes {#grants}

| Year | Programme | Budget (EUR million) | Grants awarded | Partners | Phase |
|---|---|---|---|---|---|
| 2019 | Spark | 12.5 | 140 | Delft, Porto | open |
| 2020 | Spark | 14 | 155 | Porto | closed |
| 2020 | Bridge | 3.2 | 20 | Delft | partly closed |
| 2021 | Bridge | 4.1 | 26 | Ghent, Porto | closed |
"""
SHARES = """# Suppliers

## Market {#market}

| Supplier | 2022 share | 2023 share | Plants |
|---|---|---|---|
| Northvale | 37.0% | 36.8% | 13 |
| Eastmere | 13.6% | 40.1% | 9 |
"""
ACCOUNTS = """# 三季度营收

## 各公司营收 {#revenue}

| 公司 | 2023年 | 2024年 | 2024年 |
|---|---|---|---|
| 公司 | 营业收入 | 营业收入 | 净利润 |
| 甲骨科技 | 1.2亿元 | 1.5亿元 | 3,000万元 |
| 乙方网络 | 9,800万元 | 1.6亿元 | -200万元 |
| 丙烯材料 | 2亿元 | 1.1亿元 | 1,500万元 |
"""

Answer = Callable[[str, str], "TableAnswer | None"]


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answer]:
    """Answer a question from an article's tables, built once an article; each quote is checked against its source."""
    encoder = BigramEncoder()
    opened: dict[str, briefqa.BriefQA] = {}

    def ask(article: str, question: str) -> TableAnswer | None:
        if article not in opened:
            folder = tmp_path_factory.mktemp("tables")
            (folder / "corpus").mkdir()
            (folder / "corpus" / "a.md").write_text(article, encoding="utf-8")
            briefqa.build(folder / "corpus", folder / "index", encoder=encoder)
            opened[article] = briefqa.open(folder / "index", encoder=encoder)
        with opened[article].store.snapshot() as snapshot:
            ranking = rank(question, snapshot, encoder, LEXICON, 10, Filters())
            found = answer_from_table(question, ranking, snapshot, LEXICON)
        for quote in found.quotes if found else ():
            assert letters(article[quote.start : quote.end]) == letters(quote.text)
            assert len(quote.marked) == len(quote.cells) == quote.text.count("\n") + 1
            assert all(len(cells) == len(quote.header) for cells in quote.cells)
        return found

    yield ask
    for index in opened.values():
        index.close()


def letters(text: str) -> str:
    return "".join(char for char in text if char.isalnum())


def rows(found: TableAnswer | None) -> list[str]:
    """Return the first cell of each row of an answer."""
    return [cells[0] for quote in found.quotes for cells in quote.cells] if found else []


@pytest.mark.parametrize(
    ("article", "question", "items", "said"),
    [
        (CITIES, "哪个城市人口最多？", ["杭州"], "表中“人口（万人）”最高的是杭州：1,252.2。"),
        (CITIES, "面积最小的城市", ["厦门"], "表中“面积(平方公里)”最低的是厦门：1,701。"),
        (CITIES, "地铁里程最长的城市是哪一个？", ["杭州"], "（另有1项没有可比较的数值，未计入。）"),
        (CITIES, "增长率最低的城市是哪个？", ["福州"], "福州：(2.5%)。"),
        (
            CITIES,
            "浙江人口最少的城市是哪个",
            ["宁波"],
            "表中“省份”为“浙江”的各项中，“人口（万人）”最低的是宁波：969.7。",
        ),
        (
            CITIES,
            "面积超过1万平方公里的城市中人口最少的是哪个",
            ["福州"],
            "大于1万平方公里的各项中，“人口（万人）”最低的是福州",
        ),
        (CITIES, "人口最多的城市的面积是多少？", ["杭州"], "“人口（万人）”最高的是杭州"),
        (CITIES, "财政收入第二高的城市", ["宁波"], "第2高的是宁波：178.5"),
        (CITIES, "人口最多的三个城市是哪些", ["杭州", "宁波", "福州"], "杭州（1,252.2）、宁波（969.7）、福州（846.9）"),
        (CITIES, "人口前两名的城市", ["杭州", "宁波"], "最高的2项：杭州（1,252.2）、宁波（969.7）。"),
        (BUSES, "Which city has the most buses?", ["Oslo"], "In the table, the highest “Buses” is 450: Oslo."),
        (BUSES, "top 2 cities by buses", ["Oslo", "Turin"], "Oslo (450), Turin (225)."),
        (BUSES, "Which city has the second most buses?", ["Turin"], "is Turin: 225."),
        (
            BUSES,
            "Which city in service has the fewest buses?",
            ["Turin"],
            "of the entries with “Status” = “In service” is 225",
        ),
        (BUSES, "What is the status of the city with the most buses?", ["Oslo"], "the highest “Buses” is 450: Oslo."),
        (BUSES, "Which city has the highest contract value?", ["Oslo"], "$160 million: Oslo. (1 more without a value"),
        (BUSES, "Which city has the longest range?", ["Porto"], "300: Porto."),
        (
            BUSES,
            "Which city got its first delivery earliest?",
            ["Lyon"],
            "the earliest “First delivery” is 2020-02: Lyon.",
        ),
        (CHIPS, "哪款芯片的显存带宽最高？", ["乙一"], "最高的是乙一：8 TB/s。"),
        (CHIPS, "哪款芯片的显存带宽最低？", ["甲一"], "最低的是甲一：900 GB/s。"),
        (STAFF, "入职时间最早的是谁", ["孙丽"], "最早的是孙丽：2018年1月。"),
        (STAFF, "谁最晚入职", ["李华"], "最晚的是李华：2021年7月。"),
        (STAFF, "哪种学历的期末人数最多", ["期末人数"], "“期末人数”最高的是本科：260。"),
        (POLICIES, "最新的政策是什么？", ["2024年4月"], "表中“时间”最晚的是以旧换新：2024年4月。"),
        (POLICIES, "2024年销量最高的品牌", ["1"], "表中“销量”最高的是海燕：427.2。"),
        (POLICIES, "同比增长最快的品牌", ["3"], "“同比增长”最高的是白鹭：87%。"),
        (SHARES, "哪家供应商2023年份额最高？", ["Eastmere"], "表中“2023 share”最高的是Eastmere：40.1%。"),
        (
            SHARES,
            "Which supplier has the largest 2023 share?",
            ["Eastmere"],
            "the highest “2023 share” is 40.1%: Eastmere.",
        ),
        (SHARES, "Which supplier has the most plants?", ["Northvale"], "13: Northvale."),
        (ACCOUNTS, "2024年营业收入最高的公司是哪家", ["乙方网络"], "“2024年 营业收入”最高的是乙方网络：1.6亿元。"),
        (ACCOUNTS, "2023年营业收入最高的公司", ["丙烯材料"], "丙烯材料：2亿元"),
    ],
)
def test_the_highest_is_told_from_the_cells(
    answer: Answer, article: str, question: str, items: list[str], said: str
) -> None:
    found = answer(article, question)
    assert found and found.certain and said in found.statement
    assert rows(found) == items


def test_all_that_share_the_first_place_are_shown(answer: Answer) -> None:
    found = answer(CITIES, "增长率最高的城市是哪个？")
    assert found and rows(found) == ["杭州", "珠海"] and len(found.quotes) == 2
    assert found.statement == "表中“增长率”最高的有2项，并列为5.0%：杭州、珠海。"
    found = answer(BUSES, "Which city has the fewest buses?")
    assert found and rows(found) == ["Porto", "Graz"] and len(found.quotes) == 1
    assert found.statement == "In the table, 2 entries share the lowest “Buses”, 48: Porto, Graz."


@pytest.mark.parametrize(
    ("article", "question", "items", "said"),
    [
        (
            CITIES,
            "人口超过八百万的城市有哪些？",
            ["杭州", "宁波", "福州"],
            "“人口（万人）”大于八百万的共3项：杭州、宁波、福州。",
        ),
        (CITIES, "人口大于900的城市有哪些？", ["杭州", "宁波"], "大于900的共2项"),
        (CITIES, "人口在500万到900万之间的城市", ["厦门", "福州"], "介于500万到900万的共2项"),
        (CITIES, "财政收入不低于94.5亿元的城市有几个？", ["杭州", "宁波", "厦门"], "不小于94.5亿元的共3项"),
        (CITIES, "财政收入低于1,000,000万元的城市有几个", ["厦门", "福州", "珠海"], "共3项"),
        (CITIES, "增长率为负的城市有哪些", ["宁波", "福州"], "小于0的共2项：宁波、福州。"),
        (CITIES, "福建人口超过600万的城市", ["福州"], "“省份”为“福建”且“人口（万人）”大于600万的共1项：福州。"),
        (
            BUSES,
            "Which cities have more than 100 buses?",
            ["Oslo", "Turin"],
            "2 entries with “Buses” above 100: Oslo, Turin.",
        ),
        (BUSES, "cities with at least 62 buses", ["Oslo", "Turin", "Lyon"], "of at least 62"),
        (BUSES, "cities with between 50 and 300 buses", ["Turin", "Lyon"], "between 50 and 300: Turin, Lyon."),
        (BUSES, "Which cities have contracts above $90 million?", ["Oslo", "Turin"], "above $90 million"),
        (BUSES, "Which cities had their first delivery after 2022?", ["Turin", "Graz"], "after 2022: Turin, Graz."),
        (CHIPS, "哪些芯片的显存超过90GB？", ["甲二", "乙一"], "大于90GB的共2项：甲二、乙一。（另有1项"),
        (CHIPS, "显存带宽低于1 TB/s的芯片", ["甲一"], "小于1 TB/s的共1项：甲一。"),
        (STAFF, "期末人数超过200的学历有哪些", ["期末人数"], "大于200的共2项：本科、大专。"),
        (ACCOUNTS, "2024年净利润超过1000万元的公司有几家？", ["甲骨科技", "丙烯材料"], "共2项：甲骨科技、丙烯材料。"),
    ],
)
def test_more_and_less_are_told_from_the_cells(
    answer: Answer, article: str, question: str, items: list[str], said: str
) -> None:
    found = answer(article, question)
    assert found and found.certain and said in found.statement
    assert rows(found) == items


@pytest.mark.parametrize(
    ("article", "question", "items", "said"),
    [
        (CITIES, "福建的城市一共有几个？", ["厦门", "福州"], "表中“省份”为“福建”的共2项：厦门、福州。"),
        (
            CITIES,
            "表里一共有几个城市？",
            ["杭州", "宁波", "厦门", "福州", "珠海"],
            "表中共列出5项：杭州、宁波、厦门、福州、珠海。",
        ),
        (BUSES, "How many cities have 48 buses?", ["Porto", "Graz"], "2 entries with “Buses” = “48”: Porto, Graz."),
        (STAFF, "研发部有几个人？", ["王小明", "赵敏"], "“部门”为“研发部”的共2项：王小明、赵敏。"),
        (CHIPS, "有几款芯片被禁止出口？", ["甲二", "乙一"], "“出口状态”为“禁止出口”的共2项：甲二、乙一。"),
        (CITIES, "浙江的人口一共是多少", ["杭州", "宁波"], "“人口（万人）”的2项相加为2,221.9。"),
        (CITIES, "福建城市的平均面积", ["厦门", "福州"], "的2项平均为6,834.5。"),
        (CITIES, "平均人口是多少", ["杭州", "宁波", "厦门", "福州", "珠海"], "5项平均为770.18。"),
        (
            BUSES,
            "What is the average number of buses?",
            ["Oslo", "Turin", "Lyon", "Porto", "Graz"],
            "of 5 entries is 166.6.",
        ),
    ],
)
def test_counts_and_sums_leave_total_rows_out(
    answer: Answer, article: str, question: str, items: list[str], said: str
) -> None:
    found = answer(article, question)
    assert found and found.certain and said in found.statement
    assert rows(found) == items


def test_a_total_that_the_table_holds_is_shown_and_not_computed(answer: Answer) -> None:
    for article, question, label in (
        (CITIES, "人口合计是多少？", "合　计"),
        (BUSES, "How many buses in total?", "Total"),
    ):
        found = answer(article, question)
        assert found and found.statement == "" and rows(found) == [label]


@pytest.mark.parametrize(
    ("article", "question", "items", "marked"),
    [
        (CITIES, "哪些城市在浙江", ["杭州", "宁波"], {0, 1}),
        (CITIES, "浙江有哪些城市？", ["杭州", "宁波"], {0, 1}),
        (CITIES, "杭州的面积是多少", ["杭州"], {0, 3}),
        (CITIES, "杭州、厦门的人口分别是多少？", ["杭州", "厦门"], {0, 2}),
        (CITIES, "各城市的人口是多少？", ["杭州", "宁波", "厦门", "福州", "珠海", "合　计"], {0, 2}),
        (CITIES, "表中“增长率”为“5.0%”的城市有哪些？", ["杭州", "珠海"], {0, 6}),
        (BUSES, "Which cities have ordered buses?", ["Porto", "Graz"], {0, 2, 7}),
        (BUSES, "How many buses does Turin have?", ["Turin"], {0, 2}),
        (CHIPS, "哪些芯片被禁止出口？", ["甲二", "乙一"], {0, 4}),
        (CHIPS, "哪款芯片的显存是96 GB？", ["甲二"], {0, 2}),
        (POLICIES, "财政部发布了哪些政策", ["2022年1月", "2023年6月"], {1, 2}),
        (POLICIES, "2023年发布的政策", ["2023年6月"], {0, 1, 2}),
        (POLICIES, "海燕的销量是多少", ["1"], {1, 2}),
        (GRANTS, "What was the budget in 2020?", ["2020", "2020"], {0, 2}),
        (GRANTS, "Which years had budgets above 10 million euros?", ["2019", "2020"], {0, 2}),
        (STAFF, "研发部有哪些人", ["王小明", "赵敏"], {1}),
        (STAFF, "谁是财务部的经理", ["孙丽"], {1, 2}),
        (STAFF, "本科的期末人数是多少", ["期末人数"], {0, 3}),
    ],
)
def test_rows_are_looked_up_with_the_matching_cells_marked(
    answer: Answer, article: str, question: str, items: list[str], marked: set[int]
) -> None:
    found = answer(article, question)
    assert found and found.statement == "" and rows(found) == items
    assert all(set(row) <= marked and row for quote in found.quotes for row in quote.marked)


@pytest.mark.parametrize(
    ("article", "question", "items", "said"),
    [
        (CHIPS, "which chips are banned?", ["甲二", "乙一"], ""),
        (CHIPS, "How many chips are banned?", ["甲二", "乙一"], "2 entries with “出口状态” = “禁止出口”: 甲二, 乙一."),
        (CHIPS, "which chip has the highest memory bandwidth?", ["乙一"], "the highest “显存带宽” is 8 TB/s: 乙一."),
        (CHIPS, "which Alder chip has the highest bandwidth?", ["甲二"], "is 1.2 TB/s: 甲二."),
        (CITIES, "Which city has the largest population?", ["杭州"], "the highest “人口（万人）” is 1,252.2: 杭州."),
        (CITIES, "which cities are in Zhejiang?", ["杭州", "宁波"], ""),
        (TOWNS, "哪个城市的人口最多？", ["Turin"], "“Population”最高的是Turin：850,000。"),
        (TOWNS, "人口超过十五万的城市有几个", ["Turin", "Graz"], "“Population”大于十五万的共2项：Turin、Graz。"),
    ],
)
def test_tables_are_read_across_languages(
    answer: Answer, article: str, question: str, items: list[str], said: str
) -> None:
    found = answer(article, question)
    assert found and found.certain and said in found.statement and bool(said) == bool(found.statement)
    assert rows(found) == items


@pytest.mark.parametrize(
    ("article", "question"),
    [
        # Who is asked about, and which staff, stands nowhere.
        (STAFF, "张会然是哪个部门的"),
        (STAFF, "女总监是谁"),
        (CITIES, "女城市人口最多的是哪个"),
        # What is asked of is no column, no row, or another one.
        (CITIES, "哪个国家人口最多"),
        (CITIES, "哪个城市的车辆最多"),
        (CITIES, "人均收入最高的城市"),
        (CITIES, "2019年人口最多的城市"),
        (CITIES, "最长的地铁在哪里，最贵的呢"),
        (BUSES, "Which city has the most trams?"),
        (BUSES, "Which city has the cheapest tickets?"),
        (CHIPS, "which network has the highest bandwidth?"),
        (CHIPS, "哪款芯片功耗最低？"),
        # The province of the largest city need not be the largest province.
        (CITIES, "哪个省份人口最多"),
        (CITIES, "哪个省的人口最多"),
        # A name in quotation marks is meant as it stands.
        (CITIES, "表中“人口数”最高的城市是哪个？"),
        (CITIES, "表中“省份”为“浙”的城市有哪些？"),
        # The year with the largest budget need not be that of the largest row.
        (GRANTS, "Which year had the largest budget?"),
        (POLICIES, "2023年销量最高的品牌"),
        (POLICIES, "百公里加速最快的品牌"),
        # One of two columns, which one is not said.
        (SHARES, "Which supplier has the largest share?"),
        (ACCOUNTS, "营业收入最高的公司"),
        (ACCOUNTS, "2022年营业收入最高的公司"),
        (STAFF, "人数最多的学历"),
        # Denied, and asked for the reason, for a yes or a difference.
        (CITIES, "哪些城市不在浙江"),
        (CITIES, "除了杭州人口最多的城市"),
        (CHIPS, "哪些芯片没有被禁止出口？"),
        (CHIPS, "which chips are not banned?"),
        (CITIES, "杭州的人口最多吗？"),
        (CITIES, "为什么杭州人口最多"),
        (CITIES, "杭州比宁波人口多多少"),
        (CITIES, "哪个城市比宁波人口多？"),
        (BUSES, "Which city has more buses than Turin?"),
        (BUSES, "Which cities have the same status as Oslo?"),
        # Of each, and of groups.
        (CITIES, "各省人口最多的城市"),
        (CITIES, "平均人口超过500万的省份有哪些"),
        # Two things at once.
        (CITIES, "人口最多和最少的城市是哪些"),
        # A cell that denies what it names.
        (CHIPS.replace("尚未公布", "不属于批准之列"), "which chips are approved?"),
        # A range reaches beyond the bound, and an open year beside it.
        (BUSES, "Which cities have a range above 230 km?"),
        (STAFF, "2020年以后入职的有谁"),
        # Another language than Chinese and English, whose highest and lowest are not known.
        (BUSES, "¿Qué ciudad tiene más buses?"),
        (CITIES, "人口が最も多い都市はどこですか"),
    ],
)
def test_nothing_is_computed_where_the_question_does_not_fit(answer: Answer, article: str, question: str) -> None:
    found = answer(article, question)
    assert found is None or (found.statement == "" and not found.certain)


def table(header: str, *lines: str, before: str = "") -> str:
    """Return an article with a table of one-letter named rows."""
    rule = "|" + "---|" * (header.count("|") + 1)
    return "\n".join(
        [f"# 报告\n\n## 明细 {{#t}}\n\n{before}", f"| {header} |", rule, *(f"| {line} |" for line in lines), ""]
    )


@pytest.mark.parametrize(
    ("lines", "question"),
    [
        (("甲厂 | 5元", "乙厂 | 3美元"), "金额最高的工厂"),
        (("甲厂 | 30%", "乙厂 | 0.4"), "金额最高的工厂"),
        (("甲厂 | 5-10", "乙厂 | 8"), "金额最高的工厂"),
        (("甲厂 | 不到5", "乙厂 | 4"), "金额最低的工厂"),
        (("甲厂 | 5", "乙厂 | 6 或 7"), "金额最高的工厂"),
        (("甲厂 | 5", "乙厂 | 10²"), "金额最高的工厂"),
        (("甲厂 | 5", "乙厂 | 无"), "金额最高的工厂"),
        (("甲厂 | 5", "乙厂 | 3", " | 9"), "金额最高的三个工厂"),
        (("甲厂 | 5", "乙厂 | 12, 15"), "金额大于4的工厂"),
        (("甲厂 | 5", "乙厂 | 3-9"), "金额大于4的工厂"),
        (("甲厂 | 5", "乙厂 | 3"), "金额大于4美元的工厂"),
        (("甲厂 | 0.5", "乙厂 | 0.3"), "金额大于40%的工厂"),
        (("甲厂 | 5", "其中：甲一厂 | 2", "乙厂 | 3"), "金额总和是多少"),
        (("资产 | 5", "甲厂 | 2", "乙厂 | 3", "丙厂 | 8"), "金额总和是多少"),
        (("甲厂 | 50%", "乙厂 | 40%"), "金额总和是多少"),
    ],
)
def test_nothing_is_computed_from_cells_that_leave_it_open(
    answer: Answer, lines: tuple[str, ...], question: str
) -> None:
    found = answer(table("工厂 | 金额", *lines), question)
    assert found is None or found.statement == ""


@pytest.mark.parametrize(
    ("lines", "first"),
    [
        (("甲厂 | 9,800万元", "乙厂 | 1.2亿元"), "乙厂"),
        (("甲厂 | 999,999", "乙厂 | 1.2 million"), "乙厂"),
        (("甲厂 | (5)", "乙厂 | -9"), "甲厂"),
        (("甲厂 | 5-7", "乙厂 | 8"), "乙厂"),
        (("甲厂 | 约100", "乙厂 | 90"), "甲厂"),
        (("甲厂 | 十二", "乙厂 | 九"), "甲厂"),
        (("甲厂 | １２", "乙厂 | 9"), "甲厂"),
        (("甲厂 | 512 MB", "乙厂 | 1 GB"), "乙厂"),
        (("甲厂 | 0", "乙厂 | 5%", "丙厂 | 3%"), "乙厂"),
        (("甲厂 | 5", "乙厂 | 3", "小  计 | 8", "其他 | 1", "总计 | 9"), "甲厂"),
        (("甲厂 | 5", "乙厂 | 3", "减：折扣 | 8"), "甲厂"),
        (("甲厂 | 5", "乙厂 | 3", " | 9"), "甲厂"),
    ],
)
def test_amounts_are_compared_by_what_they_are_worth(answer: Answer, lines: tuple[str, ...], first: str) -> None:
    found = answer(table("工厂 | 金额", *lines), "金额最高的工厂是哪家？")
    assert found and f"最高的是{first}：" in found.statement and rows(found) == [first]


def test_the_unit_of_a_column_stands_in_its_header_or_before_the_table(answer: Answer) -> None:
    lines = ("甲厂 | 600", "乙厂 | 9,999", "丙厂 | 12,000")
    for article in (table("工厂 | 金额（万元）", *lines), table("工厂 | 金额", *lines, before="单位：人民币万元\n\n")):
        found = answer(article, "金额超过1亿元的工厂")
        assert found and found.statement == "表中“金额”大于1亿元的共1项：丙厂。".replace(
            "金额", "金额（万元）" if "（万元）" in article else "金额"
        )
    assert rows(answer(table("工厂 | 金额（万元）", *lines), "哪家工厂的金额是1.2亿元？")) == ["丙厂"]
    assert answer(table("工厂 | 人数", *lines, before="单位：万元\n\n"), "人数超过1万的工厂") is None


def test_a_table_goes_on_in_the_next_chunks_of_its_section(answer: Answer) -> None:
    lines = [f"第{number}厂 | {number * 37 % 101} | {'停产' if number % 7 == 0 else '在产'}" for number in range(1, 61)]
    article = table("工厂 | 产量 | 状态", *lines)
    most = max(range(1, 61), key=lambda number: number * 37 % 101)
    found = answer(article, "产量最高的工厂是哪家？")
    assert found and rows(found) == [f"第{most}厂"]
    found = answer(article, "有几家工厂停产？")
    assert found and rows(found) == [f"第{number}厂" for number in range(7, 61, 7)]
    assert "共8项" in found.statement and len(found.quotes) == 8
    found = answer(article, "产量大于50的工厂有几家？")
    many = sum(number * 37 % 101 > 50 for number in range(1, 61))
    assert found and f"共{many}项。" in found.statement


def test_two_tables_of_a_section_are_two_tables(answer: Answer) -> None:
    both = "\n| 工厂 | 产量 |\n|---|---|\n| 丙厂 | 9 |\n| 丁厂 | 4 |\n"
    article = table("工厂 | 产量", "甲厂 | 5", "乙厂 | 3") + both
    assert answer(article, "产量最高的工厂") is None
    assert rows(answer(article, "丁厂的产量是多少")) == ["丁厂"]
    other = table("工厂 | 产量", "甲厂 | 5", "乙厂 | 3") + "\n| 仓库 | 容量 |\n|---|---|\n| 丙库 | 9 |\n| 丁库 | 4 |\n"
    found = answer(other, "容量最高的仓库")
    assert found and found.statement == "表中“容量”最高的是丙库：9。"


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("before", ["", "> "])
def test_tables_are_the_same_with_any_line_ending_and_in_quotes(answer: Answer, ending: str, before: str) -> None:
    lines = ["| 工厂 | 产量 |", "|---|---|", "| 甲厂 | 5 |", "|  |  |", "| 乙厂 | 7 |"]
    article = ending.join(["# 报告", "", "## 明细 {#t}", "", *(before + line for line in lines), ""])
    found = answer(article, "产量大于4的工厂有几家？")
    assert found and "共2项：甲厂、乙厂。" in found.statement and len(found.quotes) == 1
    both = ending.join([article, *(before + line for line in ["", "| 工厂 | 产量 |", "|---|---|", "| 丙厂 | 9 |"]), ""])
    assert answer(both, "产量最高的工厂") is None


def test_a_header_of_several_lines_is_no_item(answer: Answer) -> None:
    found = answer(ACCOUNTS, "表中一共有几家公司？")
    assert found and found.statement == "表中共列出3项：甲骨科技、乙方网络、丙烯材料。"


def test_a_table_without_a_header_is_not_counted(answer: Answer) -> None:
    for article in (table(" | ", "甲厂 | 5", "乙厂 | 3"), table("甲厂 | 5", "乙厂 | 3", "丙厂 | 4")):
        for question in ("最高的工厂是哪家？", "一共有几家工厂？", "甲厂最高吗"):
            found = answer(article, question)
            assert found is None or found.statement == ""


def test_a_cell_may_hold_what_joins_cells(answer: Answer) -> None:
    article = table("名称 | 产地 | 评分", "甲 \\| 乙 | 云南 | 95", " | 贵州 | 91", "丙 | | 88")
    found = answer(article, "评分最高的名称是哪个？")
    assert (
        found
        and found.quotes[0].cells == (("甲 | 乙", "云南", "95"),)
        and found.quotes[0].text == "甲 | 乙 | 云南 | 95"
    )
    assert "最高的是甲 | 乙：95" in found.statement
    found = answer(article, "评分最低的名称是哪个？")
    assert found and found.quotes[0].cells == (("丙", "", "88"),)


def test_a_cell_that_lists_things_is_not_counted_as_one(answer: Answer) -> None:
    article = table("厂商 | 产品 | 状态", "甲厂 | A1、A2、A3 | 停产", "乙厂 | B1 | 停产", "丙厂 | C1、C2 | 在产")
    found = answer(article, "有几种产品停产？")
    assert found and found.statement == "" and rows(found) == ["甲厂", "乙厂"]


def test_what_a_cell_lists_is_found_in_it(answer: Answer) -> None:
    found = answer(POLICIES, "财政部发布了几项政策？")
    assert found and "“发布机构”为“财政部/财政部、税务总局”的共2项：购置补贴退坡、减免延续。" in found.statement
    assert rows(answer(POLICIES, "表中“发布机构”为“财政部”的政策有哪些？")) == ["2022年1月"]
    found = answer(GRANTS, "How many grants list Porto?")
    assert found is None or not found.statement


def test_rows_that_may_not_be_all_are_not_counted(answer: Answer) -> None:
    found = answer(GRANTS, "How many programmes are closed?")
    assert found and found.statement == "" and rows(found) == ["2020", "2021"]


def test_rows_that_repeat_a_name_are_counted_as_rows_and_as_names(answer: Answer) -> None:
    article = table("城市 | 线路 | 状态", "甲市 | 一号线 | 停运", "甲市 | 二号线 | 停运", "乙市 | 一号线 | 停运")
    found = answer(article, "状态为停运的城市有几个？")
    assert found and found.statement == "表中“状态”为“停运”的共3行，其中不同的“城市”有2个。"


def test_a_story_is_no_question_to_a_table(answer: Answer) -> None:
    assert answer(CITIES, "哪个城市人口最多？" + "请认真回答。" * 60) is None
    assert answer(CITIES, "1 " * 1_900) is None


@pytest.fixture
def shown(tmp_path: Path, encoder: BigramEncoder) -> Callable[[str, str], str]:
    """Return the text of a whole answer to a question of an article."""

    def show(article: str, question: str) -> str:
        folder = tmp_path / "shown"
        folder.mkdir()
        (folder / "a.md").write_text(article, encoding="utf-8")
        briefqa.build(folder, tmp_path / "shown-index", encoder=encoder)
        with briefqa.open(tmp_path / "shown-index", encoder=encoder) as qa:
            return qa.ask(question).text

    return show


def test_rows_of_an_answer_stand_under_one_header_with_matches_in_bold(shown: Callable[[str, str], str]) -> None:
    text = shown(CITIES, "增长率为负的城市有哪些")
    assert text.startswith("表中“增长率”小于0的共2项：宁波、福州。 [1][2]\n\n| 城市 | 省份 |")
    lines = text.split("\n")[2:]
    assert len(lines) == 4 and lines[1].startswith("| --- |")
    assert lines[2].startswith("| **宁波** | 浙江 |") and lines[2].endswith("| **\\-1.2%** [1] |")
    assert lines[3].startswith("| **福州** |") and lines[3].endswith("| **(2.5%)** [2] |")
    html = MarkdownIt("commonmark").enable("table").render(text)
    assert html.count("<table>") == 1 and html.count("<strong>") == 4


def test_cells_and_statements_are_shown_as_they_stand(shown: Callable[[str, str], str]) -> None:
    article = table("工厂 | 产量", "<b>甲</b>*厂*\\| `x` | 5", "\\[2\\](http://x) | 9")
    text = shown(article, "产量最高的工厂是哪家？")
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    assert "<a" not in html and "[2](http://x)" in html
    assert html.count("<td>") == 2


def test_a_look_up_has_the_usual_frame(shown: Callable[[str, str], str]) -> None:
    text = shown(CITIES, "哪些城市在浙江？")
    assert text.startswith("简报中的相关原文：\n\n| 城市 |")
    assert text.count("城市") == 1 and text.count("[1]") == 2 and "[2]" not in text


def test_the_terminal_shows_every_row(answer: Answer, capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(CITIES, "哪些城市在浙江？")
    assert found
    ranking = make_ranking(found.quotes[0].hit)
    Console(width=120).print(render_answer(compose("哪些城市在浙江？", ranking, table=found)))
    shown = capsys.readouterr().out
    assert "杭州" in shown and "宁波" in shown and "财政收入" in shown and " | " not in shown


def test_the_terminal_shows_what_was_computed(answer: Answer, capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(CITIES, "增长率为负的城市有哪些")
    assert found
    ranking = make_ranking(found.quotes[0].hit)
    Console(width=120).print(render_answer(compose("增长率为负的城市有哪些", ranking, table=found)))
    assert "表中“增长率”小于0的共2项：宁波、福州。 [1][2]" in capsys.readouterr().out


def test_a_line_break_in_a_cell_does_not_end_the_table(shown: Callable[[str, str], str]) -> None:
    text = shown(table("工厂 | 产量 | 备注", "甲厂 | 5 | 一&#10;二", "乙厂 | 3 | 三"), "产量最高的工厂是哪家？")
    assert MarkdownIt("commonmark").enable("table").render(text).count("<td>") == 3


CELL = st.text(
    st.characters(codec="utf-8", exclude_characters="\r\n|\\`<>&![]*_{}~", exclude_categories=["Cc", "Cs", "Zl", "Zp"]),
    max_size=6,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=1, max_size=6), st.text(max_size=30))
def test_any_table_can_be_asked_anything(answer: Answer, cells: list[list[str]], words: str) -> None:
    article = table("名称 | 金额 | 状态", *(" | ".join(row) for row in cells))
    for question in (f"金额最高的是哪个{words}？", f"{cells[0][0]}的金额是多少", "金额大于3的有几个", words or "?"):
        if question.strip():
            answer(article, question)
