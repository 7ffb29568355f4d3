"""What was asked for lately of one environment, and whether Ona has followed: the notes on top of its page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from environments.actions.acknowledgement import State, Step, acknowledgement, is_edit
from environments.actions.registry import ACTIONS, Action
from environments.models import Environment
from portal.ledger.models import Operation, Outcome
from portal.web.formatting import ago_words, duration_words, phase_word

LATELY = timedelta(hours=24)
FAILED_FOR = timedelta(minutes=15)
DONE_FOR = timedelta(minutes=2)
LOOKED_AT = 30
SHOWN_FOR = {State.APPLIED: DONE_FOR, State.ACKNOWLEDGED: FAILED_FOR, State.ASKED: FAILED_FOR}
EDIT_TONES = {
    State.ASKED: "info",
    State.ACKNOWLEDGED: "info",
    State.APPLIED: "success",
    State.REFUSED: "error",
    State.NOT_ACKNOWLEDGED: "warning",
    State.FAILED: "error",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """How one operation stands: `tone` is that of a note, `is_waiting` that more is to come."""

    operation: Operation
    tone: str
    title: str
    text: str
    is_waiting: bool = False


def standings(environment: Environment, now: datetime) -> list[Standing]:
    """Newest first: what is asked for and not done yet, what failed or is unknown, what was done just now."""
    operations = Operation.objects.of_environment(environment.pk).filter(asked_at__gt=now - LATELY).newest_first()
    found, groups = [], set()
    for operation in operations.defer("request")[:LOOKED_AT]:
        action = ACTIONS.get(operation.action)
        if action is None:
            continue
        group = (action.group, operation.target_id)
        standing = _standing(environment, operation, action, now)
        if standing and not (group in groups and standing.tone != "warning"):
            found.append(standing)
        if operation.outcome in (Outcome.SUCCEEDED, Outcome.PENDING):
            groups.add(group)
    return found


def _standing(environment: Environment, operation: Operation, action: Action, now: datetime) -> Standing | None:
    what = " ".join(filter(None, (action.label, _name(environment, operation))))
    asked = f"{what} asked for by {operation.actor_name}, {ago_words(operation.asked_at, now)}"
    match operation.outcome:
        case Outcome.PENDING:
            return Standing(operation, "info", asked, "Waiting for Ona's answer.", is_waiting=True)
        case Outcome.FAILED:
            is_old = operation.asked_at < now - FAILED_FOR
            return None if is_old else Standing(operation, "error", f"{asked}, failed", operation.explanation)
        case Outcome.UNKNOWN:
            waiting = operation.is_open
            return Standing(operation, "warning", f"{asked}, unknown", operation.explanation, is_waiting=waiting)
    return _succeeded(environment, operation, action, now, asked)


def _name(environment: Environment, operation: Operation) -> str:
    """Of what is inside the environment; the environment's own goes without saying, and so does that of a kind of which
    it has one."""
    if operation.target_type in ("environment", "automations_file"):
        return ""
    return operation.target_name.removesuffix(f" in {environment}")


def _succeeded(
    environment: Environment, operation: Operation, action: Action, now: datetime, asked: str
) -> Standing | None:
    age = now - (operation.closed_at or operation.asked_at)
    if is_edit(operation):
        return _edited(acknowledgement(environment, operation, now), operation, age, asked)
    if action.followed is None or action.followed(environment, operation):
        name = _name(environment, operation)
        done = f"{f'{name} {action.past}' if name else action.past.capitalize()} as {operation.actor_name} asked"
        return Standing(operation, "success", done, "") if age < DONE_FOR else None
    phase = phase_word(environment.phase)
    if age < action.patience:
        return Standing(operation, "info", asked, f"Ona has accepted it. The environment is {phase}.", is_waiting=True)
    late = f"Ona accepted it {duration_words(age)} ago, but the environment is still {phase}."
    return Standing(operation, "warning", f"{asked}: Ona has not followed", f"{late} Look at its messages below.")


def _edited(step: Step, operation: Operation, age: timedelta, asked: str) -> Standing | None:
    """How far the runner has come with an edit of the specification."""
    if step.is_final and age >= SHOWN_FOR.get(step.state, LATELY):
        return None
    message = f" It says: {step.message}" if step.message else ""
    title = f"{asked}: {step.state.value}"
    return Standing(operation, EDIT_TONES[step.state], title, f"{step.words}{message}", is_waiting=not step.is_final)
