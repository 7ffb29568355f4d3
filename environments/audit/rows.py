"""What an audit shows: its numbers, its lines with their explanations, its groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Count

from environments.actions.menu import Button, buttons, fitting
from environments.actions.registry import Actor
from environments.audit.counts import conditions_of, tally
from environments.audit.lockdown_history import newest
from environments.audit.query import AuditState
from environments.list.names import NAMED, names_of
from environments.models import Environment, EnvironmentQuerySet
from environments.policies.lockdown import is_by_policy
from environments.policies.unpushed_work import work_words
from environments.policies.verdict import Changed, Facts, Verdict, with_stops
from portal.directory.models import Organization
from portal.lists.declaration import only
from portal.lists.keyset import Page
from portal.web.navigation import address_of

GROUPS_SHOWN = 50
# what a line shows and is judged by; lists never read the documents
COLUMNS = (
    "name", "phase", "creator_id", "owner_name", "project_id", "project_name", "runner_id", "runner_name",
    "created_at", "first_seen_at", "lockdown_at", "archived_at", "gone_at", "last_used_at", "unpushed_commits",
    "changed_files", "unpushed_work", "desired_phase",
)  # fmt: skip


class Found(NamedTuple):
    """The ids of a page, and the cursors of its neighbours."""

    pks: list[UUID]
    following: str | None
    previous: str | None


@dataclass(frozen=True, slots=True)
class Figure:
    """How many environments are in a status, and the audit with only those."""

    name: str
    label: str
    tone: str
    means: str
    count: int
    url: str
    selected: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One environment. `operation_url` leads to the operation that its status comes from, for those who may
    see it."""

    environment: Environment
    url: str
    label: str
    tone: str
    verdict: Verdict
    work: str
    operation_url: str
    actions: list[Button]


@dataclass(frozen=True, slots=True)
class Group:
    """The environments of one project, owner or runner, by status in the order of the audit's statuses: how many, and
    the address of the audit with only those."""

    label: str
    url: str
    counts: list[tuple[int, str]]
    total: int


@dataclass(frozen=True, slots=True)
class Groups:
    """The greatest groups, and how many there are in all."""

    rows: list[Group]
    every: int


def figures(state: AuditState) -> tuple[list[Figure], int]:
    """Every status with its number, whichever is selected, and how many lines there are in all."""
    numbers = tally(state)
    counts = numbers.statuses
    place = state.query.place
    found = [
        Figure(
            name, status.label, status.tone, status.means, counts[name],
            place.dropped("status", name) if name in state.statuses else place.only("status", name),
            name in state.statuses,
        )
        for name, status in state.audit.statuses.items()
    ]  # fmt: skip
    return found, sum(counts[name] for name in state.statuses) if state.statuses else numbers.every


def read_lines(found: EnvironmentQuerySet, *, stops: bool = True) -> EnvironmentQuerySet:
    """The columns of these environments that lines are made of, and since when they are stopped: the audit of lockdown
    asks that too where a policy deletes, for the time that unpushed work has left."""
    return (with_stops(found) if stops else found).only(*COLUMNS)


def read_page(state: AuditState) -> Page[Environment]:
    """The requested page, in the form that `lines` reads. Its ids are cached: finding them compares all rows."""
    place = state.query.place

    def find() -> Found:
        found = state.query.keyset_page(only("pk"))
        return Found([row.pk for row in found.rows], found.next, found.previous)

    pks, following, previous = state.cached(f"page {place.order} {place.size} {place.cursor}", Found, find)
    by_pk = read_lines(Environment.objects.all(), stops=state.reads_stops).in_bulk(pks)
    return Page([by_pk[pk] for pk in pks if pk in by_pk], following, previous)


def lines(environments: list[Environment], state: AuditState, user: Actor | None = None) -> list[Line]:
    """At most four queries for who changed the lockdowns; one for what `user` may do now."""
    by_id = changed_of(environments, state)
    may_follow = user is not None and user.has_perm("ledger.view_operation")
    offered = _offered(state, state.as_of.acting(user) if environments else None)
    found = []
    for row in environments:
        facts = Facts.of(row, by_id.get(row.pk))
        verdict = state.audit.judge(facts, state.policy, state.now)
        url = verdict.change.operation_url if verdict.change and may_follow else ""
        found.append(_line(row, facts, verdict, state, url, offered(row, verdict.status)))
    return found


def _offered(state: AuditState, user: Actor | None) -> Callable[[Environment, str], list[Button]]:
    """The actions for an environment in a status; none if nobody acts."""
    if user is None:
        return lambda row, status: []
    organization = Organization.objects.present().order_by("id").first()
    slug = state.audit.slug
    return lambda row, status: buttons(fitting(f"{slug}.{status}"), row, organization, user, state.now)


def changed_of(environments: list[Environment], state: AuditState) -> dict[UUID, Changed]:
    """Of those whose lockdown is not what the policy makes it, how it was changed last: asked by the audit of lockdown
    alone."""
    if state.audit.slug != "lockdown":
        return {}
    ids = [row.pk for row in environments if not is_by_policy(row.lockdown_at, row.created_at, state.policy)]
    return newest(ids, state.now) if ids else {}


def groups(state: AuditState) -> Groups:
    """The audit's rows by project, owner or runner, largest groups first; three queries, or one if cached."""
    group = state.query.one("group")
    if not group:
        return Groups([], 0)
    column = NAMED[group][1]
    found, every = state.cached("groups", tuple[list[dict[str, Any]], int], lambda: _grouped(state, column))
    words = names_of(group)([str(row[column]) for row in found if row[column]])
    return Groups([_group(state, group, str(row[column] or "none"), row, words) for row in found], every)


def _group(state: AuditState, group: str, identity: str, row: dict[str, Any], words: Mapping[str, str]) -> Group:
    place = state.query.place
    alone = [pair for pair in place.filters if pair[0] not in (group, "status")] + [(group, identity)]
    counts = [
        (row[f"n_{number}"], str(replace(place, filters=(*alone, ("status", status)), cursor="")))
        for number, status in enumerate(state.audit.statuses)
    ]
    return Group(words.get(identity, "none"), place.only(group, identity), counts, row["total"])


def _grouped(state: AuditState, column: str) -> tuple[list[dict[str, Any]], int]:
    conditions = conditions_of(state)
    asked = {f"n_{number}": Count("pk", filter=condition) for number, condition in enumerate(conditions.values())}
    every = state.environments.order_by().values(column)
    found = list(every.annotate(total=Count("pk"), **asked).order_by("-total", column)[:GROUPS_SHOWN])
    return found, every.distinct().count() if len(found) == GROUPS_SHOWN else len(found)


def _line(
    row: Environment, facts: Facts, verdict: Verdict, state: AuditState, operation_url: str, actions: list[Button]
) -> Line:
    status = state.audit.statuses[verdict.status]
    url = address_of("environments:detail", row.pk)
    return Line(
        environment=row,
        url=url,
        label=status.label,
        tone=status.tone,
        verdict=verdict,
        work=work_words(row, facts, state.policy, state.now),
        operation_url=operation_url,
        actions=actions,
    )
