"""Conversations in a real browser: kept, listed, changed, stopped, rated, exported, and there again after a restart."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from browsing import (
    PHONE,
    QUESTION,
    answered,
    ask,
    chatting,
    insist,
    marked,
    no_sideways_scroll,
    open_chat,
    ready,
    window,
)
from chromium import FLAGS, find_chromium, wait_for_answer
from playwright.async_api import async_playwright
from playwright.sync_api import Browser, BrowserContext, Page, expect
from scripted import Request, says, serving

from briefqa.export import EXPORTS, from_json, to_bibtex, to_csl_json, to_markdown

pytestmark = pytest.mark.browser

OTHER = "What does Rubin use for memory?"
UNKNOWN = "How do I bake bread?"


def questions(page: Page) -> list[str]:
    return page.locator(".bq-question").all_inner_texts()


def open_list(page: Page) -> None:
    page.locator("#bq-conversations").click()
    expect(page.locator("#bq-drawer")).to_be_in_viewport()


def address_of_conversation(page: Page) -> str:
    expect(page).to_have_url(re.compile(r"\?c="))
    return page.url


def test_conversations_are_listed_opened_renamed_and_deleted(page: Page) -> None:
    ask(page, QUESTION)
    page.locator("#bq-top .bq-new").click()
    expect(page.locator(".bq-welcome .bq-example").first).to_be_visible()
    expect(page.locator("#bq-question textarea")).to_be_focused()
    assert "?c=" not in page.url and questions(page) == []
    ask(page, OTHER)
    open_list(page)
    titles = page.locator("#bq-drawer .bq-open > span")
    expect(titles).to_have_text([OTHER, QUESTION])
    expect(page.locator("#bq-drawer [aria-current=true] > span")).to_have_text(OTHER)
    page.locator("#bq-drawer .bq-open", has_text=QUESTION).click()
    expect(page.locator("#bq-drawer")).not_to_be_in_viewport()
    expect(page.locator(".bq-question")).to_have_text(QUESTION)

    open_list(page)
    page.get_by_role("button", name=f"Rename “{QUESTION}”").click()
    title = page.get_by_role("textbox", name=f"Rename “{QUESTION}”")
    expect(title).to_be_focused()
    title.fill("Chips <b>that</b> may not leave")
    page.keyboard.press("Enter")
    expect(titles).to_have_text([OTHER, "Chips <b>that</b> may not leave"])

    delete = page.get_by_role("button", name="Delete “Chips <b>that</b> may not leave”")
    delete.click()
    expect(delete).to_have_text("Delete for good?")
    expect(titles).to_have_count(2)
    delete.click()
    expect(titles).to_have_text([OTHER])
    expect(page.locator(".bq-welcome .bq-example").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#bq-drawer")).not_to_be_in_viewport()
    page.reload()
    ready(page)
    open_list(page)
    expect(titles).to_have_text([OTHER])


def test_the_next_question_need_not_wait_for_what_is_suggested(page: Page) -> None:
    area = page.locator("#bq-question textarea")
    for question in (QUESTION, OTHER, QUESTION):
        area.fill(question)
        area.press("Enter")
        wait_for_answer(page, question)
        page.wait_for_timeout(100)  # as quick as a hand is


def test_another_browser_sees_none_of_it(page: Page, browser: Browser, chat: str) -> None:
    ask(page, QUESTION)
    address = address_of_conversation(page)
    with window(browser) as elsewhere:
        other = open_chat(elsewhere, address)
        expect(other.locator(".bq-welcome .bq-example").first).to_be_visible()
        open_list(other)
        expect(other.locator("#bq-drawer")).to_contain_text("Your conversations will be listed here.")
        other.keyboard.press("Escape")
        ask(other, OTHER)
        assert questions(other) == [OTHER]
    page.reload()
    ready(page)
    assert questions(page) == [QUESTION]


def test_a_conversation_is_there_again_after_a_restart_and_its_citations_open(
    sample_index: Path, context: BrowserContext
) -> None:
    with chatting(sample_index) as url:
        page = open_chat(context, url)
        ask(page, QUESTION)
        ask(page, "紧急会议是什么时候召开的？")
        address = address_of_conversation(page)
        shown = page.locator(".bq-answer").all_inner_texts()
    port = int(re.findall(r":(\d+)/", url)[0])
    with chatting(sample_index, port=port):
        page.reload()
        ready(page)
        assert page.url == address and page.locator(".bq-answer").all_inner_texts() == shown
        page.locator(".bq-answer").last.locator(".bq-cite").first.click()
        expect(marked(page).first).to_be_in_viewport()
        ask(page, OTHER)
        assert questions(page) == [QUESTION, "紧急会议是什么时候召开的？", OTHER]
        later = open_chat(context, address)
        expect(later.locator(".bq-question")).to_have_count(3)
        later.locator(".bq-answer").first.locator(".bq-cite").first.click()
        expect(marked(later).first).to_be_in_viewport()


def test_the_last_question_is_edited_in_its_place_and_an_earlier_one_in_a_conversation_of_its_own(page: Page) -> None:
    area = page.locator("#bq-question textarea")
    ask(page, QUESTION)
    ask(page, UNKNOWN)
    insist(
        page.locator("#bq-now").get_by_role("button", name="Edit").click,
        lambda wait: expect(area).to_have_value(UNKNOWN, timeout=wait),
    )
    expect(area).to_be_focused()
    expect(page.locator("#bq-alert")).to_contain_text("its new answer takes its place")
    ask(page, OTHER)
    expect(page.locator("#bq-alert")).to_have_text("")
    assert questions(page) == [QUESTION, OTHER]
    first = address_of_conversation(page)

    insist(
        page.locator("#bq-log").get_by_role("button", name="Edit").click,
        lambda wait: expect(area).to_have_value(QUESTION, timeout=wait),
    )
    ask(page, "Which company makes the Siyuan chips?")
    assert questions(page) == ["Which company makes the Siyuan chips?"]
    assert address_of_conversation(page) != first
    open_list(page)
    expect(page.locator("#bq-drawer .bq-open")).to_have_count(2)
    page.locator("#bq-drawer .bq-open").last.click()
    expect(page.locator(".bq-question")).to_have_text([QUESTION, OTHER])


def test_a_question_is_asked_again_in_its_place(page: Page) -> None:
    ask(page, QUESTION)
    turn = page.locator("#bq-now .bq-turn").get_attribute("data-turn")
    again = page.locator("#bq-now").get_by_role("button", name="Ask again")
    insist(
        lambda: again.click(timeout=5_000),
        lambda wait: expect(page.locator("#bq-now .bq-turn")).not_to_have_attribute(
            "data-turn", turn or "", timeout=wait
        ),
    )
    answered(page, QUESTION)
    assert questions(page) == [QUESTION]


def test_an_answer_that_is_being_written_can_be_stopped(sample_index: Path, context: BrowserContext) -> None:
    def slow(request: Request) -> None:
        """Word the first source, and then think for as long as the test lasts."""
        found = re.findall(r" key=(\w+)>.*?text: (.*?)\n", request.prompt, re.DOTALL)
        if not found:
            says("no")(request)
            return
        request.head()
        request.event(f"{found[0][1]} [{found[0][0]}] ")
        request.event("And so ")
        request.wait(60)

    with (
        serving(slow) as server,
        chatting(sample_index, "--llm-base-url", server.url, "--llm-model", "small") as url,
    ):
        page = open_chat(context, url)
        area = page.locator("#bq-question textarea")
        area.fill("紧急会议是什么时候召开的？")
        area.press("Enter")
        state = page.locator("#bq-now .bq-state")
        expect(state).to_have_text("Being written…")
        expect(page.locator("#bq-ask")).to_be_hidden()
        page.locator("#bq-stop").click()
        expect(state).to_contain_text("Stopped before it was finished")
        expect(page.locator("#bq-stop")).to_be_hidden()
        expect(page.locator("#bq-now").get_by_role("button", name="Ask again")).to_be_visible()
        area.fill(QUESTION)
        insist(page.locator("#bq-ask").click, lambda wait: expect(area).to_have_value("", timeout=wait))
        expect(page.locator("#bq-now .bq-question")).to_have_text(QUESTION)
        expect(state).to_have_text("Being written…")
        page.reload()  # an answer is written whether or not its page is there
        ready(page)
        expect(page.locator("#bq-log .bq-state")).to_contain_text("Stopped before it was finished")
        expect(state).to_have_text("Being written…")
        page.locator("#bq-stop").click()
        expect(state).to_contain_text("Stopped before it was finished")


def test_thumbs_and_a_comment_are_kept_for_whoever_runs_the_briefs(page: Page, sample_index: Path) -> None:
    ask(page, QUESTION)
    up, down = (page.locator("#bq-now").get_by_role("button", name=name) for name in ("Helpful", "Not helpful"))
    up = page.locator("#bq-now [data-rating=up].bq-thumb")
    insist(up.click, lambda wait: expect(up).to_have_attribute("aria-pressed", "true", timeout=wait))
    insist(down.click, lambda wait: expect(down).to_have_attribute("aria-pressed", "true", timeout=wait))
    expect(up).to_have_attribute("aria-pressed", "false")
    comment = page.get_by_role("textbox", name="What was right, or wrong? (optional)")
    comment.fill("<i>Rubin</i> was announced earlier")
    insist(
        page.get_by_role("button", name="Send").click,
        lambda wait: expect(page.locator("#bq-now")).to_contain_text(
            "Thank you. Your comment: <i>Rubin</i> was announced earlier", timeout=wait
        ),
    )
    command = [sys.executable, "-m", "briefqa", "feedback", "--index", str(sample_index), "--json"]
    given = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert [given[0][name] for name in ("question", "rating", "comment")] == [
        QUESTION,
        "down",
        "<i>Rubin</i> was announced earlier",
    ]
    page.reload()
    ready(page)
    expect(page.locator("#bq-now")).to_contain_text("Your comment: <i>Rubin</i>")
    expect(down).to_have_attribute("aria-pressed", "true")


def test_a_link_that_asks_asks_once(context: BrowserContext, chat: str) -> None:
    page = context.new_page()
    page.goto(f"{chat}?q=which%20chips%20are%20banned%3F")
    answered(page, QUESTION)
    address = address_of_conversation(page)
    assert "q=" not in page.url
    page.reload()
    ready(page)
    assert questions(page) == [QUESTION] and page.url == address
    open_list(page)
    expect(page.locator("#bq-drawer .bq-open")).to_have_count(1)


def download(page: Page, menu: str, name: str) -> tuple[str, str]:
    """Choose a format in a menu; gives the file's name and text."""
    page.locator(f"{menu} summary").click()
    with page.expect_download() as started:
        page.locator(f"{menu} [data-format={name}]").click()
    expect(page.locator(f"{menu}[open]")).to_have_count(0)
    return started.value.suggested_filename, Path(started.value.path()).read_text(encoding="utf-8")


