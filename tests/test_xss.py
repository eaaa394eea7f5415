"""Every vector through every surface: what people, briefs, models and browsers write is text wherever it is shown.

A surface takes a vector and returns the HTML that shows it. Each page is read by two parsers, see markup.py: no
element or attribute but ours, no address but ours and the web's, and the vector stands in it as text.
"""

from __future__ import annotations

import json
import re
import unicodedata
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from conftest import BigramEncoder
from made import answer, citation, hit
from markup import CHAT, PAGE, SCROLL, Elements, assert_text_alone
from served import TestClient, open_app, open_client
from vectors import VECTORS, quoted_yaml

import briefqa
from briefqa.answer import Doubt, escape_markdown
from briefqa.api import BriefQA
from briefqa.articles import Problem
from briefqa.conversations import Conversation, Turn
from briefqa.export import EXPORTS
from briefqa.indexing import BuildReport, Changes
from briefqa.passwords import read_passwords, set_password
from briefqa.store import Filters, IndexInfo
from briefqa.ui.access import Visitor
from briefqa.ui.briefs import render_briefs, render_changes, render_filters, render_problems
from briefqa.ui.downloads import make_download
from briefqa.ui.frame import render_drawer, render_source, render_top, render_upkeep
from briefqa.ui.links import source_path
from briefqa.ui.login import render_login
from briefqa.ui.markup import render_answer_text
from briefqa.ui.rebuilding import RebuildState, render_progress, render_report
from briefqa.ui.scope import change_scope, read_scope, render_scope
from briefqa.ui.strings import ENGLISH, LANGUAGES
from briefqa.ui.suggestions import Suggestions
from briefqa.ui.turns import render_notice, render_turn, render_welcome
from briefqa.ui.uploads import UploadError, check_name
from briefqa.writing import one_line

HEADERS = {"accept": "text/html"}
WORDS = Turn("q", answer("Rubin [1]", citation()), "done", id=7)


def turn(**changes: object) -> str:
    return render_turn(replace(WORDS, **changes), ENGLISH, last=True)  # type: ignore[arg-type]


def answered(**changes: object) -> str:
    return turn(answer=replace(WORDS.answer, **changes))  # type: ignore[type-var]


def cited(**changes: object) -> str:
    return answered(citations=(citation(**changes),))


def found(**changes: object) -> str:
    return answered(hits=(hit(**changes),)) + turn(answer=answer("No.", hits=(hit(**changes),)))


