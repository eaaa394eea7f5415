"""The chat without a browser: what it shows, what it never lets through, and how it fails."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from briefqa.ui.answers import Turn, render_answer_text, render_conversation, render_export_menu, render_welcome
from conftest import POLICY, VENDORS, BigramEncoder

import briefqa
from briefqa.answer import Answer, Citation, Doubt
from briefqa.api import BriefQA
from briefqa.articles import parse_article
from briefqa.chunks import chunk_article
from briefqa.citations import web_url
from briefqa.export import EXPORTS, from_json, to_markdown
from briefqa.question import LONGEST_QUESTION
from briefqa.ui import serve
from briefqa.ui.downloads import file_name, make_download
from briefqa.ui.links import original_url, quote_check, source_path
from briefqa.ui.source import render_article
from briefqa.ui.strings import CHINESE, ENGLISH, LANGUAGES, Strings, choose, translations

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # starlette's and gradio's own
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    from briefqa.ui import create_app

CORPUS = Path(__file__).parent.parent / "corpus"
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "'><iframe src=javascript:alert(1)></iframe>",
    "[click](javascript:alert(1))",
    "[click](JaVaScRiPt&#58;alert(1))",
    "[click](data:text/html,<script>alert(1)</script>)",
    "![x](http://evil.example/track.png)",
    "<http://evil.example/'onmouseover=alert(1)>",
    "</title></style></textarea><script>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<a href='vbscript:x' onclick=alert(1)>x</a>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "${alert(1)} {{constructor.constructor('alert(1)')()}} #{7*7}",
    "`<b onmouseover=alert(1)>`",
    "<!--><script>alert(1)</script-->",
    "<details open ontoggle=alert(1)>",
    'x" onfocus=alert(1) autofocus y="',
    "\u202e<script>\u2028alert(1)",
]
TAGS = set(
    "html head meta title style body nav main header article section div p h1 h2 h3 h4 h5 h6 a em strong s code pre"
    " ul ol li blockquote table thead tbody tr th td br hr mark script span time button details summary abbr".split()
)


class Elements(HTMLParser):
    """Collects the elements of a page, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text += data


def assert_harmless(html: str, scripts: int = 0) -> Elements:
    page = Elements(html)
    assert {tag for tag, _ in page.found} <= TAGS
    assert sum(tag == "script" for tag, _ in page.found) == scripts
    for _, attributes in page.found:
        assert not [name for name in attributes if name.startswith("on") or name in ("style", "src", "srcdoc")]
        address = attributes.get("href", "#")
        assert re.match(r"(#|https?://|source/|(\.\./)+source/)", address), address
    return page


def citation(**changes: object) -> Citation:
    given: dict[str, object] = {
        "number": 1,
        "article": "policy",
        "anchor": "banned",
        "heading": "Banned",
        "title": "Policy",
        "date": "2025-12-15",
        "quote": "Rubin is banned.",
        "header": (),
        "start": 10,
        "end": 26,
        "url": "",
    }
    return Citation(**{**given, **changes})  # type: ignore[arg-type]


def answer(text: str, *citations: Citation, question: str = "q") -> Answer:
    return Answer(question, text, citations, bool(citations), 0.9, ())


@contextmanager
def open_client(index: Path, encoder: BigramEncoder) -> Iterator[TestClient]:
    """Serve an index to a client; what gradio and starlette warn of is theirs."""

    async def build(qa: BriefQA) -> FastAPI:
        return create_app(qa)

    with warnings.catch_warnings(), BriefQA(index, encoder) as qa:
        warnings.simplefilter("ignore")
        app = asyncio.run(build(qa))  # without a running loop gradio makes several, and never closes them
        with TestClient(app) as client:
            yield client


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("ui")
    (folder / "corpus" / "industry").mkdir(parents=True)
    (folder / "corpus" / "policy.md").write_text(POLICY, encoding="utf-8")
    (folder / "corpus" / "industry" / "vendors.md").write_text(VENDORS, encoding="utf-8")
    briefqa.build(folder / "corpus", folder / "index", encoder=BigramEncoder())
    with open_client(folder / "index", BigramEncoder()) as client:
        yield client


