"""Whether a question leans on what was said before it, told by its own words.

    find_leaning("那H20呢？", lexicon)                    # Leaning("names", "H20")
    find_leaning("它什么时候发布的？", lexicon)            # Leaning("points")
    find_leaning("寒武纪是什么时候上市的？", lexicon)      # None: it is complete

What counts is what the question names, where its first pronoun stands, and how many words are left when those and the
words that only ask are taken away. In doubt it is complete: of 3,500 questions that were written to stand alone .4 %
are taken to lean, all of which speak of 该公司 or "this committee" as if it had been named.

| kind | question |
|---|---|
| names  | 那H20呢？, and what about the H20?, ¿y el H20?, H20は？ |
| points | 它什么时候发布的？, which of them is listed?, who makes it? |
| asks   | 为什么？, how much?, 有什么条件？, ¿cuándo se anunció? |
| more   | 还有呢？, what else? |
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from briefqa.lexicon import Lexicon
from briefqa.lexicon.languages import CHINESE_FUNCTION_WORDS, FUNCTION_WORDS, guess_language
from briefqa.writing import has_han

# Words with which a question still leans: where a pronoun comes before them all, where one comes later ("who makes
# it?"), and where there is none ("how fast?"). With more of them it can be answered by itself.
_POINTING = 5
_POINTING_LATE = 2
_ASKING = 1
# Words of another thing's name ("and the Institute for Progress?"); what is longer is a question of its own.
_NAMING = 3


@dataclass(frozen=True, slots=True)
class Leaning:
    """How a question leans on the one before. thing: what it names in its place, as written."""

    kind: Literal["names", "points", "asks", "more"]
    thing: str = ""


def find_leaning(question: str, lexicon: Lexicon) -> Leaning | None:
    """Say how the question leans on what was said before; None for one that is complete."""
    said = question.strip(_AROUND)
    if _MORE.fullmatch(lexicon.tokenizer.fold(said)):
        return Leaning("more")
    about = next(filter(None, (pattern.fullmatch(said) for pattern in _WHAT_ABOUT)), None)
    if about:
        thing = about["thing"].strip(_AROUND)
        words = _Words.of(thing, lexicon)
        if not words.asks and not words.points and words.content:
            return Leaning("names", _without_articles(thing, lexicon)) if words.content <= _NAMING else None
        said = thing  # 那它为什么…, and why…: behind the "and" stands a question
    words = _Words.of(said, lexicon)
    if words.points:
        most = _POINTING_LATE if words.before else _POINTING
        leans = words.content <= most and not words.dummy and not (words.before and words.names)
        return Leaning("points") if leans else None
    asks = words.asks or about or not words.content
    leans = asks and words.content <= _ASKING and not words.names and not words.defines
    return Leaning("asks") if leans else None


def is_function_word(word: str) -> bool:
    """Say whether a folded word only holds sentences together or asks, in any of the languages that are known."""
    return word in _FUNCTION_WORDS or word in _CHINESE_FILLERS


def _without_articles(thing: str, lexicon: Lexicon) -> str:
    words = thing.split(" ")
    while len(words) > 1 and is_function_word(lexicon.tokenizer.fold(words[0])):
        words = words[1:]
    return " ".join(words)


@dataclass(frozen=True, slots=True)
class _Words:
    """The words of a question, counted.

    content: those that neither point nor ask nor hold the sentence together; before: of these, those before the first
    pronoun. names: some are names, codes or numbers. points: there is a pronoun. asks: there is a word that asks.
    dummy: the pronoun stands for what follows it ("is it legal to…"). defines: it is asked what a word means.
    """

    content: int
    before: int
    names: bool
    points: bool
    asks: bool
    dummy: bool = False
    defines: bool = False

    @classmethod
    def of(cls, text: str, lexicon: Lexicon) -> _Words:
        if _KANA.search(text):
            return cls._of_japanese(lexicon.tokenizer.fold(text))
        if has_han(text):
            return cls._of_chinese(lexicon.tokenizer.fold(text), lexicon)
        return cls._of_spaced(text, lexicon)

    @classmethod
    def _of_chinese(cls, text: str, lexicon: Lexicon) -> _Words:
        before, *after = (list(_chinese_content(part, lexicon)) for part in _CHINESE_POINTER.split(text))
        content = [*before, *(word for part in after for word in part)]
        return cls(
            content=len(content),
            before=len(before),
            names=any(name for _, name in content),
            points=bool(after),
            asks=bool(_CHINESE_ASKS.search(text)),
            defines=bool(_CHINESE_DEFINES.search(text)) and _RELATIONS.isdisjoint(word for word, _ in content),
        )

    @classmethod
    def _of_japanese(cls, text: str) -> _Words:
        before, *after = (list(_JAPANESE_CONTENT.finditer(part)) for part in _JAPANESE_POINTER.split(text))
        content = [*before, *(match for part in after for match in part)]
        return cls(
            content=len(content),
            before=len(before),
            names=any(match["name"] or len(match[0]) > 3 for match in content),
            points=bool(after),
            asks=bool(_JAPANESE_ASKS.search(text)),
            defines=bool(_JAPANESE_DEFINES.search(text)),
        )

    @classmethod
    def _of_spaced(cls, text: str, lexicon: Lexicon) -> _Words:
        written = _SPACED_WORD.findall(text)
        words = [lexicon.tokenizer.fold(word) for word in written]
        folded = " ".join(words)
        language = guess_language(words)
        pointers = _POINTERS.get(language, frozenset()).intersection(_NO_POINTER.sub(" ", folded).split())
        ignored = FUNCTION_WORDS[language] | _FILLERS | _ASKING_WORDS
        places = [place for place, word in enumerate(words) if word not in ignored and word not in pointers]
        first = next((place for place, word in enumerate(words) if word in pointers), len(words))
        # In German every noun has a capital, in every language the first word of a question.
        capitals = {place for place in places if place and language != "de" and written[place][0].isupper()}
        return cls(
            content=len(places),
            before=sum(place < first for place in places),
            names=bool(capitals) or any(char.isdigit() for place in places for char in words[place]),
            points=bool(pointers),
            asks=not _ASKING_WORDS.isdisjoint(words) or words[:1] in _AUXILIARIES,
            dummy=bool(_DUMMY.search(folded)),
            defines=bool(_DEFINES.fullmatch(folded)),
        )


def _chinese_content(text: str, lexicon: Lexicon) -> Iterator[tuple[str, bool]]:
    """Yield the words of content in folded text, and of each whether it is a name."""
    for match in _CHINESE_RUN.finditer(_CHINESE_PHRASES.sub(" ", text)):
        if not has_han(match[0]):
            yield match[0], True
            continue
        unknown = ""
        for word in [*lexicon.words(match[0]), ""]:
            if len(word) == 1 and word not in _CHINESE_FILLERS:
                unknown += word
                continue
            if unknown:  # two characters or more that no dictionary has are a name: 昇腾
                yield unknown, len(unknown) > 1
                unknown = ""
            if word and word not in _CHINESE_FILLERS and word not in CHINESE_FUNCTION_WORDS:
                yield word, lexicon.is_name(word) or (len(word) > 2 and word not in _RELATIONS)


# What stands around a question and is no part of it.
_AROUND = " \t\r\n\u3000¿¡?？!！.。…،؟;；:：,，、\"'“”‘’「」—-"
_KANA = re.compile("[\u3041-\u30ff]")

# All of a folded question that asks for more of the same, by language.
_MORE = re.compile(
    r"(?:那么?)?(?:还有|然后|接着|其[他它]的?|别的|更多|继续|再?(?:详细|具体)(?:说说|一点|一些|点)?|多说一?点)"
    r"(?:呢|吗|其[他它]的?|别的|哪些|什么)*"
    r"|(?:and )?(?:(?:what|anything|something|who|where) else(?: is there)?|then|(?:any |tell me |some )?more"
    r"(?: details| information| please)?)|go on|continue"
    r"|(?:y )?(?:(?:algo|que) )?mas(?: detalles)?|(?:et )?(?:quoi d.autre|autre chose|encore)|plus de details"
    r"|(?:und )?(?:was|sonst|wer) noch(?: etwas)?|noch (?:etwas|mehr)|mehr|weiter|(?:а )?(?:(?:что|кто) )?еще|подробнее"
    r"|(?:e )?(?:(?:che|cos).?)?altro|(?:e )?(?:o )?(?:que )?mais|و?ماذا ايضا|المزيد|و?ماذا بعد"
    r"|(?:他|ほか)に(?:は|も)?(?:何か|ありますか)*|もっと(?:詳しく)?|それから"
)
_SO = "(?:那么|那麼|那(?![个個款家些种種位项項时時])|还有|還有|至于|至於|而|换成|換成|如果(?:是|换成)?|要是|再看)"
_AND = r"(?:(?:and|but|or|so|then|now|well|ok(?:ay)?),?\s+)"
# All of a question that names another thing than the one before, as written.
_WHAT_ABOUT = [
    re.compile(pattern.replace("THING", "(?P<thing>.+?)"), re.IGNORECASE)
    for pattern in (
        rf"{_SO}*THING的?(?:呢|又如何|又怎么样|又怎麼樣|也(?:是|一样|一樣)[吗嗎])",
        rf"{_SO}+THING(?:怎么样|怎麼樣|如何|行[吗嗎]|可以[吗嗎])?",
        r"(?:(?:では|じゃあ?|それでは|それなら|で)[、 ]*)?(?P<thing>[^はがをにでへとも、の ]{1,16}?)"
        r"(?:については|の場合は|は|はどう(?:(?:です|でしょう)か)?)",
        rf"{_AND}*(?:what|how)\s+(?:about|of)\s+THING",
        rf"{_AND}*(?:and|or|but|versus|vs\.?|compared\s+(?:with|to)|same\s+for|so|then)\s+(?:for\s+)?THING"
        r"(?:\s+(?:too|as\s+well|then))?",
        r"(?:(?:y|e|pero)\s+)?qu[eé]\s+(?:hay\s+de|pasa\s+con|tal)\s+THING",
        r"(?:(?:et|mais)\s+)?qu['’]en\s+est-il\s+(?:de|du|des|d['’])\s*THING",
        r"(?:(?:und|aber)\s+)?(?:was\s+ist\s+mit|wie\s+(?:steht|sieht)\s+es\s+mit)\s+THING(?:\s+aus)?",
        r"(?:(?:а|и|но)\s+)?(?:что\s+насч[её]т|как\s+насч[её]т|как\s+же)\s+THING",
        r"و?\s*(?:ماذا|ما)\s+(?:عن|بشأن)\s+THING",
        r"(?:y|e|o|pero|et|ou|mais|und|aber|oder|а|и|но)\s+THING",
        r"و\s*(?P<thing>(?:[A-Za-z0-9]|ال).*|لماذا|متى|كيف|كم|أين|من|ما .*)",
        r"(?:그럼|그러면)?\s*(?P<thing>\S+?)(?:은요|는요)",
    )
]

# Chinese, folded.
_CHINESE_POINTER = re.compile(
    "[它他她]们?|其中|其(?![他它实余次])|这(?![么次])[些个款家种位项件份篇样里]?|那[些个款家种位项件份时里]"
    "|(?<![应本])该(?![怎如不用去选由何买做])|(?<![因如彼])此[事举前后]|[前后]者|两者|双方|对方"
)
_CHINESE_PHRASES = re.compile("哪[些个家款种位年天里儿]|有没有|是不是|能不能|会不会|^有")
_CHINESE_RUN = re.compile("[\u3400-\u9fff]+|[^\\W_\u3400-\u9fff]+")
_CHINESE_ASKS = re.compile("什么|哪|谁|怎|如何|为何|多少|多[大久长高快远重]|几|吗|是否|有没有|.不.|能否|可否|何时")
_CHINESE_FILLERS = frozenset(
    """哪 谁 多 几 何 吗 呢 吧 啊 呀 了 的 地 得 着 过 是 有 在 和 与 及 或 也 还 都 就 才 又 再 会 能 要 想 被
    把 让 给 向 对 从 由 为 以 于 到 来 去 用 做 说 那 么 请 问 年 月 日 个 家 款 种 位 次 倍 元 钱 第 最 更 很
    不 没 一 二 两 三 呗 嘛 所 之 而 但 则 多大 多久 多长 多高 多快 那么 这样 那样 还是 一下 具体 详细 到底
    究竟 其实 目前 现在 后来 另外 此外 更多 其他 其它 不会 不能 不行 多少钱 的话 只有""".split()
)
# What a chip is can be asked out of the blue; the reason, the price or the result are those of something.
_CHINESE_DEFINES = re.compile("^什么(?:是|叫)|是什么(?:意思|东西)?$|是谁$|^谁是|什么意思$")
_RELATIONS = frozenset(
    """原因 理由 目的 结论 结果 后果 影响 条件 价格 售价 成本 内容 背景 意义 优势 劣势 特点 区别 差别 差距 依据
    来源 作用 用途 名字 名称 标准 规格 时间 日期 地点 进展 反应 态度 立场 措施 办法 方式 风险 问题 好处 短板
    缺点 前景""".split()
)

# Japanese, folded. Words of content are in ideographs or katakana; some ideographs only ask or count.
_JAPANESE_POINTER = re.compile("それ|これ|あれ|その|この|あの|そこ|ここ|彼女?ら?|両者|同社|同氏")
_JAPANESE_CONTENT = re.compile(
    "(?![何誰今他方事時出言使])(?![年月日個社人倍回][はがをにでのか])"
    "(?:(?P<name>[\u30a1-\u30ff]{2,}|[^\\W_\u3041-\u30ff\u3400-\u9fff]+)|[\u3400-\u9fff]+)"
)
_JAPANESE_ASKS = re.compile("か$|なぜ|どうして|いつ|どこ|だれ|誰|何|いくら|いくつ|ど[のれう]|どんな|は$")
_JAPANESE_DEFINES = re.compile("とは|って何|は何(?:です|でしょう)?か?$")

# Languages with spaces between words, folded.
_SPACED_WORD = re.compile(r"[^\W_]+")
_POINTERS = {
    language: frozenset(words.split())
    for language, words in {
        "en": "it its they them their theirs this that these those he him his she her hers",
        "es": "esto eso ese esa esos esas este estos ello ellos ellas su sus lo",
        "fr": "il ils elle elles ce cela ca cet cette ces celui celle ceux celles sa ses leur leurs lui eux",
        "de": """er sie es ihn ihm ihr ihre ihren ihrer ihrem seine seinen seiner seinem dies diese dieser diesem diesen
            dieses deren dessen denen davon dazu damit daran dafur darin""",
        "pt": "ele ela eles elas isso isto esse essa este seu sua seus suas dele dela deles delas",
        "it": "esso essa essi lui loro questo questa questi queste quello quella quelli quelle suo sua suoi sue",
        "ru": "он она оно они его ее им их них нем ним неи ней это этот эта эти этого этои этому этим этих",
        "ar": "هذا هذه ذلك تلك هؤلاء هو هي هم عنه عنها منه منها منهم فيه فيها له لها لهم به بها عليه عليها اليه اليها",
    }.items()
}
# Where they point at nothing.
_NO_POINTER = re.compile(
    r"\b(?:this (?:year|month|week|morning)|these days|lo que|est ce qu[ei]?|qu est ce|c est|il y a|y a t il|gibt es"
    r"|gab es|(?:ما|من|اي) (?:هو|هي|هم))\b"
)
_DUMMY = re.compile(r"\bit (?:rain|snow|(?:\w+ ){1,2}(?:that|to|for)\b.* \w+ \w+)")
_ASKING_WORDS = frozenset(
    """what which who whom whose when where why how
    que cual cuales quien quienes cuando donde cuanto cuanta cuantos cuantas como
    quel quelle quels quelles qui quoi quand comment pourquoi combien
    was wer wen wem welche welcher welches welchen wann wo warum wieso weshalb wie wieviel wieviele
    quanto quanta quanti quante quantos quantas quale quali quando dove perche porque qual quais onde
    что кто какои какая какие какое какую каких когда где куда почему зачем сколько как
    ما ماذا من متى اين كيف كم لماذا هل اي 왜 언제 어디 누가 얼마""".split()
)
_AUXILIARIES = [[word] for word in "is are was were do does did can could will would has have had should may".split()]
_FILLERS = frozenset(
    """much many long far often ago exactly really actually please again already still ok okay too also ones so
    exactamente exactement genau eigentlich denn auch именно""".split()
)
_DEFINES = re.compile(
    r"(?:what|who) (?:is|are|was|were)(?: an?)? (?!the\b)\w+|what does \w+ mean"
    r"|(?:que|quien(?:es)?) (?:es|son|fue)(?: (?:el|la|los|las|una?))? \w+"
    r"|qu est ce que?(?: (?:le|la|les|l|une?))? \w+|qui est \w+"
    r"|(?:was|wer) ist(?: eine?)? (?!der\b|die\b|das\b)\w+|(?:что|кто) так(?:ое|ои|ая|ие) \w+|(?:ما|من) (?:هو|هي) \w+"
    r"|o que e(?: [oa])? \w+|(?:che )?cos e(?: l[oa]?)? \w+"
)
_FUNCTION_WORDS = frozenset().union(*FUNCTION_WORDS.values(), *_POINTERS.values(), _ASKING_WORDS)
