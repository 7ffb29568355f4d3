"""What the REST API lists of one environment: services, tasks, versions of its specification, changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.db.models import F, QuerySet
from django.http import Http404, QueryDict

from automations.models import Service, Task
from environments.list.exports import word
from environments.models import Environment, SpecificationVersion, Transition
from environments.overview.change_log import in_words
from portal.directory.list import api_list
from portal.lists.declaration import Cells, List, ListQuery, without_blanks
from portal.lists.filters import Filter, in_column
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
    return _with_row(_in_words(columns), made)


def _with_row(row: Callable[[Cells], Cells], listing: List) -> List:
    return replace(listing, table=listing.table and replace(listing.table, row=row))


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
    _with_row(
        in_words,
        _list(
            Transition, "transition", ("id", "seen_at", "old_seen_at", "field", "old", "new"),
            Sort("seen", "Recorded", F("seen_at"), None, first_click_descends=True),
            "environments.view_transition",
            base=_of_environment(Transition.objects.all), filters=(Filter("field", "Field", in_column("field")),),
        ),
    ),
)  # fmt: skip
