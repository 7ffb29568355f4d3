"""Operations in plain words: what was requested, and how it ended."""

from __future__ import annotations

from datetime import timedelta

from .models import BATCH, Operation, Origin, Outcome

# of actions by name, in the order in which they are offered; each app registers its own
ACTIONS: dict[str, str] = {}
ORIGINS: dict[str, str] = {
    Origin.PAGE: "a page of the portal",
    Origin.API: "the portal's API",
    Origin.COMMAND: "a command",
}
TONES: dict[str, str] = {
    Outcome.PENDING: "blue",
    Outcome.SUCCEEDED: "green",
    Outcome.FAILED: "red",
    Outcome.UNKNOWN: "amber",
}


def action_words(name: str) -> str:
    """ "environment.stop" → "stop environment"; one that is not listed is read from its name: verb, rest, thing."""
    if name in ACTIONS:
        return ACTIONS[name]
    thing, dot, deed = name.rpartition(".")
    if not dot or not thing or not deed:
        return name
    thing, deed = thing.replace("_", " ").replace(".", " "), deed.replace("_", " ")
    return f"{deed} of {thing}" if " " in deed else f"{deed} {thing}"


def title_of(operation: Operation) -> str:
    """ "stop environment: quiet-otter"; of a batch "stop 4 environments", "start task reindex in 3 environments"."""
    words, target = action_words(operation.action), operation.target_name
    deed, many, _ = words.partition(" many ")
    if operation.target_type != BATCH or not many or not target:
        return f"{words}: {target}" if target else words
    return f"{deed} {target}" if target[0].isdigit() else f"{deed.removesuffix(' in')} {target}"


def outcome_word(operation: Operation) -> str:
    """One or a few words for a list."""
    if operation.outcome == Outcome.UNKNOWN and operation.is_open:
        return "unknown, being checked"
    return operation.outcome


def outcome_tone(operation: Operation) -> str:
    """The colour of the dot: see `.phase-…` in portal.css."""
    return TONES.get(operation.outcome, "none")


def outcome_sentence(operation: Operation) -> str:
    """How the operation ended, as far as that is known."""
    match operation.outcome:
        case Outcome.SUCCEEDED:
            return "Done."
        case Outcome.FAILED if operation.sent_at is None:
            return "Not done: nothing was sent to Ona."
        case Outcome.FAILED:
            return "Not done."
        case Outcome.PENDING if operation.sent_at is None:
            return "Requested, not sent to Ona yet."
        case Outcome.PENDING:
            return "Sent to Ona, waiting for its answer."
    return "It is unknown whether Ona did it."


def advice(operation: Operation) -> str:
    """What an open or unknown outcome means and what to do; empty for others."""
    if operation.outcome == Outcome.UNKNOWN and operation.is_open:
        return (
            "The call may have reached Ona, but its answer never reached the portal. The portal now reads from Ona "
            "what became of it. Wait for that before you repeat it: it might be done twice. This page updates itself."
        )
    if operation.outcome == Outcome.UNKNOWN:
        return (
            "The call may have reached Ona, but its answer never reached the portal, and what was read from Ona later "
            "proves neither that it was done nor that it was not. This row stays as it is. Check the current state, "
            "and request it again if needed."
        )
    return "This page updates itself when there is an answer." if operation.is_open else ""


def took(operation: Operation) -> timedelta | None:
    """The duration from request to close; None while open."""
    return None if operation.closed_at is None else operation.closed_at - operation.asked_at