# Hostile text.


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_in_a_brief_is_shown_as_text(text: str, tmp_path: Path, encoder: BigramEncoder) -> None:
    folder = tmp_path / "hostile"
    folder.mkdir()
    quoted = text.replace("\\", "\\\\").replace('"', '\\"').replace("\u2028", " ")
    front = f'---\ntitle: "{quoted}"\ncategory: "{quoted}"\nauthor: "{quoted}"\nsource_url: "{quoted}"\n---\n'
    body = f"## {text}\n\nBefore {text} after. **{text}**\n\n| {text} | b |\n|---|---|\n| {text} | 2 |\n\n- {text}\n"
    (folder / "x.md").write_text(front + "\n" + body, encoding="utf-8")
    report = briefqa.build(folder, tmp_path / "i", encoder=encoder)
    assert report.articles_added == 1
    with open_client(tmp_path / "i", encoder) as client:
        page = assert_harmless(client.get("/source/x?start=0&end=9999").text, scripts=1)
        library = assert_harmless(client.get("/source/").text, scripts=1)
    title = " ".join(text.replace("\u2028", " ").replace("\u202e", "").split())
    assert title in page.text and title in library.text


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_in_a_conversation_is_shown_as_text(text: str) -> None:
    cited = citation(heading=text, title=text, date=text, quote=text, article=text, anchor=text, url=text)
    turns = [
        Turn(text, answer(f"{text} [1]\n\n> {text}", cited, question=text)),
        Turn(text, answer(text)),
        Turn(text, replace(answer(text), understood=text)),
        Turn(text, notice=text),
    ]
    page = assert_harmless(render_conversation(turns, ENGLISH, welcome=""))
    assert text in page.text
    assert text in assert_harmless(render_welcome([text], ENGLISH)).text


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


# Answers.


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
    assert_harmless(html)
    assert html.count('class="bq-doubt"') == 2 and "A brief's own [?]." in unescape(html)
    first, second = (unescape(title) for title in re.findall(r'class="bq-doubt" title="([^"]*)"', html))
    assert first == "Not in the cited sources: 70%\nNo source is cited for this sentence."
    assert "<script>" in second and html.index("70%.") < html.index("bq-doubt")
    assert render_answer_text(text, [], ENGLISH).count("bq-doubt") == 0


def test_what_was_searched_and_who_worded_it_is_shown_as_text() -> None:
    told = replace(
        answer("Yes. [1]", citation(number=1)),
        understood="<i>H20</i>?",
        translations=("哪些芯片<b>被禁</b>？",),
        notice="Quoted & not worded.",
        worded_by="tiny <b>",
    )
    html = render_conversation([Turn("and the H20?", told)], ENGLISH)
    assert_harmless(html)
    shown = unescape(re.sub(r"<[^>]+>", "", html))
    for words in ("Understood as: <i>H20</i>?", "Also searched as: 哪些芯片<b>被禁</b>？", "Quoted & not worded."):
        assert words in shown
    assert "Worded by tiny <b>" in shown


def test_a_quoted_row_is_shown_as_a_table() -> None:
    html = render_answer_text("| a | b |\n| --- | --- |\n| 1 | 2 [1] |", (citation(),), ENGLISH)
    assert [tag for tag, _ in Elements(html).found].count("td") == 2 and 'class="bq-cite"' in html


def test_sources_name_each_section_once_with_the_numbers_of_its_quotes() -> None:
    cited = (citation(), citation(number=2, start=30, end=40), citation(number=3, anchor="other", heading="Other"))
    html = render_conversation([Turn("q", answer("[1] [2] [3]", *cited))], CHINESE)
    sources = html[html.index("bq-sources") :]
    assert sources.count("<li>") == 2 and re.findall(r">(\d)</a>", sources) == ["1", "2", "3"]


def test_a_refusal_links_the_nearest_sections(index: Path, encoder: BigramEncoder) -> None:
    with BriefQA(index, encoder) as qa:
        hits = tuple(qa.retrieve("H200 出口", k=5))
    refused = Answer("q", "Nothing found. Nearest:\n\n- a\n- b", (), False, 0.1, hits)
    html = render_conversation([Turn("q", refused)], ENGLISH)
    assert "Nothing found. Nearest:" in html and "<li>a" not in html
    assert html.count('class="bq-source"') == 3 and 'href="source/policy#' in html


# The source.


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.md")), ids=lambda path: path.stem)
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
    assert CHINESE.article_changed in chinese.text and chinese.headers["vary"] == "Accept-Language"


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
    assert_harmless(response.text, scripts=1)
    assert "root:" not in response.text


@pytest.mark.parametrize(
    "query", ["start=x&end=y", "start=-5&end=99999999999999999999", "start=9&end=3", "end=1e9", "start=٣&end=٩"]
)
def test_offsets_that_make_no_sense_mark_nothing(client: TestClient, query: str) -> None:
    response = client.get(f"/source/policy?{query}")
    assert response.status_code == 200 and "<mark" not in response.text


def test_the_check_of_a_quote_does_not_mind_markup_and_spaces() -> None:
    assert quote_check("a | b, **c**") == quote_check("abc") != quote_check("abd")


