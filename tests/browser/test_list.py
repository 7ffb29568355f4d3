"""The list of environments as a person works with it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from environments.models import Environment, Phase
from portal.sandbox.server import Sandbox

pytestmark = pytest.mark.browser


@pytest.fixture
def fleet_list(signed_in: Page, sandbox: Sandbox) -> Page:
    """The list as it opens, with its filters counted, and marked: a reload would lose the mark."""
    return opened(signed_in, "/environments/")


def opened(page: Page, address: str) -> Page:
    page.goto(address)
    expect(page.locator("#facet-gone")).to_be_attached()
    page.evaluate("window.sameDocument = true")
    return page


def is_same_document(page: Page) -> bool:
    return bool(page.evaluate("window.sameDocument === true"))


def rows(page: Page) -> Locator:
    return page.locator("#list tbody tr")


def name_links(page: Page) -> Locator:
    return page.locator("#list tbody .list-name > a:first-child")


def names(page: Page) -> list[str]:
    return name_links(page).all_inner_texts()


def search(page: Page) -> Locator:
    return page.get_by_label("Search environments")


def count(**columns: Any) -> int:
    return Environment.objects.present().filter(**columns).count()


def colour(of: Locator) -> str:
    return str(of.evaluate("element => getComputedStyle(element).color"))


def test_typing_narrows_the_list_without_a_reload(fleet_list: Page) -> None:
    page, running = fleet_list, count(phase=Phase.RUNNING)
    link = colour(name_links(page).first)
    for each in rows(page).first.locator("td:not(.list-name) a").all():
        assert colour(each) == link, "what is a link looks like one"
    assert colour(rows(page).first.locator("time").first) != link
    search(page).press_sequentially("phase:running")
    expect(rows(page)).to_have_count(min(running, 50))
    expect(page.locator("#list .list-phase").filter(has_text="running")).to_have_count(min(running, 50))
    expect(page).to_have_url(re.compile(r"/environments/\?phase=running$"))
    expect(search(page)).to_be_focused()
    chip = page.get_by_role("list", name="Active filters").get_by_role("link", name="Phase: running")
    expect(chip).to_be_visible()
    chip.click()
    expect(search(page)).to_have_value("")
    expect(chip).to_have_count(0)
    expect(rows(page)).to_have_count(50)
    assert is_same_document(page)


def test_words_are_completed_are_ticks_and_a_row_leads_back_to_its_list(fleet_list: Page) -> None:
    page, box = fleet_list, search(fleet_list)
    offers = page.get_by_role("option")
    box.press_sequentially("pha")
    expect(offers.filter(has_text="phase:")).to_be_visible()
    box.press("Escape")
    expect(offers).to_have_count(0)
    box.press_sequentially("s")
    expect(offers).to_have_count(1)
    box.press("ArrowDown")
    box.press("Enter")
    expect(box).to_have_value("phase:")
    expect(offers).to_have_count(8)
    box.press_sequentially("sto")
    expect(offers).to_have_text(["phase:stopping", "phase:stopped"])
    box.press("ArrowDown")
    box.press("ArrowDown")
    box.press("Tab")
    expect(box).to_have_value("phase:stopped ")
    stopped = page.locator("#phase-stopped")
    expect(stopped).to_be_checked()
    box.press_sequentially("e")  # what is typed goes on to hold, not its tick
    box.press("Backspace")
    box.press("Backspace")
    box.press_sequentially(",running ")
    expect(page.locator("#phase-running")).to_be_checked()
    stopped.uncheck()
    expect(box).to_have_value("")
    expect(page).to_have_url(re.compile(r"\?phase=running$"))
    expect(rows(page)).to_have_count(count(phase=Phase.RUNNING))
    listed = names(page)
    name_links(page).nth(1).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(listed[1])
    page.get_by_role("link", name=f"Next: {listed[2]}").click()
    page.get_by_role("link", name=f"Previous: {listed[1]}").click()
    expect(page.locator(".crumb-steps")).to_contain_text(f"2 of {len(listed)}")
    page.get_by_role("navigation", name="Breadcrumbs").get_by_role("link", name="Environments").click()
    expect(page).to_have_url(re.compile(r"\?phase=running$"))


def test_filters_add_up_and_come_off_again(fleet_list: Page) -> None:
    page = fleet_list
    page.get_by_role("checkbox", name=re.compile("^unpushed work")).check()
    expect(rows(page)).to_have_count(count(unpushed_work=True))
    page.get_by_role("checkbox", name=re.compile("^stopped")).check()
    both = count(unpushed_work=True, phase=Phase.STOPPED)
    expect(rows(page)).to_have_count(both)
    expect(page).to_have_url(re.compile(r"phase=stopped&flag=unpushed|flag=unpushed&phase=stopped"))
    expect(page.locator("#phase-stopped").locator("xpath=..").locator(".facet-count")).to_have_text(str(both))
    page.get_by_role("link", name="Clear all").click()
    expect(rows(page)).to_have_count(50)
    expect(page.get_by_role("checkbox", name=re.compile("^stopped"))).not_to_be_checked()
    assert is_same_document(page)


def test_a_heading_sorts_and_sorts_the_other_way(fleet_list: Page) -> None:
    page = fleet_list
    page.locator("#sort-created").evaluate("link => link.click()")  # the column itself needs a wider window
    expect(page.locator("th.list-created")).to_have_attribute("aria-sort", "descending")
    page.locator("#sort-name").click()
    expect(page.locator("th.list-name")).to_have_attribute("aria-sort", "ascending")
    first = names(page)
    page.locator("#sort-name").click()
    expect(page.locator("th.list-name")).to_have_attribute("aria-sort", "descending")
    assert names(page)[0] != first[0]
    assert is_same_document(page)


def test_pages_follow_each_other_and_back_forward_and_reload_show_what_was_there(fleet_list: Page) -> None:
    page = fleet_list
    page.locator("#sort-name").click()
    expect(page.locator("th.list-name")).to_have_attribute("aria-sort", "ascending")
    first = names(page)
    page.get_by_role("link", name="Next", exact=True).click()
    expect(page.get_by_role("link", name="Previous", exact=True)).to_be_visible()
    second = names(page)
    assert set(first) & set(second) <= {first[-1]}, "only the name at the border of two pages may be on both"
    page.get_by_role("link", name="Previous", exact=True).click()
    expect(page.get_by_role("link", name="Previous", exact=True)).to_have_count(0)
    expect(name_links(page)).to_have_text(first)
    page.go_back()
    expect(page.get_by_role("link", name="Previous", exact=True)).to_be_visible()
    expect(name_links(page)).to_have_text(second)
    page.reload()
    expect(page.get_by_role("link", name="Previous", exact=True)).to_be_visible()
    expect(name_links(page)).to_have_text(second)
    page.go_back()
    expect(page.get_by_role("link", name="Previous", exact=True)).to_have_count(0)
    expect(name_links(page)).to_have_text(first)
    page.go_forward()
    expect(page.get_by_role("link", name="Previous", exact=True)).to_be_visible()
    expect(name_links(page)).to_have_text(second)


def test_what_was_typed_wrongly_is_explained_beside_the_box_and_stays_in_it(fleet_list: Page) -> None:
    page = fleet_list
    search(page).fill("phase:runing owner:")
    search(page).press("Enter")
    explained = page.locator("#problems .note")
    expect(explained).to_have_count(2)
    expect(explained.first).to_contain_text("running")
    expect(search(page)).to_have_value("phase:runing owner:")
    described = page.evaluate(
        "document.getElementById(document.getElementById('q').getAttribute('aria-describedby')).innerText"
    )
    assert "phase:runing" in described


def test_nothing_that_matches_says_so_and_leads_back(fleet_list: Page) -> None:
    page = fleet_list
    search(page).fill("nothing-is-called-like-this")
    expect(page.get_by_text("Nothing matches")).to_be_visible()
    page.get_by_role("link", name="show all environments").click()
    expect(rows(page)).to_have_count(50)


def test_everything_can_be_done_with_the_keyboard(fleet_list: Page) -> None:
    page = fleet_list
    page.locator("body").press("f")
    expect(search(page)).to_be_focused()
    page.keyboard.type("phase:running")
    expect(page.locator(".chips")).to_be_visible()
    target = page.locator("#list tbody .list-name > a:first-child").first
    expect(target).to_be_visible()
    for _ in range(150):
        page.keyboard.press("Tab")
        if target.evaluate("link => link === document.activeElement"):
            break
    expect(target).to_be_focused()
    name = target.inner_text()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
