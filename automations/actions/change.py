"""Changes of what lives inside an environment, made by `environments.actions.execute`, and what they read of Ona."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from automations.models import Service, ServicePhase, Task, TaskExecution
from automations.sync import observe
from environments.actions.execute import Change, NotPossible, execute, look_at
from environments.actions.registry import Action
from environments.models import Environment, Phase
from portal.directory.models import Organization
from portal.ledger.models import Operation
from portal.ledger.recording import RequestContext, Target
from portal.ona import OnaClient, errors

Subject = Service | Task | TaskExecution
Values = Mapping[str, Any]
RUN = "automations.run_task"
UP = (ServicePhase.STARTING, ServicePhase.RUNNING)
GONE = {"after": {"exists": False}}


def change_automations(
    action: Action,
    environment: Environment,
    target: Target,
    call: Callable[[OnaClient], Any],
    context: RequestContext,
    *,
    before: Callable[[OnaClient], Values],
    request: Values,
    subject: Subject | None = None,
    after: Values | None = None,
    check: Callable[[], None] = lambda: None,
    read_back: Callable[[OnaClient, Any], Values] = lambda client, answer: {},
) -> Operation:
    """Execute a change of `subject`, or of `environment` where it makes something.

    `subject` is brought up to date with what is read; `before` comes after that, and may ask Ona for more.
    """

    def read(client: OnaClient) -> Values:
        if subject:
            refresh(client, subject)
            subject.environment = environment
            if environment.phase != Phase.RUNNING and _why_not(action, subject):
                look_at(client, environment)  # what the cache says must not stand in the way of what Ona would do
        return before(client)

    def check_all() -> None:
        if subject and (why := _why_not(action, subject)):
            raise NotPossible(why)
        check()

    change = Change(action, target, call, read, request, after or {}, check_all, read_back)
    return execute(change, context)


def _why_not(action: Action, subject: Subject) -> str:
    return action.impossible(subject, None, timezone.now())


def while_both_exist(subject: Subject, organization: Organization | None, now: datetime) -> str:
    """Possible as long as it and its environment exist; otherwise why not, in words."""
    if subject.environment.gone_at:
        return "Its environment is deleted: Ona confirmed it."
    if subject.gone_at:
        return "It is deleted: Ona no longer has it."
    if ServicePhase.DELETED in (getattr(subject, "phase", ""), getattr(subject, "desired_phase", "")):
        return "It is being deleted."
    return ""


def while_running(subject: Subject, organization: Organization | None, now: datetime) -> str:
    """As `while_both_exist`, and its environment runs."""
    is_running = subject.environment.phase == Phase.RUNNING
    return while_both_exist(subject, organization, now) or ("" if is_running else "Its environment is not running.")


def if_in(words: str, subject: Subject, phases: Collection[str], desired: str = "") -> str:
    """`words` where it is in one of `phases`, and not on its way to the `desired` one."""
    phase, goal = getattr(subject, "phase", ""), getattr(subject, "desired_phase", "")
    return words if phase in phases and (not desired or goal != desired) else ""


def refresh(client: OnaClient, subject: Subject) -> None:
    """Bring the row up to date with Ona; raises OnaError, NotFound after it was marked as deleted."""
    try:
        observe.fetch_one(client, kind_of(subject), subject.pk)
    finally:
        subject.refresh_from_db()


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
    """What `call` answers and when it was requested."""
    requested_at = timezone.now()
    return observe.AutomationObservation(requested_at, call())


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
    ids = [str(each.id) for each in documents if str(each.metadata.head.reference) == reference]
    return {"idsOfThisReference": sorted(ids)}


def is_gone(client: OnaClient, subject: Subject) -> bool:
    """Whether Ona no longer has it; marks it so."""
    try:
        refresh(client, subject)
    except errors.NotFound:
        return True
    return False
