"""The addresses of automations' lists as saved views keep them. See `portal.lists.registry`."""

from __future__ import annotations

from collections.abc import Callable

from django.http import QueryDict

from automations.batches import views as batches_views
from automations.by_reference import service_views, task_views
from automations.by_reference.list import SERVICES, TASKS, Listed, read_place
from automations.executions.list import EXECUTIONS
from portal.lists.place import Place
from portal.lists.registry import SAVABLE, Savable, of_place
from portal.lists.registry import register as register_lists


def register() -> None:
    """Add the lists of this app."""
    register_lists(EXECUTIONS)
    SAVABLE.update(
        {
            "automations:tasks": Savable("Tasks", task_views.TO_SEE, _by_reference(TASKS)),
            "automations:services": Savable("Services", service_views.TO_SEE, _by_reference(SERVICES)),
            "automations:batches": Savable("Batches", batches_views.SEE, _batches),
        }
    )


def _by_reference(listed: Listed) -> Callable[[QueryDict], str]:
    return lambda data: of_place(read_place(listed, data, [])[0])


def _batches(data: QueryDict) -> str:
    return of_place(Place.read(data, (), batches_views.SORTS, "-asked", [])[0])
