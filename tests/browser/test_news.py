"""What changes at Ona reaches the open page and takes nothing away from its reader."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Response, expect

from environments.models import Environment, Phase
from portal.sandbox.server import Sandbox
from tests.browser import fleet

pytestmark = pytest.mark.browser
CHANGES = re.compile(r"/environments/changes/")
# Fifty answers as polls get them, each with other names, into the page as htmx puts them there.
SWAPS = """async () => {
    const poller = document.querySelector("[data-live]");
    const answer = await (await fetch(poller.getAttribute("hx-get").replace(/seen=[^&]*/, "seen="))).text();
    for (let number = 1; number <= 50; number += 1) {
        const news = answer.replace(/( id="e[^>]*>[^<]*)/g, `$1 ${number}`);
        htmx.swap("#list", news, { swapStyle: "morph", settleDelay: 0 }, { contextElement: poller });
    }
}"""
SELECT = "(element) => getSelection().selectAllChildren(element)"


def links(page: Page) -> Locator:
    return page.locator("#list tbody .list-name > a:first-child")


def news(page: Page, sandbox: Sandbox) -> Response:
    """The list's answer to the next poll."""
    fleet.read_environments(sandbox)
    with page.expect_response(CHANGES) as answer:
        page.clock.fast_forward(15_000)
    return answer.value


def environment_of(link: Locator) -> Environment:
    return Environment.objects.get(pk=(link.get_attribute("id") or "").removeprefix("e"))


def change(sandbox: Sandbox, environment: Environment, **parts: Any) -> None:
    sandbox.world.change(str(environment.pk), **parts)


def test_news_keeps_what_the_reader_is_at_and_rows_in_their_places(administering: Page, sandbox: Sandbox) -> None:
    page = administering
    page.clock.install()
    page.goto("/environments/?q=phase%3Arunning&sort=-created")
    expect(page.locator("#facet-gone")).to_be_attached()
    running = Environment.objects.present().filter(phase=Phase.RUNNING).count()
    expect(links(page)).to_have_count(running)
    page.evaluate("window.sameDocument = true")

    # fifty swaps
    for number in (0, 3):
        page.locator("#list tbody input").nth(number).check()
    page.get_by_text("View at a past time…").click()
    box = page.get_by_label("Time (UTC)")
    box.fill("2026-01-0")
    box.press("ArrowLeft")
    page.evaluate(SWAPS)
    expect(links(page).first).to_have_text(re.compile(" 50$"))
    expect(box).to_be_focused()
    expect(box).to_have_value("2026-01-0")
    assert box.evaluate("(box) => box.selectionStart") == 8
    expect(page.locator("#list tbody input:checked")).to_have_count(2)
    expect(page.locator("#chosen").get_by_role("status")).to_have_text("2 selected")
    links(page).nth(1).focus()
    owner = page.locator("#list tbody .list-owner").nth(2)
    owner.evaluate(SELECT)
    page.evaluate(SWAPS)
    expect(links(page).nth(1)).to_be_focused()
    assert page.evaluate("getSelection().toString()").strip() == owner.inner_text().strip()
    expect(box).to_have_value("2026-01-0")

    # what is new waits, and what is looked for among the filters stays
    page.locator("#find-project").fill("ru")
    options = page.locator("#options-project .facet-option")
    expect(options).not_to_have_count(8)
    before, facet = links(page).all_inner_texts(), page.locator("label:has(#phase-running) .facet-count")
    for name in ("quite new", "newer still"):
        sandbox.world.add_environment(metadata={"name": name})
    news(page, sandbox)
    expect(page.locator(".list-news")).to_have_text(re.compile(r"2\s+environments new here\s+· Show"))
    assert [text.removesuffix(" 50") for text in before] == links(page).all_inner_texts()
    expect(page.locator("#find-project")).to_have_value("ru")
    expect(page.locator("#find-project")).to_be_focused()
    page.locator("#find-project").clear()
    expect(options).to_have_count(20)  # all that a search among them may find
    page.get_by_role("link", name="Show", exact=True).click()
    expect(links(page).filter(has_text="newer still")).to_have_count(1)
    expect(page.locator(".list-news")).to_have_count(0)
    expect(links(page)).to_have_count(running + 2)
    expect(facet).to_have_text(f"{running + 2}")

    # a row that the mouse is pressed on is swapped, and stays in its place while the one above it leaves the list
    first, second = (environment_of(links(page).nth(number)) for number in (0, 1))
    links(page).nth(1).hover()
    page.mouse.down()
    page.evaluate(SWAPS)
    change(sandbox, first, status={"phase": Phase.STOPPED})
    change(sandbox, second, metadata={"name": "pressed"})
    news(page, sandbox)
    assert page.evaluate("window.sameDocument === true")
    page.mouse.up()
    expect(page.get_by_role("heading", level=1)).to_have_text("pressed")

    # an open menu of the environment's page
    page.locator("#environment-menu summary").first.click()
    change(sandbox, second, metadata={"name": "with its menu"})
    fleet.read_environments(sandbox)
    page.clock.fast_forward(15_000)
    expect(page.get_by_role("heading", level=1)).to_have_text("with its menu")
    expect(page.locator("#environment-menu details").first).to_have_attribute("open", "")
    page.go_back()
    expect(links(page)).to_have_count(running + 1)
    expect(page.locator(f"#e{first.pk.hex}")).to_have_count(0)
