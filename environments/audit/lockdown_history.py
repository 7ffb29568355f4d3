"""Who set, moved or cleared lockdowns, and why: each change seen, with the operation of the ledger behind it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet
from django.urls import reverse

from environments.actions.metadata import CLEAR_LOCKDOWN, SET_LOCKDOWN
from environments.activity import attribution
from environments.documents.json_part import as_time
from environments.models import Environment, Field, Transition
from environments.policies.verdict import Changed
from portal.ledger.models import Operation, Outcome

OUTSIDE = "somebody outside the portal"
ACTIONS = (SET_LOCKDOWN.name, CLEAR_LOCKDOWN.name)
SHOWN = 20
COLUMNS = ("old", "new", "old_seen_at", "seen_at", "field", "environment__name")
Parts = tuple[datetime | None, datetime | None, datetime | None, datetime, str, str, UUID | None]  # of `Changed`


@dataclass(frozen=True, slots=True)
class Change(Changed):
    """A change with the environment whose lockdown it was."""

    environment_id: UUID | None = None
    name: str = ""

    @property
    def url(self) -> str:
        return reverse("environments:detail", args=[self.environment_id])


def changes(environments: QuerySet[Environment], moment: datetime) -> tuple[list[Change], bool]:
    """The newest changes until `moment` of these environments' lockdowns, and whether there are older ones; at most
    four queries."""
    found = list(readable(transitions(environments, moment)).order_by("-seen_at", "-id")[: SHOWN + 1])
    return describe(found[:SHOWN]), len(found) > SHOWN


def transitions(environments: QuerySet[Environment], moment: datetime) -> QuerySet[Transition]:
    """All changes of these environments' lockdowns until `moment`."""
    return Transition.objects.filter(field=Field.LOCKDOWN, seen_at__lte=moment, environment__in=environments)


def readable(rows: QuerySet[Transition]) -> QuerySet[Transition]:
    """In the form that `describe` reads."""
    return rows.select_related("environment").only(*COLUMNS)


def describe(found: Sequence[Transition]) -> list[Change]:
    """These with who made them and why; at most three queries."""
    causes, named = _causes(found)
    return [
        Change(
            *_parts(transition, causes[transition.pk], named),
            environment_id=transition.environment_id,
            name=str(transition.environment),
        )
        for transition in found
    ]


def newest(ids: Iterable[UUID], moment: datetime) -> dict[UUID, Changed]:
    """Of those environments whose lockdown was seen to change until `moment`, the newest change; at most four
    queries."""
    rows = Transition.objects.filter(environment__in=list(ids), field=Field.LOCKDOWN, seen_at__lte=moment)
    found = list(rows.order_by("environment", "-seen_at", "-id").distinct("environment"))
    causes, named = _causes(found)
    return {
        transition.environment_id: Changed(*_parts(transition, causes[transition.pk], named)) for transition in found
    }


def _causes(found: Sequence[Transition]) -> tuple[dict[int, Operation | None], attribution.OutsideChanges | None]:
    """The operation behind each of these, and what Ona's audit log may say of those that have none."""
    operations = _operations({transition.environment_id for transition in found})
    causes = {transition.pk: _cause(transition, operations) for transition in found}
    outside = [transition for transition in found if causes[transition.pk] is None]
    if not outside:
        return causes, None
    start = min(transition.old_seen_at or transition.seen_at for transition in outside)
    end = max(transition.seen_at for transition in outside)
    ids = {transition.environment_id for transition in outside}
    return causes, attribution.OutsideChanges(ids, start, end, attribution.LOCKDOWNS)


def _operations(ids: set[UUID]) -> list[Operation]:
    """Operations that may have changed the lockdowns of these environments, newest first."""
    if not ids:
        return []
    asked = Operation.objects.filter(environment_id__in=ids, action__in=ACTIONS, sent_at__isnull=False)
    return list(asked.exclude(outcome=Outcome.FAILED).order_by("-asked_at", "-id"))


def _cause(transition: Transition, operations: list[Operation]) -> Operation | None:
    """The newest operation that requested the observed state and had not ended before the older one was observed."""
    wanted = as_time(transition.new)
    for operation in operations:
        if operation.environment_id != transition.environment_id or operation.asked_at > transition.seen_at:
            continue
        is_over = transition.old_seen_at and operation.closed_at and operation.closed_at < transition.old_seen_at
        if not is_over and as_time(operation.after.get("lockdownAt")) == wanted:
            return operation
    return None


def _who(transition: Transition, operation: Operation | None, log: attribution.OutsideChanges | None) -> str:
    if operation:
        return operation.actor_name
    after, by = transition.old_seen_at, transition.seen_at
    named = log.by(transition.environment_id, after, by, attribution.changes_lockdown) if log and after else ""
    return f"{OUTSIDE}, {named} ({attribution.SOURCE})" if named else OUTSIDE


def _parts(transition: Transition, operation: Operation | None, log: attribution.OutsideChanges | None) -> Parts:
    """What `Changed` is made of."""
    return (
        as_time(transition.old), as_time(transition.new), transition.old_seen_at, transition.seen_at,
        _who(transition, operation, log), operation.reason if operation else "", operation.pk if operation else None,
    )  # fmt: skip
