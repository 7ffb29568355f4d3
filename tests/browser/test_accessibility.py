"""The judge of pages remembers what passed, and nothing that did not."""

from __future__ import annotations

import re
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
<main><h1>A page</h1>{}</main>
"""
READABLE = PAGE.format('<p class="note">A note</p>')


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page()
    yield opened
    opened.close()


def rules(judge: Judge, page: Page, content: str) -> list[str]:
    """What is broken on a page of this content, with the theme where it is one of colour."""
    page.set_content(content)
    return [re.sub(r":.*?( \(\w+\))?$", r"\1", complaint) for complaint in judge.complaints(page)]


def test_a_readable_page_has_no_complaints_and_its_looks_are_remembered(page: Page) -> None:
    judge = Judge()
    assert rules(judge, page, READABLE) == []
    assert len(judge.passed["light"]) == 2


def test_what_failed_is_told_of_every_page_that_has_it(page: Page) -> None:
    judge, pale = Judge(), PAGE.format('<p style="color: #ccc">Pale</p>')
    assert [rules(judge, page, pale) for _ in range(6)] == [["color-contrast (light)", "color-contrast (dark)"]] * 6


def test_a_text_that_passed_is_looked_at_again_on_another_ground(page: Page) -> None:
    judge = Judge()
    assert rules(judge, page, READABLE) == []
    boxed = PAGE.format('<div class="dark-box"><p class="note">A note</p></div>')
    assert rules(judge, page, boxed) == ["color-contrast (light)", "color-contrast (dark)"]


def test_each_theme_is_judged_in_its_own_colours(page: Page) -> None:
    assert rules(Judge(), page, PAGE.format('<p class="fades">Fades in the dark</p>')) == ["color-contrast (dark)"]


def test_rules_that_have_nothing_to_do_with_colours_are_asked_of_every_page(page: Page) -> None:
    judge, nameless = Judge(), PAGE.format("<button></button>")
    assert [rules(judge, page, nameless) for _ in range(2)] == [["button-name"]] * 2


def test_a_link_like_its_text_is_found_beside_links_that_passed_and_every_time(page: Page) -> None:
    judge, told = Judge(), PAGE.format('<p>Whoever starts here sees <a href="#a">this page</a> first</p>')
    alike = told.replace("<a ", '<a style="color: #004; text-decoration: none" ')
    assert [rules(judge, page, content) for content in (told, alike, told, alike)] == [
        [], ["link-in-text-block"], [], ["link-in-text-block"],
    ]  # fmt: skip


def test_a_target_that_is_small_on_a_phone_alone_is_found_there(page: Page) -> None:
    judge = Judge()
    narrow = (
        "<style>@media (width < 400px) { button { display: block; font-size: 8px; padding: 0; border: 0 } }</style>"
    )
    assert rules(judge, page, PAGE.format(narrow + "<button>Stop here</button><button>Go there</button>")) == []
    page.set_viewport_size({"width": 390, "height": 900})
    assert [each.partition(":")[0] for each in judge.small_targets(page)] == ["target-size"]
