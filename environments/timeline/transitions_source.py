"""The environment's own part of its timeline: phases of its components, failures, archiving, lockdown, being gone."""

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
from environments.timeline.event_labels import event, state_word, words
from environments.timeline.lanes import Mark, Period, Seen
from environments.timeline.source import Chosen, Entry, Place, Slice, Source, Story, differences, number
from portal.ledger.models import Operation
from portal.ledger.rows import Row, rows

LETTER: Final = "e"
# the lanes that have states, and what tells them
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
NAMED = 120  # characters of a message in a mark
KEPT = (
    "Of the past the portal keeps these fields and each version of the specification. What else Ona's status and "
    "metadata said then is not kept."
)
SHORTLY = timedelta(minutes=10)  # before a change was seen: long enough for a start that somebody asked for
WITHIN = """
SELECT id, field, old, new, (EXTRACT(EPOCH FROM old_seen_at) * 1000000)::bigint,
    (EXTRACT(EPOCH FROM seen_at) * 1000000)::bigint
FROM environments_transition
WHERE environment_id = %s AND seen_at BETWEEN %s AND %s ORDER BY seen_at, id
"""
# what is more than a change of phase, and its sign
KINDS: Mapping[str, str] = {
    Field.FAILURE: "failure",
    Field.ARCHIVED: "archive",
    Field.LOCKDOWN: "lockdown",
    Field.GONE: "gone",
}


class Noted(NamedTuple):
    """A transition, made much quicker than a row of the ORM: a page may show thousands."""

    id: int
    field: str
    old: str
    new: str
    old_seen_at: datetime | None
    seen_at: datetime


def story(environment: Environment, period: Period) -> Story:
    """Three queries: what was seen in the period, and the nearest before and after it of each field."""
    within = _within(environment, period)
    earlier, later = nearest_before(environment, period.start), nearest_after(environment, period.end)
    first = set(STATES.values()) - {row.field for row in earlier}
    by_field: dict[str, list[Noted]] = {}
    for row in [*earlier, *within, *later]:
        by_field.setdefault(row.field, []).append(row)
    seen = [
        each
        for lane, field in STATES.items()
        for each in _states(environment, lane, by_field.get(field, []), first=field in first)
    ]
    gone = _absences(by_field.get(Field.GONE, []))
    looks = [moment for row in within for moment in (row.old_seen_at, row.seen_at) if moment]
    marks = [_mark(row) for row in within if row.field in KINDS and (row.new or row.field != Field.FAILURE)]
    marks += [*_told(environment), *_archived_before(environment, by_field.get(Field.ARCHIVED, []))]
    return Story(LABELS, seen, marks, looks, gone)


def _within(environment: Environment, period: Period) -> list[Noted]:
    """Past the ORM, and with times as whole microseconds: together several times quicker, which counts at thousands."""
    with connection.cursor() as cursor:
        cursor.execute(WITHIN, [environment.pk, period.start, period.end])
        return [
            Noted(id_, field, old, new, _moment(old_seen), EPOCH + timedelta(0, 0, seen))
            for id_, field, old, new, old_seen, seen in cursor.fetchall()
        ]