def test_a_long_quote_is_found_in_the_original_by_its_ends() -> None:
    quote = "第一句很长很长很长，" * 20 + "最后的词-结束。"
    url = original_url("https://a.b/c#old", "x", (quote,))
    assert url.startswith("https://a.b/c#x:~:text=") and url.count(",") == 1 and "%2D" in url and len(url) < 700
    assert original_url("https://a.b/c#old", "", ()) == "https://a.b/c#old"


# The page.


def test_the_page_names_no_other_host(client: TestClient) -> None:
    response = client.get("/")
    assert response.status_code == 200
    hosts = set(re.findall(r"https?://([^/\"'\\ )]+)", response.text))
    assert hosts <= {"testserver"}
    assert "default-src 'self'" in response.headers["content-security-policy"]
    assert "fonts.g" not in response.text and "og:image" not in response.text


def test_health_says_which_build_is_served(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"generation": 1}


def test_examples_come_from_the_corpus_in_the_readers_language_first(index: Path, encoder: BigramEncoder) -> None:
    from briefqa.ui.page import example_questions

    with BriefQA(index, encoder) as qa, qa.store.snapshot() as snapshot:
        assert example_questions(snapshot, CHINESE)[:2] == [
            CHINESE.example.format(heading="获批的条件"),
            CHINESE.example.format(heading="厂商一览"),
        ]


def test_an_empty_or_endless_question_is_answered_in_words() -> None:
    from briefqa.ui.page import check_length

    assert check_length("", CHINESE) == CHINESE.question_empty
    assert "4,001" in check_length("x" * (LONGEST_QUESTION + 1), ENGLISH)
    assert check_length("x" * LONGEST_QUESTION, ENGLISH) == ""


def test_a_follow_up_says_what_it_was_taken_for() -> None:
    taken = replace(answer("Fact [1]", citation(), question="那H20呢？"), understood="H20能出口吗？")
    html = render_conversation([Turn("那H20呢？", taken), Turn("q", answer("Fact"))], CHINESE)
    assert Elements(html).text.count("理解为：H20能出口吗？") == 1
    refused = replace(taken, answered=False)
    assert "Understood as: H20能出口吗？" in Elements(render_conversation([Turn("那H20呢？", refused)], ENGLISH)).text
    assert "nderstood" not in render_conversation([Turn("q", answer("Fact [1]", citation()))], ENGLISH)


def test_a_turn_is_answered_with_what_was_said_before(index: Path, encoder: BigramEncoder) -> None:
    from briefqa.ui.page import answer_turn

    with BriefQA(index, encoder) as qa:
        *_, first = answer_turn(qa, "Blackwell系列在禁止清单上吗？", CHINESE)
        turns = (first, Turn("失败", notice="失败"))
        *_, second = answer_turn(qa, "那Rubin呢？", CHINESE, turns)
    assert first.answer and second.answer
    assert (first.answer.understood, second.answer.understood) == ("", "Rubin系列在禁止清单上吗？")


def test_a_failure_is_told_in_words_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    from briefqa.ui.page import answer_turn

    class Broken:
        def ask_stream(self, question: str, history: list[Answer]) -> Iterator[Answer]:
            raise ZeroDivisionError("secret detail")

    turns = list(answer_turn(Broken(), "q", ENGLISH))  # type: ignore[arg-type]
    assert turns == [Turn("q"), Turn("q", notice=ENGLISH.failed)]
    assert "secret detail" in caplog.text


def test_a_question_is_answered_through_the_page(client: TestClient) -> None:
    config = client.get("/config").json()
    submit = next(index for index, event in enumerate(config["dependencies"]) if len(event["targets"]) == 2)
    join = {"fn_index": submit, "data": ["Rubin芯片仍在禁止清单上吗？", None], "session_hash": "s"}
    assert client.post("/gradio_api/queue/join", json=join).status_code == 200
    with client.stream("GET", "/gradio_api/queue/data?session_hash=s") as events:
        text = "".join(events.iter_text())
    assert '"process_completed"' in text and '"success": true' in text.replace('"success":true', '"success": true')
    assert "bq-cite" in text and "source/policy?start=" in text


# Exports.


def test_each_answer_has_a_menu_and_a_refusal_offers_no_references() -> None:
    asked = [Turn("q", answer("Rubin [1]", citation())), Turn("r", answer("No.")), Turn("s"), Turn("t", notice="!")]
    page = assert_harmless(render_conversation(asked, ENGLISH))
    offered = [(item["data-turn"], item["data-format"]) for _, item in page.found if item.get("data-format")]
    assert offered == [*[("0", name) for name in EXPORTS], ("1", "markdown"), ("1", "json")]
    whole = assert_harmless(render_export_menu(CHINESE))
    assert [item["data-turn"] for _, item in whole.found if "data-format" in item] == [""] * len(EXPORTS)
    assert "导出" in whole.text and ("summary", {"aria-label": "导出整个对话"}) in whole.found


