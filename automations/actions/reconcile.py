"""What Ona's state proves of changes whose answer was never read: see `environments.actions.reconcile`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.db.models import Q

from automations.actions.change import UP, Subject, is_gone, read_all
from automations.actions.task_start_reconcile import started
from automations.actions.values import chosen, document_of
from automations.models import Service, ServicePhase, Task
from automations.sync import observe
from environments.actions.execute import look_at
from environments.actions.reconcile import judge
from environments.actions.registry import ACTIONS, Proof, Verdict
from environments.models import Environment
from portal.ledger import recording
from portal.ledger.models import Operation, OperationQuerySet, Outcome
from portal.ona import OnaClient, errors

Values = Callable[[Any, Operation], Mapping[str, Any]]
Found = tuple[Verdict, Mapping[str, Any]]
PARTS = {"service": "services", "task": "tasks"}
WRITE_DEFINITIONS = ("service.create", "service.update", "task.create", "task.update", "automations_file.apply")


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


def by_service_phase(values: Callable[[Service], Mapping[str, Any]]) -> Proof:
    """A start or stop by the phase of the service, the one that it is to be in, and the version that each should raise.

    One that had failed was to run before already: there the phase itself tells whether it was started again.
    """

    def proof(client: OnaClient, operation: Operation) -> Verdict:
        service = _subject(Service, operation)
        if service is None or not operation.before or is_gone(client, service):
            return Verdict.UNPROVEN
        before, present = operation.before, recording.plain(values(service))
        had_failed = before["phase"] == ServicePhase.FAILED and before["desiredPhase"] == ServicePhase.RUNNING
        if had_failed and before["desiredPhase"] == operation.after["desiredPhase"] and present["phase"] in UP:
            verdict = Verdict.DONE
        else:
            verdict = judge(before, operation.after, present, "specVersion")
            if verdict is Verdict.NOT_DONE or all(present[name] == value for name, value in before.items()):
                return Verdict.NOT_DONE
        return Verdict.UNPROVEN if _others_on(operation).exists() else verdict

    return proof


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
        is_explained = _others_on(operation).exists() or not has_environment(client, operation)
        return Verdict.UNPROVEN if is_explained else Verdict.DONE

    return proof


def by_reference(model: type[Service | Task], kind: observe.Kind) -> Proof:
    """A creation by what its environment has, or had, of that reference since, and not before."""

    def search(client: OnaClient, operation: Operation) -> Found:
        environment = environment_of(operation)
        if environment is None or "idsOfThisReference" not in operation.before:
            return Verdict.UNPROVEN, {}
        reference = operation.request["metadata"]["reference"]
        _, is_whole = read_all(client, kind, environment)
        others = beside(operation).filter(action=operation.action, request__metadata__reference=reference)
        explained = others.filter(target_id__isnull=False).values_list("target_id", flat=True)
        since = model.objects.filter(Q(gone_at=None) | Q(gone_at__gte=operation.asked_at), environment=environment)
        new = since.filter(reference=reference).exclude(pk__in=[*operation.before["idsOfThisReference"], *explained])
        ids = list(new.values_list("pk", flat=True))
        rivals = others.filter(target_id=None).exists() or _files_of(operation, reference).exists()
        if not ids:
            return (Verdict.NOT_DONE if is_whole and has_environment(client, operation) else Verdict.UNPROVEN), {}
        return (Verdict.UNPROVEN, {}) if rivals or len(ids) > 1 else (Verdict.DONE, {"target_id": ids[0]})

    return search


def start_of_task(client: OnaClient, operation: Operation) -> Found:
    """A start of a task by the execution that came of it: see `started`; with its environment executions go."""
    verdict, columns = started(client, operation)
    if verdict is Verdict.NOT_DONE and not has_environment(client, operation):
        return Verdict.UNPROVEN, {}
    return verdict, columns


def _subject(model: type[Any], operation: Operation) -> Any:
    return model.objects.filter(pk=UUID(str(operation.target_id))).first()


def environment_of(operation: Operation) -> Environment | None:
    return Environment.objects.filter(pk=UUID(str(operation.environment_id))).first()


def has_environment(client: OnaClient, operation: Operation) -> bool:
    """Whether its environment is still there."""
    environment = environment_of(operation)
    if environment is None:
        return False
    try:
        look_at(client, environment)
    except errors.NotFound:
        return False
    return True


def beside(operation: Operation) -> OperationQuerySet:
    """Others in its environment that may have been done beside it or since."""
    others = Operation.objects.of_environment(UUID(str(operation.environment_id))).filter(sent_at__isnull=False)
    others = others.exclude(pk=operation.pk).exclude(outcome=Outcome.FAILED)
    return others.filter(Q(closed_at=None) | Q(closed_at__gt=operation.asked_at))


def _others_on(operation: Operation) -> OperationQuerySet:
    """Those of them that may have made the same thing what it is: starts and stops count as one kind."""
    group = ACTIONS[operation.action].group
    kinds = [name for name, other in ACTIONS.items() if other.group == group]
    others = beside(operation).filter(target_id=operation.target_id, action__in=kinds)
    if operation.action not in WRITE_DEFINITIONS:
        return others
    model = Service if operation.target_type == "service" else Task
    subject = _subject(model, operation)
    return others | _files_of(operation, subject.reference if subject else "")


def _files_of(operation: Operation, reference: str) -> OperationQuerySet:
    """Automations files applied beside it that name what it changes or makes."""
    name = f"{PARTS[operation.target_type]}.{reference}"
    return beside(operation).filter(action="automations_file.apply", after__has_key=name)


def given(subject: Service | Task, operation: Operation) -> Mapping[str, Any]:
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
