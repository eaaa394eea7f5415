"""The corpus in a real browser: what limits a question, searching, adding briefs, rebuilding, hearing of a build."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing import CORPUS, QUESTION, ask, assert_accessible, chatting, insist, marked, open_chat
from playwright.sync_api import BrowserContext, Locator, Page, expect

import briefqa

pytestmark = pytest.mark.browser

LEMONS = """---
title: Lemons of the quay
date: 2026-01-05
category: Fruit
tags: [lemons]
---

## Harvest {#harvest}

The lemon harvest at Zanderbrook quay was 4,218 crates in January 2026.
"""
HARVEST = "How many crates was the lemon harvest at Zanderbrook quay?"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Serve a corpus and an index of its own, which may be changed; gives the address, and the folder of both."""
    folder = tmp_path_factory.mktemp("library")
    shutil.copytree(CORPUS, folder / "corpus")
    briefqa.build(folder / "corpus", folder / "index")
    with chatting(folder / "index") as url:
        yield url, folder


def press(button: Locator, pressed: str = "true") -> None:
    insist(button.click, lambda wait: expect(button).to_have_attribute("aria-pressed", pressed, timeout=wait))


def limits(page: Page) -> Locator:
    return page.locator("#bq-limits .bq-limit > span:first-child")


def titles(page: Page) -> Locator:
    return page.locator("#bq-list .bq-brief h3")


def test_a_bar_of_the_timeline_limits_the_list_and_the_next_question(page: Page) -> None:
    expect(titles(page)).to_have_count(4)
    bar = page.locator(".bq-timeline button[data-value='2025-12-19']")
    expect(bar).to_have_accessible_name("2025-12-19: 1 brief")
    press(bar)
    expect(limits(page)).to_have_text("2025-12-19")
    expect(titles(page)).to_have_text(["国产AI芯片的五条路线"])
    expect(page.get_by_label("From")).to_have_value("2025-12-19")
    ask(page, QUESTION)
    turn = page.locator("#bq-now .bq-turn")
    expect(turn.locator(".bq-understood").first).to_have_text("Only in: 2025-12-19")
    found = turn.locator(".bq-source").all_text_contents()
    assert found and all(name.startswith("国产AI芯片的五条路线") for name in found)
    expect(limits(page)).to_have_text("2025-12-19")
    page.get_by_role("button", name="Remove the limit: 2025-12-19").click()
    expect(limits(page)).to_have_count(0)
    expect(titles(page)).to_have_count(4)
    ask(page, QUESTION)
    expect(turn).not_to_contain_text("Only in")
    expect(turn.locator(".bq-state")).to_have_attribute("data-state", "quoted")


def test_dates_can_be_written_and_meet_with_tags_and_categories(page: Page) -> None:
    since = page.get_by_label("From")
    since.fill("2025-12-17")
    expect(limits(page)).to_have_text("Since 2025-12-17")
    expect(titles(page)).to_have_count(3)
    insist(
        lambda: page.get_by_label("To", exact=True).fill("2025-12-19"),
        lambda wait: expect(limits(page)).to_have_text("2025-12-17 to 2025-12-19", timeout=wait),
    )
    expect(titles(page)).to_have_count(2)
    press(page.locator(".bq-chip[data-value='英伟达']"))
    expect(limits(page)).to_have_text(["2025-12-17 to 2025-12-19", "英伟达"])
    expect(titles(page)).to_have_text(["五款英伟达AI芯片对比：参数、定位与出口状态"])
    press(page.locator(".bq-chip[data-value='科技政策']"))
    expect(page.locator("#bq-list")).to_have_text("No brief matches. Change the search, or take away a filter.")
    page.locator("#bq-limits").get_by_role("button", name="Clear all").click()
    expect(limits(page)).to_have_count(0)
    expect(since).to_have_value("")
    expect(titles(page)).to_have_count(4)


def test_a_question_is_asked_of_one_brief_alone(page: Page) -> None:
    only = page.get_by_role("button", name="Ask only this brief: 英伟达H200对华出口：一次附条件的松动")
    press(only)
    expect(limits(page)).to_have_text("英伟达H200对华出口：一次附条件的松动")
    ask(page, "哪些芯片仍被禁止出口？")
    sources = page.locator("#bq-now .bq-turn > .bq-sources .bq-source").all_inner_texts()
    assert sources and all(name.startswith("英伟达H200对华出口") for name in sources)
    page.reload()
    expect(titles(page)).to_have_count(4)
    expect(page.locator("#bq-now .bq-understood").first).to_have_text("Only in: 英伟达H200对华出口：一次附条件的松动")


def test_titles_are_searched_and_sections_open_in_the_panel(page: Page) -> None:
    search = page.get_by_role("textbox", name="Search titles")
    search.press_sequentially("国产")
    expect(titles(page)).to_have_text(["国产AI芯片的五条路线"])
    expect(page.locator("#bq-list .bq-listed")).to_have_text("1 brief")
    search.fill("NVIDIA rubin")
    expect(titles(page)).to_have_count(1)
    brief = page.locator(".bq-brief")
    expect(brief).to_contain_text("2025-12-22 · Technology")
    brief.locator("summary", has_text="6 sections").click()
    brief.locator(".bq-sections .bq-source").nth(2).click()
    heading = page.frame_locator("#bq-frame").locator("h2", has_text="Blackwell: the generation held back")
    expect(heading).to_be_in_viewport()
    expect(page.locator("#bq-copy-citation")).to_be_hidden()
    page.locator("#bq-tab-briefs").click()
    search.fill("nothing of the kind")
    expect(page.locator("#bq-list")).to_have_text("No brief matches. Change the search, or take away a filter.")