# What shows a text exactly, each in the words of its surface.
SURFACES: dict[str, Callable[[str], str]] = {
    "a question": lambda text: turn(question=text),
    "a question that is being read": lambda text: turn(question=text, answer=None, state="reading"),
    "a question that was stopped": lambda text: turn(question=text, answer=None, state="stopped"),
    "what went wrong": lambda text: turn(answer=None, state="failed", detail=text),
    "what was understood": lambda text: answered(understood=text),
    "a translation": lambda text: answered(translations=(text, text)),
    "a notice": lambda text: answered(notice=text),
    "the model's name": lambda text: answered(worded_by=text),
    "a cited title": lambda text: cited(title=text),
    "a cited heading": lambda text: cited(heading=text),
    "a cited date": lambda text: cited(date=text),
    "a title found": lambda text: found(title=text),
    "a heading found": lambda text: found(heading=text),
    "a date found": lambda text: found(date=text),
    "a comment": lambda text: turn(rating="down", comment=text),
    "a neighbouring heading": lambda text: turn(neighbours=(text,)),
    "an example": lambda text: render_welcome([text, text], ENGLISH),
    "a notice above the composer": render_notice,
    "a conversation's title": lambda text: render_drawer([Conversation("k", text, "2026-01-01T00:00")], "k", ENGLISH),
    "a user's name": lambda text: "".join(tops(text)),
}
# What shows a text on one line, without what cannot be seen.
LINES: dict[str, Callable[[str], str]] = {
    "a tag of a turn's scope": lambda text: turn(scope=Filters(tags=("a", text))),
    "a category of a turn's scope": lambda text: turn(scope=Filters(category=text)),
    "an article of a turn's scope": lambda text: turn(scope=Filters(articles=(text,))),
    "an article's title of a turn's scope": lambda text: turn(
        scope=Filters(articles=("policy",)), answer=answer("No.", hits=(hit(title=text),))
    ),
    "a tag of the scope": lambda text: render_scope(Filters(tags=(text,)), ENGLISH, {}),
    "a category of the scope": lambda text: render_scope(Filters(category=text), ENGLISH, {}),
    "an article of the scope": lambda text: render_scope(Filters(articles=(text,)), ENGLISH, {}),
    "an article's title of the scope": lambda text: render_scope(Filters(articles=("a",)), ENGLISH, {"a": text}),
    "a new file": lambda text: render_changes(Changes((), (), (text,), (), ()), info(), ENGLISH),
    "a changed brief": lambda text: render_changes(Changes((), (), (), (text,), ()), info(), ENGLISH),
    "a removed brief": lambda text: render_changes(Changes((), (), (), (), (text,)), info(), ENGLISH),
    "a file that was not read": lambda text: render_problems([(text, 3, "x")], ENGLISH),
    "what is wrong with a file": lambda text: render_problems([("x.md", 0, text)], ENGLISH),
    "a problem of the last build": lambda text: render_changes(None, info(problems=((text, 1, text),)), ENGLISH),
    "a problem of a build's report": lambda text: render_report(
        BuildReport(1, 0, 0, 0, 1, 0, (Problem(text, 7, text),), 0.1), ENGLISH
    ),
}
# What holds a text in attributes, or not at all.
HELD: dict[str, Callable[[str], str]] = {
    "a quote": lambda text: cited(quote=text),
    "a row's header": lambda text: cited(header=(text, text), quote=f"{text} | {text}"),
    "an author": lambda text: cited(author=text),
    "a cited anchor": lambda text: cited(anchor=text),
    "a cited article": lambda text: cited(article=text),
    "an original's address": lambda text: cited(url=text),
    "a revision": lambda text: cited(revision=text),
    "an article found": lambda text: found(article=text),
    "an anchor found": lambda text: found(anchor=text),
    "an address found": lambda text: found(source_url=text, url=text),
    "a text found": lambda text: found(text=text, heading_path=(text, text)),
    "the state of a build": lambda text: render_progress(RebuildState(text, 1, 2), ENGLISH),
    "an error of a build": lambda text: render_progress(RebuildState(error=ValueError(text)), ENGLISH),
    "a scope that a browser holds": lambda text: render_scope(
        read_scope({"since": text, "until": text, "category": text}), ENGLISH, {}
    ),
    "a click on a scope": lambda text: render_scope(change_scope(Filters(), text, text), ENGLISH, {}),
    "a conversation's key": lambda text: render_drawer([Conversation(text, "t", "2026-01-01")], text, ENGLISH),
}


def info(**changes: object) -> IndexInfo:
    given = IndexInfo(3, "2026-11-25T18:21:00+00:00", "/srv/corpus", "b", "f", "c", "t", "i", 3, 4, 7, ())
    return replace(given, **changes)  # type: ignore[arg-type]


_TOP: list[BriefQA] = []


def tops(name: str) -> Iterator[str]:
    with _TOP[0].store.snapshot() as snapshot:
        for strings in LANGUAGES.values():
            yield render_top(snapshot, Visitor("owner", name, True), strings)


