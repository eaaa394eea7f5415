"""What tests of rendered HTML share: its elements, and that nothing in it is live."""

from __future__ import annotations

import re
from html.parser import HTMLParser

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

    def buttons(self, field: str) -> dict[str, dict[str, str]]:
        """Return the buttons of a field by their value."""
        return {
            attributes["data-value"]: attributes
            for tag, attributes in self.found
            if tag == "button" and attributes.get("data-field") == field
        }


def assert_harmless(html: str) -> Elements:
    page = Elements(html)
    assert {tag for tag, _ in page.found} <= TAGS
    for tag, attributes in page.found:
        assert not [name for name in attributes if name.startswith("on") or name in ("style", "src", "srcdoc")]
        address = attributes.get("href", "source/")
        assert re.match(r"source/", address) and "/../" not in address, address
        assert attributes.get("data-event", "input") == "input"
        assert tag != "button" or attributes["type"] == "button"
    return page