def _moment(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else EPOCH + timedelta(0, 0, microseconds)


def _noted(own: TransitionQuerySet) -> list[Noted]:
    return list(map(Noted._make, own.values_list(*Noted._fields)))


def nearest_before(environment: Environment, moment: datetime) -> list[Noted]:
    """Of each field the last transition seen before `moment`."""
    own = Transition.objects.filter(environment=environment, seen_at__lt=moment)
    return _noted(own.order_by("field", "-seen_at", "-id").distinct("field"))


def nearest_after(environment: Environment, moment: datetime) -> list[Noted]:
    """Of each field the first transition seen after `moment`."""
    own = Transition.objects.filter(environment=environment, seen_at__gt=moment)
    return _noted(own.order_by("field", "seen_at", "id").distinct("field"))


def _states(environment: Environment, lane: str, known: Sequence[Noted], *, first: bool) -> list[Seen]:
    """The states of one lane; `first` where what is known goes back to the first sight."""
    found = [Seen(lane, row.new, row.seen_at, row.old_seen_at, f"{LETTER}{row.id}") for row in known]
    if first:
        value = known[0].old if known else current(environment, STATES[lane])
        found.insert(0, Seen(lane, value, environment.first_seen_at, key=f"{LETTER}{lane}"))
    return found


def current(environment: Environment, field: Field) -> str:
    """What a field is now, as transitions write it."""
    value = getattr(environment, field.value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, bool):
        return str(value).lower()
    return value or ""


def _absences(known: Sequence[Noted]) -> list[Period]:
    """When it was gone: from when it was last there to when it was back."""
    found, since = [], None
    for row in known:
        if row.new and since is None:
            since = row.old_seen_at or row.seen_at
        elif not row.new and since is not None:
            found.append(Period(since, max(row.seen_at, since)))
            since = None
    return [*found, Period(since, EVER)] if since else found


def _mark(row: Noted) -> Mark:
    """What is more than a change of phase; an archiving at the time that Ona gives for it."""
    told = as_time(row.new) if row.field == Field.ARCHIVED else None
    text = f": {row.new[:NAMED]}" if row.field == Field.FAILURE else ""
    label = f"{words(row.field, row.old, row.new).capitalize()}{text}"
    after = None if told else row.old_seen_at
    return Mark("environment", KINDS[row.field], told or row.seen_at, label, after, f"{LETTER}{row.id}")


def _told(environment: Environment) -> list[Mark]:
    """Moments that Ona itself tells; of signs of use and of starts only the last."""
    told = {
        "created": (environment.created_at, "Created"),
        "start": (environment.last_started_at, "Last started"),
        "activity": (environment.active_at, "Last sign of use"),
        "lockdown": (lockdown.at(Facts.of(environment), clock.at()), "Locked down from here on"),
    }
    return [Mark("environment", kind, at, label) for kind, (at, label) in told.items() if at]


def _archived_before(environment: Environment, known: Sequence[Noted]) -> Iterator[Mark]:
    """An archiving that no transition tells of: the first look saw the environment archived."""
    at = as_time(known[0].old if known else current(environment, Field.ARCHIVED))
    if at:
        yield Mark("environment", "archive", at, "Archived before the portal first saw it, by what Ona says")


def entries(environment: Environment, part: Slice) -> list[Entry]:
    """Transitions in words."""
    own = Transition.objects.of(environment).filter(part.query(LETTER, "seen_at"))
    if part.lane == "environment":
        own = own.exclude(field__in=[field for lane, field in STATES.items() if lane != "environment"])
    elif part.lane:
        own = own.filter(field=STATES[part.lane])
    return [_entry(row) for row in own[: part.limit]]


def _entry(row: Transition) -> Entry:
    told, place = event(row), Place(row.seen_at, LETTER, row.pk)
    lane = LANES.get(row.field, "environment")
    return Entry(place, lane, told.what, told.kind, told.old, told.new, row.old_seen_at)


def find(environment: Environment, id_: str) -> Chosen | None:
    """One transition, with everything that was seen to change in the same look; or, by its lane, a first state."""
    if id_ in STATES:
        return _first(environment, id_)
    own = Transition.objects.filter(environment=environment)
    identity = number(id_)
    row = own.filter(pk=identity).first() if identity is not None else None
    if row is None:
        return None
    together = list(own.filter(seen_at=row.seen_at).order_by("id"))
    before = state_at(environment, row.seen_at)
    after = before | {each.field: each.new for each in together}
    before |= {each.field: each.old for each in reversed(together)}
    title = words(row.field, row.old, row.new).capitalize()
    changes = differences(_named(before), _named(after))
    asked = operations_between(environment, row.old_seen_at or row.seen_at, row.seen_at)
    return Chosen(f"{LETTER}{row.pk}", title, row.seen_at, row.old_seen_at, changes, asked, kept=KEPT)


def _first(environment: Environment, lane: str) -> Chosen:
    """What the first look saw, of which a lane began with its part."""
    at = environment.first_seen_at
    state = state_at(environment, at)
    title = f"{LABELS[lane]} as first seen: {state_word(state[STATES[lane]])}"
    asked = operations_between(environment, at, at)
    return Chosen(f"{LETTER}{lane}", title, at, None, differences({}, _named(state)), asked, is_first=True, kept=KEPT)


def state_at(environment: Environment, moment: datetime) -> dict[str, str]:
    """What each field was just before `moment`, as transitions write it; two queries."""
    now = {field.value: current(environment, field) for field in Field}
    return (
        now
        | {row.field: row.old for row in nearest_after(environment, moment)}
        | {row.field: row.new for row in nearest_before(environment, moment)}
    )


def _named(state: Mapping[str, str]) -> dict[str, Any]:
    """By label; what is absent is left out."""
    labels = {field.value: field.label for field in Field}
    return {labels.get(name, name): value for name, value in state.items() if value}


def operations_between(environment: Environment, start: datetime, end: datetime) -> list[Row]:
    """What was sent through the portal shortly before a change was seen, newest first."""
    sent = Operation.objects.of_environment(environment.pk).filter(sent_at__gt=start - SHORTLY, sent_at__lte=end)
    return rows(sent.newest_first()[:10])


def revision(environment: Environment) -> str:
    """Transitions are only added, and never without a change of the environment, which the page looks at itself."""
    return ""


TRANSITIONS: Final[Source] = Source(LETTER, ("environments.view_transition",), LABELS, story, entries, revision, find)
