"""How far the runner has come with an edit of the specification: asked for → acknowledged → applied."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from django.utils import timezone

from environments.actions.registry import ACTIONS
from environments.actions.specification_parts import EditedPart
from environments.documents.json_part import Document, as_number
from environments.models import Environment, Phase
from portal.ledger.models import Operation, Outcome
from portal.web.enum_labels import enum_label
from portal.web.formatting import duration_words, phase_word

PATIENCE = timedelta(minutes=2)
OK = ("", "STATUS_CODE_OK", "STATUS_CODE_UNSPECIFIED")
WORKING = (Phase.RUNNING, Phase.UPDATING)
COMING_UP = (Phase.CREATING, Phase.STARTING)


class State(Enum):
    ASKED = "requested"
    ACKNOWLEDGED = "acknowledged"
    APPLIED = "applied"
    REFUSED = "refused by the runner"
    NOT_ACKNOWLEDGED = "not acknowledged"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Step:
    """Where an edit is: `words` tell it in a sentence or two, `message` is the runner's own, `is_final` that no more is
    to come by itself.
    """

    state: State
    words: str
    message: str = ""
    is_final: bool = False


def is_edit(operation: Operation) -> bool:
    """Whether the operation edits a part of the specification, so that `acknowledgement` has something to tell."""
    return operation.action in ACTIONS and ACTIONS[operation.action].part is not None


def _part(operation: Operation) -> EditedPart:
    part = ACTIONS[operation.action].part
    if part is None:
        raise ValueError(f"{operation.action} edits no part of the specification")
    return part


def acknowledgement(environment: Environment, operation: Operation, now: datetime | None = None) -> Step:
    """Where the edit `operation` is, by what is known of `environment` (status.runnerAck and the part's own status)."""
    if operation.outcome == Outcome.FAILED:
        return Step(State.FAILED, operation.explanation, is_final=True)
    if operation.outcome != Outcome.SUCCEEDED:
        return Step(State.ASKED, operation.explanation or "Waiting for Ona's answer.", is_final=not operation.is_open)
    document = Document(environment)
    ack = document.status.part("runnerAck")
    answered, code = ack.count("specVersion") or 0, ack.text("statusCode")
    if answered < version_after(operation):
        return _waiting(environment, operation, answered, now or timezone.now())
    if code not in OK:
        return Step(State.REFUSED, _refusal(answered, operation, enum_label(code)), ack.text("message"), is_final=True)
    return _acknowledged(environment, document, operation)


def version_after(operation: Operation) -> int:
    """The version of the specification that holds the edit; where it could not be read back, the one after `before`."""
    read_back = as_number(operation.after.get("specVersion"))
    return read_back if read_back is not None else (as_number(operation.before.get("specVersion")) or 0) + 1


def _waiting(environment: Environment, operation: Operation, answered: int, now: datetime) -> Step:
    versions = f"version {version_after(operation)} of the specification; its last answer is to version {answered}"
    if environment.phase not in WORKING:
        return Step(State.ASKED, f"Accepted by Ona. {_when(environment)}", is_final=_rests(environment))
    age = now - (operation.closed_at or operation.asked_at)
    if age > PATIENCE:
        late = f"The runner has not acknowledged {versions}, {duration_words(age)} after Ona took it."
        return Step(State.NOT_ACKNOWLEDGED, f"{late} Check the runner's state, then restart the environment.")
    return Step(State.ASKED, f"Accepted by Ona. Waiting for the runner to acknowledge {versions}.")


def _refusal(answered: int, operation: Operation, reason: str) -> str:
    newer = ", which holds later changes too," if answered > version_after(operation) else ""
    kind = reason.removeprefix("refused: ")
    return (
        f"The runner refused version {answered} of the specification{newer} with “{kind}”: the environment stays as "
        "it was. Correct what it names, or set the old value again."
    )


def _acknowledged(environment: Environment, document: Document, operation: Operation) -> Step:
    if environment.phase not in WORKING:
        words = f"The runner has acknowledged it. {_when(environment)}"
        return Step(State.ACKNOWLEDGED, words, is_final=_rests(environment))
    if failure := _failure(document, operation):
        words = "The runner has acknowledged it, but applying it failed."
        return Step(State.ACKNOWLEDGED, words, failure, is_final=True)
    applied = _part(operation).applied(document, operation)
    if applied is None:
        words = f"The runner has acknowledged it. {_part(operation).unless_told}"
        return Step(State.ACKNOWLEDGED, words, is_final=True)
    if applied:
        return Step(State.APPLIED, "Applied: the environment is as requested.", is_final=True)
    return Step(State.ACKNOWLEDGED, "The runner has acknowledged it and is applying it.")


def _when(environment: Environment) -> str:
    """When the specification takes effect in an environment that does not run."""
    if environment.phase in COMING_UP:
        return f"The environment is {phase_word(environment.phase)}: applied during the start."
    return f"The environment is {phase_word(environment.phase)}: applied at the next start."


def _rests(environment: Environment) -> bool:
    """Whether nothing more happens before somebody starts it."""
    return environment.phase == Phase.STOPPED or environment.gone_at is not None


def _failure(document: Document, operation: Operation) -> str:
    """Why what was to be made anew could not be; a failure from before the edit is not one of it."""
    name, field, requested = _part(operation).renewed
    part = document.status.part(name)
    return part.text("failureMessage") if part.text(field) == operation.after.get(requested) else ""