@pytest.fixture(scope="module", autouse=True)
def an_index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BriefQA]:
    """Open an index whose briefs are made of vectors alone."""
    folder = tmp_path_factory.mktemp("xss")
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, text in enumerate(VECTORS):
        quoted = quoted_yaml(text)
        keys = ("title", "category", "author", "source_url", "summary")
        front = "".join(f"{key}: {quoted}\n" for key in keys) + f"tags: [{quoted}, other]\ndate: 2025-12-15\n"
        flat = text.replace("\n", " ")
        body = (
            f"## Plain {number} {{#{flat}}}\n\nA sentence of number {number}.\n\n## {text}\n\n"
            f"Before {text} after. **{text}** is number {number}.\n\n"
            f"| {flat} | Value |\n|---|---|\n| {flat} | {number} |\n\n- {text}\n\n> {text}\n\n"
            f"1. {text}\n\n```\n{text}\n```\n"
        )
        (corpus / f"v{number}.md").write_text(f"---\n{front}---\n\n{body}".replace("\0", ""), "utf-8", newline="")
    report = briefqa.build(corpus, folder / "index", encoder=BigramEncoder())
    assert report.articles_added == len(VECTORS)
    with BriefQA(folder / "index", BigramEncoder()) as qa:
        _TOP.append(qa)
        yield qa
        _TOP.clear()


def seen(text: str) -> str:
    """Return a text as one would compare it by eye: without white space and what cannot be seen."""
    return "".join(
        char for char in unicodedata.normalize("NFC", one_line(text)) if char.isprintable() and not char.isspace()
    )


def letters(text: str) -> str:
    """Return the letters and digits of a text, entities as what they stand for, however often they are escaped."""
    for _ in range(3):
        text = unescape(text)
    return "".join(char for char in text if char.isalnum() and char.isascii())


def test_there_are_enough_vectors_and_no_two_are_the_same() -> None:
    assert len(VECTORS) == len(set(VECTORS)) >= 90


@pytest.mark.parametrize("surface", SURFACES)
def test_what_is_written_is_shown_as_it_is(surface: str) -> None:
    for text in VECTORS:
        page = assert_text_alone(SURFACES[surface](text))
        assert text in page.text, text


@pytest.mark.parametrize("surface", LINES)
def test_what_is_named_is_shown_on_one_line(surface: str) -> None:
    for text in VECTORS:
        page = assert_text_alone(LINES[surface](text))
        assert one_line(text) in page.text, text


@pytest.mark.parametrize("surface", HELD)
def test_what_is_held_leaves_no_attribute(surface: str) -> None:
    plain = [(tag, set(attributes)) for tag, attributes in Elements(HELD[surface]("plain")).found]
    for text in VECTORS:
        page = assert_text_alone(HELD[surface](text))
        assert [(tag, set(attributes)) for tag, attributes in page.found] == plain, text


@pytest.mark.parametrize("text", VECTORS)
def test_what_a_browser_is_told_beside_the_pointer_is_whole(text: str) -> None:
    made = citation(title=text, heading=text, date=text, quote=text, author=text, url=text, article=text, anchor=text)
    page = assert_text_alone(turn(answer=replace(answer("x [1]", made), question=text)))
    link = next(attributes for tag, attributes in page.found if attributes.get("class") == "bq-cite")
    told = text.replace("\0", "\ufffd")  # as any parser of HTML does
    assert link["data-quote"] == link["data-date"] == told and told in link["data-where"]
    assert told in link["aria-label"] and told.splitlines()[0] in link["data-citation"]
    assert link["href"] == source_path(text, text, made.start, made.end, text)
    assert set(page.all("href")) == {link["href"]} and set(page.all("target")) == {"_blank"}


# Models.


@pytest.mark.parametrize("text", VECTORS)
def test_what_a_model_writes_is_shown_and_never_obeyed(text: str) -> None:
    table = f"| {text} | b |\n|---|---|\n| {text} | [1] |"
    for written in (text, f"Fact [1]. {text} [1]", f"> {text} [1]", f"- {text}\n1. {text}", table):
        page = assert_text_alone(render_answer_text(written, [citation()], ENGLISH))
        assert set(page.all("href")) <= {source_path("policy", "banned", 10, 26, "Rubin is banned.")}
        shown = text.replace("```html", "```")  # what a block of code is written in is not shown
        assert letters(page.text).count(letters(shown)) >= written.count(text), written
    quoted = "\n".join(escape_markdown(line) for line in text.split("\n"))
    page = assert_text_alone(render_answer_text(f"{quoted} [1]", [citation()], ENGLISH))
    assert seen(text) in seen(page.text)


