"""The pages of the specification editor, sent as a browser without scripts sends them, against the sandbox."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from environments.models import Environment
from environments.templatetags.editor import EDITS
from portal.directory import connection
from portal.directory.models import Organization
from portal.ledger.models import Operation
from portal.sandbox.conditions import Condition
from portal.sandbox.server import Sandbox
from tests.support import factories
from tests.support.editor import (
    ECDSA,
    ED25519,
    ED25519_FINGERPRINT,
    MAXIMAL,
    address,
    cached,
    fields,
    maximal,
    saved,
    send,
    spec_of,
    words,
)  # fmt: skip

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
EVERYONE = "ADMISSION_LEVEL_EVERYONE"


@pytest.fixture
def admin() -> Client:
    return factories.client("Admin")


@pytest.mark.parametrize("part", sorted(EDITS.keys() - {"content"}))
def test_a_form_sent_as_it_was_opened_changes_nothing(sandbox: Sandbox, admin: Client, part: str) -> None:
    environment = maximal(sandbox)
    answer = send(admin, environment, part, reason="a test")
    assert answer.status_code == 422
    assert "Nothing is changed yet" in words(answer)
    assert Operation.objects.count() == 0


@pytest.mark.parametrize(
    ("part", "typed", "where", "value"),
    [
        ("timeout", {"choice": "7200"}, ("timeout", "disconnected"), "7200s"),
        ("timeout", {"choice": "never"}, ("timeout", "disconnected"), "0s"),
        ("timeout", {"choice": "exact", "exact": "1h 45 min"}, ("timeout", "disconnected"), "6300s"),
        ("git", {"username": "Bo Óskarsson"}, ("content", "gitUsername"), "Bo Óskarsson"),
        ("devcontainer", {"path": " d.json "}, ("devcontainer", "devcontainerFilePath"), "d.json"),
        ("automations-file", {"path": "a.yaml"}, ("automationsFile", "automationsFilePath"), "a.yaml"),
        ("kernel-controls", {"denylist": "a\r\n\r\n b \r\na", "reason": "x"}, ("kernelControlsConfig", "veto"), None),
    ],
)
def test_what_is_typed_is_what_ona_has(
    sandbox: Sandbox, admin: Client, part: str, typed: dict[str, str], where: tuple[str, str], value: str | None
) -> None:
    environment = maximal(sandbox)
    assert saved(send(admin, environment, part, **typed))
    now = spec_of(sandbox, environment)[where[0]][where[1]]
    assert (now == value) if value is not None else (now["exec"]["denylist"] == ["a", "b"])
    untouched = {name: each for name, each in MAXIMAL.items() if name != where[0]}
    assert {name: each for name, each in spec_of(sandbox, environment).items() if name in untouched} == untouched
    operation = Operation.objects.get()
    assert operation.before != operation.after
    assert operation.actor_name.startswith("admin-")


def test_ports_are_added_changed_and_removed(sandbox: Sandbox, admin: Client) -> None:
    environment = maximal(sandbox)
    answer = send(
        admin, environment, "ports",
        ports__0__DELETE="on", ports__1__name="changed",
        ports__3__port="9000", ports__3__name=" new ", ports__3__admission=EVERYONE, reason="a demo",
    )  # fmt: skip
    assert saved(answer)
    odd, changed, _ = MAXIMAL["ports"]
    new = {"port": 9000, "name": "new", "protocol": "PROTOCOL_HTTP", "admission": EVERYONE}
    assert spec_of(sandbox, environment)["ports"] == [odd, {**changed, "name": "changed"}, new]


def test_more_rows_are_shown_without_saving_or_complaining(sandbox: Sandbox, admin: Client) -> None:
    environment = maximal(sandbox)
    answer = send(
        admin, environment, "ports", more="yes", reason="typed", ports__1__port="", ports__3__name="half a row",
        ports__0__DELETE="on",
    )  # fmt: skip
    assert answer.status_code == 200
    form = fields(answer)
    assert form["ports-TOTAL_FORMS"] == ["7"]
    assert (form["ports-3-name"], form["reason"], form["ports-0-DELETE"]) == (["half a row"], ["typed"], ["on"])
    assert "field-error" not in answer.content.decode()
    assert Operation.objects.count() == 0
    typed = {"ports__1__port": "3000", "ports__3__port": "9000"}
    assert saved(send(admin, environment, "ports", answer, **typed))
    assert [port["port"] for port in spec_of(sandbox, environment)["ports"]] == [8443, 3000, 9000]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"ports__3__port": "1023", "ports__3__name": "x"}, "A number from 1024 to 65535"),
        ({"ports__3__port": "65536", "ports__3__name": "x"}, "A number from 1024 to 65535"),
        ({"ports__3__port": "web", "ports__3__name": "x"}, "A number from 1024 to 65535"),
        ({"ports__3__port": "9000"}, "Give it a name"),
        ({"ports__3__port": "9000", "ports__3__name": "  "}, "cannot be blank"),
        ({"ports__3__port": "9000", "ports__3__name": "x" * 101}, "at most 100 characters"),
        ({"ports__3__port": "8443", "ports__3__name": "x"}, "Port 8443 is listed twice"),
        ({"ports__0__port": ""}, "A number from 1024 to 65535"),
        ({"ports__0__admission": "ADMISSION_LEVEL_NEW"}, "Select a valid choice"),
        ({f"ports__{row}__DELETE": "on" for row in range(3)}, "last shared port cannot be removed"),
    ],
)
def test_ports_that_ona_would_refuse_are_refused_at_their_row_and_stay_typed(
    sandbox: Sandbox, admin: Client, typed: dict[str, str], said: str
) -> None:
    environment = maximal(sandbox)
    answer = send(admin, environment, "ports", **typed)
    assert answer.status_code == 422
    assert said in words(answer)
    shown = fields(answer)
    for name, value in typed.items():
        if "admission" not in name:
            assert shown[name.replace("__", "-")] == [value]
    assert Operation.objects.count() == 0


@pytest.mark.parametrize(
    ("part", "typed", "said"),
    [
        ("timeout", {"choice": "exact", "exact": "29m"}, "30 minutes or more"),
        ("timeout", {"choice": "exact", "exact": "soon"}, "This is not a duration"),
        ("timeout", {"choice": "exact", "exact": ""}, "Enter a duration"),
        ("timeout", {"choice": None}, "Choose one"),
        ("devcontainer", {"path": "/etc/passwd"}, "does not start with a /"),
        ("devcontainer", {"rebuild": "on"}, "Enter a reason"),
        ("automations-file", {"path": "/x"}, "does not start with a /"),
        ("git", {"email": "ann at acme"}, "not an e-mail address"),
        ("git", {"username": "Ann <root>"}, "Git does not allow <"),
        ("kernel-controls", {"denylist": "x"}, "Enter a reason"),
        ("kernel-controls", {"action": "NEW", "reason": "x"}, "Select a valid choice"),
        ("content", {"typed_name": "x", "reason": "x"}, "This is not its name"),
        ("content", {"reason": ""}, "Enter a reason"),
        ("ssh-keys", {"add": "ssh-rsa AAAA"}, "Line 1: The key is cut short"),
        ("ssh-keys", {"add": f"{ECDSA}\r\n{ECDSA}"}, "Line 2: This key is already there"),
        ("ssh-keys", {"add": ED25519}, "This key is already there"),
        ("ssh-keys", {"remove": ["unknown"]}, "Select a valid choice"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field_and_stays_typed(
    sandbox: Sandbox, admin: Client, part: str, typed: dict[str, Any], said: str
) -> None:
    environment = maximal(sandbox)
    answer = send(admin, environment, part, **typed)
    assert answer.status_code == 422
    assert said in words(answer)
    for name, value in typed.items():
        if name in ("exact", "path", "email", "username", "add", "typed_name"):
            assert fields(answer)[name] == [value]
    assert Operation.objects.count() == 0


def test_a_private_key_is_neither_kept_nor_shown_again(sandbox: Sandbox, admin: Client) -> None:
    environment = maximal(sandbox)
    canary = "CANARYb3BlbnNzaC1rZXktdjE"
    answer = send(admin, environment, "ssh-keys", add=f"-----BEGIN OPENSSH PRIVATE KEY-----\r\n{canary}\r\n-----END")
    assert answer.status_code == 422
    assert "This contained a private key" in words(answer)
    assert canary not in answer.content.decode()


def test_keys_are_shown_by_fingerprint_added_and_removed(sandbox: Sandbox, admin: Client) -> None:
    environment = maximal(sandbox)
    opened = admin.get(address(environment, "ssh-keys"))
    assert f"ssh-ed25519 {ED25519_FINGERPRINT} ann@laptop" in words(opened)
    assert "not a valid key (id key-a)" in words(opened)
    typed = {"remove": ["key-a"], "add": f"# mine\r\n{ECDSA} bo\r\n", "reason": "joins"}
    assert saved(send(admin, environment, "ssh-keys", opened, **typed))
    keys = spec_of(sandbox, environment)["sshPublicKeys"]
    assert [key["value"] for key in keys] == [MAXIMAL["sshPublicKeys"][0]["value"], f"{ECDSA} bo"]


def test_a_rebuild_is_asked_for_explicitly_and_says_what_it_does(sandbox: Sandbox, admin: Client) -> None:
    environment = maximal(sandbox)
    assert "deleted and rebuilt" in words(admin.get(address(environment, "devcontainer")))
    assert saved(send(admin, environment, "devcontainer", path="d.json"))
    assert spec_of(sandbox, environment)["devcontainer"]["session"] == "d-1"
    assert saved(send(admin, environment, "devcontainer", rebuild="on", reason="the image is new"))
    assert spec_of(sandbox, environment)["devcontainer"]["session"] != "d-1"
    assert set(Operation.objects.values_list("action", flat=True)) == {
        "environment.edit_devcontainer",
        "environment.edit_devcontainer_session",
    }


def test_content_is_made_anew_after_the_name_was_typed_and_the_danger_told(sandbox: Sandbox, admin: Client) -> None:
    environment = maximal(sandbox)
    opened = admin.get(address(environment, "content"))
    assert "lost permanently" in words(opened)
    assert "Unsaved work" in words(opened)
    assert saved(send(admin, environment, "content", opened, typed_name=environment.name, reason="broken checkout"))
    assert spec_of(sandbox, environment)["content"]["session"] != "c-1"


def policy(environment: Environment, **columns: Any) -> None:
    now = timezone.now()
    Organization.objects.update_or_create(
        pk=environment.organization_id,
        defaults={"first_seen_at": now, "seen_at": now, "policies_seen_at": now, **columns},
    )


def test_a_capped_timeout_offers_what_the_policy_allows_and_refuses_the_rest(sandbox: Sandbox, admin: Client) -> None:
    environment = maximal(sandbox)
    policy(environment, maximum_environment_timeout=timedelta(hours=3))
    opened = admin.get(address(environment, "timeout"))
    assert "Maximum 3 h; “never” is not allowed" in words(opened)
    values = re.findall(r'type="radio" name="choice" value="(\w+)"', opened.content.decode())
    assert values == ["1800", "3600", "7200", "exact"]
    refused = [
        {"choice": "never"},
        {"choice": "14400"},
        *({"choice": "exact", "exact": text} for text in ("3h1m", "0")),
    ]
    for typed in refused:
        answer = send(admin, environment, "timeout", opened, **typed)
        assert answer.status_code == 422
        assert "is above it" in words(answer)
    assert saved(send(admin, environment, "timeout", opened, choice="exact", exact="3h"))


def test_port_policies_are_shown_and_held_against_new_rows_only(sandbox: Sandbox, admin: Client) -> None:
    environment = maximal(sandbox)
    policy(environment, max_port_admission_level="ADMISSION_LEVEL_ORGANIZATION")
    opened = admin.get(address(environment, "ports"))
    assert "Policy limit: everyone in the organization" in words(opened)
    assert "everyone with the link (above the organization's limit)" in words(opened)
    answer = send(admin, environment, "ports", opened, ports__1__admission=EVERYONE)
    assert "Port 3000: the organization's policy allows at most" in words(answer)
    assert saved(send(admin, environment, "ports", opened, ports__1__name="renamed"))
    policy(environment, port_sharing_disabled=True)
    answer = send(admin, environment, "ports", ports__3__port="9000", ports__3__name="x")
    assert "port sharing switched off" in words(answer)


def test_sending_a_form_twice_makes_one_operation(sandbox: Sandbox, admin: Client) -> None:
    environment = maximal(sandbox)
    opened = admin.get(address(environment, "devcontainer"))
    for _ in range(2):
        assert saved(send(admin, environment, "devcontainer", opened, rebuild="on", reason="x"))
    assert Operation.objects.count() == 1
    assert sandbox.requests["EnvironmentService/UpdateEnvironment"] == 1


@pytest.mark.parametrize("part", ["ports", "ssh-keys", "git"])
def test_an_environment_deleted_while_its_form_is_open_is_told_and_nothing_typed_is_lost(
    sandbox: Sandbox, admin: Client, part: str
) -> None:
    environment = maximal(sandbox)
    opened = admin.get(address(environment, part))
    sandbox.world.remove(str(environment.pk))
    typed = {"ports__1__name": "typed", "username": "typed", "add": f"{ECDSA} typed", "reason": "typed"}
    typed = {name: value for name, value in typed.items() if name.replace("__", "-") in fields(opened)}
    answer = send(admin, environment, part, opened, **typed)
    assert answer.status_code == 422
    assert "Nothing was changed. Ona does not know it" in words(answer)
    for name, value in typed.items():
        assert fields(answer)[name.replace("__", "-")] == [value]
    assert Operation.objects.get().code == "not_found"


def test_a_token_revoked_in_between_is_told_and_the_next_try_is_another_operation(
    sandbox: Sandbox, admin: Client, settings: Any
) -> None:
    environment = maximal(sandbox)
    opened = admin.get(address(environment, "git"))
    settings.ONA_API_KEY = "revoked"
    connection._client.cache_clear()
    answer = send(admin, environment, "git", opened, username="typed")
    assert answer.status_code == 422
    assert fields(answer)["username"] == ["typed"]
    assert fields(answer)["operation_id"] != fields(opened)["operation_id"]
    assert Operation.objects.get().code == "unauthenticated"


def test_with_htmx_a_form_is_a_panel_and_a_save_tells_the_page_to_look(sandbox: Sandbox, admin: Client) -> None:
    environment = maximal(sandbox)
    opened = admin.get(address(environment, "git"), headers=HTMX)
    assert opened.content.lstrip().startswith(b'<section id="panel"')
    form = fields(opened) | {"username": ["Bo"]}
    answer = admin.post(address(environment, "git"), form, headers=HTMX)
    assert answer.status_code == 200
    assert "environment-changed" in answer["HX-Trigger-After-Swap"]


def test_a_stopped_environment_says_when_it_takes_effect(sandbox: Sandbox, admin: Client) -> None:
    environment = cached(sandbox, sandbox.world.add_environment(Condition("STOPPED")))
    assert "takes effect when it starts next" in words(admin.get(address(environment, "timeout")))


def test_links_to_the_forms_are_there_for_admins_and_disabled_with_the_reason_for_others(sandbox: Sandbox) -> None:
    environment = maximal(sandbox)
    pages = {"": ("ports", "timeout"), "access": ("ssh-keys", "kernel-controls"),
             "content": ("git", "content", "devcontainer", "automations-file")}  # fmt: skip
    for tab, each in pages.items():
        url = f"{reverse('environments:detail', args=[environment.pk])}?tab={tab}"
        admin, viewer = factories.client("Admin").get(url), factories.client("Viewer").get(url)
        for part in each:
            assert f'href="{address(environment, part)}"' in admin.content.decode()
            assert f'href="{address(environment, part)}"' not in viewer.content.decode()
        assert "is not available: Your roles do not let you" in words(viewer)


def test_what_is_gone_can_be_looked_at_but_not_saved(admin: Client) -> None:
    environment = factories.environment(gone_at=timezone.now())
    page = admin.get(address(environment, "timeout"))
    assert "It is deleted" in words(page)
    assert re.search(r'class="btn btn-primary" disabled', page.content.decode())
    assert "is not available: It is deleted" in words(admin.get(reverse("environments:detail", args=[environment.pk])))


@pytest.mark.parametrize("part", EDITS)
def test_hostile_values_have_no_effect(sandbox: Sandbox, admin: Client, part: str) -> None:
    evil = '"><script>alert(1)</script>'
    environment = maximal(
        sandbox,
        ports=[{"port": 3000, "name": evil[:100]}],
        content={**MAXIMAL["content"], "gitUsername": evil, "gitEmail": evil},
        sshPublicKeys=[{"id": evil, "value": evil}],
        devcontainer={"devcontainerFilePath": evil},
        automationsFile={"automationsFilePath": evil},
        kernelControlsConfig={"veto": {"exec": {"denylist": [evil]}}},
    )
    page = admin.get(address(environment, part)).content.decode()
    assert "<script>alert" not in page
