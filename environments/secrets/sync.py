"""Sync run: secrets, scope by scope (SecretService.ListSecrets), as far as the token may see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from environments.models import Environment, Secret, SyncRun
from environments.models.secret_scope import Scope, ScopeKind
from environments.secrets.upsert import count_environments, mark_unlisted_as_deleted, merge_documents
from environments.sync.job import SyncError, record_run
from portal.directory.models import Member, Organization, Project
from portal.ona import OnaClient, errors
from portal.ona.documents.secrets import SecretDocument

SERVICE_ACCOUNT = "PRINCIPAL_SERVICE_ACCOUNT"
SCOPES_PER_BATCH = 25  # scopes requested before their answers are processed
PLURALS = {
    ScopeKind.ORGANIZATION: ("the organization", "organizations"),
    ScopeKind.PROJECT: ("1 project", "projects"),
    ScopeKind.USER: ("1 person", "people"),
    ScopeKind.SERVICE_ACCOUNT: ("1 service account", "service accounts"),
}


@dataclass(frozen=True, slots=True)
class ScopeListing:
    """The secrets of one scope, requested at `requested_at` or later; `is_clean`: all could be read."""

    scope: Scope
    requested_at: datetime
    documents: list[SecretDocument] = field(default_factory=list)
    pages: int = 0
    malformed: int = 0
    is_refused: bool = False

    @property
    def is_clean(self) -> bool:
        return not (self.malformed or self.is_refused)


def sync_secrets(client: OnaClient) -> SyncRun | None:
    """List the secrets of all scopes and mark missing ones as deleted; None if such a run is in progress.

    Scopes that the token may not see are named in the run's `error`; the run succeeds all the same.
    """
    return record_run(SyncRun.Kind.SECRETS, client, lambda run: _sync(client, run))


def read_scope(client: OnaClient, scope: Scope) -> list[SecretDocument]:
    """Read the secrets of one scope now and merge them into the table; OnaError if they cannot be read.

    Names and counts are updated by `environments.secrets.upsert.count_environments`.
    """
    listed = _list_scope(client, scope)
    if listed.is_refused:
        raise errors.PermissionDenied("the token may not list the secrets there", rpc="SecretService/ListSecrets")
    _store(listed)
    return listed.documents


def _sync(client: OnaClient, run: SyncRun) -> None:
    refused: Counter[ScopeKind] = Counter()
    for listed in _listings(client, refused):
        run.pages += listed.pages
        run.listed += len(listed.documents)
        run.malformed += listed.malformed
        refused[listed.scope.kind] += listed.is_refused
        refused_rows, gone = _store(listed)
        run.malformed += refused_rows
        run.gone += gone
    count_environments()
    run.changed = Secret.objects.filter(changed_at__gte=run.started_at).count()
    run.error = _describe_refused(refused)


def _listings(client: OnaClient, refused: Counter[ScopeKind]) -> Iterator[ScopeListing]:
    """List every scope. Stops at people if none of a full batch may be seen: the token's owner comes first."""
    identity = client.get_authenticated_identity()
    people = [Scope(ScopeKind.USER, id_) for id_ in _members(identity.subject.id)]
    yield from _list_scopes(client, dict.fromkeys(_scopes()))
    for batch in _batches(people, SCOPES_PER_BATCH):
        answers = list(_list_scopes(client, batch))
        yield from answers
        if len(batch) == SCOPES_PER_BATCH and all(listed.is_refused for listed in answers):
            refused[ScopeKind.USER] += len(people) - people.index(batch[-1]) - 1
            return


def _scopes() -> Iterator[Scope]:
    """All scopes except people's: those of the directory, and of recorded secrets."""
    organizations = list(Organization.objects.present().values_list("pk", flat=True))
    if not organizations:
        raise SyncError("The directory has not been read yet, and secrets depend on it. The next run tries again.")
    yield from (Scope(ScopeKind.ORGANIZATION, id_) for id_ in organizations)
    yield from (Scope(ScopeKind.PROJECT, id_) for id_ in Project.objects.present().values_list("pk", flat=True))
    recorded = Secret.objects.present().exclude(scope_kind="").exclude(scope_kind=ScopeKind.USER)
    for kind, id_ in recorded.order_by().values_list("scope_kind", "scope_id").distinct():
        if kind in ScopeKind.values and id_:
            yield Scope(ScopeKind(kind), id_)
    accounts = Environment.objects.present().filter(creator_principal=SERVICE_ACCOUNT, creator_id__isnull=False)
    for id_ in accounts.order_by().values_list("creator_id", flat=True).distinct():
        if id_:
            yield Scope(ScopeKind.SERVICE_ACCOUNT, id_)


def _members(own: UUID | None) -> list[UUID]:
    """The token's owner first, then owners of recorded secrets, then everybody else."""
    recorded = Secret.objects.present().filter(scope_kind=ScopeKind.USER).values_list("scope_id", flat=True)
    members = Member.objects.present().order_by("id").values_list("pk", flat=True)
    return [id_ for id_ in dict.fromkeys([own, *recorded, *members]) if id_]


def _list_scopes(client: OnaClient, scopes: Iterable[Scope]) -> Iterator[ScopeListing]:
    """List `scopes` in order, several in parallel; this thread does the merging."""
    with ThreadPoolExecutor(settings.ONA_CONCURRENCY) as pool:
        for batch in _batches(scopes, SCOPES_PER_BATCH):
            yield from pool.map(lambda scope: _list_scope(client, scope), batch)


def _batches(scopes: Iterable[Scope], size: int) -> Iterator[list[Scope]]:
    rest = iter(scopes)
    while batch := list(islice(rest, size)):
        yield batch


def _list_scope(client: OnaClient, scope: Scope) -> ScopeListing:
    """List one scope; one that Ona does not find has no secrets."""
    requested_at = timezone.now()
    documents: list[SecretDocument] = []
    pages = malformed = 0
    try:
        for page in client.secret_pages(scope.message):
            pages += 1
            malformed += len(page.malformed)
            documents += page.items
    except errors.NotFound:
        return ScopeListing(scope, requested_at)
    except errors.PermissionDenied:
        return ScopeListing(scope, requested_at, is_refused=True)
    return ScopeListing(scope, requested_at, documents, pages, malformed)


def _store(listed: ScopeListing) -> tuple[int, int]:
    """Store a listing; return how many documents were refused and how many secrets marked as deleted."""
    refused = merge_documents(listed.documents, listed.requested_at, listed.scope)
    return refused, mark_unlisted_as_deleted(listed.scope, listed.requested_at) if listed.is_clean else 0


def _describe_refused(refused: Counter[ScopeKind]) -> str:
    """A sentence about the scopes that the token may not see, for the run's row."""
    parts = [_count_of(kind, count) for kind, count in refused.items() if count]
    if not parts:
        return ""
    return f"The token may not see the secrets of {_join(parts)}; their records stay as they were."


def _count_of(kind: ScopeKind, count: int) -> str:
    one, many = PLURALS[kind]
    return one if count == 1 else f"{count:,} {many}"


def _join(parts: Sequence[str]) -> str:
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last
