"""What this app adds to others. Environments know no automations: they are told which actions there are, what stopping
an environment would end, what happened in it and to what, and what else to follow; and which lists there are.
"""

from __future__ import annotations

from automations import palette
from automations.actions import file, services, tasks
from automations.actions.losses import running_work
from automations.batches.list import BATCH_ITEMS, BATCHES
from automations.by_reference.list import SERVICES, TASKS
from automations.by_reference.occurrences import SERVICE_ENVIRONMENTS, TASK_ENVIRONMENTS
from automations.environment_tab import timeline_source
from automations.executions import activity_names
from automations.executions.list import EXECUTIONS
from automations.sync.poller import follow_environment
from environments.actions import losses, registry
from environments.activity import rows as activity
from environments.detail import live_refresh
from environments.timeline import source as timeline
from portal.lists import registry as lists
from portal.palette import sources


def register() -> None:
    """Called once, when Django starts."""
    lists.register(EXECUTIONS, TASKS, SERVICES, TASK_ENVIRONMENTS, SERVICE_ENVIRONMENTS, BATCHES, BATCH_ITEMS)
    registry.register(*services.ACTIONS, *tasks.ACTIONS, *file.ACTIONS)
    sources.register(*palette.SOURCES, destinations=palette.destinations)
    losses.SOURCES.append(running_work)
    live_refresh.FOLLOWERS.append(follow_environment)
    activity.NAMED.update(activity_names.NAMED)
    timeline.SOURCES.extend((timeline_source.SERVICES, timeline_source.EXECUTIONS))