@pytest.mark.parametrize("text", VECTORS)
def test_why_a_sentence_is_doubted_is_told_as_it_is(text: str) -> None:
    doubts = (Doubt(text, "figure", (text, text)), Doubt("other", text, (text,)))
    page = assert_text_alone(render_answer_text("One. [?] Two. [?]", [], ENGLISH, doubts))
    assert page.all("title") == page.all("aria-label")
    told = text.replace("\0", "\ufffd")
    assert page.all("title") == [ENGLISH.doubt_absent.format(found=found) for found in (f"{told}, {told}", told)]


# The corpus.


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_corpus_of_vectors_is_listed_as_text(an_index: BriefQA, language: str) -> None:
    strings = LANGUAGES[language]
    with an_index.store.snapshot() as snapshot:
        articles = snapshot.articles()
        scopes = [Filters(), *(Filters(tags=article.tags, category=article.category) for article in articles)]
        for scope in scopes:
            page = assert_text_alone(render_filters(snapshot, scope, strings))
            assert set(page.buttons("category")) == {article.category for article in articles if article.category}
        page = assert_text_alone(render_briefs(snapshot, Filters(), "", strings))
        for article in articles:
            assert article.title in page.text
        for text in VECTORS:
            shown = render_briefs(snapshot, Filters(tags=(text,)), text, strings)
            assert_text_alone(shown)


def test_the_titles_of_a_corpus_are_the_vectors(an_index: BriefQA) -> None:
    with an_index.store.snapshot() as snapshot:
        titles = {article.slug: article.title for article in snapshot.articles()}
    for number, text in enumerate(VECTORS):
        assert seen(text) in ("", seen(titles[f"v{number}"])), text


def test_the_pages_of_vectors_are_text(an_index: BriefQA) -> None:
    with open_client(an_index.index, BigramEncoder()) as client:
        library = assert_text_alone(client.get("/source/").text, PAGE, (SCROLL,))
        for number, text in enumerate(VECTORS):
            answer_ = client.get(f"/source/v{number}?start=0&end=9999")
            page = assert_text_alone(answer_.text, PAGE, (SCROLL,))
            assert seen(text) in seen(page.text) and seen(text) in seen(library.text), text
            assert "default-src 'none'" in answer_.headers["content-security-policy"]
            ids = page.all("id")
            assert len(ids) == len(set(ids)), text


def test_answers_from_vectors_and_what_may_be_asked_next_are_text(an_index: BriefQA) -> None:
    suggestions = Suggestions(an_index)
    for number, text in enumerate(VECTORS):
        made = an_index.ask(f"number {number} {text}"[:3000], articles=f"v{number}")
        neighbours = suggestions.to_go_on(made, [], Filters(articles=(f"v{number}",)))
        page = assert_text_alone(turn(question=made.question, answer=made, neighbours=neighbours))
        assert len(page.all("data-quote")) == 2 * len([each for each in made.citations if each.quote])
    for strings in LANGUAGES.values():
        assert_text_alone(render_welcome(suggestions.to_begin(strings), strings))


# Files.


@pytest.mark.parametrize("text", VECTORS)
def test_a_file_name_that_is_refused_is_told_as_text_in_json(text: str, an_index: BriefQA, admin: TestClient) -> None:
    given = {"name": f"{text}.md", "replace": "0"}
    data = f"---\ntitle: [{text}\n---\n\nx\n".encode()
    told = admin.post("/upload", params=given, content=data, headers={"content-type": "application/octet-stream"})
    assert told.status_code in (200, 422) and told.headers["content-type"] == "application/json"
    assert told.headers["x-content-type-options"] == "nosniff"
    assert set(json.loads(told.text)) == {"name", "words", "reason", "problems"}
    try:
        check_name(f"{text}.md")
    except UploadError as error:
        for strings in LANGUAGES.values():
            assert "\0" not in error.message(strings) and "\u202e" not in error.message(strings)


