"""What this app adds to others. Environments know no automations: they are told which actions there are, what stopping
an environment would end, what happened in it and to what, and what else to follow; saved views, which lists there are.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import QueryDict

from automations.actions import file, services, tasks
from automations.actions.losses import running_work
from automations.batches import views as batches_views
from automations.by_reference import service_views, task_views
from automations.by_reference.list import SERVICES, TASKS, Listed, read_place
from automations.environment_tab import timeline_source
from automations.executions import activity_names
from automations.executions.list import EXECUTIONS
from automations.sync.poller import follow_environment
from environments.actions import losses, registry
from environments.activity import rows as activity
from environments.detail import live_refresh
from environments.timeline import source as timeline
from portal.lists.place import Place
from portal.lists.registry import SAVABLE, Savable, of_place
from portal.lists.registry import register as register_lists


def register() -> None:
    """Called once, when Django starts."""
    register_lists(EXECUTIONS)
    registry.register(*services.ACTIONS, *tasks.ACTIONS, *file.ACTIONS)
    losses.SOURCES.append(running_work)
    live_refresh.FOLLOWERS.append(follow_environment)
    activity.NAMED.update(activity_names.NAMED)
    timeline.SOURCES.extend((timeline_source.SERVICES, timeline_source.EXECUTIONS))
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
