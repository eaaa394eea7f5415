"""The words of a language that only hold its sentences together, and the language that a question is told by them.

    guess_language(["que", "chips", "estan", "prohibidos"])     # "es"

For scripts with spaces only; Chinese, Japanese and Korean are told by their characters. Words stand as folded: lower
case, without diacritics.
"""

from __future__ import annotations

from collections.abc import Sequence

FUNCTION_WORDS: dict[str, frozenset[str]] = {
    # English: not first, most, new, old, many, which narrow what is asked.
    "en": frozenset(
        """a about after all also am an and any are as at be because been before being between both but by can could
        did do does doing done down during each either else ever every for from further get got had has have having
        he her here hers him his how however i if in into is it its itself just let may me might mine more much must
        my neither no nor not of off on once only or other our ours out over own please same shall she should since
        so some such tell than that the their theirs them then there these they this those through to too under
        until up upon us very was we were what whatever when where whether which while who whom whose why will with
        within without would yes yet you your yours s t d ll re ve m didn doesn isn aren wasn weren hasn haven hadn
        couldn wouldn shouldn somebody someone something sb sth""".split()
    ),
    "es": frozenset(
        """a al algo ante antes aquel aquella como con contra cual cuales cualquier cuando cuanta cuantas cuanto cuantos
        de del desde donde durante e el ella ellas ellos en entre era eran es esa ese eso esta estaba estaban estan
        este esto fue fueron ha habia han hasta hay la las le les lo los mas me mi muy ni no nos o otra otro para pero
        por porque que quien quienes se ser si sin sobre son su sus tambien tan tenia tiene tienen tras tu un una unas
        uno unos y ya""".split()
    ),
    "fr": frozenset(
        """a ai au aux avec c ce ces cet cette comme comment d dans de des du elle elles en entre est et etait etaient
        ete etre eux fut furent il ils j je l la le les leur leurs lors lui m mais me meme n ne nos notre nous on ont
        ou par pas pendant plus pour pourquoi qu quand que quel quelle quelles quels qui quoi s sa sans se ses si son
        sont sous sur t te tu un une vers vos votre vous y""".split()
    ),
    "de": frozenset(
        """ab aber als am an auch auf aus bei beim bis da das dass dem den der des die dies diese diesem diesen dieser
        dieses durch ein eine einem einen einer eines er es fur gab gibt hat hatte hatten haben ich ihr ihre im in ins
        ist ja kann konnen man mit nach nicht noch nur ob oder ohne sein seine sich sie sind so uber um und uns unter
        vom von vor wann war waren warum was welche welchem welchen welcher welches wem wen wenn wer werden weshalb
        wie wieso wird wo wobei wodurch worden wurde wurden zu zum zur zwischen""".split()
    ),
    "pt": frozenset(
        """a ao aos as ate com como da das de do dos e em entre era eram essa esse esta este eu foi foram ha isso isto
        ja lhe mais mas me muito na nao nas no nos o onde os ou para pela pelas pelo pelos por porque qual quais quando
        quanto quantos que quem se sem ser seu seus sao sob sobre sua suas tambem tem um uma umas uns voce""".split()
    ),
    "it": frozenset(
        """a ad ai al alla alle allo anche che chi ci come con cui da dai dal dalla degli dei del della delle dello di
        dove e ed era erano fu gli ha hanno i il in io la le lei lo loro lui ma mi ne nei nel nella nelle non o per
        perche piu quale quali quando quanta quanti quanto quello questa questo se si sia sono su sua sue sul sulla
        suo suoi tra un una uno""".split()
    ),
    "ru": frozenset(
        """а без был была были было быть в во вот все вы где да для до его ее если есть еще же за и из или им их к как
        какая какие каким какими каких какого какое какои каком какому какую ко когда которая которого которое которои
        которые которыи кто куда ли между мне на над не него нее нет ни но о об однако он она они оно от по под почему
        при про с сколько со та так такие также там те то того тоже тои том тот у уже что чего чем чему чтобы эта эти
        это этого этои этом этот я""".split()
    ),
    "ar": frozenset(
        """الى الذي التي ان انه او اي اين بعد بين تم حتى حول خلال ذلك على عن عند عندما غير في قبل قد كان كانت كم كيف لا
        لم لماذا لن ليس ما ماذا متى مع من منذ مما هذا هذه هل هم هو هي و وما يتم يكون""".split()
    ),
}
# What asks, or only holds a Chinese sentence together.
CHINESE_FUNCTION_WORDS = frozenset(
    """什么 哪些 哪个 哪里 哪儿 哪种 哪位 如何 怎么 怎样 怎么样 为何 为什么 多少 几个 几种 是否 可以 能够 可能
    应该 需要 因为 所以 但是 而且 以及 或者 如果 关于 对于 根据 通过 由于 其中 之一 这个 那个 这些 那些 他们
    我们 它们 你们 自己 没有 不是 是什么 以下 以上 之间 之后 之前 时候 什么样 什么时候 请问 一个 一种 一些
    有些 有的 已经 正在 进行 称为 叫做 叫作 属于 位于 作为 成为 包括 认为 方面 情况""".split()
)


def guess_language(words: Sequence[str]) -> str:
    """Return the language most of whose function words stand among the folded words; "en" if none stands out.

    One word in Latin letters does not stand out: UN, EU, AI and war are function words somewhere.
    """
    found = {language: [word for word in words if word in known] for language, known in FUNCTION_WORDS.items()}
    best = max(found, key=lambda language: (len(found[language]), language == "en"))
    return "en" if len(found[best]) < 2 and all(word.isascii() for word in found[best]) else best
