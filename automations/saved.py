"""The addresses of automations' lists as saved views keep them. See `portal.web.savable`."""

from __future__ import annotations

from collections.abc import Callable

from django.http import QueryDict

from automations.lists.state import read_state
from automations.lists.summaries import SERVICES, TASKS, Listed, read_place
from automations.views import batches, executions, services, tasks
from portal.web.lists import Place
from portal.web.savable import SAVABLE, Savable, of_place


def register() -> None:
    """Add the lists of this app."""
    SAVABLE.update(
        {
            "automations:list": Savable("Executions", executions.TO_SEE, lambda data: of_place(read_state(data).place)),
            "automations:tasks": Savable("Tasks", tasks.TO_SEE, _by_reference(TASKS)),
            "automations:services": Savable("Services", services.TO_SEE, _by_reference(SERVICES)),
            "automations:batches": Savable("Batches", batches.SEE, _batches),
        }
    )


def _by_reference(listed: Listed) -> Callable[[QueryDict], str]:
    return lambda data: of_place(read_place(listed, data, [])[0])


def _batches(data: QueryDict) -> str:
    return of_place(Place.read(data, (), batches.SORTS, "-asked", [])[0])
