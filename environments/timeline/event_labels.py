"""Labels of transitions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from environments.documents.json_part import as_time
from environments.models import Field, Transition
from portal.web.formatting import phase_word

TIMES = (Field.ARCHIVED, Field.LOCKDOWN, Field.GONE)
TEXTS = (Field.FAILURE, Field.SECRETS)
# the labels of a value that appeared, disappeared, or changed
CHANGE_LABELS: dict[str, tuple[str, str, str]] = {
    Field.FAILURE: ("failing", "no longer failing", "failing otherwise"),
    Field.ARCHIVED: ("archived", "unarchived", "archived again"),
    Field.LOCKDOWN: ("lockdown set", "lockdown cleared", "lockdown moved"),
    Field.GONE: ("deleted", "back again", "deleted again"),
}


SYNC = {"true": "in sync", "false": "not in sync"}


@dataclass(frozen=True, slots=True)
class Event:
    """One transition. `kind` is how `old` and `new` are formatted: phase, time or text."""

    id: int
    what: str
    kind: str
    old: str | datetime
    new: str | datetime
    after: datetime | None
    by: datetime


def event(transition: Transition) -> Event:
    kind = "time" if transition.field in TIMES else "text" if transition.field in TEXTS else "phase"
    texts = (transition.old, transition.new)
    if transition.field == Field.SECRETS:
        texts = (SYNC.get(transition.old, transition.old), SYNC.get(transition.new, transition.new))
    old, new = (_value(kind, text) for text in texts)
    what = describe_transition(transition.field, transition.old, transition.new)
    return Event(transition.id, what, kind, old, new, transition.old_seen_at, transition.seen_at)


def _value(kind: str, text: str) -> str | datetime:
    return (as_time(text) if kind == "time" else None) or text


def describe_transition(field: str, old: str, new: str) -> str:
    """The label of a transition; fields that no longer exist keep their raw name."""
    if field in CHANGE_LABELS:
        appeared, went, changed = CHANGE_LABELS[field]
        return changed if old and new else appeared if new else went
    label = Field(field).label if field in Field.values else field
    subject = "environment" if field == Field.PHASE else label
    return f"{subject} became {state_word(new)}"


def state_word(value: str) -> str:
    """The label of a phase, or of whether secrets are in sync."""
    return SYNC.get(value) or phase_word(value)
