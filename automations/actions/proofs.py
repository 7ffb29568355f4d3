"""What Ona's state proves of changes whose answer was never read: see `environments.actions.settling`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from automations import sync
from automations.actions import catalogue
from automations.actions.catalogue import Subject
from automations.actions.file import present_of
from automations.actions.performing import is_gone
from automations.actions.services import phases
from automations.models import Service, Task, TaskExecution
from automations.values import chosen, document_of
from environments.actions.catalogue import Proof, Search, Verdict
from environments.actions.settling import judge
from environments.models import Environment
from portal.ledger import recording
from portal.ledger.models import Operation, Outcome
from portal.ona import OnaClient, errors
from portal.ona.documents.automations import TaskExecutionDocument

Values = Callable[[Any, Operation], Mapping[str, Any]]
Found = tuple[Verdict, Mapping[str, Any]]


def by_values(model: type[Subject], values: Values, key: str = "") -> Proof:
    """A proof by the values of what was changed as Ona has it now; what Ona has no more proves nothing."""

    def proof(client: OnaClient, operation: Operation) -> Verdict:
        subject = _subject(model, operation)
        if subject is None or not operation.before or is_gone(client, subject):
            return Verdict.UNPROVEN
        present = recording.plain(values(subject, operation))
        verdict = judge(operation.before, operation.after, present, key)
        untouched = bool(key) and present[key] == operation.before.get(key)
        if untouched:
            return Verdict.NOT_DONE
        return Verdict.UNPROVEN if _on_the_same(operation) else verdict

    return proof


def by_absence(model: type[Subject]) -> Proof:
    """What is gone at Ona was deleted, by whom is not told where others tried."""

    def proof(client: OnaClient, operation: Operation) -> Verdict:
        subject = _subject(model, operation)
        if subject is None or not operation.before.get("exists"):
            return Verdict.UNPROVEN
        if not is_gone(client, subject):
            return Verdict.NOT_DONE
        return Verdict.UNPROVEN if _on_the_same(operation) else Verdict.DONE

    return proof


def by_reference(model: type[Service | Task], kind: sync.Kind) -> Search:
    """A creation by what its environment has of that reference now and had not before."""

    def search(client: OnaClient, operation: Operation) -> Found:
        reference = operation.request["metadata"]["reference"]
        for page in kind.pages(client)([operation.environment_id]):
            sync.observe(kind, [sync.Seen(page.sent_at, document) for document in page.items])
        there = model.objects.present().filter(environment=operation.environment_id, reference=reference)
        beside = Operation.objects.beside(operation).filter(environment_id=operation.environment_id)
        known = [*operation.before["idsOfThisReference"], *beside.values_list("target_id", flat=True)]
        new = list(there.exclude(pk__in=[id_ for id_ in known if id_]).values_list("pk", flat=True))
        rivals = beside.filter(target_id=None, request__metadata__reference=reference).exists()
        if not new:
            return (Verdict.UNPROVEN if rivals else Verdict.NOT_DONE), {}
        return (Verdict.UNPROVEN, {}) if rivals or len(new) > 1 else (Verdict.DONE, {"target_id": new[0]})

    return search


def started(client: OnaClient, operation: Operation) -> Found:
    """A start of a task by an execution that came since and that no other operation made."""
    if "newest" not in operation.before:
        return Verdict.UNPROVEN, {}
    since = _since(client, UUID(str(operation.target_id)), operation.before)
    sync.observe(sync.EXECUTION_KIND, [sync.Seen(timezone.now(), document) for document in since.values()])
    others = Operation.objects.filter(action=operation.action, target_id=operation.target_id).exclude(pk=operation.pk)
    taken = set(others.filter(after__has_key="executionId").values_list("after__executionId", flat=True))
    new = {id_ for id_, document in since.items() if id_ not in taken and not _is_triggered(document)}
    if not new:
        return Verdict.NOT_DONE, {}
    if len(new) > 1 or others.filter(sent_at__isnull=False, closed_at=None).exists():
        return Verdict.UNPROVEN, {}
    return Verdict.DONE, {"after": operation.after | {"executionId": new.pop()}}


def _since(client: OnaClient, task_id: UUID, before: Mapping[str, Any]) -> dict[str, TaskExecutionDocument]:
    """The task's executions that came after the one that was its newest, by id."""
    found: dict[str, TaskExecutionDocument] = {}
    oldest = before.get("newestCreatedAt") and datetime.fromisoformat(before["newestCreatedAt"])
    for page in client.execution_pages(task_ids=[task_id]):
        for document in page.items:
            made_at = document.metadata.head.created_at
            if oldest and made_at and made_at < oldest:
                return found
            if str(document.id) != before.get("newest"):
                found[str(document.id)] = document
    return found