def upload(page: Page, name: str, text: str) -> Locator:
    """Choose a file; returns what is said of it."""
    told = page.locator("#bq-uploads li")
    before = told.count()
    with page.expect_file_chooser() as chooser:
        page.locator(".bq-upload").click()
    chooser.value.set_files([{"name": name, "mimeType": "text/markdown", "buffer": text.encode()}])
    expect(told).to_have_count(before + 1)
    return told.last


def drop(page: Page, name: str, text: str) -> Locator:
    """Drop a file on the list of briefs; returns what is said of it."""
    told = page.locator("#bq-uploads li")
    before = told.count()
    data = page.evaluate_handle(
        """([name, text]) => {
          const data = new DataTransfer();
          data.items.add(new File([text], name, {type: "text/markdown"}));
          return data;
        }""",
        [name, text],
    )
    briefs = page.locator("#bq-briefs")
    briefs.dispatch_event("dragenter", {"dataTransfer": data})
    briefs.dispatch_event("dragover", {"dataTransfer": data})
    expect(briefs).to_have_class(re.compile("bq-dropping"))
    briefs.dispatch_event("drop", {"dataTransfer": data})
    expect(briefs).not_to_have_class(re.compile("bq-dropping"))
    expect(told).to_have_count(before + 1)
    return told.last


def rebuild(page: Page) -> Locator:
    """Rebuild the index from the page; returns the report."""
    report = page.locator("#bq-changes .bq-report")
    button = page.get_by_role("button", name="Rebuild the index")
    insist(button.click, lambda wait: expect(page.locator(".bq-report, .bq-progress")).to_be_visible(timeout=wait))
    expect(report).to_be_visible(timeout=60_000)
    return report


def look_for_news(page: Page) -> None:
    """Have the page ask at once what is new, as when somebody comes back to it."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_a_brief_is_added_and_asked_about_after_a_rebuild(library: tuple[str, Path], context: BrowserContext) -> None:
    url, folder = library
    page = open_chat(context, url)
    ask(page, HARVEST)
    expect(page.locator("#bq-now .bq-state")).to_have_attribute("data-state", "refused")

    expect(upload(page, "lemons.txt", LEMONS)).to_contain_text("Its name must end in .md")
    expect(page.locator("#bq-uploads li").last).to_have_class("bq-refused")
    assert_accessible(page, "a refused upload")
    expect(upload(page, "lemons.md", LEMONS)).to_have_text(
        "“lemons.md” was stored. Rebuild the index, and it can be asked about."
    )
    assert (folder / "corpus" / "lemons.md").read_text(encoding="utf-8") == LEMONS
    expect(page.locator("#bq-changes")).to_contain_text("lemons.md")
    look_for_news(page)
    expect(page.locator("#bq-news")).to_contain_text("1 brief has changed since the index was built.")
    assert_accessible(page, "news")

    told = drop(page, "lemons.md", LEMONS.replace("4,218", "4,219"))
    expect(told).to_contain_text("There is already a brief “lemons.md”.")
    assert "4,218" in (folder / "corpus" / "lemons.md").read_text(encoding="utf-8")
    told.get_by_role("button", name="Replace").click()
    expect(told).to_contain_text("“lemons.md” was stored.")
    assert "4,219" in (folder / "corpus" / "lemons.md").read_text(encoding="utf-8")

    expect(rebuild(page)).to_contain_text("Briefs: 1 added, 0 updated, 0 removed, 4 unchanged")
    assert_accessible(page, "a rebuild's report")
    expect(page.locator(".bq-facts").first).to_have_text("5 briefs · newest 2026-01-05")
    expect(page.locator("#bq-changes")).to_contain_text("The index is up to date with the briefs.")
    expect(page.locator("#bq-news")).to_have_text("")
    expect(titles(page).first).to_have_text("Lemons of the quay")
    ask(page, HARVEST)
    expect(page.locator("#bq-now .bq-answer")).to_contain_text("4,219 crates")
    page.locator("#bq-now .bq-answer .bq-cite").first.click()
    expect(marked(page).first).to_be_in_viewport()


def test_an_open_page_hears_of_a_build_and_uses_it_at_the_next_question(
    library: tuple[str, Path], context: BrowserContext
) -> None:
    url, folder = library
    page = open_chat(context, url)
    facts = page.locator("#bq-top .bq-facts")
    before = facts.inner_text()
    news = page.locator("#bq-news")
    expect(news).to_have_text("")
    text = LEMONS.replace("lemon", "quince").replace("Lemons", "Quinces").replace("2026-01-05", "2026-02-06")
    (folder / "corpus" / "quinces.md").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "briefqa", "build", str(folder / "corpus"), "--index", str(folder / "index")]
    subprocess.run(command, check=True, capture_output=True)
    look_for_news(page)
    expect(news).to_have_text("A newer index is in use from your next question on.")
    expect(facts).to_have_text(before)
    ask(page, "How many crates was the quince harvest at Zanderbrook quay?")
    expect(page.locator("#bq-now .bq-state")).to_have_attribute("data-state", "quoted")
    expect(facts).to_contain_text("newest 2026-02-06")
    expect(news).to_have_text("")
    expect(titles(page).first).to_have_text("Quinces of the quay")
