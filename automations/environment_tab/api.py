"""What the REST API lists of one environment: its services, its tasks, the versions of its specification."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.db.models import F, QuerySet
from django.http import Http404, QueryDict

from automations.models import Service, Task
from environments.list.exports import word
from environments.models import Environment, SpecificationVersion
from portal.directory.list import api_list
from portal.lists.declaration import Cells, List, ListQuery, without_blanks
from portal.lists.keyset import Sort

SEE = "environments.view_environment"
OF_ALL = ("id", "reference", "name", "description", "triggers", "first_seen_at", "seen_at")
OF_SERVICES = (*OF_ALL, "role", "phase", "failure")
OF_TASKS = (*OF_ALL, "last_phase", "last_run_at", "last_execution_id")
PHASES = ("phase", "last_phase")


def _prepare(listing: List, data: QueryDict, of: Mapping[str, Any]) -> List:
    """404 for an environment that the portal has never seen."""
    if of and not Environment.objects.filter(pk=of["environment_id"]).exists():
        raise Http404(f"The portal has no record of an environment {of['environment_id']}.")
    return listing


def _of_environment(rows: Callable[[], QuerySet[Any]]) -> Callable[[ListQuery], QuerySet[Any]]:
    return lambda query: rows().filter(environment_id=query.of["environment_id"])


def _in_words(columns: Sequence[str]) -> Callable[[Cells], Cells]:
    def row(values: Cells) -> Cells:
        cells = zip(columns, without_blanks(values), strict=True)
        return [word(cell) if name in PHASES else cell for name, cell in cells]

    return row


def _list(model: Any, one: str, columns: Sequence[str], sort: Sort, permission: str, **differs: Any) -> List:
    name = f"environment-{one.replace(' ', '-')}s"
    address = f"environments/<uuid:environment_id>/{name.removeprefix('environment-')}"
    made = api_list(
        name, one, model, columns, sort, api=address, prepare=_prepare, permissions=(SEE, permission), **differs
    )
    table = made.table
    return replace(made, table=table and replace(table, row=_in_words(columns)))


BY_REFERENCE = Sort("reference", "Reference", F("reference"), "")
LISTS = (
    _list(
        Service, "service", OF_SERVICES, BY_REFERENCE, "automations.view_service",
        base=_of_environment(Service.objects.present),
    ),
    _list(Task, "task", OF_TASKS, BY_REFERENCE, "automations.view_task", base=_of_environment(Task.objects.present)),
    _list(
        SpecificationVersion, "specification version", ("id", "spec_version", "old_seen_at", "seen_at"),
        Sort("seen", "Recorded", F("seen_at"), None, first_click_descends=True),
        "environments.view_specificationversion",
        base=_of_environment(SpecificationVersion.objects.all), detail=lambda version: {"spec": version.spec},
    ),
)  # fmt: skip
