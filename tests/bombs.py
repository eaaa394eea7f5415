"""Small programs that make large trouble: texts on which a parser of Markdown or YAML can be made to work for minutes.

Each was measured with the parsers in use; the comment in a group says what it aims at. Sizes are those at which the
worst of their kind took more than a minute, or as near to the limit of a file as they come.
"""

from __future__ import annotations

MEGABYTE = 990_000


def filled(piece: str, size: int = MEGABYTE) -> str:
    """Return a piece as often as it fits into so many bytes."""
    return piece * (size // len(piece.encode()))


def _numbered(template: str, count: int) -> str:
    return "".join(template.replace("@", str(number)) for number in range(count))


BOMBS: dict[str, str] = {
    # One line that is the file: whatever is looked at for each character is looked at a million times.
    "a line of 5 MB": "word " * 1_000_000,
    "a line of 1 MB": filled("word "),
    "a word of 1 MB": filled("a"),
    "a line of Chinese": filled("芯片出口。"),
    "a line of Chinese without a stop": filled("芯片出口，"),
    "one grapheme": "e" + filled("\u0301"),
    "joiners": filled("\u200d") + "a",
    "turns of direction": filled("\u202e") + "a",
    "expanding characters": filled("\ufdfa"),
    # Containers in containers: recursion, and each line is looked at once for each level.
    "nested quotes": ">" * 10_000 + " text",
    "nested quotes with spaces": "> " * 10_000 + " text",
    "nested quotes, many lines": "\n".join(">" * 10_000 + " t" for _ in range(50)),
    "quotes of the deepest level": filled("> " * 55 + "t\n"),
    "quotes that deepen": "\n".join(">" * depth + " t" for depth in range(1_300)),
    "a quote that goes on lazily": "> a\n" + filled("b\n"),
    "nested lists": "\n".join("  " * depth + "- a" for depth in range(950)),
    "nested lists on a line": "- " * 10_000 + "a",
    "lists of the deepest level": filled("- " * 25 + "t\n"),
    "list items": filled("- a\n"),
    "numbered items": filled("1. a\n"),
    "a loose list": filled("- a\n\n"),
    "lists that come and go": filled("- a\n" + "  - b\n" * 3),
    # Brackets: the end of each is looked for.
    "brackets": filled("["),
    "brackets of images": filled("!["),
    "links without a text": filled("[]("),
    "images that are never closed": filled("![]("),
    "links that are never closed": filled('[a](b "'),
    "links with a title": filled("[x](y 'z"),
    "brackets in pairs": "[" * 20_000 + "]" * 20_000,
    "links in links": "[" * 3_000 + "a" + "](b)" * 3_000,
    "images in images": "![" * 3_000 + "a" + "](b)" * 3_000,
    "images in links": filled("[![x](y)](z)"),
    "parentheses in an address": "[a](" + "(" * 50_000 + ")" * 50_000,
    # Emphasis: each marker may belong to every other.
    "emphasis that crosses": filled("*a_"),
    "emphasis that opens": filled("*a **b "),
    "emphasis that closes": filled("a** *b "),
    "emphasis inside words": filled("a**b"),
    "emphasis of many stars": "".join("a" + "*" * length for length in range(1, 1_300)),
    "emphasis in emphasis": "*" * 10_000 + "a" + "*" * 10_000,
    "emphasis beside Chinese": filled("*芯_片"),
    "strikes": filled("~~a"),
    # Runs: the end of each is looked for.
    "backticks that grow": "".join("a" + "`" * length for length in range(1, 1_300)),
    "backticks that shrink": "".join("a" + "`" * length for length in range(1_300, 0, -1)),
    "angle brackets": filled("<"),
    "tags that are never closed": filled("<a "),
    "a tag of 1 MB": '<a b="' + filled("x"),
    "comments that are never closed": filled("x <!-- "),
    "a comment block that is never closed": "a\n\n<!--\n" + filled("b\n"),
    "instructions that are never closed": filled("x <?"),
    "CDATA that is never closed": filled("x <![CDATA["),
    "addresses that are never closed": filled("x <a@"),
    "entities": filled("&amp;"),
    "ampersands": filled("&"),
    "numeric entities": filled("&#x"),
    "escapes": filled("\\*"),
    # Definitions: kept, and put in for each reference.
    "definitions": _numbered("[r@]: /u@\n", 50_000),
    "definitions of one name": filled("[a]: /u\n"),
    "definitions that are never closed": filled("[a\n"),
    "definitions whose title is never closed": filled("[a]: /u 'x\n"),
    "a label of many lines": "[" + filled("a\n") + "]: /u",
    "a long address referred to often": "[a]: http://a.b/" + "u" * 50_000 + "\n\n" + "[a] " * 20_000,
    # Tables.
    "a table of 5,000 columns": "|" + "a|" * 5_000 + "\n|" + "-|" * 5_000 + "\n" + ("|" + "b|" * 5_000 + "\n") * 3,
    "5,000 columns and short rows": "|" + "a|" * 5_000 + "\n|" + "-|" * 5_000 + "\n" + "|b|\n" * 1_000,
    "a table of 100,000 rows": "|a|b|\n|-|-|\n" + "|c|d|\n" * 100_000,
    "tables without rows": filled("|a|b|\n|-|-|\n\n"),
    "rows without a table": filled("|a|b|\n"),
    "rules of tables": filled("|-|-|\n"),
    "a header that each row repeats": "|" + "h" * 500_000 + "|\n|-|\n" + "|b|\n" * 16_000,
    # Headings, and what is kept with each sentence below them.
    "headings": filled("# a\n"),
    "headings of one name": filled("# a\n\nb\n\n"),
    "headings of one anchor": filled("# a {#x}\n\nb\n\n"),
    "a heading that each sentence repeats": "# " + "h" * 500_000 + "\n\n" + "芯。" * 80_000,
    "a path of long headings": "".join("#" * n + " " + "h" * 20_000 + "\n\n" for n in range(1, 7)) + "芯。" * 140_000,
    "a paragraph underlined in the end": filled("a\n") + "===\n",
    "setext headings": filled("a\n=\n"),
    "rules": filled("---\n"),
    "braces": "# a " + filled("{a=b ") + "}\n\nb",
    "braces in pairs": "# a " + filled("{#b}") + "\n\nb",
    "attributes": filled("{#a}\n") + "b",
    "marks that Unicode puts in order": "# a" + "\u0301\u0323" * 200_000 + "\n\nb",
    # Blocks.
    "fences": filled("```\n"),
    "fences that are never closed": filled("```a\n\n````b\n\n"),
    "lines of code": "```\n" + filled("x\n") + "```",
    "indented code": filled("    a\n"),
    "HTML blocks": filled("<div>\n\n"),
    "an HTML block of angle brackets": "<div>" + filled("<") + "\n\na",
    "empty lines": filled("\n") + "a",
    "spaces": filled(" ") + "a",
    "tabs": filled("\t") + "a",
    "carriage returns": filled("a\r"),
    "line breaks on purpose": filled("a  \n"),
    "short paragraphs": filled("芯。\n\n"),
    # Sentences: where one ends depends on what stands around.
    "stops": filled("."),
    "stops that end nothing": filled("...") + " y",
    "stops with spaces": filled(". "),
    "stops, then spaces": "!" * 400_000 + " " * 400_000 + "y",
    "stops and quotes": filled("a.' b"),
    "stops and closing quotes": "。" + filled("”"),
    "initials": filled("U.S."),
    "initials beside Chinese": filled("a.芯"),
    "brackets around sentences": filled("(a. "),
    "brackets in brackets": "(" * 60_000 + "a." + ")" * 60_000,
    "short sentences": filled("芯。"),
    # Front matter.
    "YAML aliases": "---\na: &a [x]\n" + _numbered("b@: &b@ [*a,*a,*a]\n", 2_000) + "---\n\nb",
    "a billion laughs": "---\na0: &a0 lol\n"
    + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10))
    + "title: *a9\n---\n\nb",
    "YAML lists in lists": "---\na: " + "[" * 30_000 + "]" * 30_000 + "\n---\n\nb",
    "YAML mappings in mappings": "---\na: " + "{a: " * 15_000 + "\n---\n\nb",
    "YAML items in items": "---\na:\n" + "- " * 30_000 + "b\n---\n\nb",
    "YAML keys in keys": "---\n" + "? " * 30_000 + "\n---\n\nb",
    "a YAML value of 1 MB": "---\ntitle: " + filled("x") + "\n---\n\nb",
    "a title of 60 KB": "---\ntitle: " + "x" * 60_000 + "\n---\n\n" + "芯。" * 150_000,
    "tags without end": "---\ntags: [" + "a," * 30_000 + "]\n---\n\nb",
    "a date of digits": "---\ndate: " + "2" * 60_000 + "\n---\n\nb",
    "a date of spaces": "---\ndate: 2025" + " " * 60_000 + "x\n---\n\nb",
    "front matter upon front matter": filled("---\n"),
    "front matter without end": "---\n" + filled("a: b\n"),
}