def test_an_answer_and_the_whole_conversation_are_downloaded_in_each_format(page: Page) -> None:
    whole, one = "#bq-top .bq-export", "#bq-now .bq-export"
    expect(page.locator(whole)).to_be_hidden()
    ask(page, QUESTION)
    files = [download(page, one, name) for name in EXPORTS]
    assert [name for name, _ in files] == [f"briefqa-which-chips-are-banned{kind.suffix}" for kind in EXPORTS.values()]
    markdown, saved, bibtex, csl = (text for _, text in files)
    (answer,) = from_json(saved)
    assert (answer.question, answer.answered) == (QUESTION, True)
    assert [to_markdown([answer]), to_bibtex([answer]), to_csl_json([answer])] == [markdown, bibtex, csl]
    ask(page, UNKNOWN)
    expect(page.locator(f"{one} .bq-format")).to_have_count(2)
    for name, kind in EXPORTS.items():
        file, text = download(page, whole, name)
        assert file == f"briefqa-conversation-which-chips-are-banned{kind.suffix}"
        assert name != "json" or [turn.question for turn in from_json(text)] == [QUESTION, UNKNOWN]
    page.locator("#bq-top .bq-new").click()
    expect(page.locator(whole)).to_be_hidden()


@pytest.mark.parametrize("context", [{"viewport": PHONE, "locale": "zh-CN"}], indirect=True)
def test_a_menu_opens_with_the_keyboard_closes_with_escape_and_fits_a_phone(page: Page) -> None:
    ask(page, "怎么烤面包？")
    summary = page.locator("#bq-top .bq-export summary")
    formats = page.locator("#bq-top .bq-export .bq-format")
    summary.focus()
    page.keyboard.press("Enter")
    expect(formats.first).to_be_in_viewport(ratio=1)
    expect(page.locator("#bq-top [data-format=bibtex]")).to_be_hidden()
    assert no_sideways_scroll(page)
    page.keyboard.press("Tab")
    expect(formats.first).to_be_focused()
    page.keyboard.press("Escape")
    expect(formats.first).to_be_hidden()
    expect(summary).to_be_focused()
    page.keyboard.press("Enter")
    page.locator("#bq-question textarea").click()
    expect(formats.first).to_be_hidden()
    expect(summary).to_have_accessible_name("导出整个对话")


