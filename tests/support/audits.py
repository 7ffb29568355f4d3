"""Policies and transitions for tests and benchmarks of the audits."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from environments.as_of import past
from environments.models import Environment, Field, Phase, SyncRun, Transition
from portal.directory.models import Organization, PolicyVersion

DAY = timedelta(days=1)
ORGANIZATION = uuid.UUID(int=0x0A)
COLUMNS = {
    "lifetime": ("maximum_environment_lifetime", "maximumEnvironmentLifetime"),
    "archive": ("archive_environments_after", "archiveEnvironmentsAfter"),
    "delete": ("delete_archived_environments_after", "deleteArchivedEnvironmentsAfter"),
}


def policies(
    *, ago: timedelta = 90 * DAY, after: datetime | None = None, strict: bool = False, **days: int
) -> PolicyVersion:
    """A version of the policies seen `ago`: policies(lifetime=7, archive=3, delete=14), all in days."""
    seen_at = timezone.now() - ago
    Organization.objects.get_or_create(
        id=ORGANIZATION, defaults={"name": "Acme", "first_seen_at": seen_at, "seen_at": seen_at}
    )
    columns: dict[str, Any] = {COLUMNS[name][0]: number * DAY for name, number in days.items()}
    document = {COLUMNS[name][1]: f"{number * 86_400}s" for name, number in days.items()}
    return PolicyVersion.objects.create(
        organization_id=ORGANIZATION, old_seen_at=after, seen_at=seen_at, policies=document | {"strict": strict},
        maximum_environment_lifetime_strict=strict, **columns,
    )  # fmt: skip


def moved(
    environment: Environment,
    field: Field,
    old: Any,
    new: Any,
    *,
    by: datetime,
    unseen: timedelta = timedelta(minutes=1),
) -> Transition:
    """A transition seen `by` a time; the older value was last seen `unseen` before."""
    made = Transition.objects.create(
        environment=environment, field=field, old=_text(old), new=_text(new), old_seen_at=by - unseen, seen_at=by
    )
    past.rebuild()  # the environment's row has its newest values already, unlike in a sync
    return made


def stopped(environment: Environment, by: datetime) -> Transition:
    return moved(environment, Field.PHASE, Phase.RUNNING, Phase.STOPPED, by=by)


def swept(*moments: datetime) -> None:
    """Good sweeps that began then."""
    SyncRun.objects.bulk_create(
        SyncRun(
            kind=SyncRun.Kind.ENVIRONMENTS, state=SyncRun.State.SUCCEEDED, started_at=moment, finished_at=moment
        )
        for moment in moments
    )  # fmt: skip


def _text(value: Any) -> str:
    """As the sync writes it."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return str(value or "")
