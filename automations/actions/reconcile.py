"""What Ona's state proves of changes whose answer was never read: see `environments.actions.reconcile`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.db.models import Q

from automations.actions import registry
from automations.actions.execute import is_gone, read_all
from automations.actions.file import present_of
from automations.actions.registry import Subject
from automations.actions.services import phases
from automations.actions.task_start_reconcile import started
from automations.actions.values import chosen, document_of
from automations.models import Service, ServicePhase, Task, TaskExecution
from automations.sync import observe
from environments.actions.execute import look_at
from environments.actions.reconcile import judge
from environments.actions.registry import Proof, Search, Verdict
from environments.models import Environment
from portal.ledger import recording
from portal.ledger.models import Operation, OperationQuerySet, Outcome
from portal.ona import OnaClient, errors

Values = Callable[[Any, Operation], Mapping[str, Any]]
Found = tuple[Verdict, Mapping[str, Any]]
PARTS = {"service": "services", "task": "tasks"}


def by_values(model: type[Subject], values: Values) -> Proof:
    """A proof by the values of what was changed as Ona has it now; what Ona has no more proves nothing."""

    def proof(client: OnaClient, operation: Operation) -> Verdict:
        subject = _subject(model, operation)
        if subject is None or not operation.before or is_gone(client, subject):
            return Verdict.UNPROVEN
        present = recording.plain(values(subject, operation))
        verdict = judge(operation.before, operation.after, present)
        return Verdict.UNPROVEN if _others_on(operation).exists() else verdict

    return proof


def _by_phases(client: OnaClient, operation: Operation) -> Verdict:
    """A start or stop by the phase that the service is to be in, and by the version that each of them raises.

    One that had failed was to run before already: there the phase itself tells whether it was started anew.
    """
    service = _subject(Service, operation)
    if service is None or not operation.before or is_gone(client, service):
        return Verdict.UNPROVEN
    before, present = operation.before, recording.plain(phases(service))
    had_failed = before["phase"] == ServicePhase.FAILED and before["desiredPhase"] == ServicePhase.RUNNING
    if had_failed and before["desiredPhase"] == operation.after["desiredPhase"] and present["phase"] in registry.UP:
        verdict = Verdict.DONE
    elif present["specVersion"] == before["specVersion"]:
        return Verdict.NOT_DONE
    else:
        verdict = judge(before, operation.after, present, "specVersion")
    return Verdict.UNPROVEN if _others_on(operation).exists() else verdict


def by_absence(model: type[Service | Task]) -> Proof:
    """What is gone at Ona was deleted, by whom is not told where others tried; with its environment everything goes."""

    def proof(client: OnaClient, operation: Operation) -> Verdict:
        subject = _subject(model, operation)
        if subject is None or not operation.before.get("exists"):
            return Verdict.UNPROVEN
        leaving = is_gone(client, subject) or ServicePhase.DELETED in (
            getattr(subject, "phase", ""), getattr(subject, "desired_phase", ""),
        )  # fmt: skip
        if not leaving:
            return Verdict.NOT_DONE
        is_explained = _others_on(operation).exists() or not _has_environment(client, operation)
        return Verdict.UNPROVEN if is_explained else Verdict.DONE

    return proof


def by_reference(model: type[Service | Task], kind: observe.Kind) -> Search:
    """A creation by what its environment has, or had, of that reference since, and not before."""

    def search(client: OnaClient, operation: Operation) -> Found:
        environment = _environment(operation)
        if environment is None or "idsOfThisReference" not in operation.before:
            return Verdict.UNPROVEN, {}
        reference = operation.request["metadata"]["reference"]
        _, is_whole = read_all(client, kind, environment)
        beside = _beside(operation).filter(action=operation.action, request__metadata__reference=reference)
        explained = beside.filter(target_id__isnull=False).values_list("target_id", flat=True)
        since = model.objects.filter(Q(gone_at=None) | Q(gone_at__gte=operation.asked_at), environment=environment)
        new = since.filter(reference=reference).exclude(pk__in=[*operation.before["idsOfThisReference"], *explained])
        ids = list(new.values_list("pk", flat=True))
        rivals = beside.filter(target_id=None).exists() or _files_of(operation, reference).exists()
        if not ids:
            return (Verdict.NOT_DONE if is_whole and _has_environment(client, operation) else Verdict.UNPROVEN), {}
        return (Verdict.UNPROVEN, {}) if rivals or len(ids) > 1 else (Verdict.DONE, {"target_id": ids[0]})

    return search


def start_of_task(client: OnaClient, operation: Operation) -> Found:
    """A start of a task by the execution that came of it: see `started`; with its environment executions go."""
    verdict, columns = started(client, operation)
    if verdict is Verdict.NOT_DONE and not _has_environment(client, operation):
        return Verdict.UNPROVEN, {}
    return verdict, columns


def _file_applied(client: OnaClient, operation: Operation) -> Verdict:
    """By what its environment has of the file's services and tasks, unless others made and changed such beside it."""
    environment = _environment(operation)
    if environment is None or not operation.before or not _has_environment(client, operation):
        return Verdict.UNPROVEN
    present = recording.plain(present_of(client, environment, operation.after))
    if not present or _beside(operation).filter(action__in=WRITE_DEFINITIONS).exists():
        return Verdict.UNPROVEN
    return judge(operation.before, operation.after, present)


