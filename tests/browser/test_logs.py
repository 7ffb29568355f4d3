"""The viewer of logs as a person uses it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Locator, Page, expect

from automations.models import Service, ServicePhase, Task
from portal.ona import OnaClient
from portal.sandbox.logs import LogScript
from portal.sandbox.server import Sandbox
from tests.browser import chromium, fleet
from tests.browser.scenes_logs import WORDS

pytestmark = pytest.mark.browser


@pytest.fixture
def service(sandbox: Sandbox) -> Service:
    sandbox.logs.warming = 0
    return Service.objects.present().filter(phase=ServicePhase.RUNNING).order_by("id")[0]


def open_log(page: Page, row: Any) -> None:
    kind = "service" if isinstance(row, Service) else "execution"
    page.goto(reverse(f"automations:{kind}-log", args=[row.pk]))


def lines(page: Page) -> Locator:
    return page.locator(".log-line")


def state(page: Page) -> Locator:
    return page.locator(".log-state")


def test_an_execution_is_followed_to_its_last_line_without_a_reload(administering: Page, sandbox: Sandbox) -> None:
    page = administering
    # as a real source does, it answers 502 at first
    running = Service.objects.filter(phase=ServicePhase.RUNNING).values("environment_id")
    task = Task.objects.present().filter(environment_id__in=running).exclude(depends_on=[]).order_by("id")[0]
    sandbox.world.agenda.items.clear()  # nobody stops or deletes the environment meanwhile
    with OnaClient(sandbox.token, sandbox.base_url) as client:
        started = client.start_task(task.pk)
    sandbox.world.advance(timedelta(seconds=20))
    fleet.read_all(sandbox, secrets=False)
    page.goto(reverse("automations:execution-log", args=[started.id]))
    page.evaluate("window.sameDocument = true")
    expect(state(page)).to_contain_text("so far.")
    expect(lines(page).first).to_contain_text("▶")
    seen = lines(page).count()
    sandbox.world.advance(timedelta(hours=4))
    expect(state(page)).to_contain_text("The log ends here.")
    expect(lines(page).last).to_contain_text("Execution ")
    assert lines(page).count() > seen
    at_end = "box => box.scrollHeight - box.scrollTop - box.clientHeight < 24"
    assert page.locator(".log-lines").evaluate(at_end)
    assert page.evaluate("window.sameDocument === true")


def test_colours_are_shown_and_everything_else_is_only_text(
    administering: Page, sandbox: Sandbox, service: Service
) -> None:
    page = administering
    sandbox.logs.scripts[str(service.pk)] = LogScript(WORDS.encode())
    open_log(page, service)
    expect(state(page)).to_contain_text("The log ends here.")
    expect(lines(page).filter(has_text="<script>alert(1)</script> <b>not bold</b>\ufffd")).to_have_count(1)
    assert page.locator(".log-lines script, .log-lines b, .log-lines [style]").count() == 0
    expect(page.locator(".log-line .ansi-1").first).to_have_text(" text 31")
    expect(page.locator(".log-line .ansi-on-4").first).to_have_text(" ground 44")
    expect(lines(page).filter(has_text="100 % done")).to_have_text("100 % done")
    assert "\x1b" not in page.locator(".log-lines").inner_text()


def test_what_a_terminal_would_show_is_shown(administering: Page, sandbox: Sandbox, service: Service) -> None:
    page, key = administering, str(service.pk)
    for body, shown, count in (
        (b"line one\nProceed? [y/N] ", ["line one", "Proceed? [y/N] "], "2 lines so far."),
        (b"".join(b"\r%3d%%" % done for done in range(90)), [" 89%"], "1 line so far."),
        (b"10%\r20%\r", ["20%"], "1 line so far."),
        (b"working |\b/\b-\b", ["working -"], "1 line so far."),
    ):
        sandbox.logs.scripts[key] = LogScript(body=body, is_endless=True)
        open_log(page, service)
        expect(lines(page)).to_have_text(shown)
        expect(state(page)).to_have_text(count)
    bar = b"".join(b"\r" + b"#" * 199 for _ in range(500))  # 100,000 characters of one line
    ended = bar + b"\rbuilt\nabc\b\bX\n" + b"y" * 50_000 + b"\n" + b"z" * 50_000
    sandbox.logs.scripts[key] = LogScript(body=ended)
    open_log(page, service)
    expect(state(page)).to_have_text("4 lines. The log ends here.")
    expect(lines(page)).to_have_text(["built", "aXc", re.compile("^y{20000} …$"), re.compile("^z{20000} …$")])


def test_lines_are_found_one_after_another_and_wrapped_or_not(
    administering: Page, sandbox: Sandbox, service: Service
) -> None:
    page = administering
    sandbox.logs.scripts[str(service.pk)] = LogScript("".join(f"line {n} {'x' * 900}\n" for n in range(300)).encode())
    open_log(page, service)
    expect(lines(page)).to_have_count(300)
    box = page.locator(".log-lines")
    assert box.evaluate("box => box.scrollWidth <= box.clientWidth")
    page.get_by_label("Wrap").uncheck()
    assert box.evaluate("box => box.scrollWidth > box.clientWidth")
    expect(page.get_by_role("button", name="Previous")).to_be_disabled()
    expect(page.get_by_role("button", name="First error")).to_be_disabled()
    expect(page.get_by_label("Follow")).to_be_disabled()  # the log has ended
    expect(page.get_by_label("Follow")).not_to_be_checked()
    page.get_by_role("searchbox", name="Find in the log").fill("LINE 27")
    expect(page.locator(".log-hits")).to_have_text("1 of 11")
    expect(page.locator(".log-here")).to_contain_text("line 27 ")
    page.keyboard.press("Enter")
    expect(page.locator(".log-here")).to_contain_text("line 270 ")
    page.get_by_role("button", name="Previous").click()
    expect(page.locator(".log-here")).to_contain_text("line 27 ")
    expect(page.get_by_label("Follow")).not_to_be_checked()
    expect(page.locator(".log-here")).to_be_in_viewport()
    page.get_by_role("searchbox", name="Find in the log").fill("nothing like this")
    expect(page.locator(".log-hits")).to_have_text("none")
    # a line has an address, and a short log no empty room; its first error is one click away
    lines(page).nth(41).locator(".log-number").click()
    expect(page).to_have_url(re.compile("#L42$"))
    sandbox.logs.scripts[str(service.pk)] = LogScript(
        "".join(f"step {n}\n" for n in range(400)).encode() + b"ERROR: no\n"
    )
    page.reload()
    expect(page.locator(".log-shown")).to_have_text("step 41")
    expect(page.locator(".log-shown")).to_be_in_viewport()
    page.get_by_role("button", name="First error").click()
    expect(page.locator(".log-shown")).to_have_text("ERROR: no")
    sandbox.logs.scripts[str(service.pk)] = LogScript(b"one\ntwo\n")
    open_log(page, service)
    expect(lines(page)).to_have_text(["one", "two"])
    assert box.evaluate("box => box.clientHeight") < 80


def test_a_huge_log_leaves_the_page_with_its_last_lines_and_says_so(
    administering: Page, sandbox: Sandbox, service: Service
) -> None:
    page = administering
    sandbox.logs.scripts[str(service.pk)] = LogScript(b"the very first line\n", size=8_000_000)
    open_log(page, service)
    expect(state(page)).to_contain_text("The log ends here.")
    assert lines(page).count() <= 10_000
    expect(page.locator(".log-dropped")).to_have_text(re.compile(r"^The first [\d,]+ lines are not kept on this page"))
    expect(lines(page).filter(has_text="the very first line")).to_have_count(0)
    dropped = int(re.sub(r"\D", "", page.locator(".log-dropped").inner_text()))
    total = int(re.sub(r"\D", "", state(page).inner_text()))
    assert dropped + lines(page).count() == total


def test_a_log_goes_on_where_an_answer_ended(
    administering: Page, sandbox: Sandbox, service: Service, settings: Any
) -> None:
    page = administering
    settings.LOG_STREAM_SECONDS = 1
    open_log(page, service)
    expect(lines(page).first).to_contain_text("▶")
    with page.expect_response(re.compile(r"log/stream\?viewer=1&skip=[1-9]")):
        pass
    before = lines(page).count()
    settings.LOG_STREAM_SECONDS = 60
    sandbox.world.advance(timedelta(seconds=30))
    expect(lines(page)).not_to_have_count(before)
    assert lines(page).filter(has_text="▶").count() == 1


@pytest.mark.parametrize(
    ("script", "words"), [({"status": 404}, "This log is deleted"), ({"body": b""}, "The log is empty.")]
)
def test_a_log_that_is_gone_or_empty_says_so(
    administering: Page, sandbox: Sandbox, service: Service, watch: chromium.Watch, script: Any, words: str
) -> None:
    watch.allowed_statuses |= {404}
    page = administering
    sandbox.logs.scripts[str(service.pk)] = LogScript(**script)
    open_log(page, service)
    expect(state(page)).to_contain_text(words)
    sandbox.logs.scripts[str(service.pk)] = LogScript(b"here it is\n")
    page.get_by_role("button", name="Read again").click()
    expect(lines(page)).to_have_text(["here it is"])


def test_a_download_is_the_whole_log_without_colours(administering: Page, sandbox: Sandbox, service: Service) -> None:
    page = administering
    sandbox.logs.scripts[str(service.pk)] = LogScript(b"\x1b[31mred\x1b[0m\n", size=100_000)
    open_log(page, service)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename.endswith(f"-{str(service.pk)[:8]}.log")
    assert download.value.path().read_bytes().startswith(b"red\n[INFO]")
    assert download.value.path().stat().st_size == 100_004
