"""The judge of pages remembers what passed, and nothing that did not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.accessibility import Judge

pytestmark = pytest.mark.browser

PAGE = """
<html lang="en" data-bs-theme="light">
<title>A page</title>
<style>
  body {{ background: #fff; color: #000 }}
  .note {{ color: #222 }}
  .dark-box {{ background: #333; width: 20em }}
  [data-bs-theme=dark] .fades {{ color: #eee }}
</style>
<script>
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.onchange = () => document.documentElement.dataset.bsTheme = system.matches ? "dark" : "light";
</script>
<main><h1>A page</h1>{}</main>
"""
READABLE = PAGE.format('<p class="note">A note</p>')


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page()
    yield opened
    opened.close()


def rules(judge: Judge, page: Page, content: str, theme: str = "light") -> list[str]:
    """What is broken on a page of this content."""
    page.set_content(content)
    return [complaint.partition(":")[0] for complaint in judge.complaints(page, theme)]


def test_a_readable_page_has_no_complaints_and_its_looks_are_remembered(page: Page) -> None:
    judge = Judge()
    assert rules(judge, page, READABLE) == []
    assert len(judge.passed["light", 1280]) == 2


def test_what_failed_is_told_of_every_page_that_has_it(page: Page) -> None:
    judge, pale = Judge(), PAGE.format('<p style="color: #ccc">Pale</p>')
    assert [rules(judge, page, pale) for _ in range(6)] == [["color-contrast (light)"]] * 6


def test_a_text_that_passed_is_looked_at_again_on_another_ground(page: Page) -> None:
    judge = Judge()
    assert rules(judge, page, READABLE) == []
    boxed = PAGE.format('<div class="dark-box"><p class="note">A note</p></div>')
    assert rules(judge, page, boxed) == ["color-contrast (light)"]


def test_each_theme_is_judged_in_its_own_colours(page: Page) -> None:
    judge, fading = Judge(), PAGE.format('<p class="fades">Fades in the dark</p>')
    assert rules(judge, page, fading) == []
    assert rules(judge, page, fading, "dark") == ["color-contrast (dark)"]


def test_rules_that_have_nothing_to_do_with_colours_are_asked_of_every_page(page: Page) -> None:
    judge, nameless = Judge(), PAGE.format("<button></button>")
    assert [rules(judge, page, nameless) for _ in range(2)] == [["button-name (light)"]] * 2
