"""Characters that are not what they seem: names that look the same are the same, or their difference is told."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from conftest import BigramEncoder

import briefqa
from briefqa.articles import decode, list_articles, parse_article
from briefqa.errors import ArticleError
from briefqa.writing import MOST_MARKS, alike_letters, shown, stacks_marks

HIDDEN = {
    "zero width space": "\u200b",
    "word joiner": "\u2060",
    "byte order mark": "\ufeff",
    "soft hyphen": "\u00ad",
    "right to left override": "\u202e",
    "right to left mark": "\u200f",
    "isolate": "\u2066",
    "tag": "\U000e0041",
    "Arabic letter mark": "\u061c",
}
ACCENTED = unicodedata.normalize("NFD", "é")


@pytest.mark.parametrize("hidden", HIDDEN.values(), ids=HIDDEN)
def test_a_file_whose_name_hides_a_character_is_told_and_not_read(hidden: str, tmp_path: Path) -> None:
    (tmp_path / f"pol{hidden}icy.md").write_text("text", encoding="utf-8")
    (tmp_path / f"fol{hidden}der").mkdir()
    (tmp_path / f"fol{hidden}der" / "a.md").write_text("text", encoding="utf-8")
    (tmp_path / "policy.md").write_text("text", encoding="utf-8")
    files, problems = list_articles(tmp_path)
    assert [path.name for path in files] == ["policy.md"]
    assert [problem.message for problem in problems] == [
        "its name has characters that cannot be seen, or two lines: rename it"
    ] * 2


@pytest.mark.parametrize(
    "name", ["می\u200cخواهم.md", "क\u094d\u200dष.md", "👩\u200d💻.md", "é.md", "芯片（2025）.md", "ﬁle.md"]
)
def test_names_of_all_languages_are_read(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("text", encoding="utf-8")
    assert [path.name for path in list_articles(tmp_path)[0]] == [name] and list_articles(tmp_path)[1] == []


@pytest.mark.parametrize("hidden", HIDDEN.values(), ids=HIDDEN)
def test_an_anchor_a_tag_and_a_title_hide_nothing(hidden: str) -> None:
    text = (
        f"---\ntitle: Chip{hidden}s\ncategory: ne{hidden}ws\ntags: [chi{hidden}ps, chips]\n---\n\n"
        f"# One {{#ban{hidden}ned}}\n\nText.\n\n# Two {{#banned}}\n\nText.\n\n# Thr{hidden}ee\n\nText.\n"
    )
    article = parse_article(text, "a", "a.md")
    assert (article.title, article.category, article.tags) == ("Chips", "news", ("chips",))
    assert [section.anchor for section in article.sections] == ["banned", "banned-1", "three"]
    assert ["used twice" in problem.message for problem in article.warnings] == [True]


def test_composed_and_decomposed_names_are_one() -> None:
    text = f"---\ntags: [caf{ACCENTED}, café]\n---\n\n# A {{#caf{ACCENTED}}}\n\nText.\n\n# B {{#café}}\n\nText.\n"
    article = parse_article(text, "a", "a.md")
    assert article.tags == ("café",)
    assert [section.anchor for section in article.sections] == ["café", "café-1"]


def test_a_filter_finds_what_was_typed_in_either_form(tmp_path: Path, encoder: BigramEncoder) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / f"caf{ACCENTED}.md").write_text(
        f"---\ntags: [caf{ACCENTED}]\n---\n\nA lemon is sour.\n", encoding="utf-8"
    )
    briefqa.build(corpus, tmp_path / "index", encoder=encoder)
    with briefqa.open(tmp_path / "index", encoder) as qa:
        for form in ("café", f"caf{ACCENTED}"):
            for options in ({"tags": form}, {"articles": form}):
                assert [hit.article for hit in qa.retrieve("lemon", **options)] == ["café"]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("pоlicy", "pоlicy"),
        ("the Αpple of Europe", "Αpple"),
        ("раypal-fee", "раypal"),
        ("policy", ""),
        ("политика", ""),
        ("H200市场", ""),
        ("μm and Ωcm", ""),
        ("naïve café", ""),
        ("Цена H200", ""),
    ],
)
def test_a_word_of_two_scripts_that_look_alike_is_found(text: str, word: str) -> None:
    assert alike_letters(text) == word


def test_letters_that_imitate_others_are_told_in_names_anchors_titles_and_tags() -> None:
    text = "---\ntitle: Αpple\ntags: [Αpple]\n---\n\n# Heading {#pоlicy}\n\nText.\n"
    article = parse_article(text, "pоlicy", "pоlicy.md")
    assert [(problem.line, problem.message.split(" ")[0]) for problem in article.warnings] == [
        *((0, "its"), (2, "title"), (3, "tags"), (6, "the"))
    ]
    assert all("look alike" in problem.message for problem in article.warnings)


def test_marks_that_pile_up_are_refused_with_their_line() -> None:
    for piled in ("e" + "\u0301" * 40, "e" + "&#x301;" * 40, "\u0300\u0315" * 20):
        with pytest.raises(ArticleError, match=f"more than {MOST_MARKS} marks") as caught:
            parse_article(f"# A\n\nfirst line\n{piled}\n", "a", "a.md")
        assert caught.value.line in (3, 4)
    assert not stacks_marks("e" + "\u0301" * MOST_MARKS) and not stacks_marks("“”‘’—…·" * 100 + "，。" * 100)
    assert stacks_marks("\u0301" * (MOST_MARKS + 1))


def test_ligatures_of_many_characters_are_refused() -> None:
    with pytest.raises(ArticleError, match="stand for many others"):
        parse_article("\ufdfa" * 10_000, "a", "a.md")
    assert parse_article("قال \ufdfa: …", "a", "a.md").sections


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("# 芯片\n".encode("utf-16-le"), "NUL|empty|UTF-8"),
        ("# 芯片\n".encode("utf-16"), "UTF-16"),
        ("# A\n".encode("utf-16-be"), "NUL"),
        (b"# A\n\xed\xa0\x80\n", "byte 0xed is not UTF-8"),
        (b"# A\n\xc0\xaf\n", "not UTF-8"),
        (b"# A\n\xf4\x90\x80\x80\n", "not UTF-8"),
        (b"\xef\xbb\xbf", "empty"),
        (b"# A\0\n", "NUL"),
        ("半導体の輸出は、きんしされている。\n".encode("shift_jis"), "not UTF-8"),
        ("日本の半導体メーカーは、先端装置の輸出を制限しています。\n".encode("euc_jp"), "not UTF-8"),
        ("반도체 수출은 금지되어 있다. 기업들은 허가를 받아야 한다.\n".encode("euc_kr"), "not UTF-8"),
        ("晶片出口須經美國政府批准，企業應繳納四分之一的銷售額。\n".encode("big5"), "not UTF-8"),
    ],
)
def test_bytes_that_are_no_text_are_an_article_error(data: bytes, words: str) -> None:
    with pytest.raises(ArticleError, match=words):
        decode(data)


def test_what_is_shown_of_a_name_is_stable_and_seen() -> None:
    for name in ("e\u0301", "a\u200bb", "می\u200cخواهم", "\u202eevil", "芯片"):
        assert shown(shown(name)) == shown(name)
    assert shown("می\u200cخواهم") == "می\u200cخواهم"
