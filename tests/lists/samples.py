"""For every registered list: rows, and an address that uses each of its filters. See test_contract."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.utils import timezone

from automations.models import Batch, BatchItem, ExecutionPhase, ServicePhase
from automations.sync.summaries import refresh
from portal.ledger.models import Outcome
from tests.support import factories
from tests.support.audit_entries import entry
from tests.support.automation_factories import batch, execution, service, task
from tests.support.operations import ENVIRONMENT, operation


@dataclass(frozen=True)
class Sample:
    """`make` adds as many rows as asked for; `filters` has a value for each filter, which some of these rows may meet.

    `key` is the column that names a row in a file, `of` the arguments of the page's address.
    """

    make: Callable[[int], None]
    filters: Mapping[str, str]
    search: str = ""
    key: str = "id"
    of: Mapping[str, Any] = field(default_factory=dict)


def _operations(number: int) -> None:
    for minute in range(number):
        operation(outcome=Outcome.FAILED if minute % 2 else Outcome.SUCCEEDED, ago=timedelta(minutes=minute))


def _environments(number: int) -> None:
    for minute in range(number):
        factories.environment(name=f"otter-{minute}", failure="no space left" if minute % 2 else "")


def _references(number: int) -> None:
    environment = factories.environment()
    for each in range(number):
        name = f"{uuid.uuid4()}"
        execution(task(environment, name), phase=ExecutionPhase.FAILED, ago=timedelta(minutes=each))
        service(environment, name, phase=ServicePhase.FAILED)
    refresh()


def _of_one_reference(number: int) -> None:
    for each in range(number):
        environment = factories.environment(name=f"otter-{each}")
        task(environment)
        service(environment)


def _batches(number: int) -> None:
    for minute in range(number):
        batch(factories.environment(), asked_at=timezone.now() - timedelta(minutes=minute))


def _batch_items(number: int) -> None:
    """Of one batch, which has come further."""
    made, _ = Batch.objects.update_or_create(
        id=uuid.UUID(int=1),
        defaults={
            "action": "task.start", "reference": "build", "at_once": 10, "stop_after": 5, "asked_at": timezone.now(),
            "changed_at": timezone.now(),
        },
    )  # fmt: skip
    for each in range(number):
        BatchItem.objects.create(
            batch=made, environment_id=uuid.uuid4(), environment_name=f"otter-{each}", target_id=uuid.uuid4()
        )


def _secrets(number: int) -> None:
    for each in range(number):
        factories.secret(name=f"KEY_{uuid.uuid4()}", uses=each % 7, updated_at=timezone.now() - timedelta(days=each))


def _stream(number: int) -> None:
    for minute in range(number):
        entry(ago=timedelta(minutes=minute)) if minute % 2 else operation(ago=timedelta(minutes=minute))


def _executions(number: int) -> None:
    build = task(factories.environment())
    for minute in range(number):
        execution(build, ago=timedelta(minutes=minute))


SAMPLES: Mapping[str, Sample] = {
    "operations:list": Sample(
        _operations,
        {
            "since": "7d", "from": "2020-01-05", "to": "2099-01-05", "outcome": "failed", "actor": "ann",
            "action": "environment.stop", "target": str(ENVIRONMENT), "part-of": str(uuid.UUID(int=1)),
            "origin": "page",
        },
        "nobody -reason:cost",
    ),
    "environments:list": Sample(
        _environments,
        {
            "phase": "running", "archived": "no", "lockdown": "none", "flag": "failing", "idle": "7", "project": "none",
            "failure": "0" * 24,
            "owner": "none", "runner": "none", "class": "none", "role": "default", "id": str(uuid.UUID(int=1)),
            "gone": "yes",
        },
        "otter -name:fox",
    ),
    "operations:stream": Sample(
        _stream,
        {
            "source": "portal", "who": "ann", "environment": "otter", "what": "stop", "since": "7d",
            "from": "2020-01-05", "to": "2099-01-05",
        },
    ),
    "secrets:list": Sample(
        _secrets,
        {
            "scope": "project", "project": str(uuid.UUID(int=1)), "mount": "file", "used": "no", "age": "90",
            "gone": "yes",
        },
        "key -creator:ann",
    ),
    "automations:tasks": Sample(_references, {"q": "t", "failing": "yes"}, key="reference"),
    "automations:services": Sample(_references, {"q": "s", "failing": "yes"}, key="reference"),
    "automations:task": Sample(
        _of_one_reference, {"q": "otter", "phase": "failed", "project": "none"}, of={"reference": "build"}
    ),
    "automations:service": Sample(
        _of_one_reference, {"q": "otter", "phase": "failed", "project": "none"}, of={"reference": "web"}
    ),
    "automations:batches": Sample(_batches, {}),
    "automations:batch": Sample(_batch_items, {"state": "waiting"}, of={"batch_id": uuid.UUID(int=1)}),
    "automations:list": Sample(
        _executions,
        {
            "phase": "succeeded", "since": "7d", "from": "2020-01-05", "to": "2099-01-05", "duration": ">10m",
            "reference": "build", "project": "none", "owner": "none", "by": "manual",
            "environment": str(uuid.UUID(int=1)),
        },
        "build -failure:exit",
    ),
}  # fmt: skip
