"""What can be asked for in many environments.

Deletion is not: it cannot be undone, so it stays one by one, with the environment's name typed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from automations.actions import registry as automations
from automations.actions.services import start_service, stop_service
from automations.actions.tasks import start_task
from automations.batches.outcomes import End, ended, ended_environments
from automations.batches.plan import Candidate, Choice, choose, choose_environments, chosen, chosen_environments
from automations.models import BatchItem, Service, Task
from automations.sync import poller
from environments.actions import lifecycle
from environments.actions import registry as environments
from environments.actions.registry import Action
from environments.detail.live_refresh import fetch_many
from environments.models import Environment, EnvironmentQuerySet
from portal.ledger.models import Operation
from portal.ledger.recording import Asked

# an item's target, what the batch's operation asked for, who asks
Ask = Callable[[UUID, Mapping[str, Any], Asked], Operation]
Ended = Callable[[Sequence[BatchItem], datetime], Iterator[tuple[BatchItem, End]]]


@dataclass(frozen=True, slots=True)
class Kind:
    """An action as a batch asks for it.

    `words` and `joint` stand before a number of environments: "Start task … in 3 environments". `ask` raises
    Model.DoesNotExist where the portal no longer knows the target. `ended` tells, after `follow`, which items that Ona
    accepted have ended; without one, Ona's answer is the end of them.
    """

    action: Action
    words: str
    joint: str
    choose: Callable[[str, EnvironmentQuerySet], Choice]
    chosen: Callable[[Iterable[UUID]], list[Candidate]]
    ask: Ask
    follow: Callable[[Sequence[BatchItem]], object]
    ended: Ended | None
    has_reference: bool = False

    @property
    def needs_moment(self) -> bool:
        """Whether it wants to know when the environments are to be locked down."""
        return self.action is environments.LOCKDOWN


def _start_task(task_id: UUID, request: Mapping[str, Any], asked: Asked) -> Operation:
    return start_task(task=Task.objects.select_related("environment").get(pk=task_id), **asked)


def _service(act: Callable[..., Operation]) -> Ask:
    return lambda service_id, _, asked: act(
        service=Service.objects.select_related("environment").get(pk=service_id), **asked
    )


def _environment(act: Callable[..., Operation]) -> Ask:
    return lambda environment_id, _, asked: act(environment=Environment.objects.get(pk=environment_id), **asked)


def _set_lockdown(environment_id: UUID, request: Mapping[str, Any], asked: Asked) -> Operation:
    environment, at = Environment.objects.get(pk=environment_id), datetime.fromisoformat(request["lockdownAt"])
    return lifecycle.set_lockdown(environment=environment, at=at, **asked)


def lockdown_of(request: Mapping[str, Any]) -> datetime | None:
    """When the environments of a batch are to be locked down, as its operation asked for it; None where it did not."""
    return datetime.fromisoformat(request["lockdownAt"]) if "lockdownAt" in request else None


def _of_automations(action: Action, words: str, ask: Ask) -> Kind:
    return Kind(
        action,
        words,
        "in",
        partial(choose, action),
        partial(chosen, action),
        ask,
        follow=lambda _: poller.follow_all(),
        ended=partial(ended, action.name),
        has_reference=True,
    )


def _of_environments(action: Action, words: str, ask: Ask, joint: str = "") -> Kind:
    return Kind(
        action,
        words,
        joint,
        lambda _, found: choose_environments(action, found),
        chosen_environments,
        ask,
        follow=lambda items: fetch_many([item.environment_id for item in items]),
        ended=partial(ended_environments, action) if action.followed else None,
    )


KINDS = {
    kind.action.name: kind
    for kind in (
        _of_environments(environments.START, "Start", _environment(lifecycle.start_environment)),
        _of_environments(environments.STOP, "Stop", _environment(lifecycle.stop_environment)),
        _of_environments(environments.ARCHIVE, "Archive", _environment(lifecycle.archive_environment)),
        _of_environments(environments.UNARCHIVE, "Unarchive", _environment(lifecycle.unarchive_environment)),
        _of_environments(environments.LOCKDOWN, "Set lockdown", _set_lockdown, "of"),
        _of_environments(environments.CLEAR_LOCKDOWN, "Clear lockdown", _environment(lifecycle.clear_lockdown), "of"),
        _of_automations(automations.START_TASK, "Start task", _start_task),
        _of_automations(automations.START_SERVICE, "Start service", _service(start_service)),
        _of_automations(automations.STOP_SERVICE, "Stop service", _service(stop_service)),
    )
}
