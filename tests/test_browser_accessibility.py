"""What keeps people out of the page, as far as axe-core can tell: nothing serious in any of its states."""

from __future__ import annotations

from typing import Any

import pytest
from browsing import DESKTOP, PHONE, QUESTION, ask, assert_accessible, marked, open_chat, open_settings, window
from playwright.sync_api import Browser, expect

pytestmark = pytest.mark.browser

WORDS = {"en": (QUESTION, "How do I bake bread?"), "zh": ("哪些芯片仍被禁止出口？", "怎么烤面包？")}
# Each pair of device, theme and language is there once at least.
WINDOWS: dict[str, dict[str, Any]] = {
    "desktop-light-en": {"viewport": DESKTOP, "color_scheme": "light", "locale": "en-US"},
    "desktop-dark-zh": {"viewport": DESKTOP, "color_scheme": "dark", "locale": "zh-CN"},
    "phone-dark-en": {"viewport": PHONE, "color_scheme": "dark", "locale": "en-US"},
    "phone-light-zh": {"viewport": PHONE, "color_scheme": "light", "locale": "zh-CN"},
}


@pytest.mark.parametrize("name", WINDOWS)
def test_no_state_of_the_page_has_a_serious_violation(browser: Browser, chat: str, name: str) -> None:
    phone = name.startswith("phone")
    question, unknown = WORDS[name[-2:]]
    with window(browser, reduced_motion="reduce", **WINDOWS[name]) as context:
        page = open_chat(context, chat)
        assert_accessible(page, "welcome")
        ask(page, question)
        page.locator("#bq-now .bq-also summary").click()
        page.locator("#bq-now .bq-thumb").first.click()
        expect(page.locator("#bq-now .bq-comment")).to_be_visible()
        assert_accessible(page, "answer")
        page.locator(".bq-answer .bq-cite").first.click()
        expect(marked(page).first).to_be_in_viewport()
        assert_accessible(page, "source")
        if phone:
            page.locator("#bq-close").click()
            page.locator("#bq-open-briefs").click()
        else:
            page.locator("#bq-tab-briefs").click()
        page.locator(".bq-sections summary").first.click()
        page.locator(".bq-timeline button").first.click()
        expect(page.locator("#bq-limits .bq-limit")).to_be_attached()
        assert_accessible(page, "briefs, limited")
        if phone:
            page.locator("#bq-close").click()
        ask(page, unknown)
        assert_accessible(page, "refused")
        page.locator("#bq-conversations").click()
        page.locator(".bq-rename").first.click()
        assert_accessible(page, "list of conversations")
        page.keyboard.press("Escape")
        page.keyboard.press("Escape")
        open_settings(page)
        assert_accessible(page, "menu")
        page.keyboard.press("Escape")
        page.locator("#bq-now .bq-export summary").click()
        assert_accessible(page, "menu of formats")
        page.locator("#bq-ask").click()
        expect(page.locator("#bq-alert .bq-notice")).to_be_visible()
        assert_accessible(page, "notice")


@pytest.mark.parametrize("name", WINDOWS)
def test_no_page_beside_it_has_a_serious_violation(browser: Browser, chat: str, guarded_chat: str, name: str) -> None:
    with window(browser, reduced_motion="reduce", **WINDOWS[name]) as context:
        page = context.new_page()
        for address in (
            "source/",
            "source/nvidia-generations",
            "source/ai-chip-comparison",
            "source/nothing-of-the-kind",
        ):
            page.goto(f"{chat}{address}")
            assert_accessible(page, address)
        page.goto(guarded_chat)
        assert_accessible(page, "log-in")
        page.locator("[name=username]").fill("alice")
        page.locator("[name=password]").fill("wrong password")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_be_visible()
        assert_accessible(page, "log-in refused")
