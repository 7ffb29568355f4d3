"""The two audits, and what one of them is read and judged by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar, cast
from urllib.parse import urlencode

from django.db.models import Q
from django.db.models.expressions import Combinable

from environments.as_of.context import AsOf
from environments.list.filters import asks_for_gone
from environments.models import EnvironmentQuerySet
from environments.policies import archiving, lockdown
from environments.policies.policy import Policy
from environments.policies.verdict import Facts, Status, Verdict
from portal.lists.cached_counts import cached
from portal.lists.declaration import ListQuery
from portal.lists.filters import Values

READ = ("environments.view_environment", "environments.view_transition")
DELETED = "deleted"
OWN = ("status", "group", "day")  # parameters that the environments' list does not have
GROUPS = {"project": "Project", "owner": "Owner", "runner": "Runner"}
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Audit:
    """What one audit asks; see `policies.lockdown` and `policies.archiving` for what its functions mean."""

    slug: str
    title: str
    statuses: Mapping[str, Status]
    conditions: Callable[[Policy | None, datetime], dict[str, Q]]
    when: Callable[[Policy | None, bool], Combinable]
    judge: Callable[[Facts, Policy | None, datetime], Verdict]
    ahead: Mapping[str, tuple[str, ...]]  # what the forecast counts: in words, and the statuses that lead to it
    asks_since_when_stopped: bool = False


AUDITS = {
    "lockdown": Audit(
        "lockdown",
        "Lockdown",
        lockdown.STATUSES,
        lockdown.conditions,
        lambda *_: lockdown.AT,
        lockdown.judge,
        {"locked down": tuple(lockdown.AHEAD)},
    ),
    "archive": Audit(
        "archive",
        "Archive",
        archiving.STATUSES,
        archiving.conditions,
        archiving.when,
        archiving.judge,
        {"archived": ("due",), "deleted": ("deletion",)},
        asks_since_when_stopped=True,
    ),
}


@dataclass(frozen=True)
class AuditState:
    """An audit as its URL requests it, under the policy of its time; `revision` changes with the environments."""

    audit: Audit
    policy: Policy | None
    now: datetime
    revision: str
    query: ListQuery

    @property
    def statuses(self) -> Values:
        return self.query.selected("status")

    @property
    def is_narrowed(self) -> bool:
        """Whether it is filtered by something that the environments' list does not know."""
        return bool(self.statuses or self.query.one("day"))

    @property
    def of_every_day(self) -> AuditState:
        """Without the requested day."""
        values = {name: values for name, values in self.query.values.items() if name != "day"}
        place = replace(self.query.place, filters=tuple(pair for pair in self.query.place.filters if pair[0] != "day"))
        return replace(self, query=replace(self.query, values=values, place=place))

    @property
    def as_of(self) -> AsOf:
        return cast(AsOf, self.query.as_of)

    def cached(self, part: str, shape: type[T], count: Callable[[], T]) -> T:
        """What `count` answers for this audit, its filters and its policy: each of them reads the whole table."""
        asked = f"{part} {self.audit.slug} {self.query.place.key} {self.policy} {self.revision}"
        return cached("audit", asked, shape, count)

    @property
    def reads_stops(self) -> bool:
        """Whether lines need to know since when an environment is stopped."""
        return self.audit.asks_since_when_stopped or bool(self.policy and self.policy.delete_after)

    @property
    def may_be_deleted(self) -> bool:
        """Whether some of `environments` may be."""
        return DELETED in self.statuses or asks_for_gone(self.query)

    @property
    def environments(self) -> EnvironmentQuerySet:
        """Rows of any status that match the filters; deleted ones only on request."""
        return cast(EnvironmentQuerySet, self.query.rows(without="status"))

    @property
    def gone(self) -> EnvironmentQuerySet:
        """Deleted environments that match the other filters."""
        gone = replace(self.query, values={**self.query.values, "gone": ("only",)})
        return cast(EnvironmentQuerySet, gone.rows(without="status"))

    @property
    def filters_alone(self) -> str:
        """The query of the environments that the filters leave, whatever their status, at that time."""
        return urlencode([pair for pair in self.query.place.filters if pair[0] not in OWN])

    def listed_alone(self, ids: Sequence[str]) -> str:
        """The query of the environments' list for those that the filters leave; where statuses or a day are requested,
        for these alone, be they none."""
        if self.is_narrowed:
            return urlencode([("id", identity) for identity in ("none", *ids)])
        return urlencode([pair for pair in self.query.place.filters if pair[0] not in (*OWN, "as_of")])
