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
from environments.models import Field, SyncRun, Transition
from environments.models.overview import StartUp
from portal.ledger.models import AccessEntry, Outcome
from portal.outbox.models import Attempt, Destination
from tests.support import audits, factories, outbox
from tests.support.audit_entries import entry
from tests.support.automation_factories import batch, execution, service, task
from tests.support.jobs import job
from tests.support.operations import ENVIRONMENT, operation


@dataclass(frozen=True)
class Sample:
    """`make` adds as many rows as asked for; `filters` has a value for each filter, which some of these rows may meet.

    `key` is the column that names a row in a file, `of` the arguments of the page's address, `always` what its query
    must hold.
    """

    make: Callable[[int], None]
    filters: Mapping[str, str]
    search: str = ""
    key: str = "id"
    of: Mapping[str, Any] = field(default_factory=dict)
    always: Mapping[str, str] = field(default_factory=dict)


def _operations(number: int) -> None:
    for minute in range(number):
        operation(outcome=Outcome.FAILED if minute % 2 else Outcome.SUCCEEDED, ago=timedelta(minutes=minute))


def _environments(number: int) -> None:
    for minute in range(number):
        factories.environment(name=f"otter-{minute}", failure="no space left" if minute % 2 else "")


def _changes_of_lockdowns(number: int) -> None:
    now = timezone.now()
    for minute in range(number):
        environment = factories.environment(name=f"otter-{minute}")
        audits.moved(environment, Field.LOCKDOWN, None, now, by=now - timedelta(minutes=minute))


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


OF_ENVIRONMENTS = {
    "phase": "running", "port": "everyone", "archived": "no", "lockdown": "none", "flag": "failing", "idle": "7",
    "project": "none", "owner": "none", "runner": "none", "class": "none", "role": "default",
    "id": str(uuid.UUID(int=1)), "gone": "yes",
    "failure": "0" * 24, "stops": "never",
}  # fmt: skip
OF_AUDITS = OF_ENVIRONMENTS | {"group": "owner", "day": "2099-12-31"}


def _changes(number: int) -> None:
    environment = factories.environment()
    for minute in range(number):
        seen_at = timezone.now() - timedelta(minutes=minute)
        Transition.objects.create(environment=environment, field=Field.FAILURE, new=f"boom {minute}", seen_at=seen_at)


def _starts(number: int) -> None:
    environment, first = factories.environment(), StartUp.objects.count()
    for minute in range(number):
        StartUp.objects.create(
            transition_id=first + minute, environment_id=environment.pk, kind=StartUp.Kind.STARTED, seconds=30,
            uncertain=5, running_at=timezone.now() - timedelta(minutes=minute // 2),
        )  # fmt: skip


def _sync_runs(number: int) -> None:
    for minute in range(number):
        SyncRun.objects.create(
            kind=SyncRun.Kind.SECRETS, state=SyncRun.State.FAILED, error="boom",
            started_at=timezone.now() - timedelta(minutes=minute // 2),
        )  # fmt: skip


def _accesses(number: int) -> None:
    for minute in range(number):
        AccessEntry.objects.create(
            at=timezone.now() - timedelta(minutes=minute), kind="refused-sign-in" if minute % 2 else "sign-in",
            outcome="refused" if minute % 2 else "allowed", actor_name="ann", address="203.0.113.7",
        )  # fmt: skip


def _people(number: int) -> None:
    for each in range(number):
        made = factories.user("Viewer" if each % 2 else "Operator")
        made.last_login = timezone.now() - timedelta(minutes=each)
        made.set_unusable_password()
        made.save()


def _jobs(number: int) -> None:
    for minute in range(number):
        job(ago=timedelta(minutes=minute), state="waiting" if minute % 2 else "failed")


def _destinations(number: int) -> None:
    for each in range(number):
        outbox.destination(name=f"hook {each} {uuid.uuid4()}", state="muted" if each % 2 else "active")


def _messages(number: int) -> None:
    to = Destination.objects.filter(pk=1).first() or outbox.destination(pk=1)
    for minute in range(number):
        ago = timedelta(minutes=minute)
        outbox.message(to, state="dead" if minute % 2 else "delivered", ago=ago, environment_id=ENVIRONMENT)


def _attempts(number: int) -> None:
    to = Destination.objects.filter(pk=1).first() or outbox.destination(pk=1)
    told = outbox.message(to)
    for minute in range(number):
        at, status = timezone.now() - timedelta(minutes=minute), 500 if minute % 2 else 200
        Attempt.objects.create(message=told, at=at, status=status, duration=timedelta(seconds=1))


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
    "access-log": Sample(
        _accesses,
        {
            "since": "7d", "from": "2020-01-05", "to": "2099-01-05", "kind": "sign-in", "outcome": "allowed",
            "person": "ann", "address": "203.0.113.7",
        },
        "ann -kind:lockout",
        always={"person": "ann"},  # the file is itself an entry, of whom the test signs in
    ),
    "people:list": Sample(
        _people, {"role": "viewer", "state": "active", "signs-in": "link", "second-factor": "none"},
        "viewer -role:admin",
        always={"signs-in": "link"},  # not the person whom the test signs in
    ),
    "jobs:list": Sample(_jobs, {"state": "failed"}, "evidence -state:cancelled"),
    "outbox:list": Sample(
        _messages,
        {"state": "dead", "kind": "environment.failure", "destination": "1", "environment": str(ENVIRONMENT)},
    ),
    "outbox:attempts": Sample(_attempts, {"result": "failed", "destination": "1"}),
    "outbox:destinations": Sample(_destinations, {"state": "muted"}),
    "environments:list": Sample(
        _environments,
        OF_ENVIRONMENTS,
        "otter -name:fox",
    ),
    "environments:running": Sample(
        _environments,
        {name: OF_ENVIRONMENTS[name] for name in ("project", "owner", "runner", "class", "role", "stops")},
        "otter -name:fox",
    ),
    "audit:lockdown": Sample(_environments, OF_AUDITS | {"status": "past"}, "otter -name:fox"),
    "audit:archive": Sample(_environments, OF_AUDITS | {"status": "due"}, "otter -name:fox"),
    "audit:lockdown-changes": Sample(
        _changes_of_lockdowns, OF_ENVIRONMENTS, "otter -name:fox", key="environment_id"
    ),
    "audit:what-if-environments": Sample(
        _environments, OF_ENVIRONMENTS | {"within": "30d"}, "otter -name:fox",
        always={"question": "lifetime", "value": "14"},
    ),
    "operations:stream": Sample(
        _stream,
        {
            "source": "portal", "who": "ann", "environment": "otter", "what": "stop", "since": "7d",
            "from": "2020-01-05", "to": "2099-01-05",
        },
    ),
    "overview-changes": Sample(_changes, {}),
    "overview-starts": Sample(
        _starts, {"period": "month", "kind": "started", "class": "none", "project": "none"}, key="transition_id"
    ),
    "sync": Sample(_sync_runs, {"kind": "secrets"}),
    "secrets:list": Sample(
        _secrets,
        {
            "scope": "project", "project": str(uuid.UUID(int=1)), "owner": str(uuid.UUID(int=1)), "mount": "file",
            "used": "no", "age": "90", "gone": "yes",
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
            "environment": str(uuid.UUID(int=1)), "id": str(uuid.UUID(int=1)),
        },
        "build -failure:exit",
    ),
}  # fmt: skip
