"""An answer's Markdown as HTML: which markers become links, and what a doubt says."""

from __future__ import annotations

import re
from html import unescape

from made import citation
from markup import Elements, assert_text_alone

from briefqa.answer import Doubt
from briefqa.ui.links import source_path
from briefqa.ui.markup import render_answer_text
from briefqa.ui.strings import ENGLISH


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
