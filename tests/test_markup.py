"""An answer's Markdown as HTML: which markers become links, and what a doubt says."""

from __future__ import annotations

import re
from html import unescape

from made import citation
from markup import Elements, assert_text_alone

from briefqa.answer import Doubt
from briefqa.ui.links import source_path
from briefqa.ui.markup import citation_line, render_answer_text, render_marker
from briefqa.ui.strings import CHINESE, ENGLISH


def test_a_marker_of_a_citation_becomes_a_link_and_no_other_does() -> None:
    html = render_answer_text(r"Fact [1]. Footnote \[1\], unknown [2], [x](y) [1]: z", (citation(),), ENGLISH)
    page = Elements(html)
    assert [attributes["class"] for tag, attributes in page.found if tag == "a"] == ["bq-cite", "bq-cite"]
    assert "Footnote [1], unknown [2], [x](y)" in page.text
    assert page.found[1][1]["href"] == source_path("policy", "banned", 10, 26, "Rubin is banned.")


def test_a_doubt_says_its_reason_and_a_brief_cannot_write_one() -> None:
    found = (
        Doubt("It costs 70%.", "figure", ("70%",)),
        Doubt("It costs 70%.", "uncited"),
        Doubt("So <b>says</b> X.", "name", ('"><script>alert(1)</script>',)),
    )
    text = "A brief's own \\[?\\]. It costs 70%. [?] So says X. [1] [?]"
    html = render_answer_text(text, [citation(number=1)], ENGLISH, found)
    assert_text_alone(html)
    assert html.count('class="bq-doubt"') == 2 and "A brief's own [?]." in unescape(html)
    first, second = (unescape(title) for title in re.findall(r'class="bq-doubt" title="([^"]*)"', html))
    assert first == "Not in the cited sources: 70%\nNo source is cited for this sentence."
    assert "<script>" in second and html.index("70%.") < html.index("bq-doubt")
    assert render_answer_text(text, [], ENGLISH).count("bq-doubt") == 0


def test_a_quoted_row_is_shown_as_a_table() -> None:
    html = render_answer_text("| a | b |\n| --- | --- |\n| 1 | 2 [1] |", (citation(),), ENGLISH)
    assert [tag for tag, _ in Elements(html).found].count("td") == 2 and 'class="bq-cite"' in html


def test_a_sentence_that_is_said_twice_has_its_doubts_twice() -> None:
    once = (Doubt("It is 70%.", "figure", ("70%",)), Doubt("It is 70%.", "uncited"))
    doubts = (*once, *once, Doubt("And so on.", "uncited"))
    html = render_answer_text("It is 70%. [?] It is 70%. [?] And so on. [?]", [], ENGLISH, doubts)
    titles = Elements(html).all("title")
    assert titles[0] == titles[1] == f"Not in the cited sources: 70%\n{ENGLISH.doubt_uncited}"
    assert titles[2:] == [ENGLISH.doubt_uncited]


def test_a_marker_holds_all_that_is_shown_beside_the_pointer_and_copied() -> None:
    cited = citation(quote="寒武纪 | 云端训练\n地平线 | 车载芯片", author="Ann", url="https://example.org/a#b")
    page = assert_text_alone(render_marker(cited, CHINESE))
    ((_, link),) = page.found
    assert (link["data-where"], link["data-date"], link["data-quote"]) == ("Policy › Banned", "2025-12-15", cited.quote)
    assert (
        link["data-citation"]
        == citation_line(cited)
        == ("“寒武纪 | 云端训练 / 地平线 | 车载芯片” — Policy › Banned, Ann, 2025-12-15, https://example.org/a#b")
    )
    bare = citation(heading="Policy", date="")
    assert citation_line(bare) == "“Rubin is banned.” — Policy" and "data-date" not in render_marker(bare, ENGLISH)
