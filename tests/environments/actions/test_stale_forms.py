"""Forms that were sent before, and forms that somebody else overtook."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from environments.actions.forms.base import ActionForm
from environments.actions.forms.editing import EditForm
from environments.actions.registry import ACTIONS
from environments.models import Environment
from portal.ledger.models import Operation, Outcome
from portal.sandbox.server import Sandbox
from tests.environments.actions.test_acting import address, known, words
from tests.support import editor, factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> Client:
    return factories.client("Admin")


def fields(answer: Any) -> dict[str, str]:
    """The panel's inputs by name, as a browser would send them; the last checked radio wins."""
    panel = answer.content.decode().partition('id="panel"')[2]
    found: dict[str, str] = {}
    for tag in re.findall(r"<input[^>]+>", panel):
        attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if attributes.get("type") not in ("radio", "checkbox") or " checked" in tag:
            found[attributes.get("name", "")] = unescape(attributes.get("value", ""))
    return found


def rename(client: Client, environment: Environment, form: dict[str, str], **typed: str) -> Any:
    return client.post(address(environment, "rename"), form | typed)


def name_of(environment: Environment) -> str:
    environment.refresh_from_db()
    return environment.name


def test_a_used_operation_id_with_other_content_is_refused_and_what_was_typed_stays(
    sandbox: Sandbox, admin: Client
) -> None:
    environment = known(sandbox)
    form = fields(admin.get(address(environment, "rename")))
    assert rename(admin, environment, form, name="one").status_code == 302
    assert rename(admin, environment, form, name="one").status_code == 302  # the same again: the same answer
    for other in ({"name": "two"}, {"name": "one", "reason": "another"}):
        answer = rename(admin, environment, form, **other)
        assert answer.status_code == 409, other
        assert "already sent with other content" in words(answer)
    assert fields(answer)["name"] == "one"
    assert "another" in words(answer)
    assert fields(answer)["operation_id"] != form["operation_id"]
    assert (name_of(environment), Operation.objects.count()) == ("one", 1)
    assert "one" not in Operation.objects.get().content_digest


@pytest.mark.parametrize("act", ["rename", "lockdown"])
def test_a_form_that_somebody_overtook_shows_both_and_asks_again(sandbox: Sandbox, admin: Client, act: str) -> None:
    environment, now = known(sandbox), timezone.now()
    mine, theirs, value = {
        "rename": ({"name": "mine"}, {"name": "theirs"}, name_of),
        "lockdown": ({"when": "1", "reason": "x"}, {"lockdownAt": f"{now + timedelta(days=90):%Y-%m-%dT%H:%M:%SZ}"},
                     lambda row: f"{row.lockdown_at:%Y-%m-%d}"),
    }[act]  # fmt: skip
    here = address(environment, act)
    form = fields(admin.get(here))
    sandbox.world.change(str(environment.pk), metadata=theirs)
    refused = admin.post(here, form | mine)
    assert refused.status_code == 422
    assert "Changed by somebody else" in words(refused)
    assert Operation.objects.get().outcome == Outcome.FAILED
    environment.refresh_from_db()
    held = value(environment)
    assert held in words(refused)
    again = fields(refused)
    assert admin.post(here, again | ({"reason": "x"} if act == "lockdown" else {})).status_code == 302
    environment.refresh_from_db()
    assert value(environment) not in (held, "")
    if act == "lockdown":
        assert abs(environment.lockdown_at - now - timedelta(days=1)) < timedelta(minutes=1)


def test_days_later_are_counted_from_the_lockdown_that_was_shown(sandbox: Sandbox, admin: Client) -> None:
    environment, at = known(sandbox), timezone.now().replace(microsecond=0) + timedelta(days=89)
    sandbox.world.change(str(environment.pk), metadata={"lockdownAt": f"{at:%Y-%m-%dT%H:%M:%SZ}"})
    Environment.objects.update(lockdown_at=at)
    here = address(environment, "lockdown")
    page = words(admin.get(here))
    assert f"in 7 days: {timezone.now() + timedelta(days=7):%Y-%m-%d %H}" in page
    assert re.search(r"8[12] d( 23 h)? sooner", page)
    assert f"7 days later: {at + timedelta(days=7):%Y-%m-%d %H:%M} UTC, 7 d later" in page
    exact = words(admin.get(here, {"when": "exact", "at": f"{at + timedelta(days=1):%Y-%m-%d %H:%M}"}))
    assert f"New lockdown: {at + timedelta(days=1):%A %Y-%m-%d %H:%M} UTC" in exact
    form = fields(admin.get(here))
    assert form["when"] == "+7"
    assert admin.post(here, form | {"when": "+14", "reason": "x"}).status_code == 302
    environment.refresh_from_db()
    assert environment.lockdown_at == at + timedelta(days=14)


def test_a_form_of_another_environment_is_not_believed(sandbox: Sandbox, admin: Client) -> None:
    environment, other = known(sandbox), known(sandbox)
    foreign = fields(admin.get(address(other, "rename")))["made_from"]
    form = fields(admin.get(address(environment, "rename")))
    answer = rename(admin, environment, form, made_from=foreign, name="mine")
    assert answer.status_code == 422
    assert "It is no longer known which version this form was made from" in words(answer)
    assert rename(admin, environment, fields(answer) | {"operation_id": str(uuid.uuid4())}).status_code == 302


def test_every_action_whose_form_sets_a_value_of_its_subject_is_made_from_it() -> None:
    """Else its form would overwrite what somebody else set since it was shown."""
    common = {*ActionForm.base_fields, "force"}
    for action in ACTIONS.values():
        sets = set(action.form.base_fields) - common
        is_new = action.name.endswith(".create") or issubclass(action.form, EditForm)
        carries_its_own = "seen_values" in action.form.base_fields
        assert not sets or is_new or carries_its_own or action.made_from, action.name


def test_a_reason_is_required_where_access_widens_and_the_form_says_when(sandbox: Sandbox, admin: Client) -> None:
    environment = editor.maximal(sandbox)
    port = {"ports__3__port": "8123", "ports__3__name": "x", "ports__3__protocol": "PROTOCOL_HTTP"}
    cases: tuple[tuple[str, str, dict[str, str], int], ...] = (
        ("ports", "to open a port wider", port | {"ports__3__admission": "ADMISSION_LEVEL_EVERYONE"}, 422),
        ("ports", "to open a port wider", port | {"ports__3__admission": "ADMISSION_LEVEL_OWNER_ONLY"}, 302),
        ("ssh-keys", "to add keys", {"add": f"{editor.ECDSA} bo"}, 422),
        ("git", "", {"username": "Bo"}, 302),
    )
    for part, when, typed, status in cases:
        label = f"Reason ({f'required {when}' if when else 'optional'})"
        assert label in words(admin.get(editor.address(environment, part))), part
        answer = editor.send(admin, environment, part, **typed)
        assert answer.status_code == status, (part, typed)
        assert ("Enter a reason" in words(answer)) is (status == 422), part
    assert 'class="env-required"' in admin.get(address(environment, "stop")).content.decode()
