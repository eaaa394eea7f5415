"""The words of the interface: each is there in both languages, is used, and is said with the same facts."""

from __future__ import annotations

import ast
import re
from collections import Counter
from dataclasses import asdict, fields
from pathlib import Path
from string import Formatter

import pytest

import briefqa.ui
from briefqa.ui.frame import _SAID_BY_SCRIPTS
from briefqa.ui.strings import CHINESE, ENGLISH, LANGUAGES, Strings, choose, translations

PACKAGE = Path(briefqa.ui.__file__).parent
NAMES = {field.name for field in fields(Strings)}
# Names that are put together: f"state_{…}" of what turn_state returns.
STATES = {"reading", "writing", "quoted", "worded", "unworded", "refused", "stopped", "failed"}


def placeholders(words: str) -> Counter[str]:
    return Counter(name for _, name, _, _ in Formatter().parse(words) if name is not None)


def used_names() -> set[str]:
    """Return the names of strings that the code asks for: as an attribute of strings, or as text where getattr does."""
    used: set[str] = set()
    for path in PACKAGE.glob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("strings", "chosen(request)"):
                used.add(node.attr)
            elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("i18n", "UploadError"):
                used |= {arg.value for arg in node.args[-1:] if isinstance(arg, ast.Constant)}
        if "getattr(strings, self._words)" in path.read_text("utf-8"):  # names of words pass through variables
            used |= {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and node.value in NAMES}
    return used


def test_every_string_is_there_in_both_languages() -> None:
    for strings in LANGUAGES.values():
        assert all(getattr(strings, name).strip() for name in NAMES)
    assert all(set(words) == NAMES for words in translations().values())
    assert [field.name for field in fields(Strings)] == ["language", *sorted(NAMES - {"language"})]


@pytest.mark.parametrize("name", sorted(NAMES))
def test_both_languages_are_filled_in_with_the_same_facts(name: str) -> None:
    assert placeholders(asdict(ENGLISH)[name]) == placeholders(asdict(CHINESE)[name])


def test_every_string_is_used_and_every_name_that_is_used_is_a_string() -> None:
    turns = (PACKAGE / "turns.py").read_text("utf-8")
    assert 'getattr(strings, f"state_{state}")' in turns
    returned = turns[turns.index("def turn_state") : turns.index("def render_welcome")]
    assert set(re.findall(r'"(\w+)"', returned)) == STATES | {"done"}
    used = used_names() | set(_SAID_BY_SCRIPTS) | {f"state_{state}" for state in STATES}
    assert used == NAMES


def test_what_scripts_say_is_handed_to_them_and_nothing_else_is() -> None:
    said: set[str] = set()
    for path in (PACKAGE / "scripts").glob("*.js"):
        text = path.read_text("utf-8")
        said |= set(re.findall(r'said\("(\w+)"\)', text))
        for listed in re.findall(r"said\(\{(.*?)\}", text):
            said |= set(re.findall(r'"(\w+)"', listed))
    handed = {re.sub(r"_(\w)", lambda letter: letter[1].upper(), name) for name in _SAID_BY_SCRIPTS}
    assert said == handed | {"generation", "language"}


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