def test_a_download_holds_what_the_server_keeps_of_one_answer_or_of_all() -> None:
    first, second = answer("Rubin [1]", citation(), question="Which?"), answer("No.", question="谁？")
    turns = (Turn("Which?", first), Turn("x", notice="failed"), Turn("谁？", second))
    assert make_download(turns, "markdown", "2") == {
        "name": "briefqa-谁.md",
        "type": "text/markdown;charset=utf-8",
        "content": to_markdown([second]),
    }
    whole = make_download(turns, "json", "")
    assert whole and whole["name"] == "briefqa-conversation-Which.json"
    assert from_json(whole["content"]) == (first, second)


@pytest.mark.parametrize(
    ("file_format", "turn"),
    [("markdown", "1"), ("markdown", "3"), ("markdown", "-1"), ("html", "0"), (None, ""), ("json", None), ([], {})],
)
def test_what_no_menu_offers_is_no_download(file_format: object, turn: object) -> None:
    assert make_download((Turn("q", answer("No.")), Turn("x")), file_format, turn) is None
    assert make_download((), "json", "") is None


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("which chips are banned?", "briefqa-which-chips-are-banned"),
        ("../../etc/passwd\x00\n", "briefqa-etc-passwd"),
        ("C:\\con<>|*?", "briefqa-C-con"),
        ("\u202egnp.exe", "briefqa-gnp-exe"),
        ("？！", "briefqa"),
        ("\ud800" + "政" * 300, "briefqa-" + "政" * 48),
    ],
)
def test_a_file_is_named_after_its_question_and_nothing_else_in_it(question: str, name: str) -> None:
    assert file_name(question, whole=False) == name
    assert len(file_name("😀𠀀" * 99, whole=True).encode() + b".csl.json") <= 255


def test_an_answer_is_exported_through_the_page(client: TestClient) -> None:
    config = client.get("/config").json()
    events = config["dependencies"]
    ask = next(index for index, event in enumerate(events) if len(event["targets"]) == 2)
    downloads = [index for index, event in enumerate(events) if [kind for _, kind in event["targets"]] == ["download"]]

    def join(index: int, data: list[object], event_data: object = None) -> str:
        event = {"fn_index": index, "data": data, "event_data": event_data, "session_hash": "export"}
        assert client.post("/gradio_api/queue/join", json=event).status_code == 200
        with client.stream("GET", "/gradio_api/queue/data?session_hash=export") as stream:
            return "".join(stream.iter_text())

    join(ask, ["Rubin芯片仍在清单上？", None])
    assert len(downloads) == 2
    for index, turn in zip(downloads, ("0", ""), strict=True):
        text = join(index, [None], {"format": "markdown", "turn": turn})
        assert "briefqa-" in text and "[^1]: " in text and "Rubin芯片仍在清单上" in text
    assert '"output":{"data":[null]' in join(downloads[0], [None], {"turn": "0"}).replace(" ", "")


# Words.


def test_every_string_is_there_in_both_languages() -> None:
    for strings in LANGUAGES.values():
        assert all(getattr(strings, field.name).strip() for field in fields(Strings))
    for name, english in asdict(ENGLISH).items():
        assert set(re.findall(r"{\w+}", english)) == set(re.findall(r"{\w+}", asdict(CHINESE)[name])), name
    assert all(set(words) == set(asdict(ENGLISH)) for words in translations().values())


@pytest.mark.parametrize(
    ("wanted", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-GB,en;q=0.9,zh;q=0.5", "en"),
        ("fr,zh-TW;q=0.7,en;q=0.3", "zh"),
        ("en;q=0.1, zh;q=0.2", "zh"),
        ("", "en"),
        ("xx;q=bad,,;", "en"),
    ],
)
def test_the_browser_chooses_the_language(wanted: str, language: str) -> None:
    assert choose(wanted).language == language


# The server.


def test_a_missing_index_is_said_before_anything_heavy_is_imported(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom briefqa.errors import IndexNotFoundError\nfrom briefqa.ui import serve\n"
        f"try:\n    serve({str(tmp_path / 'none')!r})\nexcept IndexNotFoundError:\n"
        "    raise SystemExit(str({'gradio', 'fastapi', 'uvicorn', 'torch'} & set(sys.modules) or 0))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stderr.strip() == "0"


def test_a_port_in_use_is_said_in_one_line(index: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(briefqa.BriefqaError, match=rf"^port {port} is already in use.*--port.*$"):
            serve(index, port=port)


def test_an_address_of_another_machine_is_said_in_one_line(index: Path) -> None:
    with pytest.raises(briefqa.BriefqaError, match=r"^203\.0\.113\.7 is no address of this machine.*$"):
        serve(index, host="203.0.113.7", port=0)
