"""What can be done in many environments: the actions that declare it (`Action.many`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from automations.actions import services, tasks
from automations.batches.outcomes import End, ended, ended_environments
from automations.batches.plan import (
    Candidate,
    Choice,
    choose,
    choose_environments,
    choose_executions,
    chosen,
    chosen_environments,
    chosen_executions,
    unless_read_only,
)
from automations.executions.list import EXECUTIONS
from automations.models import BatchItem, Service, Task, TaskExecution
from automations.sync import poller
from environments.actions import lifecycle, metadata, specification
from environments.actions.registry import Action, Many
from environments.detail.live_refresh import fetch_many
from environments.list.list import ENVIRONMENTS
from environments.models import Environment
from portal.ledger.models import Operation
from portal.ledger.recording import RequestContext
from portal.lists.declaration import List

MODELS: Mapping[str, Any] = {
    "environment": Environment, "task": Task, "service": Service, "execution": TaskExecution,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kind:
    """An action as a batch does it: to environments, to a task or service of one reference in each of them, or to
    executions.
    """

    action: Action
    many: Many

    @property
    def has_reference(self) -> bool:
        return self.action.subject in ("task", "service")

    @property
    def is_of_executions(self) -> bool:
        return self.action.subject == "execution"

    @property
    def listing(self) -> List:
        """The list that its subjects, or the environments around them, are chosen from."""
        return EXECUTIONS if self.is_of_executions else ENVIRONMENTS

    @property
    def key(self) -> str:
        """The column of an item that has the primary key of a row of `listing`."""
        return "target_id" if self.is_of_executions else "environment_id"

    @property
    def needs_moment(self) -> bool:
        """Whether it wants to know when the environments are to be locked down."""
        return self.action is metadata.SET_LOCKDOWN

    @property
    def is_followed(self) -> bool:
        """Whether items that Ona accepted have yet to end; otherwise Ona's answer is the end of them."""
        return self.action.subject != "environment" or self.action.followed is not None

    @property
    def can_start_first(self) -> bool:
        """Whether environments that are stopped can be started for it, and stopped again."""
        return self.action is tasks.START_TASK

    def choose(self, reference: str, rows: Any, *, start_first: bool = False) -> Choice:
        """Where it would be done, and where it cannot be, of `rows` of its list."""
        return unless_read_only(rows, lambda: self._choose(reference, rows, start_first=start_first))

    def _choose(self, reference: str, rows: Any, *, start_first: bool) -> Choice:
        if self.is_of_executions:
            return choose_executions(rows)
        if self.has_reference:
            return choose(self.action, reference, rows, start_first=start_first and self.can_start_first)
        return choose_environments(self.action, rows)

    def chosen(self, ids: Iterable[UUID], *, start_first: bool = False) -> list[Candidate]:
        """What was chosen, by the ids of its subjects."""
        if self.is_of_executions:
            return chosen_executions(ids)
        if self.has_reference:
            return chosen(self.action, ids, start_first=start_first and self.can_start_first)
        return chosen_environments(self.action, ids)

    def request(self, item: BatchItem, request: Mapping[str, Any], context: RequestContext) -> Operation:
        """Do it to the subject of `item`; `request` is that of the batch's operation. Model.DoesNotExist where the
        portal no longer knows the subject."""
        rows = MODELS[self.action.subject].objects
        if self.action.subject == "environment":  # also as a step of what is done inside it
            subject = rows.get(pk=item.environment_id)
        else:
            subject = rows.select_related("environment").get(pk=item.target_id)
        return self.action.do(**{self.action.subject: subject}, **self.many.arguments(request), **context)

    def follow(self, items: Sequence[BatchItem]) -> None:
        """Read from Ona what became of items under way."""
        if self.action.subject != "environment":
            poller.follow_all()
        else:
            fetch_many([item.environment_id for item in items])

    def ended(self, items: Sequence[BatchItem], now: datetime) -> Iterator[tuple[BatchItem, End]]:
        """Those that have ended, as far as was read, and how."""
        if self.action.subject != "environment":
            return ended(self.action.name, items, now)
        return ended_environments(self.action, items, now)


KINDS = {
    action.name: Kind(action, action.many)
    for action in (*lifecycle.ACTIONS, *metadata.ACTIONS, *specification.ACTIONS, *tasks.ACTIONS, *services.ACTIONS)
    if action.many
}


def lockdown_of(request: Mapping[str, Any]) -> datetime | None:
    """When the environments of a batch are to be locked down, as its operation requested it; None where it did not."""
    return datetime.fromisoformat(request["lockdownAt"]) if "lockdownAt" in request else None
