"""Timeline source: the environment's own transitions, such as phases, failures, archiving, lockdown, deletion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from django.db import connection

from environments.as_of import clock
from environments.documents.json_part import as_time
from environments.models import Environment, Field, Transition, TransitionQuerySet
from environments.policies import lockdown
from environments.policies.verdict import Facts
from environments.timeline.event_labels import describe_transition, event, state_word
from environments.timeline.lane_bars import Mark, ObservedState, Period
from environments.timeline.sources import Contribution, Entry, Place, Selection, Slice, Source, compare_fields, parse_id
from portal.ledger.models import Operation
from portal.ledger.rows import Row, rows
from portal.web.formatting import sentence

LETTER: Final = "e"
# the lanes with states, and the field of each
STATES: Mapping[str, Field] = {
    "environment": Field.PHASE,
    "machine": Field.MACHINE,
    "content": Field.CONTENT,
    "devcontainer": Field.DEVCONTAINER,
    "automations": Field.AUTOMATIONS,
    "secrets": Field.SECRETS,
}
LABELS = {lane: "Environment" if field == Field.PHASE else field.label.capitalize() for lane, field in STATES.items()}
LANES = {field.value: lane for lane, field in STATES.items()}
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
EVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
NAMED = 120  # characters of a message that a mark shows
KEPT = (
    "For past times the portal stores these fields and each version of the specification. The rest of Ona's status and "
    "metadata of then is not stored."
)
SHORTLY = timedelta(minutes=10)  # before a change was observed: enough for a start requested by someone
WITHIN = """
SELECT id, field, old, new, (EXTRACT(EPOCH FROM old_seen_at) * 1000000)::bigint,
    (EXTRACT(EPOCH FROM seen_at) * 1000000)::bigint
