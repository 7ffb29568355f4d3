"""Check the token: who owns it, what it sees and lacks. One harmless read after another, each with its meaning."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from portal.directory.models import SERVICE_ACCOUNT
from portal.directory.own_token import READ_ONLY, TokenState, own_token, read_own_token
from portal.ona import OnaClient, OnaError
from portal.ona.documents.directory import Identity
from portal.ona.documents.pages import Page

READS = ". Such a token reads and starts automations; for other changes Ona requires a personal access token."


@dataclass(frozen=True)
class Finding:
    """One read: what was tried, whether it worked, and the result; `needed` if the portal cannot work without it."""

    subject: str
    well: bool
    text: str
    needed: bool = False


def check(client: OnaClient) -> Iterator[Finding]:
    """The findings, one by one; without an identity, nothing more is read."""
    try:
        identity = client.get_authenticated_identity()
    except OnaError as error:
        yield Finding("token", False, error.for_people(), needed=True)
        return
    yield _describe(identity)
    read_own_token(client, identity)
    yield _expiry(own_token())
    organization_id = str(identity.organization_id or "")
    yield _try("environments", lambda: _environments(client), "Without it there is nothing to show.", needed=True)
    yield _try("organization", lambda: client.get_organization(organization_id).name, "It has no name here.")
    yield _try("members", lambda: _members(client, identity), "Owners are shown by id instead of name.")
    yield _try("policies", lambda: _policies(client, organization_id), "Archive and lockdown cannot be judged.")
    yield _try("projects", lambda: _first(client.project_pages()), "Projects are shown by id.")
    yield _try("runners", lambda: _first(client.runner_pages()), "Runners are shown by id.")
    yield _try("environment classes", lambda: _first(client.environment_class_pages()), "Classes are shown by id.")
    for name, pages in (("services", client.service_pages), ("tasks", client.task_pages)):
        yield _try(name, lambda pages=pages: _first(pages()), f"The portal shows no {name}.")  # type: ignore[misc]
    yield _try("task executions", lambda: _first(client.execution_pages()), "The portal shows no executions.")
    outside = "What is done outside the portal has no name here."
    yield _try("audit log", lambda: _first(client.audit_log_pages(page_size=1)), outside)


def _describe(identity: Identity) -> Finding:
    kind = identity.subject.principal.removeprefix("PRINCIPAL_").lower().replace("_", " ") or "unknown principal"
    if identity.organization_id is None:
        return Finding("token", False, f"It is of a {kind} that belongs to no organization.", needed=True)
    limits = READS if identity.subject.principal == SERVICE_ACCOUNT else ""
    tier = identity.organization_tier or "unknown"
    return Finding(
        "token", True, f"{kind} {identity.subject.id} of organization {identity.organization_id}, tier {tier}{limits}"
    )


def _expiry(token: TokenState) -> Finding:
    """Until when it can be used, and whether for reading alone."""
    rights = f" {READ_ONLY}" if token.is_read_only else ""
    day = f" ({token.expires_at:%Y-%m-%d %H:%M} UTC)" if token.expires_at else ": set ONA_API_KEY_EXPIRES"
    several = " Its owner has several tokens; this is the first of them to expire." if token.is_probable else ""
    return Finding("expiry", not token.is_expiring, f"it {token.text}{day}.{several}{rights}")


def _try(subject: str, read: Callable[[], str], lack: str, *, needed: bool = False) -> Finding:
    try:
        return Finding(subject, True, read(), needed)
    except OnaError as error:
        return Finding(subject, False, f"{error.for_people()} {lack}", needed)


def _environments(client: OnaClient) -> str:
    page = client.list_environments(count=True, page_size=1)
    if page.total is None:
        return f"{len(page.items)} or more"
    return f"{page.total:,}{'' if page.total_exact else ' or more'}, archived ones included"


def _members(client: OnaClient, identity: Identity) -> str:
    members = [member for page in client.member_pages(str(identity.organization_id)) for member in page.items]
    role = next((member.role for member in members if member.user_id == identity.subject.id), "")
    if not role:
        return f"{len(members):,}; the token is none of them"
    if role == "ORGANIZATION_ROLE_ADMIN":
        return f"{len(members):,}; the token is an organization admin's and sees all environments"
    return f"{len(members):,}; the token is not an organization admin's: it may see only some environments"


def _policies(client: OnaClient, organization_id: str) -> str:
    policies = client.get_organization_policies(organization_id)
    archive, lifetime = policies.archive_environments_after, policies.maximum_environment_lifetime
    strict = " (strict)" if policies.maximum_environment_lifetime_strict else ""
    return f"archive after {archive or 'unknown'}, maximum lifetime {lifetime or 'none'}{strict}"


def _first(pages: Iterator[Page[Any]]) -> str:
    page = next(pages)
    return f"{len(page.items)}{' or more' if page.next_token else ''}"
