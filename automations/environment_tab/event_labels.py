"""Labels of transitions of services and executions."""

from __future__ import annotations

from uuid import UUID

from automations.models import Transition, TransitionKind
from environments.documents.json_part import as_time
from environments.timeline.event_labels import Event
from portal.web.formatting import phase_word

ROWS = 200
# the labels of a value that appeared, disappeared, or changed
CHANGES = {
    "failure": ("failing", "no longer failing", "failing otherwise"),
    "gone_at": ("deleted", "back again", "deleted again"),
}
STEP = "step:"  # prefix of a step's id; steps are shown in an execution's plan
DROPPED = "no longer stored by Ona"  # for executions: their history stays here


def events(subject_id: UUID) -> list[Event]:
    """The transitions of a service or execution as a whole, newest first, at most 200."""
    rows = Transition.objects.filter(subject_id=subject_id).exclude(field__startswith=STEP)
    return [event(row) for row in rows.order_by("-seen_at", "-id")[:ROWS]]


def event(transition: Transition) -> Event:
    """One transition, as `environments.timeline.event_labels.event`."""
    kind = {"gone_at": "time", "phase": "phase"}.get(transition.field, "text")
    old, new = ((as_time(text) if kind == "time" else None) or text for text in (transition.old, transition.new))
    return Event(transition.id, _what(transition), kind, old, new, transition.old_seen_at, transition.seen_at)


def _what(transition: Transition) -> str:
    if transition.field not in CHANGES:
        subject = "" if transition.field == "phase" else f"'s {transition.field}"
        return f"{transition.kind}{subject} became {phase_word(transition.new)}"
    if transition.field == "gone_at" and transition.kind == TransitionKind.EXECUTION and not transition.old:
        return DROPPED
    appeared, went, changed = CHANGES[transition.field]
    return changed if transition.old and transition.new else appeared if transition.new else went
