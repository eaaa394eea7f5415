"""English as the dictionary writes it: glosses to words, irregular forms to regular stems.

regular("bought")                               # "buy"
gloss_words("to forbid an export")              # ["forbid", "an", "export"]
"""

from __future__ import annotations

import re

from briefqa.lexicon.languages import FUNCTION_WORDS
from briefqa.lexicon.terms import stem

_IRREGULAR = """arise arose arisen|awake awoke awoken|bear bore born borne|beat beaten|become became|begin began begun|
bend bent|bet|bind bound|bite bit bitten|blow blew blown|break broke broken|breed bred|bring brought|build built|
burn burnt|buy bought|catch caught|choose chose chosen|come came|creep crept|deal dealt|dig dug|draw drew drawn|
dream dreamt|drink drank drunk|drive drove driven|eat ate eaten|fall fell fallen|feed fed|feel felt|fight fought|
find found|flee fled|fly flew flown|forbid forbade forbidden|forget forgot forgotten|forgive forgave forgiven|
freeze froze frozen|give gave given|go went gone|grow grew grown|hang hung|hear heard|hide hid hidden|hold held|
keep kept|kneel knelt|know knew known|lay laid|lead led|lean leant|learn learnt|leave left|lend lent|lie lain|
light lit|lose lost|make made|mean meant|meet met|pay paid|prove proven|ride rode ridden|ring rang rung|
rise rose risen|run ran|say said|see saw seen|seek sought|sell sold|send sent|shake shook shaken|shine shone|
shoot shot|show shown|shrink shrank shrunk|sing sang sung|sink sank sunk|sit sat|sleep slept|slide slid|smell smelt|
speak spoke spoken|speed sped|spend spent|spin spun|split|spread|spring sprang sprung|stand stood|steal stole stolen|
stick stuck|sting stung|strike struck|strive strove striven|swear swore sworn|sweep swept|swim swam swum|
swing swung|take took taken|teach taught|tear tore torn|tell told|think thought|throw threw thrown|
understand understood|undertake undertook undertaken|wake woke woken|wear wore worn|weave wove woven|weep wept|
win won|wind wound|withdraw withdrew withdrawn|withhold withheld|write wrote written|
man men|woman women|child children|person people|foot feet|tooth teeth|goose geese|mouse mice|ox oxen|life lives|
wife wives|half halves|leaf leaves|thief thieves|knife knives|wolf wolves|shelf shelves|criterion criteria|
phenomenon phenomena|datum data|analysis analyses|crisis crises|basis bases|hypothesis hypotheses|index indices|
good better best|bad worse worst|far farther farthest""".replace("\n", "")
_REGULAR = {form: base for base, *forms in (group.split() for group in _IRREGULAR.split("|")) for form in forms}

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_HAN = re.compile("[\u2e80-\uffff]")
LONGEST_GLOSS = 4  # words; longer ones explain and do not translate
_LEADING = ("to", "a", "an", "the", "be")
_NO_TRANSLATION = re.compile(
    r"^\s*(?:CL:|see |used in|used to|abbr\.|variant of|old variant|erhua variant|Japanese variant|surname "
    r"|also written|also pr\.|same as|equivalent to|\(?\d)",
)


def regular(word: str) -> str:
    """Return the stem of a folded English word, an irregular form as that of its base."""
    return stem(_REGULAR.get(word, word))


def gloss_words(gloss: str) -> list[str]:
    """Return the words of a dictionary's gloss, or none if it explains and does not translate."""
    if _HAN.search(gloss) or _NO_TRANSLATION.search(gloss):
        return []
    words = _WORD.findall(gloss.casefold())
    while len(words) > 1 and words[0] in _LEADING:
        del words[0]
    if len(words) > LONGEST_GLOSS or (len(words) == 1 and words[0] in FUNCTION_WORDS["en"]):
        return []
    return words
