"""What became of calls whose answer was never read: the process died, or Ona did not answer in time.

Ona's state now is held against what the ledger says was so before and was asked for. What that does not prove stays
unknown and says so; it is never guessed. Nothing counts as not done before `settings.OPERATION_PATIENCE_SECONDS` have
passed, since a call may still be on its way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from environments.actions.execute import look_at
from environments.actions.registry import ACTIONS, Proof, Verdict, untraceable
from environments.models import Environment
from portal.directory.connection import ona
from portal.ledger import recording
from portal.ledger.models import BATCH, Operation, Outcome
from portal.ona import OnaClient, OnaError, errors

log = structlog.get_logger()
AT_ONCE = 200
GIVE_UP = timedelta(days=1)
Values = Callable[[Environment], Mapping[str, Any]]
DIED = "The portal's process ended before the outcome was recorded. Ona's state is being checked."
NEVER_SENT = "The portal's process ended before anything was sent to Ona. Nothing was changed."
EXPLANATIONS = {
    Verdict.DONE: "Ona's answer was never read, but Ona's state shows that it was done.",
    Verdict.NOT_DONE: "Ona's answer was never read, but Ona's state shows that nothing was changed.",
    Verdict.UNPROVEN: "Ona's answer was never read, and Ona's state does not prove whether it was done: something else "
    "has changed since, or it was so before, or it leaves no trace. It stays unknown: before you repeat it, check what "
    "was to be changed, and the phase, last start and last activity.",
}
NOT_DONE_WORDS = EXPLANATIONS[Verdict.NOT_DONE]
WAYS = {  # the phases of environments, services and executions that lead to a desired one
    "RUNNING": ("STARTING", "RUNNING", "UPDATING"),
    "STOPPED": ("STOPPING", "STOPPED"),
    "DELETED": ("DELETING", "DELETED"),
}
OUTCOMES = {
    Verdict.DONE: Outcome.SUCCEEDED,
    Verdict.NOT_DONE: Outcome.FAILED,
    Verdict.UNPROVEN: Outcome.UNKNOWN,
}


def settle_operations(now: datetime | None = None) -> int:
    """Settle what can be settled by `now`; how many rows were closed. Stops where Ona cannot be reached."""
    now = now or timezone.now()
    patience = timedelta(seconds=settings.OPERATION_PATIENCE_SECONDS)
    waiting = Operation.objects.open().exclude(target_type=BATCH).order_by("asked_at")  # batches end with their parts
    waiting.filter(outcome=Outcome.PENDING, asked_at__lt=now - patience).update(
        outcome=Outcome.UNKNOWN, code="interrupted", explanation=DIED
    )
    closed = 0
    for operation in waiting.filter(outcome=Outcome.UNKNOWN)[:AT_ONCE]:
        try:
            closed += settle(ona(), operation, is_late=operation.asked_at < now - patience)
        except (OnaError, ValueError) as error:
            log.warning("settling stopped", operation_id=str(operation.pk), error=str(error))
            closed += _give_up(operation, now)
            if not isinstance(error, (errors.Refused, errors.MalformedAnswer)):
                break
    return closed


def settle(client: OnaClient, operation: Operation, *, is_late: bool) -> bool:
    """Close `operation` by what Ona's state proves; False where that has to wait. OnaError where Ona cannot be read.

    Only a late one is closed without proof that it was done.
    """
    if operation.sent_at is None:
        return is_late and recording.close_unsent(operation, NEVER_SENT)
    verdict, columns = _find(client, operation)
    if verdict is not Verdict.DONE and not is_late:
        return False
    return recording.close(operation, OUTCOMES[verdict], explanation=EXPLANATIONS[verdict], **columns)


def _find(client: OnaClient, operation: Operation) -> tuple[Verdict, Mapping[str, Any]]:
    action = ACTIONS.get(operation.action)
    found = (action.proof if action else untraceable)(client, operation)
    return found if isinstance(found, tuple) else (found, {})


def _give_up(operation: Operation, now: datetime) -> bool:
    if operation.asked_at > now - GIVE_UP:
        return False
    return recording.close(operation, Outcome.UNKNOWN, explanation=EXPLANATIONS[Verdict.UNPROVEN])


def judge(before: Mapping[str, Any], after: Mapping[str, Any], present: Mapping[str, Any], key: str = "") -> Verdict:
    """What `present` proves, of the values named in `after`; `key` names a version that every change should raise.

    Values that are in `before` beside those are witnesses: nothing was changed only if they are as before, too.
    """
    asked = {name: value for name, value in after.items() if name in present and name != key}
    was_so_before = all(before.get(name) == value for name, value in asked.items())
    is_so = all(present[name] == value for name, value in asked.items())
    if not was_so_before and (is_so or _has_reached(asked.get("desiredPhase"), before, present)):
        return Verdict.DONE
    is_as_before = all(present[name] == before.get(name) for name in asked) and _is_untouched(before, present, key)
    return Verdict.NOT_DONE if is_as_before and not was_so_before else Verdict.UNPROVEN


def _has_reached(desired: str | None, before: Mapping[str, Any], present: Mapping[str, Any]) -> bool:
    """Whether the phase went where it was to go, even if the wish itself does not show."""
    ways = WAYS.get(_word(desired), ())
    return _word(before.get("phase")) not in ways and _word(present.get("phase")) in ways


def _word(phase: str | None) -> str:
    return (phase or "").rpartition("_")[2]


def _is_untouched(before: Mapping[str, Any], present: Mapping[str, Any], key: str) -> bool:
    """Whether the witnesses are as before; what was on its way to a phase may have reached it."""
    if present.get(key) != before.get(key):
        return False
    was_on_its_way = before.get("phase") != before.get("desiredPhase", before.get("phase"))
    if was_on_its_way:
        return present["phase"] in (before["phase"], before["desiredPhase"])
    return all(present[name] == value for name, value in before.items() if name in present)


def by_state(values: Values, key: str = "") -> Callable[[OnaClient, Operation], Verdict]:
    """A proof by `values` of the environment as Ona has it now; one that Ona has no more proves nothing."""

    def proof(client: OnaClient, operation: Operation) -> Verdict:
        environment = Environment.objects.filter(pk=operation.environment_id or operation.pk).first()
        if environment is None:
            return Verdict.UNPROVEN
        try:
            look_at(client, environment)
        except errors.NotFound:
            return Verdict.UNPROVEN
        verdict = judge(operation.before, operation.after, recording.plain(values(environment)), key)
        by_version = verdict is Verdict.NOT_DONE and bool(key)
        return verdict if by_version or not _others_may_have(operation, key) else Verdict.UNPROVEN

    return proof


def _others_may_have(operation: Operation, key: str) -> bool:
    """Whether another operation may be what made the state what it is: sent beside this one, and to the same end."""
    others = Operation.objects.filter(environment_id=operation.environment_id, target_type=operation.target_type)
    beside = others.filter(Q(closed_at=None) | Q(closed_at__gt=operation.asked_at), sent_at__isnull=False)
    asked, group = set(operation.after) - {key}, _group(operation)
    return any(
        group == _group(other) or asked & set(other.after)
        for other in beside.exclude(pk=operation.pk).exclude(outcome=Outcome.FAILED)
    )


def _group(operation: Operation) -> str:
    action = ACTIONS.get(operation.action)
    return action.group if action else operation.action


def by_absence(proof: Callable[[OnaClient, Operation], Verdict]) -> Proof:
    """As `proof`, but what is gone at Ona was deleted."""

    def absence(client: OnaClient, operation: Operation) -> Verdict:
        verdict = proof(client, operation)
        gone = Environment.objects.filter(gone_at__isnull=False, pk=operation.environment_id or operation.pk)
        return Verdict.DONE if gone.exists() and not _others_may_have(operation, "specVersion") else verdict

    return absence
