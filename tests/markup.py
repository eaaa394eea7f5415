"""What tests of rendered HTML share: its elements, and that nothing in it is live."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import nh3
import pytest

TAGS = set("a button details div h3 input label li ol p progress section span summary time ul".split())
# Text that would run, load or hide something if it were not escaped.
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "'><iframe src=javascript:alert(1)></iframe>",
    "</title></style></textarea><script>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "${alert(1)} {{constructor.constructor('alert(1)')()}} #{7*7} {count} {0}",
    "<!--><script>alert(1)</script-->",
    "<details open ontoggle=alert(1)>",
    'x" onfocus=alert(1) autofocus y="',
    'x" data-event="upload" data-field="clear',
    "javascript:alert(1)",
    "%3Cscript%3E/../..//evil.example",
]


# What the chat may be made of: the attributes of each element.
_BUTTON = "type class id data-event data-format data-turn data-rating data-question data-field data-value hidden"
_BUTTON += " data-conversation data-sure data-tab aria-pressed aria-label aria-current aria-controls aria-expanded lang"
CHAT: dict[str, set[str]] = {
    "a": set("href class aria-label target rel lang data-where data-date data-quote data-citation".split()),
    "abbr": set("class title aria-label tabindex role".split()),
    "button": {*_BUTTON.split(), "title"},
    "details": {"class", "open"},
    "div": set("class id tabindex role aria-label aria-hidden lang data-conversation".split()),
    "form": set("class data-event data-turn data-rating data-conversation hidden method action".split()),
    "h2": {"class", "lang"},
    "header": set("data-generation data-language data-copied data-delete-sure data-replace data-upload-failed".split())
    | {"data-theme-auto", "data-theme-light", "data-theme-dark"},
    "input": set("name value type class maxlength placeholder aria-label autocomplete accept multiple".split()),
    "label": {"class"},
    "li": {"class", "lang"},
    "nav": {"aria-label"},
    "ol": {"start"},
    "p": set("class role data-state aria-hidden".split()),
    "progress": {"aria-label", "max", "value"},
    "section": {"class", "aria-label", "data-turn"},
    "span": set("class lang role aria-label aria-hidden".split()),
    "summary": {"aria-label"},
    "time": {"datetime"},
    "ul": {"class", "id", "role", "aria-label"},
    **dict.fromkeys("blockquote br code em h1 h3 hr pre strong table tbody td th thead tr".split(), set()),
}
EVENTS = set("apply clear delete download edit expand like retry select undo".split())
# What the pages of briefs may be made of.
PAGE: dict[str, set[str]] = {
    **CHAT,
    "html": {"lang", "class"},
    "meta": {"charset", "name", "content"},
    "article": {"lang"},
    "p": {"class", "lang"},
    "mark": {"id"},
    **dict.fromkeys(("h2", "h3", "h4", "h5", "h6"), {"id", "class"}),
    **dict.fromkeys(("td", "th"), {"class"}),
    **dict.fromkeys("head title style script body main header h1 s".split(), set()),
}
# The one script of a brief's page.
SCROLL = "document.querySelector('mark')?.scrollIntoView({block: 'center'})"


class Elements(HTMLParser):
    """Collects the elements of a page, its text, and the code of its scripts."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.code: list[str] = []
        self._raw = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"an attribute twice: {tag} {names}"
        self.found.append((tag, {name: value or "" for name, value in attrs}))
        self._raw = tag if tag in ("script", "style") else ""

    def handle_endtag(self, tag: str) -> None:
        self._raw = ""

    def handle_data(self, data: str) -> None:
        if self._raw == "script":
            self.code.append(data)
        elif not self._raw:
            self.text += data

    def handle_comment(self, data: str) -> None:
        pytest.fail(f"a comment: {data!r}")

    def handle_decl(self, decl: str) -> None:
        assert decl == "doctype html"

    def handle_pi(self, data: str) -> None:
        pytest.fail(f"an instruction: {data!r}")

    def unknown_decl(self, data: str) -> None:
        pytest.fail(f"a declaration: {data!r}")

    def all(self, name: str) -> list[str]:
        """Return the values of an attribute, in order."""
        return [attributes[name] for _, attributes in self.found if name in attributes]

    def buttons(self, field: str) -> dict[str, dict[str, str]]:
        """Return the buttons of a field by their value."""
        return {
            attributes["data-value"]: attributes
            for tag, attributes in self.found
            if tag == "button" and attributes.get("data-field") == field
        }


def assert_text_alone(html: str, allowed: dict[str, set[str]] = CHAT, code: tuple[str, ...] = ()) -> Elements:
    """Assert that HTML is made of known elements alone, whose links lead to briefs or the web.

    code: its scripts. A browser's parser, which is nh3's, sees the same elements as Python's own.
    """
    page = Elements(html)
    for tag, attributes in page.found:
        assert tag in allowed, tag
        assert set(attributes) <= allowed[tag], (tag, set(attributes) - allowed[tag])
        address = attributes.get("href", "source/")
        begins = re.match(r"(\.\./)*source/|https?://[^/]|#", address)
        assert begins and "/../" not in address[begins.end() - 1 :], address
        assert not re.search(r"[\s\"'<>\\`]", address), address
        assert attributes.get("data-event", "apply") in EVENTS
        assert tag != "button" or attributes["type"] in ("button", "submit")
        assert tag != "form" or attributes.get("action", "logout") in ("login", "logout")
    assert tuple(page.code) == code
    body = html.rpartition("<body>")[2].replace(f"<script>{SCROLL}</script>", "").removesuffix("</body></html>")
    tags = set(allowed) - {"script", "style"}
    seen = nh3.clean(
        body, tags=tags, attributes=allowed, link_rel=None, url_schemes={"http", "https"}, clean_content_tags=set()
    )
    assert _counted(Elements(seen)) == _counted(Elements(body))
    return page


def _counted(page: Elements) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the elements in order, without the characters that a browser's parser drops or changes."""

    def kept(value: str) -> str:
        return re.sub(r"[\0\ufffd\r\n]", "", value)

    return [(tag, sorted((name, kept(value)) for name, value in attributes.items())) for tag, attributes in page.found]


def assert_harmless(html: str) -> Elements:
    page = Elements(html)
    assert {tag for tag, _ in page.found} <= TAGS
    for tag, attributes in page.found:
        assert not [name for name in attributes if name.startswith("on") or name in ("style", "src", "srcdoc")]
        address = attributes.get("href", "source/")
        assert re.match(r"source/", address) and "/../" not in address, address
        assert attributes.get("data-event", "apply") == "apply"
        assert tag != "button" or attributes["type"] == "button"
    return page
