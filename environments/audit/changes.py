"""Who set, moved or cleared lockdowns, and why: each change seen, with the operation of the ledger behind it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet
from django.urls import reverse

from environments.actions import catalogue
from environments.audit.facts import Cleared
from environments.models import Environment, Field, Transition
from environments.reading import as_time
from environments.stream import guessing
from portal.ledger.models import Operation, Outcome

OUTSIDE = "somebody outside the portal"
ACTIONS = (catalogue.LOCKDOWN.name, catalogue.CLEAR_LOCKDOWN.name)
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Change:
    """A lockdown that was set, moved or cleared between `after` and `by`; `operation_url` is empty where it was done
    outside the portal."""

    name: str
    url: str
    what: str
    old: datetime | None
    new: datetime | None
    after: datetime | None
    by: datetime
    who: str
    reason: str
    operation_url: str


def changes(environments: QuerySet[Environment], moment: datetime, limit: int = SHOWN) -> list[Change]:
    """The newest changes until `moment` of these environments' lockdowns, newest first; at most four queries."""
    rows = Transition.objects.filter(field=Field.LOCKDOWN, seen_at__lte=moment).filter(environment__in=environments)
    found = list(rows.select_related("environment").only(*_columns()).order_by("-seen_at", "-id")[:limit])
    causes, named = _causes(found)
    return [_change(transition, causes[transition.pk], named) for transition in found]


def cleared(ids: Iterable[UUID], moment: datetime) -> dict[UUID, Cleared]:
    """Of those environments whose newest change of lockdown until `moment` took it away, that change; at most four
    queries."""
    rows = Transition.objects.filter(environment__in=list(ids), field=Field.LOCKDOWN, seen_at__lte=moment)
    newest = rows.order_by("environment", "-seen_at", "-id").distinct("environment")
    found = [transition for transition in newest if not transition.new]
    causes, named = _causes(found)
    return {
        transition.environment_id: Cleared(
            as_time(transition.old),
            transition.old_seen_at,
            transition.seen_at,
            _who(transition, causes[transition.pk], named),
        )
        for transition in found
    }


def _columns() -> tuple[str, ...]:
    return ("old", "new", "old_seen_at", "seen_at", "field", "environment__name")


def _causes(found: Sequence[Transition]) -> tuple[dict[int, Operation | None], guessing.Outside | None]:
    """The operation behind each of these, and what Ona's audit log may say of those that have none."""
    operations = _operations({transition.environment_id for transition in found})
    causes = {transition.pk: _cause(transition, operations) for transition in found}
    outside = [transition for transition in found if causes[transition.pk] is None]
    if not outside:
        return causes, None
    start = min(transition.old_seen_at or transition.seen_at for transition in outside)
    end = max(transition.seen_at for transition in outside)
    ids = {transition.environment_id for transition in outside}
    return causes, guessing.Outside(ids, start, end, guessing.LOCKDOWNS)


def _operations(ids: set[UUID]) -> list[Operation]:
    """What was asked for through the portal and may have changed the lockdowns of these, newest first."""
    if not ids:
        return []
    asked = Operation.objects.filter(environment_id__in=ids, action__in=ACTIONS, sent_at__isnull=False)
    return list(asked.exclude(outcome=Outcome.FAILED).order_by("-asked_at", "-id"))


def _cause(transition: Transition, operations: list[Operation]) -> Operation | None:
    """The newest operation that asked for what was then seen, and was not over before the older state was seen."""
    wanted = as_time(transition.new)
    for operation in operations:
        if operation.environment_id != transition.environment_id or operation.asked_at > transition.seen_at:
            continue
        is_over = transition.old_seen_at and operation.closed_at and operation.closed_at < transition.old_seen_at
        if not is_over and as_time(operation.after.get("lockdownAt")) == wanted:
            return operation
    return None


def _who(transition: Transition, operation: Operation | None, log: guessing.Outside | None) -> str:
    if operation:
        return operation.actor_name
    after, by = transition.old_seen_at, transition.seen_at
    named = log.by(transition.environment_id, after, by, guessing.changes_lockdown) if log and after else ""
    return f"{OUTSIDE}, {named} ({guessing.SOURCE})" if named else OUTSIDE


def _change(transition: Transition, operation: Operation | None, log: guessing.Outside | None) -> Change:
    what = "moved" if transition.old and transition.new else "set" if transition.new else "cleared"
    return Change(
        name=str(transition.environment),
        url=reverse("environments:detail", args=[transition.environment_id]),
        what=what,
        old=as_time(transition.old),
        new=as_time(transition.new),
        after=transition.old_seen_at,
        by=transition.seen_at,
        who=_who(transition, operation, log),
        reason=operation.reason if operation else "",
        operation_url=reverse("operations:detail", args=[operation.pk]) if operation else "",
    )
