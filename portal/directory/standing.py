"""Whether the members, projects and runners that environments name are still there, and in order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Model, Q, QuerySet, TextField, Value

from portal.directory.models import Member, Project, Runner

GONE = Q(gone_at__isnull=False)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is not in order with an entry of the directory: its `word` in searches and beside the name."""

    kind: str
    word: str
    model: type[Model]
    condition: Q

    @property
    def ids(self) -> QuerySet[Model, UUID]:
        """The entries that it holds for."""
        return self.model._default_manager.filter(self.condition).values_list("pk", flat=True).order_by()


# As of now alone: no history of the directory is stored.
STANDINGS = (
    Standing("owner", "left", Member, GONE | Q(status="USER_STATUS_LEFT")),
    Standing("owner", "suspended", Member, Q(gone_at=None, status="USER_STATUS_SUSPENDED")),
    Standing("project", "deleted", Project, GONE),
    Standing("runner", "deleted", Runner, GONE | Q(phase="RUNNER_PHASE_DELETED")),
    Standing("runner", "degraded", Runner, Q(gone_at=None, phase="RUNNER_PHASE_DEGRADED")),
)


def words_of(kind: str) -> dict[str, Standing]:
    """The standings of one kind of entry by word."""
    return {each.word: each for each in STANDINGS if each.kind == kind}


def standings(ids: Iterable[UUID | None]) -> dict[UUID, str]:
    """The words of those entries that are not in order; one query."""
    wanted = {each for each in ids if each}
    if not wanted:
        return {}
    first, *others = (
        each.model._default_manager.filter(each.condition, pk__in=wanted)
        .order_by()
        .values_list("pk", Value(each.word, output_field=TextField()))
        for each in STANDINGS
    )
    return dict(first.union(*others, all=True))
