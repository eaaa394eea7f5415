"""What stands around a conversation, as HTML: the bar on top, the list of conversations, the panel of the source."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from briefqa.conversations import LONGEST_TITLE, Conversation
from briefqa.question import frame_language
from briefqa.store import Snapshot
from briefqa.ui.access import Visitor
from briefqa.ui.strings import Strings
from briefqa.ui.turns import render_export_menu

# What the page's scripts say by themselves, handed to them in data-… attributes of the bar.
_SAID_BY_SCRIPTS = ("copied", "delete_sure", "theme_auto", "theme_light", "theme_dark", "replace", "upload_failed")


def render_top(snapshot: Snapshot, who: Visitor, strings: Strings) -> str:
    """Return the bar on top: the name, what the corpus holds, and what concerns the page as a whole."""
    said = "".join(f' data-{name.replace("_", "-")}="{escape(getattr(strings, name))}"' for name in _SAID_BY_SCRIPTS)
    drawer = "data-event=expand aria-controls=bq-drawer aria-expanded=false"
    return (
        f'<header data-generation="{snapshot.generation}" data-language="{strings.language}"{said}>'
        f"{_plain('bq-conversations', strings.conversations, drawer)}"
        f'<h1>briefqa</h1><p class="bq-facts">{escape(corpus_facts(snapshot, strings))}</p>'
        f"{_plain('bq-open-briefs', strings.library, 'aria-controls=bq-panel')}"
        f"{_raising('clear', strings.clear, 'bq-new')}{render_export_menu(strings)}{_settings(who, strings)}</header>"
        '<div id="bq-news" role="status"></div>'
    )


def _settings(who: Visitor, strings: Strings) -> str:
    out = f'<form method="post" action="logout">{_submit(strings.log_out)}</form>' if who.name else ""
    name = f'<p class="bq-note">{escape(who.name)}</p>' if who.name else ""
    language = _raising("select", strings.other_language, "bq-language", lang=strings.other_code)
    return (
        f'<details class="bq-menu bq-settings"><summary aria-label="{escape(strings.settings)}">⋯</summary>'
        f"<div>{name}{language}{_plain('bq-theme', strings.theme_auto)}{out}</div></details>"
    )


def corpus_facts(snapshot: Snapshot, strings: Strings) -> str:
    """Return how many briefs there are, and the date of the newest."""
    articles = snapshot.articles()
    newest = articles[0].date if articles else ""
    words = {0: strings.corpus_empty, 1: strings.corpus_one}.get(len(articles), strings.corpus_many)
    facts = [words.format(count=f"{len(articles):,}"), strings.newest.format(date=newest) if newest else ""]
    return " · ".join(fact for fact in facts if fact)


def render_drawer(conversations: Sequence[Conversation], current: str, strings: Strings) -> str:
    """Return the list of conversations, the last touched first, each to be opened, renamed and deleted."""
    items = "".join(_conversation(conversation, current, strings) for conversation in conversations)
    none = "" if items else f'<p class="bq-note">{escape(strings.conversations_none)}</p>'
    return (
        f'<nav aria-label="{escape(strings.conversations)}"><div class="bq-bar">'
        f"<h2>{escape(strings.conversations)}</h2>{_plain('bq-close-drawer', strings.close)}</div>"
        f"{_raising('clear', strings.clear, 'bq-new')}{none}<ul>{items}</ul></nav>"
    )


def _conversation(conversation: Conversation, current: str, strings: Strings) -> str:
    key, title = escape(conversation.key), escape(conversation.title)
    lang = frame_language(conversation.title)
    day = conversation.touched[:10]
    shown = ' aria-current="true"' if conversation.key == current else ""
    rename, delete = (
        escape(words.format(title=conversation.title)) for words in (strings.rename_title, strings.delete_title)
    )
    return (
        f'<li><button type="button" class="bq-open" data-event="select" data-conversation="{key}"{shown}>'
        f'<span lang="{lang}">{title}</span> <time datetime="{day}">{day}</time></button>'
        f'<button type="button" class="bq-rename" aria-label="{rename}">{escape(strings.rename)}</button>'
        f'<button type="button" class="bq-delete" data-event="delete" data-conversation="{key}" data-sure'
        f' aria-label="{delete}">{escape(strings.delete)}</button>'
        f'<form hidden data-event="edit" data-conversation="{key}"><input name="title" value="{title}"'
        f' maxlength="{LONGEST_TITLE}" aria-label="{rename}" autocomplete="off">{_submit(strings.save)}</form></li>'
    )


def render_upkeep(strings: Strings) -> str:
    """Return what an admin can do to the corpus: bring the index up to date, and add briefs."""
    return (
        f'<div class="bq-upkeep">{_raising("apply", strings.rebuild, "bq-rebuild")}'
        f'<label class="bq-upload">{escape(strings.upload)}<input type="file" accept=".md,.markdown" multiple'
        f' class="bq-visually-hidden"></label><p class="bq-note">{escape(strings.upload_hint)}</p>'
        '<div role="status"><ul id="bq-uploads"></ul></div>'
        '<button type="button" id="bq-compare" data-event="expand" hidden></button></div>'
    )


def render_source(strings: Strings) -> str:
    """Return the tabs of the panel, and the source: a frame without scripts, so that a brief can do nothing here."""
    return (
        f'<div class="bq-tabs"><div role="tablist" aria-label="{escape(strings.panel)}">'
        f"{_tab('briefs', 'bq-briefs', strings.library)}{_tab('source', 'bq-reader', strings.source)}</div>"
        f"{_plain('bq-close', strings.close)}</div>"
        f'<aside id="bq-reader" role="tabpanel" aria-label="{escape(strings.source)}"><div class="bq-bar">'
        '<span id="bq-section"></span>'
        f"{_plain('bq-copy-citation', strings.copy_citation, 'hidden')}"
        f'<a id="bq-open" href="source/" target="_blank" rel="noopener">{escape(strings.open_page)}</a></div>'
        f'<iframe id="bq-frame" title="{escape(strings.source)}"'
        ' sandbox="allow-same-origin allow-popups allow-popups-to-escape-sandbox"></iframe>'
        f'<p id="bq-no-source">{escape(strings.source_none)}</p></aside>'
    )


def _tab(name: str, controls: str, words: str) -> str:
    return (
        f'<button type="button" role="tab" id="bq-tab-{name}" data-tab="{name}" aria-controls="{controls}"'
        f' aria-selected="false">{escape(words)}</button>'
    )


def _plain(identity: str, words: str, attributes: str = "") -> str:
    return f'<button type="button" id="{identity}" {attributes}>{escape(words)}</button>'


def _raising(event: str, words: str, style: str, lang: str = "") -> str:
    language = f' lang="{lang}"' if lang else ""
    return f'<button type="button" class="{style}" data-event="{event}"{language}>{escape(words)}</button>'


def _submit(words: str) -> str:
    return f'<button type="submit">{escape(words)}</button>'
