"""How automations are changed: who may → fresh read → ledger row, committed → the call → read-back → the row's end.

As `environments.actions.execute`, whose parts it uses, for what lives inside an environment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from django.utils import timezone

from automations.actions.registry import WANT_IT_RUNNING, Subject, obstacle
from automations.models import Service, Task
from automations.sync import observe
from environments.actions.execute import NotPossible, authorize, carry_out, end, look_at
from environments.actions.registry import Action
from environments.models import Environment, Phase
from portal.directory.connection import ona_now
from portal.ledger import recording
from portal.ledger.models import Operation, Outcome
from portal.ledger.recording import Asked, Target
from portal.ona import OnaClient, OnaError, errors

log = structlog.get_logger()
Values = Mapping[str, Any]
GONE = {"after": {"exists": False}}


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be sent for an action and what it changes.

    `before` reads, after the subject was brought up to date, the values that `after` changes; it may ask Ona for more.
    `check` raises NotPossible. `look` is given the client and what the call returned, once it was done: columns of the
    operation.
    """

    action: Action
    call: Callable[[OnaClient], Any]
    request: Values
    before: Callable[[OnaClient], Values]
    after: Values = field(default_factory=dict)
    check: Callable[[], None] = lambda: None
    look: Callable[[OnaClient, Any], Values] = lambda client, answer: {}


def perform(
    environment: Environment, subject: Subject | None, target: Target, change: Change, asked: Asked
) -> Operation:
    """Ask Ona for `change` of `subject`, or of `environment` where it makes something; how it ended.

    Asked twice under one operation id, it is done once. `subject` is brought up to date with what was read. Raises
    what `authorize` does; Ona's errors do not escape: they are in the operation.
    """
    authorize(change.action, asked)
    name = change.action.name
    if earlier := recording.earlier(name, target, asked):
        return earlier
    client, before, trouble = _read(environment, subject, change)
    operation, is_new = recording.begin(name, target, asked, request=change.request, before=before, after=change.after)
    if not is_new:
        return operation
    if client is None:
        return end(operation, change.action, trouble)
    try:
        check(change, subject, environment)
    except NotPossible as reason:
        recording.close(operation, Outcome.FAILED, code=reason.code, explanation=str(reason))
        return operation
    answers: list[Any] = []
    return carry_out(
        operation,
        change.action,
        lambda: answers.append(change.call(client)),
        lambda: _looked(client, change, answers[0]),
    )


def check(change: Change, subject: Subject | None, environment: Environment) -> None:
    """Raise NotPossible where something is known to stand against it."""
    if subject and (why := obstacle(change.action, subject, environment)):
        raise NotPossible(why)
    change.check()


def _read(
    environment: Environment, subject: Subject | None, change: Change
) -> tuple[OnaClient | None, Values, OnaError | ValueError | None]:
    """The client and the values as Ona has them now; or what kept the portal from reading them."""
    try:
        client = ona_now()
        if subject:
            refresh(client, subject)
        if change.action in WANT_IT_RUNNING and environment.phase != Phase.RUNNING:
            look_at(client, environment)  # what the cache says must not stand in the way of what Ona would do
        return client, change.before(client), None
    except (OnaError, ValueError) as error:
        return None, {}, error


def refresh(client: OnaClient, subject: Subject) -> None:
    """Bring the row up to date with Ona; raises OnaError, NotFound after it was marked gone."""
    try:
        observe.fetch_one(client, kind_of(subject), subject.pk)
    finally:
        subject.refresh_from_db()


def _looked(client: OnaClient, change: Change, answer: Any) -> Values:
    """The read-back; failing to read leaves it to the next sync."""
    try:
        return change.look(client, answer)
    except OnaError as error:
        log.warning("read-back failed", action=change.action.name, code=error.code)
        return {}


def kind_of(subject: Subject) -> observe.Kind:
    match subject:
        case Service():
            return observe.SERVICE_KIND
        case Task():
            return observe.TASK_KIND
    return observe.EXECUTION_KIND


def target_of(type_: str, id_: UUID | None, name: str, environment: Environment) -> Target:
    """As the ledger names it: with its environment, for its name alone is the same in many."""
    return Target(type_, id_, f"{name} in {environment}", environment.pk)


def seen(call: Callable[[], Any]) -> observe.AutomationObservation:
    """What `call` answers and when it was asked."""
    asked_at = timezone.now()
    return observe.AutomationObservation(asked_at, call())


def read_all(client: OnaClient, kind: observe.Kind, environment: Environment) -> tuple[list[Any], bool]:
    """The documents of this kind that Ona lists in `environment`, taken into the cache; whether all could be read."""
    found: list[observe.AutomationObservation] = []
    is_whole = True
    for page in kind.pages(client)([environment.pk]):
        is_whole &= not page.malformed
        found += [observe.AutomationObservation(page.sent_at, document) for document in page.items]
    observe.observe(kind, found)
    return [each.document for each in found], is_whole


def ids_of_reference(client: OnaClient, kind: observe.Kind, environment: Environment, reference: str) -> dict[str, Any]:
    """{"idsOfThisReference": […]}: what the environment has of it now, by which a new one is known."""
    documents, _ = read_all(client, kind, environment)
    return {"idsOfThisReference": sorted(str(each.id) for each in documents if _reference(each) == reference)}


def _reference(document: Any) -> str:
    return str(document.metadata.head.reference)


def is_gone(client: OnaClient, subject: Subject) -> bool:
    """Whether Ona no longer has it; marks it so."""
    try:
        refresh(client, subject)
    except errors.NotFound:
        return True
    return False