def test_file_names_are_written_by_scripts_as_text_alone() -> None:
    folder = Path(briefqa.__file__).parent / "ui" / "scripts"
    never = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|\.(srcdoc|on\w+)\s*="
    )
    for path in folder.glob("*.js"):
        assert not never.search(path.read_text("utf-8")), path


@pytest.fixture(scope="module")
def admin(an_index: BriefQA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    corpus = tmp_path_factory.mktemp("uploads")
    with open_client(an_index.index, BigramEncoder(), local=True, corpus=corpus) as client:
        client.headers["host"] = "127.0.0.1:7860"
        yield client


@pytest.mark.parametrize("text", VECTORS)
def test_a_download_is_named_without_anything_that_means_something(text: str) -> None:
    made = replace(WORDS, question=text, answer=answer(text, citation(title=text, quote=text), question=text))
    for name in EXPORTS:
        file = make_download([made], name, "7")
        assert file and re.fullmatch(r"briefqa[\w\-\u0300-\u036f]*(\.\w+)+", file["name"]), file


# Logging in, and the frame.


@pytest.mark.parametrize("text", VECTORS)
def test_the_log_in_page_shows_what_was_typed_as_it_is(text: str) -> None:
    for strings in LANGUAGES.values():
        html = render_login(strings, text, text, text)
        page = assert_text_alone(html, LOGIN)
        assert text in page.text and page.all("value") == [text, text]
        assert (page.all("method"), page.all("action")) == (["post"], ["login"])


LOGIN = {
    **PAGE,
    "main": {"class"},
    "form": {"method", "action"},
    "p": {"class", "role", "id"},
    "label": set(),
    "button": {"type"},
    "input": {"aria-invalid", "aria-describedby", "autocapitalize", "autocomplete", "autofocus", "name"}
    | {"required", "spellcheck", "type", "value"},
}


def test_a_wrong_log_in_echoes_text_alone(an_index: BriefQA, tmp_path: Path) -> None:
    set_password(tmp_path / "people", "alice", "correct horse")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with open_app(an_index.index, BigramEncoder(), passwords=read_passwords(tmp_path / "people")) as app:
            for number, text in enumerate(VECTORS[::7]):  # each costs what checking a password does
                client = TestClient(app, client=(f"203.0.113.{number}", 1))
                form = {"username": text, "password": "x", "next": text}
                told = client.post("/login", data=form, headers=HEADERS)
                page = assert_text_alone(told.text, LOGIN)
                assert told.status_code == 401 and page.all("value")[1] == text
                assert page.all("value")[0].startswith("/") and not page.all("value")[0].startswith("//")
                wanted = client.get("/login", params={"next": text}, headers=HEADERS)
                assert_text_alone(wanted.text, LOGIN)


def test_what_stands_around_a_conversation_has_nothing_of_anybodys_in_it() -> None:
    for strings in LANGUAGES.values():
        assert_text_alone(render_upkeep(strings))
        frame = Elements(render_source(strings))
        (attributes,) = (attributes for tag, attributes in frame.found if tag == "iframe")
        assert attributes["sandbox"] == "allow-same-origin allow-popups allow-popups-to-escape-sandbox"
        assert set(attributes) == {"id", "title", "sandbox"}


def test_the_allow_list_lets_nothing_run() -> None:
    never = set("script style iframe object embed svg math img link base template noscript meta".split())
    assert not set(CHAT) & never
    for attributes in (*CHAT.values(), *PAGE.values(), *LOGIN.values()):
        assert not [name for name in attributes if name.startswith("on")]
        assert not attributes & {"style", "src", "srcdoc", "formaction", "http-equiv"}
