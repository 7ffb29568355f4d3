"""The two audits, and the whole state of one as its address holds it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, reduce
from operator import or_
from typing import TypeVar
from urllib.parse import urlencode

from django.db.models import Q
from django.db.models.expressions import Combinable
from django.http import QueryDict

from environments.as_of import clock
from environments.as_of.context import AsOf
from environments.list.change_token import revision
from environments.list.list import ENVIRONMENTS
from environments.models import EnvironmentQuerySet
from environments.policies import archiving, lockdown
from environments.policies.policy import Policy
from environments.policies.verdict import Facts, Status, Verdict
from portal.lists.cached_counts import cached
from portal.lists.declaration import ListQuery, Now
from portal.lists.keyset import Sort
from portal.lists.place import Chip, Pair
from portal.lists.query import read_query
from portal.lists.search import Problem, suggestion

DELETED = "deleted"
GROUPS = {"project": "Project", "owner": "Owner", "runner": "Runner"}
SORTED_BY = ("phase", "name", "owner", "project")
DEFAULT_ORDER = "when"
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
    """An audit as its URL requests it: which environments, in which statuses, in what order, as of when."""

    audit: Audit
    listed: ListQuery
    statuses: tuple[str, ...]
    group: str
    as_of: AsOf
    now: datetime
    policy: Policy | None
    problems: tuple[Problem, ...]

    @cached_property
    def revision(self) -> str:
        """Another text once an environment has changed."""
        return revision()

    def cached(self, part: str, shape: type[T], count: Callable[[], T]) -> T:
        """What `count` answers for this audit, its filters and its policy: each of them reads the whole table."""
        asked = f"{part} {self.audit.slug} {self.listed.place.key} {self.policy} {self.revision}"
        return cached("audit", asked, shape, count)

    @property
    def reads_stops(self) -> bool:
        """Whether lines need to know since when an environment is stopped."""
        return self.audit.asks_since_when_stopped or bool(self.policy and self.policy.delete_after)

    @property
    def environments(self) -> EnvironmentQuerySet:
        """Rows of any status that match the filters; deleted ones only on request."""
        return self._with_times(self.listed.rows())

    @property
    def gone(self) -> EnvironmentQuerySet:
        """Deleted environments that match the other filters."""
        return self._with_times(replace(self.listed, values={**self.listed.values, "gone": ("only",)}).rows())

    def _with_times(self, environments: EnvironmentQuerySet) -> EnvironmentQuerySet:
        return environments.annotate(since=archiving.SINCE) if self.audit.asks_since_when_stopped else environments

    @property
    def rows(self) -> EnvironmentQuerySet:
        """Rows in the requested statuses; all without one."""
        if not self.statuses:
            return self.environments
        conditions = self.audit.conditions(self.policy, self.now)
        wanted = Q(gone_at=None) & reduce(or_, (conditions[name] for name in self.statuses))
        if DELETED in self.statuses:
            wanted |= Q(gone_at__isnull=False)
        return self.environments.filter(wanted)

    @property
    def filters_alone(self) -> str:
        """The query of the environments that the filters leave, whatever their status, at that time."""
        return urlencode([pair for pair in self.listed.place.filters if pair[0] not in ("status", "group")])

    def listed_alone(self, ids: Sequence[str]) -> str:
        """The query of the environments' list for those that the filters leave; where statuses are asked for, for these
        alone, be they none."""
        if self.statuses:
            return urlencode([("id", identity) for identity in ("none", *ids)])
        return urlencode([pair for pair in self.listed.place.filters if pair[0] not in ("status", "group", "as_of")])


def read(data: QueryDict, audit: Audit, as_of: AsOf, policy: Policy | None) -> AuditState:
    """Understand a query string, whatever it holds; never raises."""
    problems: list[Problem] = []
    statuses = tuple(name for name in dict.fromkeys(data.getlist("status")) if _known(name, audit, problems))
    group = data.get("group", "")
    if group and group not in GROUPS:
        problems.append(Problem(f"group={group}"[:60], "Group: takes project, owner or runner"))
        group = ""
    if DELETED in statuses and not data.get("gone"):
        data = data.copy()
        data["gone"] = "yes"
    more: list[Pair] = [("status", name) for name in statuses]
    more += [("group", group)] if group else []
    more += as_of.pairs
    listing = replace(
        ENVIRONMENTS,
        sorts=tuple(sorts(audit, policy, _may_be_gone(data)).values()),
        default_order=DEFAULT_ORDER,
        parameters=("status", "group"),
    )
    listed = read_query(listing, data, Now(), more=more)
    problems += listed.problems
    return AuditState(audit, listed, statuses, group, as_of, clock.at(), policy, tuple(problems))


def read_all(data: QueryDict, audit: Audit, as_of: AsOf, policy: Policy | None) -> AuditState:
    """The same for figures across all statuses: the filters alone."""
    data = data.copy()
    for name in ("status", "group", "sort", "size", "page"):
        data.pop(name, None)
    return read(data, audit, as_of, policy)


def sorts(audit: Audit, policy: Policy | None, gone: bool) -> dict[str, Sort]:
    """By time first, which is what an audit is about; `gone`: whether some of the rows may be."""
    return {"when": Sort("when", "When", audit.when(policy, gone), None)} | {
        name: ENVIRONMENTS.by_sort[name] for name in SORTED_BY
    }


def _may_be_gone(data: QueryDict) -> bool:
    return bool(data.get("gone")) or "gone:" in data.get("q", "").lower()


def chips(state: AuditState) -> list[Chip]:
    """Every active condition by name."""
    place = state.listed.place
    found = [Chip("Status", state.audit.statuses[name].label, place.dropped("status", name)) for name in state.statuses]
    return found + state.listed.chips()


def _known(name: str, audit: Audit, problems: list[Problem]) -> bool:
    if name in audit.statuses:
        return True
    text = f"Status: takes {', '.join(audit.statuses)}{suggestion(name, audit.statuses)}"
    problems.append(Problem(f"status={name}"[:60], text))
    return False