FROM environments_transition
WHERE environment_id = %s AND seen_at BETWEEN %s AND %s ORDER BY seen_at, id
"""
# the signs of transitions other than phases
KINDS: Mapping[str, str] = {
    Field.FAILURE: "failure",
    Field.ARCHIVED: "archive",
    Field.LOCKDOWN: "lockdown",
    Field.GONE: "gone",
}


class TransitionRow(NamedTuple):
    """A transition, much cheaper than a model instance: a page may show thousands."""

    id: int
    field: str
    old: str
    new: str
    old_seen_at: datetime | None
    seen_at: datetime


def contribute(environment: Environment, period: Period) -> Contribution:
    """The transitions in the period, and of each field the last before and the first after; three queries."""
    within = _within(environment, period)
    earlier, later = last_before(environment, period.start), first_after(environment, period.end)
    first = set(STATES.values()) - {row.field for row in earlier}
    by_field: dict[str, list[TransitionRow]] = {}
    for row in [*earlier, *within, *later]:
        by_field.setdefault(row.field, []).append(row)
    seen = [
        each
        for lane, field in STATES.items()
        for each in _states(environment, lane, by_field.get(field, []), first=field in first)
    ]
    gone = _deleted_periods(by_field.get(Field.GONE, []))
    times = [at for row in within for at in (row.old_seen_at, row.seen_at) if at]
    marks = [_mark(row) for row in within if row.field in KINDS and (row.new or row.field != Field.FAILURE)]
    marks += [*_marks_from_columns(environment), *_archived_before(environment, by_field.get(Field.ARCHIVED, []))]
    return Contribution(LABELS, seen, marks, times, gone)


def _within(environment: Environment, period: Period) -> list[TransitionRow]:
    """Without the ORM, and with times as whole microseconds: several times quicker, which matters for thousands."""
    with connection.cursor() as cursor:
        cursor.execute(WITHIN, [environment.pk, period.start, period.end])
        return [
            TransitionRow(id_, field, old, new, _from_microseconds(old_seen), EPOCH + timedelta(0, 0, seen))
            for id_, field, old, new, old_seen, seen in cursor.fetchall()
        ]


def _from_microseconds(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else EPOCH + timedelta(0, 0, microseconds)


def _read_rows(own: TransitionQuerySet) -> list[TransitionRow]:
    return list(map(TransitionRow._make, own.values_list(*TransitionRow._fields)))


def last_before(environment: Environment, at: datetime) -> list[TransitionRow]:
    """The last transition of each field seen before `at`."""
    own = Transition.objects.filter(environment=environment, seen_at__lt=at)
    return _read_rows(own.order_by("field", "-seen_at", "-id").distinct("field"))


def first_after(environment: Environment, at: datetime) -> list[TransitionRow]:
    """The first transition of each field seen after `at`."""
    own = Transition.objects.filter(environment=environment, seen_at__gt=at)
    return _read_rows(own.order_by("field", "seen_at", "id").distinct("field"))


def _states(environment: Environment, lane: str, known: Sequence[TransitionRow], *, first: bool) -> list[ObservedState]:
    """The states of one lane; `first`: `known` goes back to the first observation."""
    found = [ObservedState(lane, row.new, row.seen_at, row.old_seen_at, f"{LETTER}{row.id}") for row in known]
    if first:
        value = known[0].old if known else current_value(environment, STATES[lane])
        found.insert(0, ObservedState(lane, value, environment.first_seen_at, key=f"{LETTER}{lane}"))
    return found


def current_value(environment: Environment, field: Field) -> str:
    """The present value of a field, in the format of transitions."""
    value = getattr(environment, field.value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, bool):
        return str(value).lower()
    return value or ""


def _deleted_periods(known: Sequence[TransitionRow]) -> list[Period]:
    """When it was deleted: from when it was last seen to when it was back."""
    found, since = [], None
    for row in known:
        if row.new and since is None:
            since = row.old_seen_at or row.seen_at
        elif not row.new and since is not None:
            found.append(Period(since, max(row.seen_at, since)))
            since = None
    return [*found, Period(since, EVER)] if since else found


def _mark(row: TransitionRow) -> Mark:
    """The mark of a transition other than a phase; archiving at the time that Ona reports."""
    reported = as_time(row.new) if row.field == Field.ARCHIVED else None
    text = f": {row.new[:NAMED]}" if row.field == Field.FAILURE else ""
    label = f"{sentence(describe_transition(row.field, row.old, row.new))}{text}"
    after = None if reported else row.old_seen_at
    return Mark("environment", KINDS[row.field], reported or row.seen_at, label, after, f"{LETTER}{row.id}")


def _marks_from_columns(environment: Environment) -> list[Mark]:
    """Marks of times that Ona itself reports; of activity and starts it reports only the last."""
    reported = {
        "created": (environment.created_at, "Created"),
        "start": (environment.last_started_at, "Last started"),
        "activity": (environment.active_at, "Last activity"),
        "lockdown": (lockdown.at(Facts.of(environment), clock.at()), "Locked down from here on"),
    }
    return [Mark("environment", kind, at, label) for kind, (at, label) in reported.items() if at]


def _archived_before(environment: Environment, known: Sequence[TransitionRow]) -> Iterator[Mark]:
    """Archiving before the first observation, which no transition records."""
    at = as_time(known[0].old if known else current_value(environment, Field.ARCHIVED))
    if at:
        yield Mark("environment", "archive", at, "Archived before the portal first observed it, as Ona reports")


def entries(environment: Environment, part: Slice) -> list[Entry]:
    """The transitions of a slice."""
    own = Transition.objects.of(environment).filter(part.query(LETTER, "seen_at"))
    if part.lane == "environment":
        own = own.exclude(field__in=[field for lane, field in STATES.items() if lane != "environment"])
    elif part.lane:
        own = own.filter(field=STATES[part.lane])
    return [_entry(row) for row in own[: part.limit]]


def _entry(row: Transition) -> Entry:
    reported, place = event(row), Place(row.seen_at, LETTER, row.pk)
    lane = LANES.get(row.field, "environment")
    return Entry(place, lane, reported.what, reported.kind, reported.old, reported.new, row.old_seen_at)


def find(environment: Environment, id_: str) -> Selection | None:
    """One transition, with all changes of the same observation; or, by its lane, a first state."""
    if id_ in STATES:
        return _first(environment, id_)
    own = Transition.objects.filter(environment=environment)
    identity = parse_id(id_)
    row = own.filter(pk=identity).first() if identity is not None else None
    if row is None:
        return None
    together = list(own.filter(seen_at=row.seen_at).order_by("id"))
    before = fields_at(environment, row.seen_at)
    after = before | {each.field: each.new for each in together}
    before |= {each.field: each.old for each in reversed(together)}
    title = sentence(describe_transition(row.field, row.old, row.new))
    changes = compare_fields(_named(before), _named(after))
    operations = operations_between(environment, row.old_seen_at or row.seen_at, row.seen_at)
    return Selection(f"{LETTER}{row.pk}", title, row.seen_at, row.old_seen_at, changes, operations, kept=KEPT)


def _first(environment: Environment, lane: str) -> Selection:
    """The first observation of a lane."""
    at = environment.first_seen_at
    state = fields_at(environment, at)
    title = f"{LABELS[lane]} as first observed: {state_word(state[STATES[lane]])}"
    operations = operations_between(environment, at, at)
    return Selection(
        f"{LETTER}{lane}", title, at, None, compare_fields({}, _named(state)), operations, is_first=True, kept=KEPT
    )


def fields_at(environment: Environment, at: datetime) -> dict[str, str]:
    """The value of each field just before `at`, in the format of transitions; two queries."""
    now = {field.value: current_value(environment, field) for field in Field}
    return (
        now
        | {row.field: row.old for row in first_after(environment, at)}
        | {row.field: row.new for row in last_before(environment, at)}
    )


def _named(state: Mapping[str, str]) -> dict[str, Any]:
    """By label, without absent values."""
    labels = {field.value: field.label for field in Field}
    return {labels.get(name, name): value for name, value in state.items() if value}


def operations_between(environment: Environment, start: datetime, end: datetime) -> list[Row]:
    """The operations sent shortly before a change was observed, newest first."""
    sent = Operation.objects.of_environment(environment.pk).filter(sent_at__gt=start - SHORTLY, sent_at__lte=end)
    return rows(sent.newest_first()[:10])


def change_token(environment: Environment) -> str:
    """Constant: transitions are only added together with a change of the environment, which the page checks itself."""
    return ""


TRANSITIONS: Final[Source] = Source(
    LETTER, ("environments.view_transition",), LABELS, contribute, entries, change_token, find
)
