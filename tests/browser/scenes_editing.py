"""Scenes of the specification editor. See `tests.browser.scenes`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import count
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from playwright.sync_api import Page, expect

from environments.models import Environment
from environments.templatetags.editor import EDITS
from portal.sandbox.conditions import Condition
from portal.sandbox.server import Sandbox
from tests.browser import fleet
from tests.support.editor import ECDSA, ED25519

if TYPE_CHECKING:
    from tests.browser.scenes import Scene

ADMIN = "ada"
PORTS = [
    {"port": 3000, "name": "Frontend", "protocol": "PROTOCOL_HTTP", "admission": "ADMISSION_LEVEL_OWNER_ONLY"},
    {"port": 8443, "name": "API preview", "protocol": "PROTOCOL_HTTPS", "admission": "ADMISSION_LEVEL_ORGANIZATION"},
]
KEYS = [{"id": "1", "value": f"{ED25519} ann@laptop"}, {"id": "2", "value": "ssh-rsa AAAA broken"}]


def editing(sandbox: Sandbox, scene: type[Scene]) -> Iterator[Scene]:
    """Every form as it opens, errors next to their fields, a conflict, and what the page says after saving."""
    environment = edited(sandbox)
    page = reverse("environments:detail", args=[environment.pk])
    yield scene("editor-link", page, ADMIN, then=_opened)
    for part in EDITS:
        yield scene(f"editor-{part}", f"{page}edit/{part}/", ADMIN)
    yield scene("editor-ports-refused", f"{page}edit/ports/", ADMIN, then=_ports_refused)
    yield scene("editor-keys-refused", f"{page}edit/ssh-keys/", ADMIN, then=_keys_refused)
    yield scene("editor-conflict", page, ADMIN, then=_conflict(sandbox, environment))
    yield scene("editor-saved", page, ADMIN, then=_timeout)


def edited(sandbox: Sandbox, **spec: Any) -> Environment:
    """A running environment with two ports and two keys."""
    identifier = sandbox.world.add_environment(Condition(kernel_controls=True), metadata={"name": "edited otter"})
    sandbox.world.change(identifier, spec={"ports": PORTS, "sshPublicKeys": KEYS, **spec})
    fleet.read_environments(sandbox)
    return Environment.objects.get(pk=identifier)


def open_form(page: Page, link: str) -> None:
    """The form that the link leads to, in the panel."""
    page.locator("#environment").get_by_role("link", name=link, exact=True).click()
    expect(page.locator("#panel form")).to_be_visible()


def save(page: Page, button: str = "Save") -> None:
    page.locator("#panel").get_by_role("button", name=button, exact=True).click()


def _opened(page: Page) -> None:
    open_form(page, "Edit Ports")
    _from_the_top(page)


def _from_the_top(page: Page) -> None:
    """Opening a form scrolls to it; the picture is of the whole page."""
    page.evaluate("window.scrollTo(0, 0)")


def _ports_refused(page: Page) -> None:
    page.get_by_label("Port, row 1").fill("80")
    page.get_by_label("Open to, row 2").select_option("ADMISSION_LEVEL_EVERYONE")
    page.get_by_label("Port, row 3").fill("8443")
    page.get_by_label("Reason").fill("A demo for people outside")
    save(page)
    expect(page.locator(".field-error").first).to_be_visible()


def _keys_refused(page: Page) -> None:
    page.get_by_label("Add keys", exact=True).fill(
        f"{ECDSA} bo@desktop\nssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0 cut"
    )
    save(page)
    expect(page.locator(".field-error").first).to_be_visible()


def _conflict(sandbox: Sandbox, environment: Environment) -> Callable[[Page], None]:
    names = (f"Renamed by its owner, take {number}" for number in count(1))

    def then(page: Page) -> None:
        open_form(page, "Edit Ports")
        page.get_by_label("Name, row 1").fill("Shop")
        page.get_by_label("Remove row 2").check()
        theirs = [{**PORTS[0], "name": next(names)}, PORTS[1], {**PORTS[0], "port": 9000, "name": "Metrics"}]
        sandbox.world.change(str(environment.pk), spec={"ports": theirs})
        save(page)
        expect(page.locator(".edit-conflict")).to_be_visible()
        _from_the_top(page)

    return then


def _timeout(page: Page) -> None:
    open_form(page, "Edit timeout Inactivity timeout")
    hour = page.get_by_label(re.compile(r"^\s*1 h without use"))
    choice = re.compile(r"^\s*2 h without use") if hour.is_checked() else re.compile(r"^\s*1 h without use")
    page.get_by_label(choice).check()
    save(page)
    expect(page.locator("#environment .note").first).to_contain_text("Timeout")
    _from_the_top(page)
