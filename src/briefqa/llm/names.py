"""Names and quotations in a sentence that stand in none of its sources.

    missing_names("Intel won, as 《芯片战争》 says.", "AMD won the case.", lexicon)     # ["芯片战争", "Intel"]
    quotations("He called it “a new model”.")                                        # [(14, 25)]

Names are codes (H200), words with a capital, Chinese names that the dictionary knows, and titles in 《》. What cannot
be told is let pass: a name in another script that the dictionary does not translate, a capital that a sentence or a
heading begins with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from briefqa.lexicon import Lexicon
from briefqa.lexicon.languages import FUNCTION_WORDS, guess_language
from briefqa.lexicon.numerals import take_numerals
from briefqa.writing import script_of

# Countries in their many forms, of which the dictionary knows some.
_COUNTRIES = [
    frozenset(forms.split("|"))
    for forms in (
        "us|usa|america|american|americans|united|states|washington|estadounidense|美国|美方|美政府|美企|白宫|华盛顿",
        "china|chinese|prc|beijing|中国|中方|中企|对华|在华|国内|国产|北京",
        "uk|britain|british|england|英国|英方",
        "eu|europe|european|europeans|欧盟|欧洲|欧方",
        "japan|japanese|日本|日方",
        "korea|korean|韩国|韩方",
        "russia|russian|俄罗斯|俄方",
        "france|french|法国|法方",
        "germany|german|德国|德方",
        "india|indian|印度|印方",
    )
]
_CODE = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{1,20}(?:-?\d{1,20}){1,5}[A-Za-z]?(?![A-Za-z0-9])")
_WORD = re.compile(r"[^\W\d_\u2e80-\uffff]{2,}")
_TITLES = re.compile("《([^《》]{2,80})》")
# Behind these a capital says nothing.
_BEGINNING = re.compile(r"(?:^|[.!?:;。！？：；“\"「『(（*–—…-])\s*$")
# A form of a name shares its letters, all but so many at the end, and at least so many: Taiwan, Taiwanese.
_ENDING = 3
_LEAST_SHARED = 4
# Where more of the words than this have capitals, a heading is meant.
_HEADING = 0.6
_QUOTATIONS = re.compile(
    '“[^“”]*(?:”|$)|「[^「」]*(?:」|$)|『[^『』]*(?:』|$)|«[^«»]*(?:»|$)|„[^„“”]*(?:[“”]|$)|"[^"]*(?:"|$)'
)


def missing_names(sentence: str, source: str, lexicon: Lexicon) -> list[str]:
    """Return the names of a sentence that its source does not have, as they are written."""
    terms = set(lexicon.terms(source))
    letters = only_letters(source, lexicon)
    words = {lexicon.tokenizer.fold(word) for word in _WORD.findall(source)}
    missing = [title for title in _TITLES.findall(sentence) if only_letters(title, lexicon) not in letters]
    for code in _CODE.findall(sentence):
        plain = re.sub(r"(?<=\d)s$", "", code)  # several H200s
        if only_letters(plain, lexicon) not in letters and not terms.issuperset(lexicon.terms(plain)):
            missing.append(code)
    same_script = script_of(sentence) == script_of(source)
    telling = _telling_capitals(sentence, lexicon)
    for name, options in lexicon.names(sentence):
        translated = len(options) > 1
        if _WORD.fullmatch(name) and not (translated or (same_script and name in telling)):
            continue
        if any(option and terms.issuperset(option) for option in options):
            continue
        if only_letters(name, lexicon) not in letters and not _has_form(lexicon.tokenizer.fold(name), words, letters):
            missing.append(name)
    return list(dict.fromkeys(missing))


def _telling_capitals(sentence: str, lexicon: Lexicon) -> set[str]:
    """Return the words whose capitals say that they are names: not at a beginning, in a heading or in German."""
    words = _WORD.findall(sentence)
    language = guess_language([lexicon.tokenizer.fold(word) for word in words])
    is_heading = len(words) > 3 and sum(word[0].isupper() for word in words) > _HEADING * len(words)
    found = set()
    for match in _WORD.finditer(sentence):
        word = match[0]
        several = sum(char.isupper() for char in word) > 1
        begins = _BEGINNING.search(sentence[max(0, match.start() - 4) : match.start()]) and script_of(word) == "latin"
        folded = lexicon.tokenizer.fold(word)
        if not word[0].isupper() or folded in FUNCTION_WORDS[language] or take_numerals(f"{folded} 1")[0] != ["1"]:
            continue
        if several or not (is_heading or language == "de" or begins):
            found.add(word)
    return found


def _has_form(name: str, words: Iterable[str], letters: str) -> bool:
    """Say whether a source of these words and letters has a folded name in another form: 美国 for America."""
    for forms in _COUNTRIES:
        if name in forms and any(form in words or (form in letters and not form.isascii()) for form in forms):
            return True
    shared = max(_LEAST_SHARED, len(name) - _ENDING)
    return any(word == name or (len(name) >= shared and word[:shared] == name[:shared]) for word in words)


def quotations(text: str) -> list[tuple[int, int]]:
    """Return the (start, end) of what stands in quotation marks, without the marks; one left open goes to the end."""
    found = []
    for match in _QUOTATIONS.finditer(text):
        closed = len(match[0]) > 1 and match[0][-1] in '”」』»“"'
        found.append((match.start() + 1, match.end() - closed))
    return found


def only_letters(text: str, lexicon: Lexicon) -> str:
    """Return the letters and digits of a text in one script and case: what two ways to write a quotation share."""
    return "".join(char for char in lexicon.tokenizer.fold(text) if char.isalnum())
