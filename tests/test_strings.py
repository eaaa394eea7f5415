"""The words of the interface: each is there in both languages, is used, and is said with the same facts."""

from __future__ import annotations

import re
from dataclasses import asdict, fields

import pytest

from briefqa.ui.strings import CHINESE, ENGLISH, LANGUAGES, Strings, choose, translations


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