def _stopping(execution: TaskExecution, _: Operation) -> Mapping[str, Any]:
    return {"phase": execution.phase, "desiredPhase": execution.desired_phase}


def _subject(model: type[Any], operation: Operation) -> Any:
    return model.objects.filter(pk=UUID(str(operation.target_id))).first()


def _environment(operation: Operation) -> Environment | None:
    return Environment.objects.filter(pk=UUID(str(operation.environment_id))).first()


def _has_environment(client: OnaClient, operation: Operation) -> bool:
    """Whether its environment is still there."""
    environment = _environment(operation)
    if environment is None:
        return False
    try:
        look_at(client, environment)
    except errors.NotFound:
        return False
    return True


def _beside(operation: Operation) -> OperationQuerySet:
    """Others in its environment that may have been done beside it or since."""
    others = Operation.objects.of_environment(UUID(str(operation.environment_id))).filter(sent_at__isnull=False)
    others = others.exclude(pk=operation.pk).exclude(outcome=Outcome.FAILED)
    return others.filter(Q(closed_at=None) | Q(closed_at__gt=operation.asked_at))


def _others_on(operation: Operation) -> OperationQuerySet:
    """Those of them that may have made the same thing what it is: starts and stops count as one kind."""
    action = registry.ACTIONS[operation.action]
    kinds = [name for name, other in registry.ACTIONS.items() if action.supersedes == other.supersedes != ""]
    others = _beside(operation).filter(target_id=operation.target_id, action__in=kinds or [operation.action])
    if operation.action not in WRITE_DEFINITIONS:
        return others
    model = Service if operation.target_type == "service" else Task
    subject = _subject(model, operation)
    return others | _files_of(operation, subject.reference if subject else "")


def _files_of(operation: Operation, reference: str) -> OperationQuerySet:
    """Automations files applied beside it that name what it changes or makes."""
    name = f"{PARTS[operation.target_type]}.{reference}"
    return _beside(operation).filter(action=registry.APPLY_FILE.name, after__has_key=name)


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


WRITE_DEFINITIONS = tuple(
    action.name
    for action in (
        registry.CREATE_SERVICE, registry.UPDATE_SERVICE, registry.CREATE_TASK, registry.UPDATE_TASK,
        registry.APPLY_FILE,
    )
)  # fmt: skip
PROOFS: dict[str, Proof] = {
    registry.START_SERVICE.name: _by_phases,
    registry.STOP_SERVICE.name: _by_phases,
    registry.UPDATE_SERVICE.name: by_values(Service, _given),
    registry.UPDATE_TASK.name: by_values(Task, _given),
    registry.STOP_EXECUTION.name: by_values(TaskExecution, _stopping),
    registry.DELETE_SERVICE.name: by_absence(Service),
    registry.DELETE_TASK.name: by_absence(Task),
    registry.APPLY_FILE.name: _file_applied,
}
SEARCHES: dict[str, Search] = {
    registry.START_TASK.name: start_of_task,
    registry.CREATE_SERVICE.name: by_reference(Service, observe.SERVICE_KIND),
    registry.CREATE_TASK.name: by_reference(Task, observe.TASK_KIND),
}
