"""What this app adds to others. Environments know no automations: they are told which actions there are, what stopping
an environment would end, what happened in it and to what, and what else to follow; and which lists there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from automations import palette
from automations.actions import file, services, tasks
from automations.actions.losses_source import running_work
from automations.batches.badge import badge
from automations.batches.list import BATCH_ITEMS, BATCHES
from automations.by_reference.list import SERVICES, TASKS
from automations.by_reference.occurrences import SERVICE_ENVIRONMENTS, TASK_ENVIRONMENTS
from automations.environment_tab import api as of_one_environment
from automations.environment_tab import news as environment_news
from automations.environment_tab import timeline_source
from automations.executions import belongings_source, detail
from automations.executions.list import EXECUTIONS
from automations.models import Service, Task, TaskExecution
from automations.sync.poller import follow_environment
from environments.actions import losses, registry
from environments.activity import rows as activity
from environments.detail import live_refresh, news
from environments.directory_pages import belongings
from environments.timeline import sources as timeline
from portal.lists import registry as lists
from portal.live.topics import TOPICS, Topic
from portal.palette import sources
from portal.web import navigation


def register() -> None:
    """Called once, when Django starts."""
    lists.register(EXECUTIONS, TASKS, SERVICES, TASK_ENVIRONMENTS, SERVICE_ENVIRONMENTS, BATCHES, BATCH_ITEMS)
    lists.register_for_api(*of_one_environment.LISTS)
    registry.register(*services.ACTIONS, *tasks.ACTIONS, *file.ACTIONS)
    navigation.BADGES["operations:list"] = badge
    sources.register(*palette.SOURCES, destinations=palette.destinations)
    losses.SOURCES.append(running_work)
    belongings.SOURCES.append(belongings_source.SOURCE)
    live_refresh.FOLLOWERS.append(follow_environment)
    news.SOURCES.append(environment_news.token)
    TOPICS["execution"] = Topic(detail.SEE, detail.news, detail.mark)
    for resource, model, name in (
        ("TASK", Task, "name"),
        ("TASK_EXECUTION", TaskExecution, "task_name"),
        ("SERVICE", Service, "name"),
    ):
        activity.NAMED[f"{activity.PREFIX}{resource}"] = _named(model, name)
    timeline.SOURCES.extend((timeline_source.SERVICES, timeline_source.EXECUTIONS))


def _named(model: type[Any], column: str) -> activity.Named:
    """Looks up names for entries of Ona's audit log: name or reference, and the environment."""

    def named(ids: Iterable[UUID]) -> Mapping[UUID, str]:
        rows = model.objects.filter(pk__in=ids).values_list("pk", column, "reference", "environment_name")
        return {pk: f"{own or reference or 'unnamed'} in {where or 'unnamed'}" for pk, own, reference, where in rows}

    return named
