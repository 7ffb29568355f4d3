"""Transitions in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from environments.models import Field, Transition
from environments.reading import as_time
from portal.web.words import phase_word

TIMES = (Field.ARCHIVED, Field.LOCKDOWN, Field.GONE)
# what it means that a value appeared, went away, or became another one
CHANGES: dict[str, tuple[str, str, str]] = {
    Field.FAILURE: ("failing", "no longer failing", "failing otherwise"),
    Field.ARCHIVED: ("archived", "unarchived", "archived again"),
    Field.LOCKDOWN: ("lockdown set", "lockdown cleared", "lockdown moved"),
    Field.GONE: ("gone", "back again", "gone again"),
}


@dataclass(frozen=True, slots=True)
class Event:
    """One transition: `kind` says how `old` and `new` are written (phase, time, text)."""

    id: int
    what: str
    kind: str
    old: str | datetime
    new: str | datetime
    after: datetime | None
    by: datetime


def event(transition: Transition) -> Event:
    kind = "time" if transition.field in TIMES else "text" if transition.field == Field.FAILURE else "phase"
    old, new = (_value(kind, text) for text in (transition.old, transition.new))
    return Event(transition.id, _what(transition), kind, old, new, transition.old_seen_at, transition.seen_at)


def _value(kind: str, text: str) -> str | datetime:
    return (as_time(text) if kind == "time" else None) or text


def _what(transition: Transition) -> str:
    """What happened, in words; a field that is no longer known keeps its name."""
    if transition.field in CHANGES:
        appeared, went, changed = CHANGES[transition.field]
        return changed if transition.old and transition.new else appeared if transition.new else went
    label = Field(transition.field).label if transition.field in Field.values else transition.field
    subject = "environment" if transition.field == Field.PHASE else label
    return f"{subject} became {phase_word(transition.new)}"
