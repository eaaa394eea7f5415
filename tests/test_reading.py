"""The pages of briefs: what is quoted is marked exactly, and nothing of a brief is live in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from conftest import SAMPLE, BigramEncoder
from markup import PAGE, SCROLL, Elements, assert_text_alone
from served import TestClient, open_small

from briefqa.api import BriefQA
from briefqa.articles import parse_article
from briefqa.chunks import chunk_article
from briefqa.citations import web_url
from briefqa.ui.links import original_url, quote_check, source_path
from briefqa.ui.source import render_article
from briefqa.ui.strings import CHINESE, ENGLISH


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with open_small(tmp_path_factory.mktemp("ui")) as client:
        yield client


@pytest.mark.parametrize("path", sorted(SAMPLE.glob("*.md")), ids=lambda path: path.stem)
def test_every_quote_of_the_sample_corpus_is_marked_exactly(path: Path) -> None:
    text = path.read_text("utf-8")
    article = parse_article(text, path.stem, path.name)
    anchors = [section.anchor for section in article.sections if section.level]
    for chunk in chunk_article(article, 120, len):
        for span in chunk.spans:
            html = render_article(text, anchors, span.start, span.end).html
            assert "".join(marks(html).split()) == "".join(span.text.replace(" | ", "").split())


def marks(html: str) -> str:
    return unescape("".join(re.findall(r"<mark[^>]*>(.*?)</mark>", html, re.DOTALL)))


def test_a_quote_is_marked_across_bold_links_code_breaks_entities_and_blocks() -> None:
    text = "# T\n\nOne **two *three*** [four](https://a.b) `five` &amp; \\*six\nseven.\n\n- eight\n- nine\n\nten\n"
    start, end = text.index("wo"), text.index("ine") + 2
    rendered = render_article(text, ["t"], start, end)
    assert marks(rendered.html) == "wo three four five & *six seven.eightnin"
    assert rendered.quoted == ("wo three four five & *six seven.", "eight", "nin")
    assert rendered.html.count('id="quote"') == 1
    assert '<a href="https://a.b" target="_blank" rel="noopener noreferrer"><mark>four</mark></a>' in rendered.html
    crlf = text.replace("\n", "\r\n")
    assert render_article(crlf, ["t"], crlf.index("wo"), crlf.index("ine") + 2).html == rendered.html


def test_headings_have_the_anchors_of_the_index_and_no_braces() -> None:
    text = "题 {#policy}\n---\n\na\n\n> # quoted\n\n## Same\n\nb\n\n## Same {.x}\n\nc\n"
    article = parse_article(text, "x", "x.md")
    html = render_article(text, [section.anchor for section in article.sections if section.level]).html
    assert re.findall(r'<h\d id="([^"]*)"', html) == ["policy", "same", "same-1"]
    assert "{" not in html and "<h2>quoted</h2>" in html


def test_the_mark_never_takes_the_id_of_a_heading() -> None:
    assert render_article("## Q {#quote}\n\nabc\n", ["quote"], 15, 18).mark == "quote-"


def test_front_matter_raw_html_and_pictures_are_not_shown() -> None:
    text = "---\ntitle: secret\n---\n\nx<br />y <b>z</b> ![alt](http://a.b/c.png)\n\n<div>gone</div>\n"
    html = render_article(text, []).html
    assert html == "<p>x<br>y z </p>"


def test_a_brief_has_a_page_of_its_own_with_the_quote_marked(
    client: TestClient, index: Path, encoder: BigramEncoder
) -> None:
    with BriefQA(index, encoder) as qa:
        found = next(iter(qa.ask("Blackwell系列与Rubin芯片仍在禁止清单上").citations))
    path = source_path(found.article, found.anchor, found.start, found.end, found.quote)
    response = client.get(path)
    assert response.status_code == 200
    assert marks(response.text) == found.quote == "Blackwell系列与Rubin芯片仍在禁止清单上。"
    assert '<h2 id="banned">' in response.text and "{#banned}" not in response.text
    fragment = "https://example.org/policy#banned:~:text=Blackwell"
    assert any(attributes.get("href", "").startswith(fragment) for _, attributes in Elements(response.text).found)
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "base-uri 'none'" in policy


def test_a_quote_that_the_brief_no_longer_has_is_not_marked(client: TestClient) -> None:
    response = client.get(source_path("policy", "banned", 200, 220, "something else"))
    assert "<mark" not in response.text and ENGLISH.article_changed in response.text
    chinese = client.get("/source/policy?start=200&end=220&check=0", headers={"accept-language": "zh-CN,zh;q=0.9"})
    assert CHINESE.article_changed in chinese.text and chinese.headers["vary"].startswith("Accept-Language, Cookie")


def test_a_brief_in_a_folder_finds_its_way_back_to_the_list(client: TestClient) -> None:
    assert '<a href="../../source/">' in client.get("/source/industry/vendors").text


@pytest.mark.parametrize(
    "name",
    [
        "nope",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e/%2e%2e/etc/passwd",
        "/etc/passwd",
        "policy.md",
        "policy%00",
        "<script>",
        "' OR 1=1",
    ],
)
def test_a_name_that_is_not_in_the_index_is_not_found(client: TestClient, name: str) -> None:
    response = client.get(f"/source/{name}")
    assert response.status_code == 404
    assert_text_alone(response.text, PAGE, (SCROLL,))
    assert "root:" not in response.text


@pytest.mark.parametrize(
    "query", ["start=x&end=y", "start=-5&end=99999999999999999999", "start=9&end=3", "end=1e9", "start=٣&end=٩"]
)
def test_offsets_that_make_no_sense_mark_nothing(client: TestClient, query: str) -> None:
    response = client.get(f"/source/policy?{query}")
    assert response.status_code == 200 and "<mark" not in response.text


# Addresses.


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JAVASCRIPT:alert(1)//https://a.b",
        " https://a.b",
        "https://a.b/\n<script>",
        "//evil.example",
        "https:alert(1)",
        "data:text/html,x",
        "https://a.b/'onclick=x",
        "https://[::1",
        "file:///etc/passwd",
    ],
)
def test_an_address_that_is_none_of_the_web_makes_no_link(url: str) -> None:
    assert web_url(url) == ""
    assert original_url(url, "a", ("quote",)) == ""


def test_the_check_of_a_quote_does_not_mind_markup_and_spaces() -> None:
    assert quote_check("a | b, **c**") == quote_check("abc") != quote_check("abd")


def test_a_long_quote_is_found_in_the_original_by_its_ends() -> None:
    quote = "第一句很长很长很长，" * 20 + "最后的词-结束。"
    url = original_url("https://a.b/c#old", "x", (quote,))
    assert url.startswith("https://a.b/c#x:~:text=") and url.count(",") == 1 and "%2D" in url and len(url) < 700
    assert original_url("https://a.b/c#old", "", ()) == "https://a.b/c#old"
