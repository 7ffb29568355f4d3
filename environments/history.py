"""Transitions in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from environments.models import Field, Transition
from environments.reading import as_time
from portal.web.words import phase_word

TIMES = (Field.ARCHIVED, Field.LOCKDOWN, Field.GONE)


@dataclass(frozen=True, slots=True)
class Event:
    """One transition: `kind` says how `old` and `new` are written (phase, time, text)."""

    id: int
    label: str
    what: str
    kind: str
    old: str | datetime
    new: str | datetime
    after: datetime | None
    by: datetime


def event(transition: Transition) -> Event:
    label = Field(transition.field).label if transition.field in Field.values else transition.field
    kind = "time" if transition.field in TIMES else "text" if transition.field == Field.FAILURE else "phase"
    old, new = (_value(kind, text) for text in (transition.old, transition.new))
    what = _what(transition)
    return Event(transition.id, label, what, kind, old, new, transition.old_seen_at, transition.seen_at)


def _value(kind: str, text: str) -> str | datetime:
    return (as_time(text) if kind == "time" else None) or text


def _what(transition: Transition) -> str:
    """What happened, in one word or few."""
    if transition.old_seen_at is None:
        return "first seen"
    if transition.field in TIMES or transition.field == Field.FAILURE:
        set_, cleared, moved = {
            Field.ARCHIVED: ("archived", "unarchived", "archived again"),
            Field.GONE: ("gone", "back again", "gone again"),
            Field.FAILURE: ("failing", "no longer failing", "failing otherwise"),
        }.get(Field(transition.field), ("set", "cleared", "moved"))
        return moved if transition.old and transition.new else set_ if transition.new else cleared
    return f"became {phase_word(transition.new)}"
