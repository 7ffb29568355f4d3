"""The panel of the automations file, sent as a browser without scripts sends it, against the sandbox."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from automations.file_format.read import read
from automations.models import Service, Task
from automations.sync.observe import sync_automations
from environments.models import Environment
from environments.sync.full_listing import sync_environments
from portal.directory import connection
from portal.directory.connection import ona
from portal.ledger.models import Operation
from portal.ona import OnaClient
from portal.sandbox.conditions import Condition
from portal.sandbox.server import Sandbox, running
from portal.sandbox.world import World
from portal.web.visible import visible
from tests.api import documented
from tests.support import factories
from tests.support.databases import SharedRows

pytestmark = pytest.mark.django_db
LEEWAY = (Path(__file__).parents[1] / "file_format" / "files" / "leeway.yaml").read_text()
HTMX = {"HX-Request": "true"}
HOSTILE = "<script>alert(1)</script> \u202e ⚠️"


def _read() -> None:
    sync_environments(ona())
    sync_automations(ona(), everything=True)


_READ = SharedRows(_read, "environments_", "automations_")


@pytest.fixture
def sandbox(settings: Any) -> Iterator[Sandbox]:
    """Two environments, connected."""
    with running(World(environments=2, seed=5, now=_READ.at())) as server:
        settings.ONA_BASE_URL, settings.ONA_API_KEY = server.base_url, server.token
        connection._client.cache_clear()
        yield server
    connection._client.cache_clear()


@pytest.fixture
def environment(sandbox: Sandbox) -> Environment:
    """A running one, read, with the automations of its kind."""
    identifier = sandbox.world.add_environment(Condition())
    _READ.put()
    return Environment.objects.get(pk=identifier)


@pytest.fixture
def admin() -> Client:
    return factories.client("Admin")


def sync(sandbox: Sandbox) -> None:
    with OnaClient(sandbox.token, sandbox.base_url, requests_per_second=1000) as client:
        sync_environments(client)
        sync_automations(client, everything=True)


def page(environment: Environment) -> str:
    return reverse("automations:file", args=[environment.pk])


def words(answer: Any) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def hidden(answer: Any, name: str) -> str:
    found = re.search(rf'name="{name}"(?: value="([^"]*)")?', answer.content.decode())
    return (found[1] or "") if found else ""


def check(client: Client, environment: Environment, text: str, **more: Any) -> Any:
    opened = client.get(page(environment))
    data = {"operation_id": hidden(opened, "operation_id"), "text": text, "check": "1", **more}
    return client.post(page(environment), data)


def send(client: Client, environment: Environment, checked: Any, text: str, **more: Any) -> Any:
    """The form as `checked` shows it, with the button Apply."""
    data = {"operation_id": hidden(checked, "operation_id"), "shown": hidden(checked, "shown"), "text": text,
            "apply": "1", "reason": "a test", **more}  # fmt: skip
    return client.post(page(environment), data)


def over_api(environment: Environment, text: str, status: int = 200) -> Any:
    """The lines of the plan, or the problems."""
    url = reverse("api:plan-automations-file", args=[environment.pk])
    answer = factories.client("Viewer").post(url, {"text": text}, content_type="application/json")
    documented.check(answer)
    assert answer.status_code == status, answer.content
    return answer.json()["lines" if status == 200 else "errors"]


def test_a_good_file_is_previewed_applied_and_told_by_name(environment: Environment, admin: Client) -> None:
    checked = check(admin, environment, LEEWAY)
    assert checked.status_code == 200
    assert "new task Build Leeway Application build-leeway" in words(checked)
    planned = over_api(environment, LEEWAY)
    assert ("build-leeway", "new", "") in {(each["reference"], each["verdict"], each["warning"]) for each in planned}
    assert [each["pointer"] for each in over_api(environment, "tasks: [", 422)] == ["#/text"]
    assert Operation.objects.count() == 0
    answer = send(admin, environment, checked, LEEWAY)
    operation = Operation.objects.get()
    assert operation.outcome == "succeeded", operation.explanation
    assert answer.status_code == 302
    told = words(admin.get(answer["Location"]))
    for name in ("Install Go Dependencies", "Build Leeway Application", "Run Tests", "Run Linter"):
        assert f"Task {name}" in told
    again = check(admin, environment, LEEWAY)
    assert "changes nothing" in words(again)
    assert 'name="apply"' not in again.content.decode()


def test_sent_twice_it_is_applied_once(environment: Environment, admin: Client) -> None:
    checked = check(admin, environment, LEEWAY)
    first = send(admin, environment, checked, LEEWAY)
    operation = Operation.objects.get()
    assert first.status_code == 302
    send(admin, environment, checked, LEEWAY)
    assert Operation.objects.get() == operation


def test_changes_are_shown_field_by_field_and_what_is_not_in_the_file_stays(
    environment: Environment, admin: Client
) -> None:
    send(admin, environment, check(admin, environment, LEEWAY), LEEWAY)
    text = "tasks:\n  test: {name: Run Tests, command: go vet}\n"
    told = words(check(admin, environment, text))
    assert "changed task Run Tests test" in told
    assert "command changed" in told
    assert "go vet" in told
    assert re.search(r"dependsOn\S* removed", told)
    assert re.search("Not in the file, stays: .*Run Linter", told)


def test_a_service_that_runs_is_warned_of(environment: Environment, admin: Client) -> None:
    service = Service.objects.filter(environment=environment).order_by("reference")[0]
    Service.objects.filter(pk=service.pk).update(phase="SERVICE_PHASE_RUNNING")
    text = f"services:\n  {service.reference}: {{name: Other, commands: {{start: other}}}}\n"
    assert "stop it first" in words(check(admin, environment, text))
    renamed = admin.get(f"{page(environment)}?present=1")
    whole = unescape(re.search(r"<textarea[^>]*>(.*?)</textarea>", renamed.content.decode(), re.DOTALL)[1])
    other = whole.replace(f"name: {service.name}", "name: Other name")
    assert other != whole
    assert "stop it first" not in words(check(admin, environment, other))


def test_problems_are_listed_with_their_place_and_nothing_typed_is_lost(
    environment: Environment, admin: Client
) -> None:
    text = "tasks:\n  build: {name: yes, command: x, dependsOn: [nope]}\n"
    answer = check(admin, environment, text, reason="because")
    assert answer.status_code == 422
    assert "2 problems" in words(answer)
    assert "Line 2, column 17 tasks.build.name YAML reads 'yes' as yes or no" in words(answer)
    assert "because" in answer.content.decode()
    assert "dependsOn: [nope]" in unescape(answer.content.decode())
    assert send(admin, environment, answer, text).status_code == 422
    assert Operation.objects.count() == 0


def test_applying_wants_a_reason_and_keeps_the_preview(environment: Environment, admin: Client) -> None:
    checked = check(admin, environment, LEEWAY)
    answer = send(admin, environment, checked, LEEWAY, reason="")
    assert answer.status_code == 422
    assert "Enter a reason" in words(answer)
    assert "Build Leeway Application" in words(answer)
    assert Operation.objects.count() == 0


def test_another_text_than_was_shown_is_shown_first(environment: Environment, admin: Client) -> None:
    checked = check(admin, environment, LEEWAY)
    answer = send(admin, environment, checked, LEEWAY.replace("go mod download", "go get"))
    assert answer.status_code == 422
    assert "Nothing was applied" in words(answer)
    assert Operation.objects.count() == 0
    assert send(admin, environment, answer, LEEWAY.replace("go mod download", "go get")).status_code == 302


def test_what_changed_at_ona_since_the_preview_is_shown_first(
    sandbox: Sandbox, environment: Environment, admin: Client
) -> None:
    checked = check(admin, environment, LEEWAY)
    theirs = {"tasks": {"lint": {"name": "Their lint", "command": "theirs"}}}
    with OnaClient(sandbox.token, sandbox.base_url) as client:
        client.upsert_automations_file(environment.pk, theirs)
    answer = send(admin, environment, checked, LEEWAY)
    assert answer.status_code == 422
    assert "Nothing was applied" in words(answer)
    assert "Their lint" in words(answer)


def test_a_refusal_of_onas_is_told_and_can_be_tried_again(
    sandbox: Sandbox, environment: Environment, admin: Client
) -> None:
    checked = check(admin, environment, LEEWAY)
    sandbox.faults.inject("error503", times=1, rpc="UpsertAutomationsFile")
    answer = send(admin, environment, checked, LEEWAY)
    failed = Operation.objects.get()
    if failed.outcome == "failed":
        assert answer.status_code == 422
        assert failed.explanation in words(answer)
        assert hidden(answer, "operation_id") != str(failed.pk)
        assert send(admin, environment, answer, LEEWAY).status_code == 302
    else:
        assert answer.status_code == 302, "not known whether it was done: the environment's page tells"


def test_an_upload_takes_the_place_of_the_text_and_stays_for_applying(environment: Environment, admin: Client) -> None:
    upload = SimpleUploadedFile("a.yaml", b"\xef\xbb\xbf" + LEEWAY.encode())
    answer = check(admin, environment, "typed: before", upload=upload)
    assert answer.status_code == 200
    assert "Build main" not in words(answer)
    assert "go mod download" in answer.content.decode()
    assert send(admin, environment, answer, LEEWAY).status_code == 302


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"tasks:\n \xff", "Line 2, column 2: This byte is not UTF-8"), (b"x" * 300_000, "larger than 256 KiB"),
     (b"", "Paste a file")],
)  # fmt: skip
def test_an_upload_that_is_no_text_leaves_what_was_typed(
    environment: Environment, admin: Client, data: bytes, reason: str
) -> None:
    answer = check(admin, environment, "typed: before", upload=SimpleUploadedFile("a.yaml", data))
    assert answer.status_code == 422
    assert reason in words(answer)
    if data:
        assert "typed: before" in answer.content.decode()


def test_nothing_and_control_characters_are_answered(environment: Environment, admin: Client) -> None:
    assert "Paste a file" in words(check(admin, environment, " \r\n "))
    assert "U+0000" in words(check(admin, environment, "tasks:\0"))


def test_hostile_names_are_shown_as_text(environment: Environment, admin: Client) -> None:
    text = f"tasks:\n  x:\n    name: '{HOSTILE}'\n    command: '{HOSTILE}'\n"
    checked = check(admin, environment, text)
    assert "<script>alert" not in checked.content.decode()
    assert HOSTILE in unescape(checked.content.decode())
    answer = send(admin, environment, checked, text)
    told = admin.get(answer["Location"])
    assert "<script>alert" not in told.content.decode()
    assert visible(HOSTILE) in unescape(told.content.decode())
    assert Task.objects.get(environment=environment, reference="x").name == HOSTILE


def test_htmx_gets_the_fragment_alone_and_the_page_hears_of_the_change(environment: Environment, admin: Client) -> None:
    opened = admin.get(page(environment), headers=HTMX)
    assert opened.content.strip().startswith(b"<section")
    data = {"operation_id": hidden(opened, "operation_id"), "text": LEEWAY}
    checked = admin.post(page(environment), data | {"check": "1"}, headers=HTMX)
    data |= {"shown": hidden(checked, "shown"), "apply": "1", "reason": "x"}
    done = admin.post(page(environment), data, headers=HTMX)
    assert "environment-changed" in str(done.headers)
    assert "Run Linter" in words(done)


@pytest.mark.parametrize("role", ["Viewer", "Operator", "Auditor"])
def test_those_who_may_not_change_may_check_but_not_apply(environment: Environment, role: str) -> None:
    client = factories.client(role)
    checked = check(client, environment, LEEWAY)
    assert checked.status_code == 200
    assert "It cannot be applied: Your roles" in words(checked)
    assert send(client, environment, checked, LEEWAY).status_code == 403
    assert Operation.objects.count() == 0


def test_what_is_there_is_downloaded_as_yaml_that_reads_back(environment: Environment) -> None:
    over_the_api = factories.client("Viewer").get(reverse("api:automations-file", args=[environment.pk]))
    documented.check(over_the_api)
    answer = factories.client("Viewer").get(reverse("automations:file-download", args=[environment.pk]))
    assert answer["Content-Disposition"].startswith("attachment; filename=")
    assert answer["Content-Type"].startswith("application/yaml")
    reading = read(answer.content.decode())
    assert not reading.problems
    assert set(reading.message["services"]) == set(Service.objects.of(environment).values_list("reference", flat=True))


def test_beginning_with_what_is_there_changes_nothing(environment: Environment, admin: Client) -> None:
    opened = admin.get(f"{page(environment)}?present=1")
    text = unescape(re.search(r"<textarea[^>]*>(.*?)</textarea>", opened.content.decode(), re.DOTALL)[1])
    assert "changes nothing" in words(check(admin, environment, text))


@pytest.mark.parametrize("applied", ["x", "00000000-0000-4000-8000-000000000000"])
def test_operations_that_are_not_of_this_file_are_not_found(
    environment: Environment, admin: Client, applied: str
) -> None:
    assert admin.get(f"{page(environment)}?applied={applied}").status_code == 404
