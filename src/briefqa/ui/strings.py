"""Every word of the interface, in each of its languages.

strings = choose("zh-CN,zh;q=0.9,en;q=0.8")     # what a browser sends as Accept-Language
strings.ask                                     # "提问"
"""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Strings:
    """The words of one language. language: its BCP 47 code. {count}, {date}, … are filled in with `str.format`."""

    language: str
    all_briefs: str
    article_changed: str
    article_unknown: str
    ask: str
    ask_about: str
    clear: str
    close: str
    conversation: str
    copied: str
    copy: str
    corpus_empty: str
    corpus_one: str
    corpus_many: str
    doubt_absent: str
    doubt_uncited: str
    doubt_unsupported: str
    example: str
    export: str
    export_answer: str
    export_conversation: str
    failed: str
    library: str
    login: str
    login_name: str
    login_often: str
    login_password: str
    login_wrong: str
    nearest: str
    newest: str
    open_page: str
    original: str
    question: str
    question_empty: str
    question_long: str
    searching: str
    source: str
    source_number: str
    sources: str
    tagline: str
    translated: str
    understood: str
    worded: str
    welcome: str


ENGLISH = Strings(
    language="en",
    all_briefs="All briefs",
    article_changed="This brief has changed since it was quoted, so the quote is not highlighted.",
    article_unknown="There is no brief of this name in the index. It may have been renamed or removed.",
    ask="Ask",
    ask_about="Ask the briefs a question",
    clear="New conversation",
    close="Close",
    conversation="Conversation",
    copied="Copied",
    copy="Copy answer",
    corpus_empty="No briefs yet",
    corpus_one="1 brief",
    corpus_many="{count} briefs",
    doubt_absent="Not in the cited sources: {found}",
    doubt_uncited="No source is cited for this sentence.",
    doubt_unsupported="The cited sources do not say this.",
    example="What do the briefs say about “{heading}”?",
    export="Export",
    export_answer="Export this answer",
    export_conversation="Export the conversation",
    failed="This question could not be answered. Try again; if it fails again, the server's log says why.",
    library="Briefs",
    login="Log in",
    login_name="Name",
    login_often="Too many wrong passwords. Try again in {count} min.",
    login_password="Password",
    login_wrong="The name or the password is wrong.",
    nearest="Nearest sections",
    newest="newest {date}",
    open_page="Open as a page",
    original="Read the original",
    question="Question",
    question_empty="Write a question first.",
    question_long="The question has {count} characters. Shorten it to at most {longest}.",
    searching="Reading the briefs…",
    source="Source",
    source_number="Source {number}",
    sources="Sources",
    tagline="Answers you can check, down to the sentence",
    translated="Also searched as: {question}",
    understood="Understood as: {question}",
    worded="Worded by {model}; every sentence was checked against the sources.",
    welcome="Ask in any language. Each answer quotes the briefs and shows you where.",
)

CHINESE = Strings(
    language="zh",
    all_briefs="全部简报",
    article_changed="这篇简报在引用之后有改动，因此没有标出引文。",
    article_unknown="索引中没有这篇简报，它可能已改名或移除。",
    ask="提问",
    ask_about="向简报提问",
    clear="新对话",
    close="关闭",
    conversation="对话",
    copied="已复制",
    copy="复制回答",
    corpus_empty="还没有简报",
    corpus_one="1 篇简报",
    corpus_many="{count} 篇简报",
    doubt_absent="所引来源中没有：{found}",
    doubt_uncited="这句话没有注明来源。",
    doubt_unsupported="所引来源没有这样说。",
    example="关于“{heading}”，简报说了什么？",
    export="导出",
    export_answer="导出这个回答",
    export_conversation="导出整个对话",
    failed="这个问题未能得到回答，请再试一次；若仍失败，原因见服务器日志。",
    library="简报",
    login="登录",
    login_name="用户名",
    login_often="密码错误次数过多，请在 {count} 分钟后再试。",
    login_password="密码",
    login_wrong="用户名或密码不正确。",
    nearest="最接近的章节",
    newest="最新 {date}",
    open_page="单独打开",
    original="阅读原文",
    question="问题",
    question_empty="请先写下问题。",
    question_long="问题有 {count} 个字符，请缩短到 {longest} 个以内。",
    searching="正在查阅简报……",
    source="原文",
    source_number="来源 {number}",
    sources="来源",
    tagline="每个回答都能核对到原句",
    translated="同时检索：{question}",
    understood="理解为：{question}",
    worded="由 {model} 撰写，每句话都已与来源核对。",
    welcome="用任何语言提问。每个回答都引用简报原句，并标明出处。",
)

LANGUAGES = {"en": ENGLISH, "zh": CHINESE}
# The codes that Gradio knows.
_CODES = {"en": ENGLISH, "zh-CN": CHINESE, "zh-TW": CHINESE}


def choose(accept_language: str) -> Strings:
    """Return the words in the language that a browser wants most, in English if it wants none that we have."""
    wishes: list[tuple[float, int, str]] = []
    for position, part in enumerate(accept_language.split(",")):
        code, _, quality = part.strip().partition(";")
        try:
            weight = float(quality.strip().removeprefix("q=")) if quality else 1.0
        except ValueError:
            continue
        wishes.append((-weight, position, code.split("-")[0].lower()))
    return next((LANGUAGES[code] for _, _, code in sorted(wishes) if code in LANGUAGES), ENGLISH)


def translations() -> dict[str, dict[str, str]]:
    """Return what `gr.I18n` takes: a dictionary of all words for each browser language."""
    return {code: asdict(strings) for code, strings in _CODES.items()}
