"""How questions about tables are worded, in Chinese and in English.

Patterns alone: what they mean is told by `asked`. Text is in Simplified characters and ASCII punctuation, in any case.
"""

from __future__ import annotations

import re

from briefqa.lexicon.languages import FUNCTION_WORDS

SMALL_NUMBERS = {
    **{"二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9, "十": 10},
    **{"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10},
    **{"second": 2, "third": 3, "fourth": 4, "2nd": 2, "3rd": 3, "4th": 4},
}
_FEW = "[二两三四五六七八九十2-9]|10"
_FEW_EN = "two|three|four|five|six|seven|eight|nine|ten|[2-9]|10"
# What Chinese counts by.
_PIECE = "[个家款种项名位条类只支座年天次人件所]"

QUOTED = re.compile(r"“([^”]+)”|\"([^\"]+)\"|「([^」]+)」|『([^』]+)』|《([^》]+)》|‘([^’]+)’|【([^】]+)】")

_MAX = (
    "highest|largest|biggest|greatest|most expensive|(?<!at )most(?! of)|maximum|max|longest|tallest|heaviest|fastest"
)
_MIN = "lowest|smallest|(?<!at )least|fewest|minimum|min|shortest|lightest|slowest|cheapest|least expensive"
_LATE, _EARLY = "latest|newest|most recent(?:ly)?", "earliest|oldest"
SUPERLATIVE = re.compile(
    rf"(?:第(?P<nth>{_FEW})|最)(?:(?P<max>[高大多长贵久重厚远深宽快])|(?P<min>[低小少短轻薄窄慢]|便宜)"
    rf"|(?P<late>晚|新(?!增))|(?P<early>早))(?:的?(?P<some>{_FEW}){_PIECE})?"
    rf"|前(?P<first>{_FEW})(?:(?:[名位家大款项种条]|个(?!月))|(?=的|是|有|$|[，？,?]))"
    rf"|\btop (?P<top>{_FEW_EN})\b"
    rf"|\b(?:(?P<few>{_FEW_EN}) |(?P<nth_en>second|third|fourth|2nd|3rd|4th)[- ])?"
    rf"(?:(?P<late_en>{_LATE})|(?P<early_en>{_EARLY})|(?P<max_en>{_MAX})|(?P<min_en>{_MIN}))\b",
    re.IGNORECASE,
)
PRICED = re.compile(r"贵|便宜|expensive|cheapest", re.IGNORECASE)
FAST = re.compile(r"[快慢]|fastest|slowest", re.IGNORECASE)

SIGNS = {
    ">=": "大于等于|大于或等于|不少于|不低于|不小于|至少|at least|no less than|not less than|no fewer than|since|>=|≥",
    "<=": "小于等于|小于或等于|不超过|不高于|不多于|不大于|至多|at most|no more than|not more than|not exceeding|<=|≤",
    ">": "大于|超过|高于|多于|超出|逾|长于|晚于|(?:more|greater|larger|higher|bigger|longer|later) than|over|above"
    "|exceed(?:s|ing)?|after|>",
    "<": "小于|低于|少于|不足|不到|短于|早于|(?:less|lower|fewer|smaller|shorter|earlier) than|below|under|before|<",
}
SIGN = re.compile("|".join(f"(?P<s{number}>{names})" for number, names in enumerate(SIGNS.values())), re.IGNORECASE)
SIGN_BEHIND = re.compile(
    r"[”\"」]? ?(?:(?P<least>[及或]?以上|[及或](?:以后|之后)|or more|or above|or higher|and above)"
    r"|(?P<most>[及或]?以下|[及或](?:以前|之前)|以内|or less|or fewer|or below|or lower)"
    r"|(?P<after>以后|之后)|(?P<before>以前|之前))",
    re.IGNORECASE,
)
SIDE_OF_ZERO = re.compile(
    r"(?P<below>[为是]负[数值的]?|负增长|\bnegative\b)|[为是]正[数值的]?|正增长|\bpositive\b", re.IGNORECASE
)
BETWEEN = re.compile(r"[”\"」]? ?(?:和|与|到|至|-|~|and|to) ?[“\"「]?", re.IGNORECASE)
BETWEEN_BEFORE = re.compile(r"(?:介于|在|between|from)[:： ]*[“\"「]?$", re.IGNORECASE)
BETWEEN_BEHIND = re.compile(r"[”\"」]? ?(?:之间|间)")

COUNT = re.compile(
    rf"(?:一共|总共|共|合计)?有?(?:多少|几){_PIECE}(?!月)(?:人(?![口均员才]))?|(?:一共|总共|共)有(?:多少|几)(?!{_PIECE})"
    r"|\bhow many\b",
    re.IGNORECASE,
)
SUM = re.compile(
    rf"(?:一共|总共)[是为]|(?:一共|总共)(?=多少(?!{_PIECE}))|总和|合计|总计|加起来|加总|相加"
    r"|\b(?:sum|combined|altogether|in total|total)\b",
    re.IGNORECASE,
)
AVERAGE = re.compile(r"平均值?|均值|\b(?:average|mean)\b", re.IGNORECASE)
EACH = re.compile(rf"各自?{_PIECE}?|每一?{_PIECE}?|分别|\b(?:each|every|per)\b", re.IGNORECASE)
ALL = re.compile(r"所有的?|全部的?|\ball\b", re.IGNORECASE)
WHICH = re.compile(
    rf"(?:是|有)?(?:哪(?:些人(?![口均员才])|(?:一|几)?(?:{_PIECE}|些)?)|什么|谁)(?!里|儿)"
    r"|\b(?:which|what|who|whose|name the|list)\b",
    re.IGNORECASE,
)
# What no row answers: reasons, ways, differences, and what is like another or more than another.
NOT_IN_A_TABLE = re.compile(
    r"为什么|为何|怎么|怎样|如何|第几|相差|差多少|差距|之差|多多少|少多少|高多少|低多少|增长了?多少倍|相同|一样|同样"
    r"|(?<=[^\W占对同环价])比(?![例率重较值分])[^最前超大]{1,20}?(?:[高低小短慢早晚贵]|[多大长快](?!少))(?![于的])"
    r"|\b(?:why|how (?!many\b|much\b)|differ\w*|same|than (?!\D{0,3}\d))",
    re.IGNORECASE,
)
YES_OR_NO = re.compile(
    r"吗[?？]?\s*$|是否|是不是|有没有|^\s*(?:is|are|was|were|does|do|did|has|have|can|could|will)\b", re.IGNORECASE
)
SEVERAL = re.compile(
    r"以及|还有|分别|各[是有自]|同时|[?？].*[?？]|[,，].*(?:多少|什么|哪|几|吗)|\b(?:and|respectively)\b", re.IGNORECASE
)
NEGATION = re.compile(
    r"不(?!同)|没|未|无|非(?!洲)|除|以外|之外|n['’]t\b"
    r"|\b(?:not|no|non|never|neither|nor|without|except|excluding|besides|other than|unlike)\b",
    re.IGNORECASE,
)

# What says nothing of what is asked.
FILLER = re.compile(
    r"请问一下|请问|告诉我一?下?|想要?(?:知道|问一?下?|了解一?下?)|知道|清楚|查一?下|看一?下|麻烦|辛苦|帮忙|帮我|根据|按照"
    r"|表格?[中里内]的?|这张表格?|[该此]表|上表|下表|列表|数据|内容|其中|情况|多少|什么|哪[里儿]|一共|总共|共[有计]?"
    r"|时候|以及|还有|就是|可以|需要|属于|达到|采用|使用|拥有|具有|具备|配备|搭载|处于|名称|对应|具体|目前|现在"
    r"|公司|企业|项目|排名?|排序|列出|给出|找出|按|它们?|我们?"
    r"|[请帮被把由将给对向从于在为是有的了呢呀啊吧吗诶下中里内和与及都也又或并且该本此这那个名其之所以来到至得着过会要能叫等]"
    r"|[各每只支款种家位项条类张我你您他她时而就]|(?<=\d)[年月日号]"
)
# Characters that say nothing alone, but may be part of a word.
LINKS = frozenset(
    "仍还已曾正约很太更可再便均皆做用去说看谈呈占达超逾较共只最好多少大小高低时呢么样些才刚当若让使令连随"
)
FILLERS_EN = frozenset(
    (FUNCTION_WORDS["en"] - frozenset("no not nor neither without off under after before since".split()))
    | frozenset(
        """table tables list lists show shows give name names row rows item items entry entries value values following
        according based find ones one record records order ranked rank kind kinds type amount number numbers use uses
        used using come comes came feature features equipped""".split()
    )
)
