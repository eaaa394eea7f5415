"""Every word of the interface, in each of its languages.

strings = choose("zh-CN,zh;q=0.9,en;q=0.8")     # what a browser sends as Accept-Language
strings.ask                                     # "提问"
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Strings:
    """The words of one language. language: its BCP 47 code. {count}, {date}, … are filled in with `str.format`."""

    language: str
    all_briefs: str
    also_retrieved: str
    and_more: str
    article_changed: str
    article_unknown: str
    ask: str
    ask_about: str
    briefs_none: str
    briefs_some: str
    built: str
    categories: str
    changes: str
    changes_added: str
    changes_changed: str
    changes_removed: str
    clear: str
    close: str
    comment_ask: str
    comment_send: str
    comment_thanks: str
    conversation: str
    conversations: str
    conversations_none: str
    copied: str
    copy: str
    copy_citation: str
    corpus_empty: str
    corpus_gone: str
    corpus_many: str
    corpus_one: str
    date_since: str
    date_until: str
    dates: str
    dates_between: str
    dates_since: str
    dates_until: str
    delete: str
    delete_sure: str
    delete_title: str
    doubt_absent: str
    doubt_uncited: str
    doubt_unsupported: str
    edit: str
    editing: str
    example: str
    examples: str
    export: str
    export_answer: str
    export_conversation: str
    filters: str
    follow_ups: str
    library: str
    log_out: str
    login: str
    login_name: str
    login_often: str
    login_password: str
    login_wrong: str
    month: str
    months: str
    more: str
    nearest: str
    newest: str
    news_ahead_many: str
    news_ahead_one: str
    news_newer: str
    only_this: str
    open_page: str
    original: str
    other_code: str
    other_language: str
    panel: str
    problems: str
    question: str
    question_empty: str
    question_long: str
    rate: str
    rate_down: str
    rate_up: str
    rebuild: str
    rebuild_corpus: str
    rebuild_corrupt: str
    rebuild_embedding: str
    rebuild_encoder: str
    rebuild_failed: str
    rebuild_locked: str
    rebuild_of: str
    rebuild_reading: str
    rebuild_starting: str
    rename: str
    rename_title: str
    replace: str
    report_briefs: str
    report_chunks: str
    retry: str
    save: str
    scope: str
    scope_clear: str
    scope_of: str
    scope_remove: str
    search: str
    sections_many: str
    sections_one: str
    settings: str
    source: str
    source_none: str
    source_number: str
    sources: str
    state_failed: str
    state_quoted: str
    state_reading: str
    state_refused: str
    state_stopped: str
    state_unworded: str
    state_worded: str
    state_writing: str
    stop: str
    table: str
    tagline: str
    tags: str
    theme_auto: str
    theme_dark: str
    theme_light: str
    timeline: str
    timeline_bar: str
    translated: str
    understood: str
    up_to_date: str
    upload: str
    upload_broken_off: str
    upload_content: str
    upload_exists: str
    upload_failed: str
    upload_forbidden: str
    upload_hint: str
    upload_line: str
    upload_name_characters: str
    upload_name_dot: str
    upload_name_hidden: str
    upload_name_long: str
    upload_name_reserved: str
    upload_name_suffix: str
    upload_not_a_file: str
    upload_size: str
    upload_stored: str
    upload_type: str
    upload_warnings: str
    upload_write: str
    welcome: str
    worded: str


ENGLISH = Strings(
    language="en",
    all_briefs="All briefs",
    also_retrieved="Also retrieved ({count})",
    and_more="and {count} more",
    article_changed="This brief has changed since it was quoted, so the quote is not highlighted.",
    article_unknown="There is no brief of this name in the index. It may have been renamed or removed.",
    ask="Ask",
    ask_about="Ask the briefs a question",
    briefs_none="No brief matches. Change the search, or take away a filter.",
    briefs_some="{shown} of {count} briefs: narrow the search",
    built="Index {generation}, built {time}",
    categories="Categories",
    changes="Since the last build",
    changes_added="New",
    changes_changed="Changed",
    changes_removed="Removed",
    clear="New conversation",
    close="Close",
    comment_ask="What was right, or wrong? (optional)",
    comment_send="Send",
    comment_thanks="Thank you. Your comment: {comment}",
    conversation="Conversation",
    conversations="Conversations",
    conversations_none="Your conversations will be listed here.",
    copied="Copied",
    copy="Copy answer",
    copy_citation="Copy citation",
    corpus_empty="No briefs yet",
    corpus_gone="The folder of briefs is not there. The index can still be asked.",
    corpus_many="{count} briefs",
    corpus_one="1 brief",
    date_since="From",
    date_until="To",
    dates="Dates",
    dates_between="{since} to {until}",
    dates_since="Since {date}",
    dates_until="Until {date}",
    delete="Delete",
    delete_sure="Delete for good?",
    delete_title="Delete “{title}”",
    doubt_absent="Not in the cited sources: {found}",
    doubt_uncited="No source is cited for this sentence.",
    doubt_unsupported="The cited sources do not say this.",
    edit="Edit",
    editing="You are changing an earlier question; its new answer takes its place. If others follow it, the conversation as it was stays in the list.",
    example="What do the briefs say about “{heading}”?",
    examples="Questions to begin with",
    export="Export",
    export_answer="Export this answer",
    export_conversation="Export the conversation",
    filters="Filters",
    follow_ups="Ask next",
    library="Briefs",
    log_out="Log out",
    login="Log in",
    login_name="Name",
    login_often="Too many wrong passwords. Try again in {count} min.",
    login_password="Password",
    login_wrong="The name or the password is wrong.",
    month="{month} {year}",
    months="January February March April May June July August September October November December",
    more="{count} more",
    nearest="Nearest sections",
    newest="newest {date}",
    news_ahead_many="{count} briefs have changed since the index was built.",
    news_ahead_one="1 brief has changed since the index was built.",
    news_newer="A newer index is in use from your next question on.",
    only_this="Ask only this brief",
    open_page="Open as a page",
    original="Read the original",
    other_code="zh",
    other_language="中文",
    panel="Briefs and sources",
    problems="Problems",
    question="Question",
    question_empty="Write a question first.",
    question_long="The question has {count} characters. Shorten it to at most {longest}.",
    rate="Was this answer right?",
    rate_down="Not helpful",
    rate_up="Helpful",
    rebuild="Rebuild the index",
    rebuild_corpus="The folder of briefs cannot be read, or the index cannot be written. The server's log says which.",
    rebuild_corrupt="The index is damaged. The server's log says what to do; the briefs are untouched.",
    rebuild_embedding="Embedding passages",
    rebuild_encoder="The index was built with another encoder, or its own is not there. The server's log says which.",
    rebuild_failed="The index could not be rebuilt. It is as it was; the server's log says why.",
    rebuild_locked="Another build is running. Wait for it to end, then try again.",
    rebuild_of="{done} of {total}",
    rebuild_reading="Reading the briefs",
    rebuild_starting="Starting",
    rename="Rename",
    rename_title="Rename “{title}”",
    replace="Replace",
    report_briefs="Briefs: {added} added, {updated} updated, {removed} removed, {unchanged} unchanged",
    report_chunks="Passages: {embedded} embedded, {reused} reused, in {seconds} s",
    retry="Ask again",
    save="Save",
    scope="Limited to",
    scope_clear="Clear all",
    scope_of="Only in: {scope}",
    scope_remove="Remove the limit: {limit}",
    search="Search titles",
    sections_many="{count} sections",
    sections_one="1 section",
    settings="Settings",
    source="Source",
    source_none="Choose a citation or a brief to read it here.",
    source_number="Source {number}",
    sources="Sources",
    state_failed="This question could not be answered. Try again; if it fails again, the server's log says why.",
    state_quoted="Answered in the briefs' own words",
    state_reading="Reading the briefs…",
    state_refused="Not in the briefs",
    state_stopped="Stopped before it was finished; what there is was not checked to the end.",
    state_unworded="Answered in the briefs' own words, without the language model",
    state_worded="Worded by a language model, each sentence checked",
    state_writing="Being written…",
    stop="Stop",
    table="Table",
    tagline="Answers you can check, down to the sentence",
    tags="Tags",
    theme_auto="Theme: auto",
    theme_dark="Theme: dark",
    theme_light="Theme: light",
    timeline="Timeline",
    timeline_bar="{period}: {briefs}",
    translated="Also searched as: {question}",
    understood="Understood as: {question}",
    up_to_date="The index is up to date with the briefs.",
    upload="Add briefs…",
    upload_broken_off="The upload of “{name}” broke off. Try again.",
    upload_content="“{name}” cannot be read: {message}",
    upload_exists="There is already a brief “{name}”.",
    upload_failed="The upload failed. Check the connection and try again.",
    upload_forbidden="Only an administrator may add briefs.",
    upload_hint="or drop Markdown files here. They are searched after the next rebuild.",
    upload_line="“{name}” cannot be read, line {line}: {message}",
    upload_name_characters='“{name}” has characters that not every system can store. Rename it without < > : " | ? *',
    upload_name_dot="“{name}” begins with a dot, so it would be passed over. Rename it.",
    upload_name_hidden="The name of “{name}” has characters that cannot be seen. Rename it.",
    upload_name_long="The name of “{name}” is too long. Shorten it.",
    upload_name_reserved="“{name}” is no name for a brief. Rename it.",
    upload_name_suffix="“{name}” is no Markdown file. Its name must end in .md or .markdown.",
    upload_not_a_file="“{name}” is a link or a folder in the corpus, so it is not replaced. Rename your file.",
    upload_size="“{name}” is larger than {most} MB. Split it into several briefs.",
    upload_stored="“{name}” was stored. Rebuild the index, and it can be asked about.",
    upload_type="The file was not sent as application/octet-stream.",
    upload_warnings="Some of it is read with a loss:",
    upload_write="“{name}” could not be stored ({message}).",
    welcome="Ask in any language. Each answer quotes the briefs and shows you where.",
    worded="Worded by {model}; every sentence was checked against the sources.",
)

CHINESE = Strings(
    language="zh",
    all_briefs="全部简报",
    also_retrieved="其他检索到的章节（{count}）",
    and_more="另有 {count} 项",
    article_changed="这篇简报在引用之后有改动，因此没有标出引文。",
    article_unknown="索引中没有这篇简报，它可能已改名或移除。",
    ask="提问",
    ask_about="向简报提问",
    briefs_none="没有符合的简报。请换个搜索词，或去掉一个筛选条件。",
    briefs_some="共 {count} 篇简报，显示前 {shown} 篇，请缩小搜索范围",
    built="索引第 {generation} 版，建于 {time}",
    categories="分类",
    changes="上次建立索引以来",
    changes_added="新增",
    changes_changed="有改动",
    changes_removed="已移除",
    clear="新对话",
    close="关闭",
    comment_ask="哪里对，哪里不对？（可不填）",
    comment_send="发送",
    comment_thanks="谢谢。您的意见：{comment}",
    conversation="对话",
    conversations="对话记录",
    conversations_none="您的对话会列在这里。",
    copied="已复制",
    copy="复制回答",
    copy_citation="复制引文",
    corpus_empty="还没有简报",
    corpus_gone="简报文件夹不在原处，但仍可向现有索引提问。",
    corpus_many="{count} 篇简报",
    corpus_one="1 篇简报",
    date_since="从",
    date_until="到",
    dates="日期",
    dates_between="{since} 至 {until}",
    dates_since="{date} 起",
    dates_until="截至 {date}",
    delete="删除",
    delete_sure="确定删除？",
    delete_title="删除“{title}”",
    doubt_absent="所引来源中没有：{found}",
    doubt_uncited="这句话没有注明来源。",
    doubt_unsupported="所引来源没有这样说。",
    edit="修改",
    editing="正在修改之前的问题，新的回答会取代原来的回答。若其后还有提问，原来的对话会保留在记录中。",
    example="关于“{heading}”，简报说了什么？",
    examples="可以这样问",
    export="导出",
    export_answer="导出这个回答",
    export_conversation="导出整个对话",
    filters="筛选",
    follow_ups="接着问",
    library="简报",
    log_out="退出登录",
    login="登录",
    login_name="用户名",
    login_often="密码错误次数过多，请在 {count} 分钟后再试。",
    login_password="密码",
    login_wrong="用户名或密码不正确。",
    month="{year}年{month}",
    months="1月 2月 3月 4月 5月 6月 7月 8月 9月 10月 11月 12月",
    more="另外 {count} 个",
    nearest="最接近的章节",
    newest="最新 {date}",
    news_ahead_many="索引建立之后，有 {count} 篇简报发生了变化。",
    news_ahead_one="索引建立之后，有 1 篇简报发生了变化。",
    news_newer="索引已更新，从您的下一个问题起生效。",
    only_this="只问这一篇",
    open_page="单独打开",
    original="阅读原文",
    other_code="en",
    other_language="English",
    panel="简报与原文",
    problems="问题",
    question="问题",
    question_empty="请先写下问题。",
    question_long="问题有 {count} 个字符，请缩短到 {longest} 个以内。",
    rate="这个回答对吗？",
    rate_down="没有帮助",
    rate_up="有帮助",
    rebuild="重建索引",
    rebuild_corpus="无法读取简报文件夹，或无法写入索引，详情见服务器日志。",
    rebuild_corrupt="索引已损坏，处理办法见服务器日志；简报文件未受影响。",
    rebuild_embedding="正在计算文本向量",
    rebuild_encoder="索引使用了另一种编码模型，或找不到它的编码模型，详情见服务器日志。",
    rebuild_failed="未能重建索引，原有索引未受影响，原因见服务器日志。",
    rebuild_locked="另一次重建正在进行，请等它结束后再试。",
    rebuild_of="{done} / {total}",
    rebuild_reading="正在读取简报",
    rebuild_starting="正在开始",
    rename="改名",
    rename_title="给“{title}”改名",
    replace="覆盖",
    report_briefs="简报：新增 {added} 篇，更新 {updated} 篇，移除 {removed} 篇，未变 {unchanged} 篇",
    report_chunks="段落：新计算 {embedded} 个，沿用 {reused} 个，用时 {seconds} 秒",
    retry="重新回答",
    save="保存",
    scope="提问范围",
    scope_clear="全部清除",
    scope_of="范围：{scope}",
    scope_remove="取消限制：{limit}",
    search="搜索标题",
    sections_many="{count} 个章节",
    sections_one="1 个章节",
    settings="设置",
    source="原文",
    source_none="点选引文或简报，即可在这里阅读。",
    source_number="来源 {number}",
    sources="来源",
    state_failed="这个问题未能得到回答，请再试一次；若仍失败，原因见服务器日志。",
    state_quoted="以简报原句作答",
    state_reading="正在查阅简报……",
    state_refused="简报中没有答案",
    state_stopped="回答尚未完成就已停止，已有内容未全部核对。",
    state_unworded="未使用语言模型，以简报原句作答",
    state_worded="由语言模型撰写，逐句核对",
    state_writing="正在撰写……",
    stop="停止",
    table="表格",
    tagline="每个回答都能核对到原句",
    tags="标签",
    theme_auto="主题：自动",
    theme_dark="主题：深色",
    theme_light="主题：浅色",
    timeline="时间线",
    timeline_bar="{period}：{briefs}",
    translated="同时检索：{question}",
    understood="理解为：{question}",
    up_to_date="索引与简报一致。",
    upload="添加简报……",
    upload_broken_off="“{name}”上传中断，请重试。",
    upload_content="无法读取“{name}”：{message}",
    upload_exists="已有简报“{name}”。",
    upload_failed="上传失败，请检查网络后重试。",
    upload_forbidden="只有管理员可以添加简报。",
    upload_hint="或把 Markdown 文件拖到这里，重建索引后即可检索。",
    upload_line="无法读取“{name}”，第 {line} 行：{message}",
    upload_name_characters='“{name}”含有并非所有系统都能存储的字符，请改名，不要使用 < > : " | ? *',
    upload_name_dot="“{name}”以点号开头，会被忽略，请改名。",
    upload_name_hidden="“{name}”的文件名含有不可见字符，请改名。",
    upload_name_long="“{name}”的文件名太长，请缩短。",
    upload_name_reserved="“{name}”不能用作简报的文件名，请改名。",
    upload_name_suffix="“{name}”不是 Markdown 文件，文件名须以 .md 或 .markdown 结尾。",
    upload_not_a_file="“{name}”在简报文件夹中是链接或文件夹，不会被替换，请将您的文件改名。",
    upload_size="“{name}”超过 {most} MB，请拆成几篇简报。",
    upload_stored="“{name}”已保存，重建索引后即可提问。",
    upload_type="文件没有以 application/octet-stream 的形式发送。",
    upload_warnings="其中有些内容未能完整读取：",
    upload_write="未能保存“{name}”（{message}）。",
    welcome="用任何语言提问。每个回答都引用简报原句，并标明出处。",
    worded="由 {model} 撰写，每句话都已与来源核对。",
)

LANGUAGES = {"en": ENGLISH, "zh": CHINESE}
LANGUAGE_COOKIE = "briefqa_language"
# The codes that Gradio knows.
_CODES = {"en": ENGLISH, "zh-CN": CHINESE, "zh-TW": CHINESE}


def chosen(request: Any) -> Strings:
    """Return the words for a request, Starlette's or Gradio's: of the language chosen on the page, else the browser's."""
    language = request.cookies.get(LANGUAGE_COOKIE, "")
    return LANGUAGES.get(language) or choose(request.headers.get("accept-language", ""))


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
