"""Somebody else was quicker: what a form of the specification editor shows then, and what comes of each choice."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from environments.models import Environment
from portal.ledger.models import Operation, Outcome
from portal.sandbox.server import Sandbox
from tests.support import factories
from tests.support.editor import ECDSA, ED25519, MAXIMAL, address, fields, maximal, saved, send, spec_of, words

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> Client:
    return factories.client("Admin")


def conflict(sandbox: Sandbox, admin: Client) -> tuple[Environment, Any]:
    """A Git name typed into a form that somebody else was quicker than."""
    environment = maximal(sandbox)
    opened = admin.get(address(environment, "git"))
    sandbox.world.change(str(environment.pk), spec={"content": {"gitUsername": "Theirs"}})
    return environment, send(admin, environment, "git", opened, username="Mine", reason="why I do")


def test_a_conflict_shows_before_theirs_and_mine_side_by_side(sandbox: Sandbox, admin: Client) -> None:
    environment, answer = conflict(sandbox, admin)
    assert answer.status_code == 422
    assert re.search(r"Git user Before Ann Lee Theirs Theirs \(changed\) Mine Mine \(changed\)", words(answer))
    assert "Use mine" in words(answer)
    assert "Take theirs" in words(answer)
    assert (fields(answer)["username"], fields(answer)["reason"]) == (["Mine"], ["why I do"])
    row = Operation.objects.get()
    assert (row.outcome, row.code) == (Outcome.FAILED, "conflict")
    assert spec_of(sandbox, environment)["content"]["gitUsername"] == "Theirs"


def test_mine_is_used_by_sending_it_again(sandbox: Sandbox, admin: Client) -> None:
    environment, answer = conflict(sandbox, admin)
    assert saved(send(admin, environment, "git", answer))
    assert spec_of(sandbox, environment)["content"]["gitUsername"] == "Mine"
    assert list(Operation.objects.newest_first().values_list("outcome", flat=True)) == ["succeeded", "failed"]


def test_a_second_change_in_between_is_a_second_conflict(sandbox: Sandbox, admin: Client) -> None:
    environment, answer = conflict(sandbox, admin)
    sandbox.world.change(str(environment.pk), spec={"content": {"gitEmail": "theirs@acme.example"}})
    again = send(admin, environment, "git", answer)
    assert again.status_code == 422
    assert "theirs@acme.example" in words(again)
    assert saved(send(admin, environment, "git", again))


def test_using_my_keys_comes_to_mine_whatever_others_added_and_removed(sandbox: Sandbox, admin: Client) -> None:
    environment = maximal(sandbox, sshPublicKeys=[{"id": "one", "value": f"{ED25519} one"}])
    opened = admin.get(address(environment, "ssh-keys"))
    theirs = [{"id": "theirs", "value": line("theirs")}]
    sandbox.world.change(str(environment.pk), spec={"sshPublicKeys": theirs})
    answer = send(admin, environment, "ssh-keys", opened, add=f"{ECDSA} mine", reason="joins")
    assert answer.status_code == 422
    assert fields(answer)["remove"] == ["theirs"]
    assert saved(send(admin, environment, "ssh-keys", answer))
    keys = spec_of(sandbox, environment)["sshPublicKeys"]
    assert {key["value"] for key in keys} == {f"{ED25519} one", f"{ECDSA} mine"}


def line(comment: str) -> str:
    """Another valid key."""
    return f"{ED25519[:-4]}AAAA {comment}"


def test_using_my_ports_comes_to_mine(sandbox: Sandbox, admin: Client) -> None:
    environment = maximal(sandbox)
    opened = admin.get(address(environment, "ports"))
    theirs = [MAXIMAL["ports"][0], {**MAXIMAL["ports"][1], "name": "theirs"}, {"port": 5000, "name": "their new one"}]
    sandbox.world.change(str(environment.pk), spec={"ports": theirs})
    answer = send(admin, environment, "ports", opened, ports__1__name="mine")
    assert re.search(r"Port 5000 Before none Theirs their new one", words(answer))
    assert saved(send(admin, environment, "ports", answer, reason="it opens what they closed"))
    ports = spec_of(sandbox, environment)["ports"]
    assert [(port["port"], port.get("authNonce")) for port in ports] == [
        (8443, MAXIMAL["ports"][0]["authNonce"]), (3000, "7"), (1024, None)
    ]  # fmt: skip
    assert ports[1]["name"] == "mine"


@pytest.mark.parametrize("broken", [{"seen_values": "forged"}, {"seen_version": ""}, {"seen_spec_version": "x"}])
def test_a_form_that_cannot_tell_what_it_was_made_from_is_not_taken(
    sandbox: Sandbox, admin: Client, broken: dict[str, str]
) -> None:
    environment = maximal(sandbox)
    typed = {"seen_values": ""} if "seen_version" in broken else broken
    answer = send(admin, environment, "git", username="typed", **typed)
    assert answer.status_code == 422
    assert "It is no longer known which version this form was made from" in words(answer)
    assert saved(send(admin, environment, "git", answer))


def test_the_form_of_another_environment_is_not_taken(sandbox: Sandbox, admin: Client) -> None:
    one, other = maximal(sandbox), maximal(sandbox)
    answer = send(admin, other, "git", admin.get(address(one, "git")), username="typed")
    assert answer.status_code == 422
    assert "It is no longer known which" in words(answer)
