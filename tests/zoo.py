"""Files that are broken, each in a way of its own, and as many more as a test wants.

    for name, data in malformed(500).items():
        (corpus / name).write_bytes(data)

A build indexes none of them and says of each what is wrong. KINDS were made by hand; the others are those, mutated with
random bytes in a way that cannot mend them.
"""

from __future__ import annotations

import gzip
import random

GOOD = """---
title: 芯片出口政策
date: 2025-12-15
---

## 条件 {#conditions}

美国批准了H200的出口。
"""


def _front(lines: str, body: str = "Text.\n") -> bytes:
    return f"---\n{lines}\n---\n\n{body}".encode()


KINDS: dict[str, bytes] = {
    # Nothing to read.
    "empty": b"",
    "spaces": b"  \n\t\n \n",
    "byte order mark alone": b"\xef\xbb\xbf",
    "line feeds": b"\n" * 1_000,
    "heading alone": b"# A heading\n",
    "headings alone": b"# A\n\n## B\n\n### C\n",
    "front matter alone": _front("title: x", ""),
    "comment alone": b"<!-- nothing to see -->\n",
    "comment without end": b"<!-- nothing to see\n\nThe rest is in it.\n",
    "image alone": b"![A picture](picture.png)\n",
    "HTML alone": b"<div>All of the text is in a block of HTML.</div>\n",
    "script alone": b"<script>alert(1)</script>\n",
    "table of nothing": b"| | |\n|-|-|\n| | |\n",
    "rules alone": b"***\n\n***\n\n***\n",
    "definitions alone": b"[a]: /u\n[b]: /v\n",
    "zero width alone": "\u200b\u200b\n\n\u2060\n".encode(),
    "turns of direction alone": "\u202e\u202c\n".encode(),
    "quotes of nothing": b"> > >\n",
    "items of nothing": b"- \n- \n-\n",
    "attributes alone": b"{#a}\n\n{.b}\n",
    # Not text.
    "NUL": b"# A\n\nText\0 with NUL.\n",
    "UTF-16 with mark": GOOD.encode("utf-16"),
    "UTF-16 little": GOOD.encode("utf-16-le"),
    "UTF-16 big": GOOD.encode("utf-16-be"),
    "UTF-32": GOOD.encode("utf-32"),
    "Latin-1": "Le café est fermé à l'été.\n".encode("latin-1"),
    "Windows-1251": "Экспорт чипов запрещён.\n".encode("cp1251"),
    "Shift JIS": "半導体の輸出は、きんしされている。\n".encode("shift_jis"),
    "EUC-KR": "반도체 수출은 금지되어 있다.\n".encode("euc_kr"),
    "surrogate": b"# A\n\n\xed\xa0\x80 half a character\n",
    "overlong": b"# A\n\n..\xc0\xafetc\n",
    "beyond Unicode": b"# A\n\n\xf4\x90\x80\x80\n",
    "cut character": "芯片出口".encode()[:-1],
    "continuation": b"# A\n\n\x80\x81\x82\n",
    "PNG": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1",
    "PDF": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n",
    "gzip": gzip.compress(GOOD.encode(), mtime=0),
    "ELF": b"\x7fELF\x02\x01\x01\0\0\0\0\0",
    "ZIP": b"PK\3\4\x14\0\x08\0\x08\0\xff\xfe",
    "all bytes": bytes(range(256)),
    # Front matter.
    "front matter without end": b"---\ntitle: x\n\nThe text follows, but nothing closes the front matter.\n",
    "tab in front matter": _front("title: x\n\tcategory: y"),
    "colon in a value": _front("title: a: b: c"),
    "quote without end": _front('title: "x'),
    "list without end": _front("tags: [a, b"),
    "mapping without end": _front("title: {a: b"),
    "bracket too many": _front("tags: [a]]"),
    "indentation": _front("title: x\n  category: y\n date: z"),
    "at sign": _front("title: @x"),
    "backtick": _front("title: `x`"),
    "percent": _front("title: x\n%YAML 9.9"),
    "alias of nothing": _front("title: *nothing"),
    "anchor without a name": _front("title: & x"),
    "two documents": _front("title: x\n--- !!map\ntitle: y", "Text.\n").replace(b"--- !!map", b"--- |"),
    "control character": _front("title: x\x01y"),
    "escape of a surrogate": _front('title: "\\uD800"'),
    "escape of nothing": _front('title: "\\q"'),
    "escape beyond Unicode": _front('title: "\\U0011FFFF"'),
    "list for a mapping": _front("- title: x"),
    "scalar for a mapping": _front("title"),
    "number for a mapping": _front("42"),
    "nested lists": _front("a: " + "[" * 5_000),
    "nested mappings": _front("a: " + "{a: " * 5_000),
    "nested items": _front("a:\n" + "- " * 5_000 + "b"),
    "long front matter": _front("title: " + "x" * 70_000),
    "tag without end": _front("title: !<x"),
    "question marks": _front("? " * 5_000),
    # Too much.
    "too large": b"Text. " * 200_000,
    "too many items": b"- a\n" * 60_000,
    "too many cells": b"|a|b|\n|-|-|\n" + b"|c|d|\n" * 30_000,
    "too many columns": b"|" + b"a|" * 2_000 + b"\n|" + b"-|" * 2_000 + b"\n",
    "header too long": b"|" + b"a" * 5_000 + b"|\n|-|\n|b|\n",
    "too many sentences": "短。".encode() * 110_000,
    "too many marks": ("e" + "\u0301" * 100).encode(),
    "too many ligatures": ("\ufdfa" * 5_000).encode(),
    "quotes too deep": b">" * 1_000 + b" text\n",
    "lists too deep": b"- " * 1_000 + b"text\n",
}


def malformed(count: int, seed: int = 1) -> dict[str, bytes]:
    """Return so many broken files by their names, KINDS first."""
    chance = random.Random(seed)
    files = {f"broken/{kind}.md": data for kind, data in KINDS.items()}
    small = [(kind, data) for kind, data in KINDS.items() if len(data) < 20_000]
    while len(files) < count:
        kind, data = chance.choice(small)
        at = chance.randrange(len(data) + 1)
        noise = chance.randbytes(chance.randrange(1, 60))
        # A NUL is no text anywhere, whatever the noise makes of the rest.
        files[f"noise/{len(files)} {kind}.md"] = data[:at] + noise + b"\0" * chance.randrange(1, 3) + data[at:]
    return dict(list(files.items())[:count])
