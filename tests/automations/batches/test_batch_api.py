"""Batches over the REST API: planned, started, followed, cancelled and retried."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from automations.models import Batch, ItemState
from portal.ledger.models import Operation, Origin
from portal.sandbox.server import Sandbox
from tests.api.documented import check
from tests.environments.actions.test_acting import known
from tests.support import factories

pytestmark = pytest.mark.django_db
STOP = {"action": "environment.stop", "query": "phase=running"}


def post(client: Client, address: str, body: Any, **headers: str) -> Any:
    answer = client.post(f"/api/v1/batches/{address}/", body, content_type="application/json", headers=headers)
    check(answer)
    return answer


def test_a_batch_is_planned_started_cancelled_and_retried(sandbox: Sandbox) -> None:
    admin = factories.client("Admin")
    running = [known(sandbox), known(sandbox)]
    plan = post(admin, "actions/plan", STOP).json()
    assert {each["environment_id"] for each in plan["environments"]} == {str(each.pk) for each in running}
    assert all(isinstance(each["losses"], list) for each in plan["environments"])
    assert (plan["is_more"], Batch.objects.count()) == (False, 0)
    page = admin.get(plan["page"].removeprefix("http://testserver")).content.decode()
    assert all(str(each.pk) in page for each in running)

    asked, key = {**STOP, "reason": "night", "at_once": 2}, {"Idempotency-Key": "nightly"}
    started = post(admin, "actions/start", asked, **key)
    assert started.status_code == 202, started.content
    batch, operation = Batch.objects.get(), Operation.objects.get()
    assert started["Location"] == f"/api/v1/batches/{batch.pk}/"
    assert (started.json()["id"], started.json()["environments"]) == (str(batch.pk), 2)
    assert (operation.origin, operation.reason, batch.at_once) == (Origin.API, "night", 2)
    assert post(admin, "actions/start", asked, **key).json()["id"] == str(batch.pk)
    assert post(admin, "actions/start", {**asked, "at_once": 1}, **key).status_code == 409
    items = admin.get(f"/api/v1/batches/{batch.pk}/items/?state=waiting").json()["results"]
    assert {each["environment_id"] for each in items} == {str(each.pk) for each in running}

    assert post(admin, f"{batch.pk}/actions/retry", {"reason": "again"}).status_code == 409
    batch.items.update(state=ItemState.FAILED)
    retried = post(admin, f"{batch.pk}/actions/retry", {"reason": "again"})
    assert retried.status_code == 202, retried.content
    again = Batch.objects.get(pk=retried.json()["id"])
    assert (again.again_of, again.items.count()) == (batch.pk, 2)
    cancelled = post(admin, f"{again.pk}/actions/cancel", {})
    assert cancelled.json()["cancelled_at"]


def test_what_a_batch_cannot_be_is_told(sandbox: Sandbox) -> None:
    operator = factories.client("Operator")
    known(sandbox)
    for body, status, pointer in (
        ({"query": "phase=running"}, 422, "#/action"),
        ({**STOP, "query": "phse=running", "reason": "x"}, 422, "#/query"),
        ({**STOP, "reasn": "x"}, 422, "#/reasn"),
        (STOP, 422, "#/reason"),
        ({"action": "task.start", "reason": "x"}, 422, "#/reference"),
        ({**STOP, "values": 3, "reason": "x"}, 422, "#/values"),
        ({**STOP, "start_first": "yes", "reason": "x"}, 422, "#/start_first"),
        ({**STOP, "at_once": True, "reason": "x"}, 422, "#/at_once"),
        ({**STOP, "query": "phase=stopped", "reason": "x"}, 409, None),
        ({"action": "environment.archive", "reason": "x"}, 403, None),
    ):
        answer = post(operator, "actions/start", body)
        assert answer.status_code == status, (body, answer.content)
        pointers = [error["pointer"] for error in answer.json().get("errors", [])]
        assert pointer is None or pointer in pointers, (body, pointers)
    assert not Batch.objects.exists()
