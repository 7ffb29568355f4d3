"""For every registered list: rows, and an address that uses each of its filters. See test_contract."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from portal.ledger.models import Outcome
from tests.support import factories
from tests.support.automation_factories import execution, task
from tests.support.operations import ENVIRONMENT, operation


@dataclass(frozen=True)
class Sample:
    """`make` adds as many rows as asked for; `filters` has a value for each filter, which some of these rows may meet.

    `key` is the exported column that names a row, `of` the arguments of the page's address.
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
            "owner": "none", "runner": "none", "class": "none", "role": "default", "id": str(uuid.UUID(int=1)),
            "gone": "yes",
        },
        "otter -name:fox",
    ),
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
