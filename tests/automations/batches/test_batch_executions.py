"""Executions are selected in their list, planned, stopped by a batch and followed."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from automations.batches import worker
from automations.models import Batch, ExecutionPhase, ItemState, Task, TaskExecution
from automations.sync.observe import sync_automations
from environments.models import Environment
from portal.ledger.models import Operation
from portal.ona import OnaClient
from portal.sandbox.world import World
from tests.automations.batches.batching import REFERENCE, with_task
from tests.support import automation_factories as made
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)
LIST, NEW = "/automations/", "/operations/batches/new/"
OURS = (REFERENCE, "own-lint")
API = "/api/v1/batches/actions"


def test_selected_executions_are_planned_and_stopped_and_those_that_ended_meanwhile_are_told(
    connect: Callable[..., Any],
) -> None:
    with connect(World(environments=0, seed=6, speed=0)) as sandbox:
        ids, operator = with_task(sandbox, 2), factories.client("Operator")
        with OnaClient(sandbox.token, sandbox.base_url) as client:
            client.create_task(
                ids[0], metadata={"reference": "own-lint", "name": "Lint"}, spec={"command": "make lint"}
            )
            sync_automations(client, everything=True)
            for task in Task.objects.filter(reference__in=OURS):  # two in one environment
                client.start_task(task.pk)
            sync_automations(client, everything=True)
        running = list(TaskExecution.objects.filter(reference__in=OURS).order_by("environment_name", "created_at"))
        assert len(running) == 3

        page = operator.get(LIST, {"reference": OURS}).content.decode()
        assert set(re.findall(r'name="id" value="(\w{32})"', page)) == {each.pk.hex for each in running}
        assert 'value="execution.stop"' in page
        assert 'name="id" value=' not in factories.client("Viewer").get(LIST).content.decode()
        assert f'id="x{running[0].pk.hex}"' in operator.get(LIST, {"id": ["none", running[0].pk.hex]}).content.decode()

        query = {"action": "execution.stop", "id": ["none", *(each.pk.hex for each in running)]}
        plan = operator.get(NEW, query).content.decode()
        assert re.search(r"Stop\s+3 executions", plan)
        assert f"{running[0].name} in {running[0].environment}" in plan
        targets = re.findall(r'name="target"\s+value="([^"]+)" checked', plan)
        assert set(targets) == {str(each.pk) for each in running}

        fields = {
            "operation_id": str(uuid.uuid4()), "action": "execution.stop", "at_once": "10", "reason": "runaway",
            "target": targets, "chosen_from": "phase=running",
        }  # fmt: skip
        assert operator.post(NEW, fields).status_code == 302
        batch = Batch.objects.get()
        with OnaClient(sandbox.token, sandbox.base_url) as client:
            client.stop_task_execution(running[2].pk)  # somebody else, meanwhile
            sandbox.world.advance(timedelta(seconds=10))
        for _ in range(3):
            worker.drive_batches()
            sandbox.world.advance(timedelta(minutes=5))
        assert set(TaskExecution.objects.filter(reference__in=OURS).values_list("phase", flat=True)) == {
            ExecutionPhase.STOPPED
        }
        items = {item.execution_id: item for item in batch.items.all()}
        assert {id_: (item.state, item.why) for id_, item in items.items()} == {
            running[0].pk: (ItemState.SUCCEEDED, ""),
            running[1].pk: (ItemState.SUCCEEDED, ""),
            running[2].pk: (ItemState.LEFT_OUT, "It has ended."),
        }
        shown = operator.get(f"/operations/batches/{batch.pk}/").content.decode()
        assert re.search(r"<h1[^>]*>\s*Stop\s+3 executions", shown)
        assert all(f"<bdi>{each.name}</bdi> in " in shown for each in running)
        whole = Operation.objects.get(pk=batch.pk)
        assert (whole.action, whole.target_name) == ("batch.execution_stop", "3 executions")
        assert len(whole.request["executionIds"]) == 3


@pytest.mark.django_db
def test_the_plan_counts_what_cannot_be_stopped_in_as_many_queries_for_many_as_for_few(
    django_assert_max_num_queries: Any,
) -> None:
    otter = factories.environment(name="otter")
    build = made.task(otter)
    asked = {"action": "execution.stop", "query": "task=build"}
    made.execution(build)
    for _ in range(3):
        made.execution(build, took=None)
    gone = made.execution(build, took=None, gone_at=otter.created_at)
    made.execution(made.task(factories.environment(gone_at=otter.created_at)), took=None)
    stranger = made.execution(made.task(factories.environment()), took=None)
    Environment.objects.filter(pk=stranger.environment_id).delete()
    with django_assert_max_num_queries(30):
        page = factories.client("Operator").get(NEW, {"action": "execution.stop"}).content.decode()
    for why in (
        "1: no longer stored by Ona", "1: has ended", "1: its environment is deleted",
        "1: its environment was never observed",
    ):  # fmt: skip
        assert why in page, why
    plan = factories.client("Operator").post(f"{API}/plan/", asked, content_type="application/json")
    assert plan.status_code == 422
    plan = factories.client("Operator").post(
        f"{API}/plan/", asked | {"query": "reference=build&phase=running"}, content_type="application/json"
    )
    assert plan.status_code == 200, plan.content
    assert len(plan.json()["environments"]) == 3
    assert str(gone.pk) not in plan.content.decode()
    assert sum(each["count"] for each in plan.json()["skipped"]) == 3