def _is_triggered(document: TaskExecutionDocument) -> bool:
    """Whether an event started it: then nobody asked for it."""
    return document.metadata.head.started_by in TRIGGERS


TRIGGERS = ("postEnvironmentStart", "postDevcontainerStart", "postMachineStart", "prebuild", "beforeSnapshot")


def _file_applied(client: OnaClient, operation: Operation) -> Verdict:
    """By what its environment has of the file's services and tasks."""
    environment = Environment.objects.filter(pk=UUID(str(operation.environment_id))).first()
    if environment is None:
        return Verdict.UNPROVEN
    try:
        present = recording.plain(present_of(client, environment, operation.after))
    except errors.NotFound:
        return Verdict.UNPROVEN
    verdict = judge(operation.before, operation.after, present)
    others = Operation.objects.beside(operation).filter(environment_id=operation.environment_id)
    return Verdict.UNPROVEN if others.exists() else verdict


def _stopping(execution: TaskExecution) -> Mapping[str, Any]:
    return {"phase": execution.phase, "desiredPhase": execution.desired_phase}


def _subject(model: type[Subject], operation: Operation) -> Subject | None:
    return model.objects.filter(pk=UUID(str(operation.target_id))).first()


def _on_the_same(operation: Operation) -> bool:
    """Whether another operation may have made it what it is: starts and stops count as one kind."""
    action = catalogue.ACTIONS[operation.action]
    kinds = [name for name, other in catalogue.ACTIONS.items() if action.supersedes == other.supersedes != ""]
    others = Operation.objects.filter(target_id=operation.target_id, sent_at__isnull=False).exclude(pk=operation.pk)
    others = others.exclude(outcome=Outcome.FAILED).filter(action__in=kinds or [operation.action])
    return any(other.closed_at is None or other.closed_at > operation.asked_at for other in others)


def _given(subject: Service | Task, operation: Operation) -> Mapping[str, Any]:
    return chosen(document_of(subject), _nested(operation.after))


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """{"spec.commands.start": x} → {"spec": {"commands": {"start": x}}}."""
    nested: dict[str, Any] = {}
    for path, value in flat.items():
        *parts, last = path.split(".")
        inner = nested
        for part in parts:
            inner = inner.setdefault(part, {})
        inner[last] = value
    return nested


_by_phases = by_values(Service, lambda service, _: phases(service), "specVersion")
PROOFS: dict[str, Proof] = {
    catalogue.START_SERVICE.name: _by_phases,
    catalogue.STOP_SERVICE.name: _by_phases,
    catalogue.UPDATE_SERVICE.name: by_values(Service, _given),
    catalogue.UPDATE_TASK.name: by_values(Task, _given),
    catalogue.STOP_EXECUTION.name: by_values(TaskExecution, lambda execution, _: _stopping(execution)),
    catalogue.DELETE_SERVICE.name: by_absence(Service),
    catalogue.DELETE_TASK.name: by_absence(Task),
    catalogue.APPLY_FILE.name: _file_applied,
}
SEARCHES: dict[str, Search] = {
    catalogue.START_TASK.name: started,
    catalogue.CREATE_SERVICE.name: by_reference(Service, sync.SERVICE_KIND),
    catalogue.CREATE_TASK.name: by_reference(Task, sync.TASK_KIND),
}
