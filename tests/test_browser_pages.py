"""The page in a real browser: language and theme, a phone, the keyboard, reduced motion, and how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from browsing import PHONE, QUESTION, ask, chatting, marked, no_sideways_scroll, open_chat, open_settings, ready
from playwright.sync_api import BrowserContext, Locator, Page, expect

pytestmark = pytest.mark.browser

UNKNOWN = "How do I bake bread?"
DARK_PAPER, LIGHT_PAPER = "rgb(21, 23, 26)", "rgb(247, 244, 238)"
DARK_SHEET, LIGHT_SHEET = "rgb(29, 32, 36)", "rgb(255, 253, 249)"


def paper(page: Page) -> Locator:
    return page.locator("body")


def sheet(page: Page) -> Locator:
    return page.frame_locator("#bq-frame").locator("html")


@pytest.mark.parametrize("context", [{"locale": "zh-CN"}, {"locale": "zh-HK"}], indirect=True)
def test_a_chinese_browser_gets_a_chinese_page(page: Page) -> None:
    expect(page.locator("html")).to_have_attribute("lang", "zh")
    expect(page.locator("#bq-ask")).to_have_text("提问")
    expect(page.locator("#bq-top")).to_contain_text("4 篇简报")
    expect(page.locator("#bq-question textarea")).to_have_attribute("placeholder", "向简报提问")
    ask(page, "什么时候召开了紧急会议？")
    expect(page.locator(".bq-answer").last).to_contain_text("12月11日")
    page.locator(".bq-answer .bq-cite").first.click()
    expect(page.frame_locator("#bq-frame").get_by_role("link", name="阅读原文")).to_be_visible()


def test_the_language_is_switched_for_page_and_source_and_stays(page: Page) -> None:
    ask(page, QUESTION)
    open_settings(page)
    page.get_by_role("button", name="中文").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh")
    expect(page.locator("#bq-ask")).to_have_text("提问")
    expect(page.locator("#bq-tab-briefs")).to_have_text("简报")
    expect(page.get_by_role("textbox", name="问题")).to_have_attribute("placeholder", "向简报提问")
    expect(page.locator("#bq-search").locator("input, textarea")).to_have_attribute("placeholder", "搜索标题")
    expect(page.locator("#bq-now .bq-question")).to_have_text(QUESTION)
    expect(page.locator("#bq-now .bq-state")).to_have_text("以简报原句作答")
    page.locator(".bq-answer .bq-cite").first.click()
    expect(page.frame_locator("#bq-frame").get_by_role("link", name="阅读原文")).to_be_visible()
    open_settings(page)
    page.get_by_role("button", name="English").click()
    expect(page.locator("#bq-ask")).to_have_text("Ask")
    expect(page.frame_locator("#bq-frame").get_by_role("link", name="Read the original")).to_be_visible()
    expect(marked(page).first).to_be_in_viewport()
    open_settings(page)
    page.get_by_role("button", name="中文").click()
    page.reload()
    ready(page)
    expect(page.locator("#bq-ask")).to_have_text("提问")
    expect(page.locator("#bq-now .bq-question")).to_have_text(QUESTION)
    open_settings(page)
    page.get_by_role("button", name="English").click()
    expect(page.locator("#bq-ask")).to_have_text("Ask")
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_the_theme_is_that_of_the_system_as_long_as_none_is_chosen(page: Page) -> None:
    ask(page, QUESTION)
    page.locator(".bq-answer .bq-cite").first.click()
    expect(sheet(page)).to_have_css("background-color", LIGHT_SHEET)
    page.emulate_media(color_scheme="dark")
    expect(paper(page)).to_have_css("background-color", DARK_PAPER)
    expect(sheet(page)).to_have_css("background-color", DARK_SHEET)
    open_settings(page)
    page.locator("#bq-theme").click()
    expect(page.locator("#bq-theme")).to_have_text("Theme: light")
    expect(paper(page)).to_have_css("background-color", LIGHT_PAPER)


# Without a theme that is imposed on all frames; the system's is light.
@pytest.mark.parametrize("context", [{"color_scheme": "null"}], indirect=True)
def test_a_theme_is_chosen_for_page_and_source_and_stays(page: Page) -> None:
    ask(page, QUESTION)
    page.locator(".bq-answer .bq-cite").first.click()
    open_settings(page)
    theme = page.locator("#bq-theme")
    for name, ground, front in (
        ("auto", LIGHT_PAPER, LIGHT_SHEET),
        ("light", LIGHT_PAPER, LIGHT_SHEET),
        ("dark", DARK_PAPER, DARK_SHEET),
    ):
        expect(theme).to_have_text(f"Theme: {name}")
        expect(paper(page)).to_have_css("background-color", ground)
        expect(sheet(page)).to_have_css("background-color", front)
        if name != "dark":
            theme.click()
    page.reload()
    ready(page)
    expect(paper(page)).to_have_css("background-color", DARK_PAPER)
    page.locator(".bq-answer .bq-cite").first.click()
    expect(sheet(page)).to_have_css("background-color", DARK_SHEET)


def test_the_list_of_conversations_stays_until_it_is_closed_whatever_gradio_writes(page: Page) -> None:
    drawer = page.locator("#bq-drawer")
    page.locator("#bq-conversations").click()
    drawer.evaluate("drawer => drawer.classList.remove('bq-shown')")  # as when Gradio writes its class anew
    expect(page.locator("#bq-close-drawer")).to_be_in_viewport()
    page.keyboard.press("Escape")
    expect(drawer).not_to_be_in_viewport()
    assert page.locator("[inert]").count() == 0


@pytest.mark.parametrize("context", [{"viewport": PHONE, "has_touch": True}], indirect=True)
def test_a_phone_shows_the_panel_over_the_chat_and_never_scrolls_sideways(page: Page) -> None:
    panel, chip = page.locator("#bq-panel"), page.locator(".bq-answer .bq-cite").first
    assert no_sideways_scroll(page)
    ask(page, QUESTION)
    assert no_sideways_scroll(page)
    expect(panel).not_to_be_in_viewport()
    chip.tap()
    expect(page.locator("#bq-close")).to_be_focused()
    expect(marked(page).first).to_be_in_viewport()
    assert no_sideways_scroll(page)
    assert sheet(page).evaluate("page => page.scrollWidth <= innerWidth")
    page.keyboard.press("Escape")
    expect(panel).not_to_be_in_viewport()
    expect(chip).to_be_focused()

    page.locator("#bq-open-briefs").tap()
    expect(page.locator("#bq-close")).to_be_focused()
    expect(page.locator(".bq-brief").first).to_be_visible()
    assert no_sideways_scroll(page)
    page.locator(".bq-timeline button").first.tap()
    expect(page.locator("#bq-list .bq-brief")).to_have_count(1)
    assert no_sideways_scroll(page)
    page.locator("#bq-close").tap()
    expect(panel).not_to_be_in_viewport()
    expect(page.locator("#bq-open-briefs")).to_be_focused()
    expect(page.locator("#bq-limits .bq-limit")).to_be_in_viewport(ratio=1)
    assert no_sideways_scroll(page)

    page.locator("#bq-conversations").tap()
    expect(page.locator("#bq-close-drawer")).to_be_focused()
    assert no_sideways_scroll(page)
    page.keyboard.press("Escape")
    expect(page.locator("#bq-drawer")).not_to_be_in_viewport()
    expect(page.locator("#bq-conversations")).to_be_focused()
    page.locator(".bq-settings summary").tap()
    expect(page.locator("#bq-theme")).to_be_in_viewport(ratio=1)
    assert no_sideways_scroll(page)
    page.keyboard.press("Escape")
    ask(page, UNKNOWN)
    assert no_sideways_scroll(page)
    ask(page, "x" * 600)
    assert no_sideways_scroll(page)


# What has the focus, whether that is seen, and whether it is in view. A date's calendar rings its own button.
FOCUSED = """() => {
  const focused = document.activeElement;
  const style = [...focused.classList].find((name) => name.startsWith("bq-"));
  const {outlineStyle, outlineWidth} = getComputedStyle(focused);
  const {width, height, top, bottom} = focused.getBoundingClientRect();
  return {
    name: style || focused.id || focused.closest("[id^=bq-]")?.id || "",
    ringed: !focused.matches(":focus") || (outlineStyle !== "none" && parseFloat(outlineWidth) >= 2),
    seen: width > 0 && height > 0 && bottom > 0 && top < innerHeight,
  };
}"""


def tab_stops(page: Page, last: str) -> list[str]:
    """Go through the page with Tab up to what has this name; return the name of each stop, which is seen and ringed."""
    names: list[str] = []
    while last not in names:
        stop = page.evaluate(FOCUSED)
        assert stop["name"] and stop["ringed"] and stop["seen"], (stop, names)
        names.append(stop["name"])
        assert len(names) < 100, names
        page.keyboard.press("Tab")
    return list(dict.fromkeys(names))


def focus_by_keyboard(page: Page, selector: str) -> None:
    """Focus what a reader came to with Tab: what a script or the pointer focuses has no ring."""
    page.locator(selector).focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")


def test_tab_goes_through_the_page_in_order_and_is_seen_everywhere(page: Page) -> None:
    ask(page, QUESTION)
    page.locator(".bq-next .bq-example").first.wait_for()
    focus_by_keyboard(page, "#bq-conversations")
    assert (
        tab_stops(page, "bq-only")
        == (
            "bq-conversations bq-new bq-top bq-table bq-cite bq-source bq-now bq-copy bq-thumb bq-example bq-question"
            " bq-ask bq-tab-briefs bq-rebuild bq-visually-hidden bq-filters bq-chip bq-search bq-list bq-only"
        ).split()
    )
    page.locator(".bq-answer .bq-cite").first.click()
    focus_by_keyboard(page, "#bq-ask")
    assert tab_stops(page, "bq-frame") == "bq-ask bq-tab-source bq-copy-citation bq-open bq-frame".split()


def test_all_can_be_done_with_the_keyboard_alone(page: Page) -> None:
    expect(page.locator("#bq-question textarea")).to_be_focused()
    page.keyboard.insert_text("which chips")
    page.keyboard.press("Shift+Enter")
    page.keyboard.insert_text("are banned?")
    expect(page.locator("#bq-question textarea")).to_have_value("which chips\nare banned?")
    page.keyboard.press("Enter")
    expect(page.locator("#bq-now .bq-state")).to_have_attribute("data-state", "quoted")
    expect(page.locator("#bq-question textarea")).to_be_focused()

    page.locator(".bq-answer .bq-cite").first.focus()
    page.keyboard.press("Enter")
    expect(marked(page).first).to_be_in_viewport()
    page.locator("#bq-tab-source").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#bq-tab-briefs")).to_be_focused()
    expect(page.locator("#bq-briefs")).to_be_visible()

    chip = page.locator(".bq-chip").first
    chip.focus()
    page.keyboard.press("Space")
    expect(chip).to_have_attribute("aria-pressed", "true")
    expect(chip).to_be_focused()
    page.locator("#bq-limits .bq-limit").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#bq-limits .bq-limit")).to_have_count(0)

    page.locator("#bq-conversations").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#bq-close-drawer")).to_be_focused()
    expect(page.locator("#bq-conversations")).to_have_attribute("aria-expanded", "true")
    for _ in range(12):  # what lies under the list cannot be reached
        page.keyboard.press("Tab")
        assert page.evaluate(
            "document.activeElement === document.body || !!document.activeElement.closest('#bq-drawer')"
        )
    page.locator(".bq-rename").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#bq-drawer form input")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#bq-drawer form")).to_be_hidden()
    expect(page.locator(".bq-rename")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#bq-drawer")).not_to_be_in_viewport()
    expect(page.locator("#bq-conversations")).to_be_focused()
    expect(page.locator("#bq-conversations")).to_have_attribute("aria-expanded", "false")


@pytest.mark.parametrize("context", [{"reduced_motion": "reduce", "viewport": PHONE}], indirect=True)
def test_who_wants_no_motion_gets_none(page: Page) -> None:
    ask(page, QUESTION)
    moving = """() => [...document.querySelectorAll("[id^=bq-], [class*=bq-]")].filter((element) => {
      const {transitionDuration, animationName, animationDuration} = getComputedStyle(element);
      const still = transitionDuration.split(",").every((time) => parseFloat(time) === 0);
      return !still || (animationName !== "none" && parseFloat(animationDuration) > 0);
    }).map((element) => element.id || element.className)"""
    assert page.evaluate(moving) == []
    page.locator("#bq-conversations").click()
    assert page.evaluate("document.getAnimations().filter((one) => one.playState === 'running').length") == 0
    expect(page.locator("#bq-drawer")).to_be_in_viewport()


def test_ctrl_c_ends_the_server_quietly_while_a_page_is_open(sample_index: Path, context: BrowserContext) -> None:
    with chatting(sample_index) as url:
        open_chat(context, url)
