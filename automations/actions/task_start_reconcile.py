"""What became of a start of a task whose answer was never read: by the executions that came since."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from automations.sync import observe
from environments.actions.registry import Verdict
from portal.ledger.models import Operation, OperationQuerySet, Outcome
from portal.ona import OnaClient
from portal.ona.documents.automations import TaskExecutionDocument

# an event started it: then nobody asked for it
TRIGGERS = ("postEnvironmentStart", "postDevcontainerStart", "postMachineStart", "prebuild", "beforeSnapshot")


def started(client: OnaClient, operation: Operation) -> tuple[Verdict, Mapping[str, Any]]:
    """Done, where exactly one execution came since that the token's identity started and that no other operation made.

    Not done, where none came that somebody asked for. OnaError where Ona cannot be read.
    """
    if "newest" not in operation.before:
        return Verdict.UNPROVEN, {}
    since, is_whole = _since(client, UUID(str(operation.target_id)), operation.before)
    others = Operation.objects.filter(action=operation.action, target_id=operation.target_id).exclude(pk=operation.pk)
    taken = set(others.filter(after__has_key="executionId").values_list("after__executionId", flat=True))
    possible = [each for each in since if str(each.id) not in taken and not _is_triggered(each)]
    if not possible:
        return (Verdict.NOT_DONE if is_whole else Verdict.UNPROVEN), {}
    ours = _ours(client, possible)
    if len(ours) != 1 or _rivals(others, operation).exists():
        return Verdict.UNPROVEN, {}
    return Verdict.DONE, {"after": operation.after | {"executionId": str(ours[0].id)}}


def _since(client: OnaClient, task_id: UUID, before: Mapping[str, Any]) -> tuple[list[TaskExecutionDocument], bool]:
    """The task's executions that are no older than what was its newest, taken into the cache; whether all could be
    read. Times are Ona's own."""
    found: list[observe.AutomationObservation] = []
    is_whole = True
    oldest = datetime.fromisoformat(before["newestCreatedAt"]) if before.get("newestCreatedAt") else None
    for page in client.execution_pages(task_ids=[task_id]):
        is_whole &= not page.malformed
        new = [document for document in page.items if not _was_there(document, before, oldest)]
        found += [observe.AutomationObservation(page.sent_at, document) for document in new]
        if oldest and any(_is_older(document, oldest) for document in page.items):
            break
    observe.observe(observe.EXECUTION_KIND, found)
    return [each.document for each in found], is_whole


def _was_there(document: TaskExecutionDocument, before: Mapping[str, Any], oldest: datetime | None) -> bool:
    return str(document.id) in before["newest"] or bool(oldest and _is_older(document, oldest))


def _is_older(document: TaskExecutionDocument, than: datetime) -> bool:
    made_at = document.metadata.head.created_at
    return made_at is not None and made_at < than


def _is_triggered(document: TaskExecutionDocument) -> bool:
    return document.metadata.head.started_by in TRIGGERS


def _ours(client: OnaClient, documents: list[TaskExecutionDocument]) -> list[TaskExecutionDocument]:
    """Those that the token's identity started, or that tell of nobody."""
    identity = client.get_authenticated_identity().subject.id
    return [each for each in documents if each.metadata.head.creator.id in (None, identity)]


def _rivals(others: OperationQuerySet, operation: Operation) -> OperationQuerySet:
    """Other starts beside it of which it is not known which execution came of them."""
    beside = others.filter(Q(closed_at=None) | Q(closed_at__gt=operation.asked_at), sent_at__isnull=False)
    return beside.exclude(outcome=Outcome.FAILED).exclude(after__has_key="executionId")
