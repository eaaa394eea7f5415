"""Addresses: of a brief's page in this server, of its original on the web.

source_path("h200-export-policy", "policy-details", 593, 651, "Blackwell …")
# "source/h200-export-policy?start=593&end=651&check=1a2b3c4d#policy-details"
"""

from __future__ import annotations

import re
import zlib
from urllib.parse import quote as percent
from urllib.parse import urlencode

from briefqa.citations import web_url

# A text fragment this long is found as it stands; a longer one is given by its first and last words.
_LONGEST_FRAGMENT = 120
_FRAGMENT_END = 24
_BREAKS = re.compile(r"(?<=[，。；：、！？])|(?=\s)")


def source_path(article: str, anchor: str = "", start: int = 0, end: int = 0, quote: str = "") -> str:
    """Return the address of a brief's page, relative to the chat's: at a section, with a quote marked.

    The check tells the page whether the brief still says there what was quoted.
    """
    query = "?" + urlencode({"start": start, "end": end, "check": quote_check(quote)}) if end > start else ""
    fragment = "#" + percent(anchor, safe="") if anchor else ""
    # No brief has such a name, and browsers would follow it out of here.
    names = [name for name in article.split("/") if name not in (".", "..")]
    return f"source/{percent('/'.join(names), safe='/')}{query}{fragment}"


def quote_check(quote: str) -> str:
    """Return eight characters that stand for the letters and digits of a quote."""
    letters = "".join(char for char in quote if char.isalnum())
    return f"{zlib.crc32(letters.encode('utf-8', 'surrogatepass')):08x}"


def original_url(source_url: str, anchor: str, quoted: tuple[str, ...]) -> str:
    """Return the address of the original at the quote, or "" where a brief names no original that can be followed.

    quoted: the text of each block or cell that the quote stands in. Browsers scroll to what `:~:text=` says (WICG
    text fragments), and to the anchor where they do not know it or the original is worded otherwise.
    """
    if not web_url(source_url):
        return ""
    base = source_url.split("#")[0]
    own = source_url.partition("#")[2]
    fragment = percent(anchor, safe="") or own
    texts = [text.strip() for text in quoted if text.strip()]
    directive = f":~:text={_text_directive(texts)}" if texts else ""
    return f"{base}#{fragment}{directive}" if fragment or directive else base


def _text_directive(texts: list[str]) -> str:
    if len(texts) == 1 and len(texts[0]) <= _LONGEST_FRAGMENT:
        return _encoded(texts[0])
    first, last = _BREAKS.split(texts[0]), _BREAKS.split(texts[-1])
    return f"{_encoded(_some(first))},{_encoded(_some(last[::-1], backwards=True))}"


def _some(parts: list[str], backwards: bool = False) -> str:
    """Join parts from the front, or from the back, until they are enough to be found by."""
    joined = ""
    for part in parts:
        if len(joined) >= _FRAGMENT_END:
            break
        joined = part + joined if backwards else joined + part
    return joined.strip()


def _encoded(text: str) -> str:
    return percent(text, safe="").replace("-", "%2D")
