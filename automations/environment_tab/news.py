"""Whether the automations of an environment changed: its page asks again and again."""

from __future__ import annotations

from uuid import UUID

from environments.detail.news import one_row

NEWEST = """
SELECT (SELECT max(changed_at) FROM automations_service WHERE environment_id = %(id)s),
    (SELECT max(changed_at) FROM automations_task WHERE environment_id = %(id)s),
    (SELECT max(changed_at) FROM automations_taskexecution WHERE environment_id = %(id)s)
"""


def token(environment_id: UUID) -> str:
    """Another text after any change of its services, tasks and executions."""
    return one_row(NEWEST, environment_id)