BROWSERS = 20


async def talk_in_many_browsers(url: str) -> list[list[str]]:
    """Ask two questions in each of many browsers, all at once; return what each shows, and what went wrong there."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)

        async def talk(number: int) -> list[str]:
            context = await browser.new_context(locale="en-US")
            context.set_default_timeout(120_000)
            problems: list[str] = []
            context.on("weberror", lambda error: problems.append(str(error.error)))
            context.on("response", lambda got: problems.append(f"{got.status} {got.url}") if got.status > 399 else None)
            page = await context.new_page()
            await page.goto(url)
            await page.locator(".bq-example").first.wait_for()
            area = page.locator("#bq-question textarea")
            for question in (f"Which chips are banned, asks {number}?", f"How does {number} bake bread?"):
                await area.fill(question)
                while await area.input_value():
                    await area.press("Enter")
                    await page.wait_for_timeout(500)
                await page.locator("#bq-now .bq-turn:not(.bq-writing)", has_text=question).wait_for()
            shown = await page.locator(".bq-question").all_inner_texts()
            shown += await page.locator("#bq-drawer .bq-open span").all_text_contents()
            await context.close()
            return [*shown, *problems]

        shown = await asyncio.gather(*(talk(number) for number in range(BROWSERS)))
        await browser.close()
        return shown


def test_twenty_browsers_at_once_have_each_their_own_history(chat: str) -> None:
    with ThreadPoolExecutor(1) as thread:  # playwright's other loop runs in this one
        shown = thread.submit(lambda: asyncio.run(talk_in_many_browsers(chat))).result()
    for number, conversation in enumerate(shown):
        first = f"Which chips are banned, asks {number}?"
        assert conversation == [first, f"How does {number} bake bread?", first]
