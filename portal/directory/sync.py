"""Read the directory: each list completely; rows no longer listed are marked as deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
import structlog
from django.db import transaction
from django.utils import timezone

from portal.ona import OnaClient, OnaError
from portal.ona.documents import directory as documents
from portal.ona.documents.pages import Page

from .models import Entry, EnvironmentClass, Member, Organization, PolicyVersion, Project, Runner
from .own_token import read_own_token

log = structlog.get_logger()


@dataclass
class Outcome:
    """Counts of listed, malformed and deleted rows, and the errors of lists that could not be read."""

    pages: int = 0
    listed: int = 0
    malformed: int = 0
    gone: int = 0
    errors: dict[str, OnaError] = field(default_factory=dict)


def sync_directory(client: OnaClient) -> Outcome:
    """Fetch the organization with its policies, members, projects, runners, environment classes; what the token is.

    A list that Ona refuses is skipped, its rows stay, and its error is in the outcome. OnaError if not even the token's
    identity can be read (IdentityService.GetAuthenticatedIdentity).
    """
    outcome = Outcome()
    identity = client.get_authenticated_identity()
    read_own_token(client, identity)
    organization_id = identity.organization_id
    if organization_id is not None:
        _attempt(outcome, "organization", lambda: _save_organization(client, str(organization_id), outcome))
        members = client.member_pages(str(organization_id))
        _attempt(outcome, "members", lambda: _save(Member, members, _member, outcome))
    _attempt(outcome, "projects", lambda: _save(Project, client.project_pages(), _project, outcome))
    _attempt(outcome, "runners", lambda: _save(Runner, client.runner_pages(), _runner, outcome))
    classes = client.environment_class_pages()
    _attempt(outcome, "environment classes", lambda: _save(EnvironmentClass, classes, _environment_class, outcome))
    return outcome


def _attempt(outcome: Outcome, name: str, step: Callable[[], None]) -> None:
    try:
        step()
    except OnaError as error:
        log.warning("directory list failed", list=name, code=error.code, rpc=error.rpc, request_id=error.request_id)
        outcome.errors[name] = error


def _save(
    model: type[Entry], pages: Iterator[Page[Any]], columns: Callable[[Any], dict[str, Any]], outcome: Outcome
) -> None:
    """Write a complete list in one transaction, after its last page."""
    started_at = timezone.now()
    entries = []
    for page in pages:
        outcome.pages += 1
        outcome.malformed += len(page.malformed)
        entries += [columns(document) | {"document": _json(document)} for document in page.items]
    outcome.listed += len(entries)
    with transaction.atomic():
        _upsert(model, entries, started_at)
        absent = model._default_manager.filter(seen_at__lt=started_at, gone_at=None)
        outcome.gone += absent.update(gone_at=started_at)


def _upsert(model: type[Entry], entries: Iterable[dict[str, Any]], seen_at: datetime) -> None:
    unique = {entry["id"]: model(first_seen_at=seen_at, seen_at=seen_at, **entry) for entry in entries}
    kept = {"id", "first_seen_at"}
    model._default_manager.bulk_create(
        unique.values(),
        batch_size=1000,
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=[each.name for each in model._meta.concrete_fields if each.name not in kept],
    )


def _json(document: documents.Whole) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(document.storable)
    return found


def _save_organization(client: OnaClient, organization_id: str, outcome: Outcome) -> None:
    organization = client.get_organization(organization_id)
    policies = client.get_organization_policies(organization_id)
    observe_organization(organization, policies, timezone.now())
    outcome.listed += 1


def observe_organization(
    organization: documents.Organization, policies: documents.Policies, seen_at: datetime
) -> PolicyVersion | None:
    """Write the organization and its policies as of `seen_at`; return the new version if the policies changed."""
    columns = {
        "policies": _json(policies),
        "maximum_environment_timeout": policies.maximum_environment_timeout,
        "maximum_environment_lifetime": policies.maximum_environment_lifetime,
        "maximum_environment_lifetime_strict": policies.maximum_environment_lifetime_strict,
        "archive_environments_after": policies.archive_environments_after,
        "delete_archived_environments_after": policies.delete_archived_environments_after,
        "port_sharing_disabled": policies.port_sharing_disabled,
        "max_port_admission_level": policies.max_port_admission_level,
    }
    entry = {
        "id": organization.id,
        "name": organization.name,
        "tier": organization.tier,
        "document": _json(organization),
        "policies_seen_at": seen_at,
    }
    with transaction.atomic():
        before = Organization.objects.filter(pk=organization.id).values_list("policies_seen_at", flat=True).first()
        _upsert(Organization, [entry | columns], seen_at)
        newest = PolicyVersion.objects.filter(organization_id=organization.id).order_by("-seen_at", "-id").first()
        if newest and newest.policies == columns["policies"]:
            return None
        old_seen_at = before if newest else None
        return PolicyVersion.objects.create(
            organization_id=organization.id, old_seen_at=old_seen_at, seen_at=seen_at, **columns
        )


def _member(document: documents.Member) -> dict[str, Any]:
    return {
        "id": document.user_id,
        "name": document.full_name,
        "email": document.email,
        "role": document.role,
        "status": document.status,
        "avatar_url": document.avatar_url,
        "member_since": document.member_since,
    }


def _project(document: documents.Project) -> dict[str, Any]:
    return {"id": document.id, "name": document.name, "repository": document.repository}


def _runner(document: documents.Runner) -> dict[str, Any]:
    return {
        "id": document.id,
        "name": document.name,
        "kind": document.kind,
        "provider": document.provider,
        "phase": document.phase,
        "region": document.region,
        "version": document.version,
        "message": document.message,
    }


def _environment_class(document: documents.EnvironmentClass) -> dict[str, Any]:
    return {
        "id": document.id,
        "name": document.display_name,
        "description": document.description,
        "runner_id": document.runner_id,
        "enabled": document.enabled,
    }
