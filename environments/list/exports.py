"""The environments' list as a table."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from django.db.models import BooleanField, DateTimeField, QuerySet

from environments.as_of import clock
from environments.export_head import AS_THEN
from environments.list.search_keys import ROLES
from environments.models.flags import with_flags
from environments.policies import deletion
from portal.lists.declaration import ListQuery, Table
from portal.web.formatting import UNKNOWN, phase_word

PHASES = ("phase", "machine_phase", "content_phase", "devcontainer_phase", "automations_phase", "desired_phase")
# the heading of each column and where it comes from
COLUMNS = {
    "id": "id", "name": "name", "phase": "phase", "archived_at": "archived_at", "gone_at": "gone_at", "role": "role",
    "owner_id": "creator_id", "owner": "owner_name", "owner_email": "owner_email",
    "project_id": "project_id", "project": "project_name", "class_id": "class_id", "class": "class_name",
    "runner_id": "runner_id", "runner": "runner_name", "repository": "repository", "branch": "branch",
    "deletion_at": "deletion_at",
    "created_at": "created_at", "last_started_at": "last_started_at", "active_at": "active_at",
    "last_used_at": "last_used_at", "lockdown_at": "lockdown_at", "timeout_seconds": "timeout",
    "never_stops": "never_stops", "shared_ports": "shared_ports", "open_to_everyone": "open_to_everyone",
    "exposed_to_everyone": "is_open", "failing": "is_failing", "failed_at_last_start": "is_failed",
    "failure": "failure", "warning": "warning", "unpushed_work": "unpushed_work",
    "unpushed_commits": "unpushed_commits", "changed_files": "changed_files", "not_in_sync": "not_in_sync",
    "secrets_in_sync": "secrets_in_sync", "devcontainer_in_sync": "devcontainer_in_sync",
    "machine_phase": "machine_phase", "content_phase": "content_phase", "devcontainer_phase": "devcontainer_phase",
    "automations_phase": "automations_phase", "desired_phase": "desired_phase", "spec_version": "spec_version",
    "first_seen_at": "first_seen_at", "changed_at": "changed_at",
}  # fmt: skip
PHASES_AT = [position for position, name in enumerate(COLUMNS) if name in PHASES]
ROLE_AT = list(COLUMNS).index("role")
ROLE_WORDS = {raw: role for role, raw in ROLES.items()}


def _row(values: Sequence[Any]) -> list[Any]:
    row = [None if value == "" else value for value in values]
    for position in PHASES_AT:
        row[position] = word(row[position])
    row[ROLE_AT] = ROLE_WORDS.get(row[ROLE_AT] or "", row[ROLE_AT])
    return row


def _every(query: ListQuery) -> QuerySet[Any]:
    """With the flags of each now, and when the policy deletes it, which the list can be narrowed to."""
    now = clock.at()
    rows: QuerySet[Any] = with_flags(query.rows(), now).annotate(deletion_at=deletion.due_at(now))
    return rows


@lru_cache(maxsize=128)
def word(phase: str | None) -> str | None:
    """A phase as the lists have it; None where it is unknown."""
    told = phase_word(phase)
    return None if told == UNKNOWN else told


TABLE = Table(
    name="environments",
    title="Environments",
    columns=COLUMNS,
    types={
        "deletion_at": DateTimeField,
        **dict.fromkeys(("exposed_to_everyone", "failing", "failed_at_last_start"), BooleanField),
    },
    row=_row,
    every=_every,
    about=lambda query: query.as_of.note(AS_THEN),
)
