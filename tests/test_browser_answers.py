"""Asking in a real browser: what an answer shows, and how each of its citations leads to the words that it quotes."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from browsing import QUESTION, ask, assert_accessible, chatting, click_question, insist, marked, open_chat
from playwright.sync_api import Browser, BrowserContext, Page, expect
from scripted import Request, fails, says, serving

pytestmark = pytest.mark.browser

UNKNOWN = "How do I bake bread?"


def solid(text: str) -> str:
    return "".join(text.split())


def test_a_citation_opens_its_source_with_the_quote_in_view(page: Page) -> None:
    ask(page, "Who calls the revenue share an innovative tax model?")
    quote = page.locator(".bq-answer blockquote").first.inner_text()
    chips = page.locator(".bq-answer .bq-cite")
    chips.first.click()
    expect(page.locator("#bq-tab-source")).to_have_attribute("aria-selected", "true")
    mark = marked(page).first
    expect(mark).to_be_in_viewport()
    first = mark.inner_text()
    assert "tax" in first and solid(first) in solid(quote)
    expect(chips.first).to_have_class(re.compile("bq-current"))
    chips.nth(1).click()
    expect(mark).not_to_have_text(first)
    expect(mark).to_be_in_viewport()
    expect(page.locator(".bq-current")).to_have_count(1)


def test_a_chinese_question_is_answered_in_chinese_from_the_sentence_that_says_it(page: Page) -> None:
    ask(page, "紧急会议是什么时候召开的？")
    answer = page.locator(".bq-answer")
    expect(answer).to_contain_text("12月11日")
    expect(answer).to_have_attribute("lang", "zh")
    answer.locator(".bq-cite").first.click()
    expect(marked(page).first).to_be_in_viewport()
    expect(marked(page).first).to_contain_text("12月11日")


def test_rows_that_answer_are_marked_in_their_table(page: Page) -> None:
    ask(page, QUESTION)
    rows = page.locator(".bq-answer tbody tr")
    assert rows.count() == 2 and "Blackwell" in rows.nth(0).inner_text() and "Rubin" in rows.nth(1).inner_text()
    assert rows.locator("strong", has_text="Banned").count() == 2
    page.locator(".bq-answer .bq-cite").first.click()
    cells = page.frame_locator("#bq-frame").locator("td mark")
    expect(cells.first).to_be_in_viewport()
    assert cells.filter(has_text="Banned").count() == 2 and cells.filter(has_text="Hopper").count() == 0


def test_the_source_says_where_it_stands_and_leads_to_the_original_at_the_quote(page: Page) -> None:
    ask(page, "紧急会议是什么时候召开的？")
    page.locator(".bq-answer .bq-cite").first.click()
    section = page.locator("#bq-section")
    source = page.frame_locator("#bq-frame")
    expect(source.locator("h2", has_text=section.inner_text())).to_have_count(1)
    expect(source.locator(".facts")).to_contain_text("2025-12-15 · 科技政策 · 简报编辑部")
    original = source.get_by_role("link", name="Read the original")
    address = original.evaluate("link => link.href")
    anchor, _, fragment = urlsplit(address).fragment.partition(":~:text=")
    assert anchor == "china-reaction" and "12月11日" in unquote(fragment)
    assert original.get_attribute("rel") == "noopener noreferrer"
    opened = page.locator("#bq-open").evaluate("link => link.href")
    assert opened == page.locator(".bq-answer .bq-cite").first.evaluate("link => link.href")


def test_a_card_shows_where_a_quote_comes_from_before_anything_is_clicked(page: Page) -> None:
    ask(page, "紧急会议是什么时候召开的？")
    card = page.locator("#bq-card")
    chip = page.locator(".bq-answer .bq-cite").first
    quote = page.locator(".bq-answer blockquote").first.inner_text().removesuffix("1").strip()
    chip.hover()
    expect(card.locator(".bq-card-where")).to_have_text(
        "英伟达H200对华出口：一次附条件的松动 › 中国的反应：企业积极，官方审慎"
    )
    expect(card.locator(".bq-card-date")).to_have_text("2025-12-15")
    expect(card.locator(".bq-card-quote")).to_have_text(quote)
    expect(card).to_be_in_viewport(ratio=1)
    page.mouse.move(1, 1)
    expect(card).to_have_count(0)
    page.keyboard.press("Tab")  # out of the composer, so that the next focus is one of the keyboard's
    chip.focus()
    expect(card.locator(".bq-card-quote")).to_have_text(quote)
    page.keyboard.press("Escape")
    expect(card).to_have_count(0)


def test_a_citation_is_copied_with_its_quote_and_address(page: Page, context: BrowserContext) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    ask(page, "紧急会议是什么时候召开的？")
    expect(page.locator("#bq-copy-citation")).to_be_hidden()
    page.locator(".bq-answer .bq-cite").first.click()
    page.locator("#bq-copy-citation").click()
    expect(page.locator("#bq-copy-citation")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("“") and "12月11日" in copied and "2025-12-15" in copied
    assert copied.endswith("https://www.example.org/briefs/h200-export-policy#china-reaction")
    expect(page.locator("#bq-copy-citation")).to_have_text("Copy citation")


def test_what_else_was_retrieved_is_folded_away_and_opens_in_the_panel(page: Page) -> None:
    ask(page, QUESTION)
    also = page.locator(".bq-also")
    expect(also.locator("summary")).to_contain_text(re.compile(r"Also retrieved \(\d+\)"))
    link = also.locator(".bq-source").first
    expect(link).to_be_hidden()
    also.locator("summary").click()
    expect(link).to_be_visible()
    heading = link.locator(".bq-heading").inner_text().removeprefix("› ")
    link.click()
    expect(page.frame_locator("#bq-frame").locator("h2", has_text=heading)).to_be_in_viewport()
    expect(page.locator("#bq-section")).to_have_text(heading)
    expect(page.locator("#bq-copy-citation")).to_be_hidden()
    cited = page.locator(".bq-turn > .bq-sources .bq-source").evaluate_all("links => links.map(link => link.href)")
    others = also.locator(".bq-source").evaluate_all("links => links.map(link => link.href)")
    assert not {link.split("?")[0] for link in cited} & {link for link in others if "#" not in link}


def test_a_citation_is_a_plain_link_that_a_colleague_can_open(page: Page, context: BrowserContext) -> None:
    ask(page, QUESTION)
    address = page.locator(".bq-answer .bq-cite").first.evaluate("link => link.href")
    other = context.new_page()
    other.goto(address)
    expect(other.locator("mark").first).to_be_in_viewport()
    assert urlsplit(address).fragment and other.locator(f"#{urlsplit(address).fragment}").count() == 1


def test_sources_open_without_any_script(browser: Browser, page: Page) -> None:
    ask(page, QUESTION)
    address = page.locator(".bq-source").first.evaluate("link => link.href")
    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    plain.goto(address)
    expect(plain.locator("mark").first).to_be_visible()
    context.close()


def test_questions_to_begin_and_to_go_on_with_are_asked_with_a_click(page: Page) -> None:
    words = click_question(page, page.locator(".bq-welcome .bq-example").first)
    expect(page.locator(".bq-answer .bq-cite").first).to_be_visible()
    next_words = click_question(page, page.locator(".bq-next .bq-example").first)
    assert next_words != words
    expect(page.locator(".bq-answer").last.locator(".bq-cite").first).to_be_visible()
    expect(page.locator(".bq-question")).to_have_text([words, next_words])
    expect(page.locator("#bq-log .bq-next")).to_have_count(0)


def test_what_is_no_question_is_told_in_words_and_not_asked(page: Page) -> None:
    area, alert = page.locator("#bq-question textarea"), page.get_by_role("alert")
    page.locator("#bq-ask").click()
    expect(alert).to_have_text("Write a question first.")
    area.fill("x" * 4001)
    insist(page.locator("#bq-ask").click, lambda wait: expect(alert).to_contain_text("4,001 characters", timeout=wait))
    expect(area).to_have_value("x" * 4001)
    expect(page.locator(".bq-turn")).to_have_count(0)
    ask(page, QUESTION)
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(area).to_have_value("")


def test_the_state_of_each_answer_is_told_in_words(page: Page) -> None:
    state = page.locator("#bq-now .bq-state")
    ask(page, QUESTION)
    expect(state).to_have_text("Answered in the briefs' own words")
    ask(page, UNKNOWN)
    expect(state).to_have_text("Not in the briefs")
    expect(page.locator(".bq-answer").last).to_contain_text("do not answer")
    refused = page.locator("#bq-now .bq-turn")
    expect(refused.locator(".bq-cite")).to_have_count(0)
    expect(refused.locator(".bq-next")).to_have_count(0)
    refused.get_by_role("list", name="Nearest sections").locator(".bq-source").first.click()
    expect(page.frame_locator("#bq-frame").locator("article")).to_be_visible()


def test_an_answer_is_copied_with_its_sources(page: Page, context: BrowserContext) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    ask(page, QUESTION)
    page.locator(".bq-copy").click()
    expect(page.locator(".bq-copy")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(QUESTION) and "[1]" in copied and "/source/" in copied


def words_the_first_source(request: Request) -> None:
    """Word the first source and add what no source says; fail for another question. What is no answer is declined."""
    found = re.findall(r" key=(\w+)>.*?text: (.*?)\n", request.prompt, re.DOTALL)
    if found and QUESTION in request.prompt:
        fails(500)(request)
    else:
        says(f"{found[0][1]} [{found[0][0]}] <b>It</b> costs 70%." if found else "no")(request)


def test_a_model_words_the_answer_and_what_the_sources_do_not_say_is_marked(
    sample_index: Path, context: BrowserContext
) -> None:
    with (
        serving(words_the_first_source) as server,
        chatting(sample_index, "--llm-base-url", server.url, "--llm-model", "small") as url,
    ):
        page = open_chat(context, url)
        ask(page, "紧急会议是什么时候召开的？")
        state = page.locator("#bq-now .bq-state")
        expect(state).to_have_text("Worded by a language model, each sentence checked")
        notes = page.locator("#bq-now .bq-note")
        expect(notes.last).to_have_text("Worded by small; every sentence was checked against the sources.")
        expect(page.locator(".bq-answer")).to_contain_text("<b>It</b> costs 70%.")
        expect(page.locator(".bq-doubt")).to_have_count(1)
        expect(page.locator(".bq-doubt")).to_have_accessible_name(re.compile("source"))
        assert_accessible(page, "an answer with a doubt")
        page.locator(".bq-answer .bq-cite").first.click()
        expect(marked(page).first).to_be_in_viewport()
        ask(page, QUESTION)
        expect(state).to_have_text("Answered in the briefs' own words, without the language model")
        expect(notes.first).to_contain_text("language model")
