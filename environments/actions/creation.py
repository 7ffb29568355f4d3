"""Environments made from a context URL, a repository or a project (EnvironmentService).

Ona makes them for the identity that the portal's token belongs to. What that identity had last is read before the call:
when the answer is lost, what it has since tells whether there is one more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Unpack
from uuid import UUID

from django.utils import timezone

from environments.actions.error_messages import not_created
from environments.actions.execute import Change, execute
from environments.actions.lifecycle import START
from environments.actions.registry import Action, Verdict
from environments.models import Environment
from environments.sync.observe import observe
from portal.directory.models import Project
from portal.ledger.models import Operation, OperationQuerySet, Outcome
from portal.ledger.recording import RequestContext, Target
from portal.ona import OnaClient
from portal.ona.documents.environments import EnvironmentDocument, Observation

CREATIONS = ("environment.create", "environment.create_from_project")
CLOCKS_DIFFER = timedelta(minutes=5)


def create_environment(
    *, url: str, class_id: UUID, name: str = "", branch: str = "", **context: Unpack[RequestContext]
) -> Operation:
    """CreateEnvironment from a context URL, or of a repository's `branch`; Ona makes up a name where there is none.

    The operation's `environment_id` is the new one's. Raises what `environments.actions.execute.authorize` does.
    """
    git = {"remoteUri": url, "targetMode": "CLONE_TARGET_MODE_REMOTE_BRANCH", "cloneTarget": branch}
    initializer = {"git": git} if branch else {"contextUrl": {"url": url}}
    spec = {"machine": {"class": str(class_id)}, "content": {"initializer": {"specs": [initializer]}}}
    request = {"spec": spec} | _given(name=name)
    after = {"contextUrl": url, "class": class_id} | _given(branch=branch, name=name)
    return _create(
        CREATE, lambda ona: ona.create_environment(spec, name=name or None), request, after, name or url, context
    )


def create_environment_from_project(
    *, project: Project, class_id: UUID | None = None, name: str = "", **context: Unpack[RequestContext]
) -> Operation:
    """CreateEnvironmentFromProject, on the project's first class unless another is named; else as the above."""
    spec = {"machine": {"class": str(class_id)}} if class_id else None
    request = {"projectId": project.pk} | _given(spec=spec, name=name)
    after = {"projectId": project.pk, "project": str(project)} | _given(**{"class": class_id}, name=name)

    def call(ona: OnaClient) -> EnvironmentDocument:
        return ona.create_environment_from_project(project.pk, spec=spec, name=name or None)

    return _create(CREATE_FROM_PROJECT, call, request, after, name or str(project), context)


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}


def _create(
    action: Action,
    call: Callable[[OnaClient], EnvironmentDocument],
    request: Mapping[str, Any],
    after: Mapping[str, Any],
    named: str,
    context: RequestContext,
) -> Operation:
    """`named` is what the ledger calls it, `after` what tells it from others."""

    def create(ona: OnaClient) -> Observation:
        sent_at = timezone.now()
        return Observation(sent_at, call(ona))

    target = Target("environment", None, named)
    change = Change(action, target, create, _newest, request, after, read_back=lambda _, made: _found(made))
    return execute(change, context)


def _newest(client: OnaClient) -> dict[str, Any]:
    """Who the token is, and what that identity made last."""
    creator = client.get_authenticated_identity().subject.id
    if creator is None:
        return {}
    latest = client.list_environments(filter={"creatorIds": [str(creator)]}, page_size=1).items
    newest = {"newest": latest[0].id, "newestCreatedAt": latest[0].metadata.head.created_at} if latest else {}
    return {"creator": creator, **newest}


def _found(observation: Observation) -> dict[str, Any]:
    """The new environment, in the cache from now on, as columns of its operation."""
    observe([observation])
    return {"target_id": observation.document.id, "environment_id": observation.document.id}


