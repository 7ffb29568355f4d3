"""Actions over the REST API: the same as on pages, with JSON around them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone

from environments.actions.api.sending import HONOURED
from environments.actions.registry import ACTIONS
from environments.models import Environment
from portal.ledger.models import Operation, Origin, Outcome
from portal.sandbox.conditions import Condition
from portal.sandbox.server import Sandbox
from tests.api.documented import check
from tests.environments.actions.test_acting import known
from tests.support import factories
from tests.support.editor import MAXIMAL, maximal, spec_of
from tests.web.test_permissions import url_names

pytestmark = pytest.mark.django_db
REASON = {"reason": "nobody uses it"}
# Done by another one's endpoint, by what is in the body; and done to many alone, as batches.
BY_OTHERS = {"environment.force_delete", "environment.clear_lockdown", "environment.rebuild_devcontainer"}


@pytest.fixture
def admin() -> Client:
    return factories.client("Admin")


def act(client: Client, environment: Environment, slug: str, body: Any = None, **headers: str) -> Any:
    url = f"/api/v1/environments/{environment.pk}/actions/{slug}/"
    answer = client.post(url, body or {}, content_type="application/json", headers=headers)
    check(answer)
    return answer


def kind(answer: Any) -> str:
    assert answer["Content-Type"] == "application/problem+json"
    return str(answer.json()["type"].rpartition(":")[2])


def test_every_action_has_an_endpoint() -> None:
    views = [pattern.callback for _, pattern in url_names(get_resolver()) if hasattr(pattern.callback, "does")]
    found = {action.name for view in views for action in view.does}
    many = {action.name for action in ACTIONS.values() if action.many and not action.slug}
    assert set(ACTIONS) - found <= BY_OTHERS | many
    for view in views:
        assert all(action.permission in view.permissions for action in view.does)


def test_an_action_is_answered_with_its_closed_operation(sandbox: Sandbox, admin: Client) -> None:
    environment = known(sandbox)
    answer = act(admin, environment, "stop", REASON)
    assert answer.status_code == 200, answer.content
    operation = Operation.objects.get()
    body = answer.json()
    assert (body["id"], body["outcome"], body["action"]) == (str(operation.pk), "succeeded", "environment.stop")
    assert (operation.reason, operation.origin) == (REASON["reason"], Origin.API)
    assert admin.get(answer["Location"]).json() == body


def test_what_a_body_cannot_have_is_told_by_its_pointer(sandbox: Sandbox, admin: Client) -> None:
    environment = known(sandbox)
    for slug, body, status, pointer in (
        ("stop", {}, 422, "#/reason"),
        ("stop", {"resaon": "typo", **REASON}, 422, "#/resaon"),
        ("stop", [], 400, "#"),
        ("stop", {"reason": {"deeper": "x"}}, 422, "#/reason"),
        ("stop", {"reason": [[[[[[[[1]]]]]]]]}, 400, "#"),
        ("lockdown", {"when": "exact", "at": "soon", **REASON}, 422, "#/at"),
        ("delete", {"typed_name": "another", **REASON}, 422, "#/typed_name"),
        ("delete", {"typed_name": str(environment), "force": "no", **REASON}, 422, "#/force"),
        ("stop", {"reason": True}, 422, "#/reason"),
        ("stop", {"reason": ["one", "another"]}, 422, "#/reason"),
        ("stop", {"reason": 30908}, 422, "#/reason"),
        ("lockdown", {"when": 1, **REASON}, 422, "#/when"),
    ):
        answer = admin.post(
            f"/api/v1/environments/{environment.pk}/actions/{slug}/", body, content_type="application/json"
        )
        assert (answer.status_code, kind(answer)) == (status, "invalid-body"), (slug, body)
        assert pointer in [error["pointer"] for error in answer.json()["errors"]], answer.json()
    url = f"/api/v1/environments/{environment.pk}/actions/stop/"
    large = admin.post(url, {"reason": "x" * 600_000}, content_type="application/json")
    assert (large.status_code, kind(large)) == (413, "too-large")
    form = admin.post(url, REASON)
    assert (form.status_code, kind(form)) == (415, "unsupported-media-type")
    cut = admin.post(url, b'{"reason"', content_type="application/json")
    assert (cut.status_code, kind(cut)) == (400, "invalid-body")
    asked = admin.post(f"{url}?dry_run=true", REASON, content_type="application/json")
    assert (asked.status_code, kind(asked)) == (400, "invalid-parameters")
    assert not Operation.objects.exists()


def test_only_those_who_may_act_and_only_from_the_portal_itself(sandbox: Sandbox) -> None:
    environment = known(sandbox)
    for role, slug, status in (
        ("Viewer", "stop", 403), ("Operator", "stop", 200), ("Operator", "rename", 403), ("Auditor", "stop", 403),
    ):  # fmt: skip
        assert act(factories.client(role), environment, slug, REASON).status_code == status, role
    assert act(Client(), environment, "stop", REASON).status_code == 401
    careful = Client(enforce_csrf_checks=True)
    careful.cookies = factories.client("Admin").cookies
    refused = act(careful, environment, "stop", REASON)
    assert (refused.status_code, kind(refused)) == (403, "not-permitted")
    assert Operation.objects.count() == 1


def test_the_same_key_is_the_same_operation_for_a_day(sandbox: Sandbox, admin: Client) -> None:
    environment = known(sandbox)
    key = {"Idempotency-Key": "nightly-1"}
    first = act(admin, environment, "rename", {"name": "one"}, **key)
    assert act(admin, environment, "rename", {"name": "one"}, **key).json() == first.json()
    other = act(admin, environment, "rename", {"name": "two"}, **key)
    assert (other.status_code, kind(other)) == (409, "key-reused")
    elsewhere = act(admin, environment, "keep-awake", **key)
    assert (elsewhere.status_code, kind(elsewhere)) == (409, "key-reused")
    assert Operation.objects.count() == 1
    assert act(factories.client("Admin"), environment, "keep-awake", **key).status_code == 200  # another's own
    assert act(admin, environment, "keep-awake", **{"Idempotency-Key": "two words"}).status_code == 400
    with time_machine.travel(timezone.now() + HONOURED + timedelta(minutes=1)):
        client = factories.signed_in_as(User.objects.get(pk=Operation.objects.get(pk=first.json()["id"]).actor_id))
        again = act(client, environment, "rename", {"name": "three"}, **key)
        assert (again.status_code, again.json()["id"] == first.json()["id"]) == (200, False), again.content
        assert act(client, environment, "rename", {"name": "three"}, **key).json() == again.json()


def test_an_edit_names_the_version_that_it_changes(sandbox: Sandbox, admin: Client) -> None:
    environment = maximal(sandbox)
    etag = admin.get(f"/api/v1/environments/{environment.pk}/")["ETag"]
    missing = act(admin, environment, "edit/git", {"username": "Mine"})
    assert (missing.status_code, kind(missing)) == (428, "version-required")
    done = act(admin, environment, "edit/git", {"username": "Mine"}, **{"If-Match": etag})
    assert done.status_code == 200, done.content
    assert spec_of(sandbox, environment)["content"]["gitUsername"] == "Mine"
    stale = act(admin, environment, "edit/git", {"username": "Other"}, **{"If-Match": etag})
    assert (stale.status_code, kind(stale)) == (412, "changed-meanwhile")
    told = stale.json()
    names = [told[side]["gitUsername"] for side in ("before", "theirs", "mine")]
    assert names == [MAXIMAL["content"]["gitUsername"], "Mine", "Other"]
    etag = admin.get(f"/api/v1/environments/{environment.pk}/")["ETag"]
    sandbox.world.change(str(environment.pk), spec={"content": {"gitUsername": "Theirs"}})
    overtaken = act(admin, environment, "edit/git", {"username": "Other"}, **{"If-Match": etag})
    assert (overtaken.status_code, kind(overtaken)) == (412, "changed-meanwhile")
    assert overtaken.json()["theirs"]["gitUsername"] == "Theirs"
    assert overtaken.json()["operation"]["outcome"] == "failed"
    ports = [{"port": 8080, "name": "web", "protocol": "PROTOCOL_HTTP", "admission": "ADMISSION_LEVEL_OWNER_ONLY"}]
    match = {"If-Match": admin.get(f"/api/v1/environments/{environment.pk}/")["ETag"]}
    wrong = act(admin, environment, "edit/ports", {"ports": [{**ports[0], "port": 7}]}, **match)
    assert [each["pointer"] for each in wrong.json()["errors"]] == ["#/ports/0/port"]
    assert act(admin, environment, "edit/ports", {"ports": ports, **REASON}, **match).status_code == 200
    assert [port["port"] for port in spec_of(sandbox, environment)["ports"]] == [8080]


def test_what_ona_refuses_has_its_code_and_request_id(sandbox: Sandbox, admin: Client) -> None:
    environment = known(sandbox, Condition("STOPPED"))
    sandbox.world.change(str(environment.pk), metadata={"lockdownAt": "2020-01-01T00:00:00Z"})
    answer = act(admin, environment, "start")
    assert (answer.status_code, kind(answer)) == (409, "refused-by-ona"), answer.content
    operation = Operation.objects.get()
    assert operation.outcome == Outcome.FAILED
    told = answer.json()
    assert told["code"] == operation.code == "failed_precondition"
    assert told.get("request_id") == (operation.request_id or None)
    assert told["operation"]["id"] == str(operation.pk)


def test_a_lost_answer_is_followed_at_its_operation(sandbox: Sandbox, admin: Client) -> None:
    environment = known(sandbox)
    sandbox.faults.inject("reset", rpc="EnvironmentService/StopEnvironment")
    answer = act(admin, environment, "stop", REASON, **{"Idempotency-Key": "k"})
    assert answer.status_code == 202, answer.content
    assert admin.get(answer["Location"]).json()["outcome"] == "unknown"
    assert act(admin, environment, "stop", REASON, **{"Idempotency-Key": "k"}).status_code == 202
    assert Operation.objects.count() == 1


def test_secrets_tokens_and_creations(sandbox: Sandbox, admin: Client) -> None:
    environment = known(sandbox)
    made = act(admin, environment, "logs-token", REASON, **{"Idempotency-Key": "token"})
    assert made.json()["environment_token"]
    rows = str(list(Operation.objects.values_list("request", "before", "after")))
    assert made.json()["environment_token"] not in rows
    again = act(admin, environment, "logs-token", REASON, **{"Idempotency-Key": "token"})
    assert "environment_token" not in again.json()
    secret = {
        "name": "API_KEY",
        "mount": "environment_variable",
        "scope": f"organization:{environment.organization_id}",
    }
    added = act(admin, environment, "add-secret", {**secret, "value": "canary", **REASON})
    assert added.status_code == 200, added.content
    assert b"canary" not in added.content
    assert not Operation.objects.filter(action="secret.create", request__icontains="canary").exists()
    url = "/api/v1/environments/actions/create/"
    asked = admin.post(url, {"way": "url", "url": "nonsense"}, content_type="application/json")
    assert {error["pointer"] for error in asked.json()["errors"]} >= {"#/url"}
