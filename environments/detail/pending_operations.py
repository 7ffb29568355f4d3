"""Notices about recent operations, at the top of an environment's page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from environments.actions.acknowledgement import State, Step, acknowledgement, is_edit
from environments.actions.registry import ACTIONS, Action
from environments.detail.lifetime import DELETIONS
from environments.models import Environment
from portal.ledger.models import Operation, Outcome
from portal.web.formatting import ago_words, duration_words, phase_word

MAX_AGE = timedelta(hours=24)
FAILED_FOR = timedelta(minutes=15)
DONE_FOR = timedelta(minutes=2)
MAX_OPERATIONS = 30
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
class OperationNotice:
    """The state of one operation. `tone` is the style of the notice, `is_waiting`: more is to come."""

    operation: Operation
    tone: str
    title: str
    text: str
    is_waiting: bool = False


def operation_notices(environment: Environment, now: datetime) -> list[OperationNotice]:
    """Notices of operations that are pending, unknown, recently failed or just completed, newest first."""
    operations = Operation.objects.of_environment(environment.pk).filter(asked_at__gt=now - MAX_AGE).newest_first()
    notices, groups = [], set()
    for operation in operations.defer("request")[:MAX_OPERATIONS]:
        action = ACTIONS.get(operation.action)
        if action is None:
            continue
        group = (action.group, operation.target_id)
        notice = _notice(environment, operation, action, now)
        if notice and not (group in groups and notice.tone != "warning"):
            notices.append(notice)
        if operation.outcome in (Outcome.SUCCEEDED, Outcome.PENDING):
            groups.add(group)
    return notices


def _notice(environment: Environment, operation: Operation, action: Action, now: datetime) -> OperationNotice | None:
    what = " ".join(filter(None, (action.label, _target_label(environment, operation))))
    asked = f"{what} requested by {operation.actor_name}, {ago_words(operation.asked_at, now)}"
    match operation.outcome:
        case Outcome.PENDING:
            return OperationNotice(operation, "info", asked, "Waiting for Ona's answer.", is_waiting=True)
        case Outcome.FAILED:
            is_old = operation.asked_at < now - FAILED_FOR
            return None if is_old else OperationNotice(operation, "error", f"{asked}, failed", operation.explanation)
        case Outcome.UNKNOWN:
            waiting = operation.is_open
            return OperationNotice(operation, "warning", f"{asked}, unknown", operation.explanation, is_waiting=waiting)
    return _success_notice(environment, operation, action, now, asked)


def _target_label(environment: Environment, operation: Operation) -> str:
    """The name of a target inside the environment; empty for kinds of which an environment has one."""
    if operation.target_type in ("environment", "automations_file"):
        return ""
    return operation.target_name.removesuffix(f" in {environment}")


def _success_notice(
    environment: Environment, operation: Operation, action: Action, now: datetime, asked: str
) -> OperationNotice | None:
    age = now - (operation.closed_at or operation.asked_at)
    if environment.gone_at and operation.action not in DELETIONS:
        return None  # nothing is to come of it any more
    if is_edit(operation):
        return _edit_notice(acknowledgement(environment, operation, now), operation, age, asked)
    if action.followed is None or action.followed(environment, operation):
        name = _target_label(environment, operation)
        done = f"{f'{name} {action.past}' if name else action.past.capitalize()} by {operation.actor_name}"
        return OperationNotice(operation, "success", done, "") if age < DONE_FOR else None
    phase = phase_word(environment.phase)
    if age < action.patience:
        return OperationNotice(
            operation, "info", asked, f"Ona has accepted it. The environment is {phase}.", is_waiting=True
        )
    late = f"Ona accepted it {duration_words(age)} ago, but the environment is still {phase}."
    return OperationNotice(operation, "warning", f"{asked}: not done by Ona yet", f"{late} See its messages below.")


def _edit_notice(step: Step, operation: Operation, age: timedelta, asked: str) -> OperationNotice | None:
    """The notice of an edit of the specification: how far the runner has applied it."""
    if step.is_final and age >= SHOWN_FOR.get(step.state, MAX_AGE):
        return None
    message = f" It says: {step.message}" if step.message else ""
    title = asked if step.state == State.ASKED else f"{asked}: {step.state.value}"
    return OperationNotice(
        operation, EDIT_TONES[step.state], title, f"{step.words}{message}", is_waiting=not step.is_final
    )