def created(client: OnaClient, operation: Operation) -> tuple[Verdict, Mapping[str, Any]]:
    """What became of a creation whose answer was never read, and the columns that name what it made.

    Done, where exactly one environment was made since that is as was asked for, and no other operation may have made
    it. Not done, where none was made that can be it, however it was changed since. OnaError where Ona cannot be read.
    """
    if not operation.before.get("creator"):
        return Verdict.UNPROVEN, {}
    since, is_whole = _since(client, operation.before)
    taken = set(_others(operation).filter(target_id__in=since).values_list("target_id", flat=True))
    possible = [each for id_, each in since.items() if id_ not in taken and _may_be(operation.after, each.document)]
    exact = [each for each in possible if _is(operation.after, each.document)]
    if not possible:
        return (Verdict.NOT_DONE if is_whole and not _may_be_deleted(operation) else Verdict.UNPROVEN), {}
    if len(exact) != 1 or _has_rivals(operation, exact[0].document):
        return Verdict.UNPROVEN, {}
    return Verdict.DONE, _found(exact[0])


def _since(client: OnaClient, before: Mapping[str, Any]) -> tuple[dict[UUID, Observation], bool]:
    """What the identity has that is no older than what was its newest; whether all of it could be read."""
    found: dict[UUID, Observation] = {}
    oldest, is_whole = _time(before.get("newestCreatedAt")), True
    for page in client.environment_pages(filter={"creatorIds": [before["creator"]]}):
        is_whole &= not page.malformed
        for document in page.items:
            made_at = document.metadata.head.created_at
            if oldest and made_at and made_at < oldest:
                return found, is_whole
            if str(document.id) != before.get("newest"):
                found[document.id] = Observation(page.sent_at, document)
    return found, is_whole


def _time(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _may_be(after: Mapping[str, Any], document: EnvironmentDocument) -> bool:
    """Whether it agrees in what nobody can change: name and content may have been since."""
    values = {"class": document.spec.head.machine.class_id, "projectId": document.metadata.head.project_id}
    return all(after[key] == str(value) for key, value in values.items() if key in after)


def _is(after: Mapping[str, Any], document: EnvironmentDocument) -> bool:
    """Whether it is still as was asked for."""
    metadata, initializer = document.metadata.head, document.spec.head.content.initializer
    branch = initializer.git.clone_target if initializer.git else ""
    values = {"name": metadata.name, "branch": branch}
    addresses = {_bare(each) for each in (metadata.original_context_url, initializer.repository)}
    same_place = "contextUrl" not in after or _bare(after["contextUrl"]) in addresses
    return same_place and all(after[key] == value for key, value in values.items() if key in after)


def _bare(url: str) -> str:
    return url.rstrip("/").removesuffix(".git").lower()


def _others(operation: Operation) -> OperationQuerySet:
    return Operation.objects.filter(action__in=CREATIONS).exclude(pk=operation.pk)


def _has_rivals(operation: Operation, found: EnvironmentDocument) -> bool:
    """Whether another creation of unknown end may have made `found`: one alike, asked for before it was there."""
    beside = _others(operation).filter(sent_at__isnull=False, target_id=None).exclude(outcome=Outcome.FAILED)
    return any(
        all(other.after[key] == value for key, value in operation.after.items() if key in other.after)
        and not _was_there(found, other)
        for other in beside.exclude(closed_at__lt=operation.asked_at)
    )


def _was_there(found: EnvironmentDocument, operation: Operation) -> bool:
    newest, made_at = _time(operation.before.get("newestCreatedAt")), found.metadata.head.created_at
    is_older = bool(newest and made_at and made_at < newest)
    return is_older or operation.before.get("newest") == str(found.id)


def _may_be_deleted(operation: Operation) -> bool:
    """Whether the identity lost an environment since that no other operation made."""
    oldest = _time(operation.before.get("newestCreatedAt")) or operation.asked_at - CLOCKS_DIFFER
    gone = Environment.objects.filter(gone_at__isnull=False, creator_id=operation.before["creator"])
    known = _others(operation).filter(target_id__isnull=False).values("target_id")
    return gone.filter(created_at__gte=oldest).exclude(pk=operation.before.get("newest")).exclude(pk__in=known).exists()


CREATE = Action(
    name="environment.create", label="Create", past="created", in_ledger="create environment",
    permission="environments.add_environment", do=create_environment, followed=START.followed, patience=START.patience,
    supersedes="phase", proof=created, explain=not_created,
)  # fmt: skip
CREATE_FROM_PROJECT = replace(
    CREATE, name="environment.create_from_project", label="Create from project",
    in_ledger="create environment from project", do=create_environment_from_project,
)  # fmt: skip
ACTIONS = (CREATE, CREATE_FROM_PROJECT)
