"""The sync of secrets: scope by scope (SecretService.ListSecrets), as far as the token may see."""

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
from environments.secrets.upsert import count_environments, mark_gone, merge
from environments.sync.job import SyncError, record_run
from portal.directory.models import Member, Organization, Project
from portal.ona import OnaClient, errors
from portal.ona.documents.secrets import SecretDocument

SERVICE_ACCOUNT = "PRINCIPAL_SERVICE_ACCOUNT"
AT_ONCE = 25  # scopes asked for before the answers are looked at
PLURALS = {
    ScopeKind.ORGANIZATION: ("the organization", "organizations"),
    ScopeKind.PROJECT: ("1 project", "projects"),
    ScopeKind.USER: ("1 person", "people"),
    ScopeKind.SERVICE_ACCOUNT: ("1 service account", "service accounts"),
}


@dataclass(frozen=True, slots=True)
class Listed:
    """The secrets of one scope, in the request sent at `asked_at` or after; `is_clean` where all could be read."""

    scope: Scope
    asked_at: datetime
    documents: list[SecretDocument] = field(default_factory=list)
    pages: int = 0
    malformed: int = 0
    is_refused: bool = False

    @property
    def is_clean(self) -> bool:
        return not (self.malformed or self.is_refused)


def sync_secrets(client: OnaClient) -> SyncRun | None:
    """List the secrets of every scope and find what is gone; None if such a run is under way.

    Scopes that the token may not see are noted in the run's `error`; it is a good one all the same.
    """
    return record_run(SyncRun.Kind.SECRETS, client, lambda run: _sync(client, run))


def read_scope(client: OnaClient, scope: Scope) -> list[SecretDocument]:
    """The secrets of one scope as they are now, merged into the table; OnaError where they cannot be read.

    Names and counts are brought up to date by `environments.secrets.upsert.count_environments`.
    """
    listed = _list(client, scope)
    if listed.is_refused:
        raise errors.PermissionDenied("the token may not list the secrets there", rpc="SecretService/ListSecrets")
    _keep(listed)
    return listed.documents


def _sync(client: OnaClient, run: SyncRun) -> None:
    refused: Counter[ScopeKind] = Counter()
    for listed in _listings(client, refused):
        run.pages += listed.pages
        run.listed += len(listed.documents)
        run.malformed += listed.malformed
        refused[listed.scope.kind] += listed.is_refused
        refused_rows, gone = _keep(listed)
        run.malformed += refused_rows
        run.gone += gone
    count_environments()
    run.changed = Secret.objects.filter(changed_at__gte=run.started_at).count()
    run.error = _told(refused)


def _listings(client: OnaClient, refused: Counter[ScopeKind]) -> Iterator[Listed]:
    """Every scope's. People's are given up where none of many may be seen: the token's owner comes first."""
    identity = client.get_authenticated_identity()
    people = [Scope(ScopeKind.USER, id_) for id_ in _members(identity.subject.id)]
    yield from _ask(client, dict.fromkeys(_scopes()))
    for some in _batches(people, AT_ONCE):
        answers = list(_ask(client, some))
        yield from answers
        if len(some) == AT_ONCE and all(listed.is_refused for listed in answers):
            refused[ScopeKind.USER] += len(people) - people.index(some[-1]) - 1
            return


def _scopes() -> Iterator[Scope]:
    """All but people's: the directory's, and those of secrets known so far."""
    organizations = list(Organization.objects.present().values_list("pk", flat=True))
    if not organizations:
        raise SyncError(
            "The directory has not been read yet, and secrets go by what it lists. The next run looks again."
        )
    yield from (Scope(ScopeKind.ORGANIZATION, id_) for id_ in organizations)
    yield from (Scope(ScopeKind.PROJECT, id_) for id_ in Project.objects.present().values_list("pk", flat=True))
    known = Secret.objects.present().exclude(scope_kind="").exclude(scope_kind=ScopeKind.USER)
    for kind, id_ in known.order_by().values_list("scope_kind", "scope_id").distinct():
        if kind in ScopeKind.values and id_:
            yield Scope(ScopeKind(kind), id_)
    accounts = Environment.objects.present().filter(creator_principal=SERVICE_ACCOUNT, creator_id__isnull=False)
    for id_ in accounts.order_by().values_list("creator_id", flat=True).distinct():
        if id_:
            yield Scope(ScopeKind.SERVICE_ACCOUNT, id_)


def _members(own: UUID | None) -> list[UUID]:
    """The token's owner, whose secrets are known so far, and everybody else."""
    known = Secret.objects.present().filter(scope_kind=ScopeKind.USER).values_list("scope_id", flat=True)
    members = Member.objects.present().order_by("id").values_list("pk", flat=True)
    return [id_ for id_ in dict.fromkeys([own, *known, *members]) if id_]


def _ask(client: OnaClient, scopes: Iterable[Scope]) -> Iterator[Listed]:
    """The listings of `scopes` in their order, some side by side; merging is left to this thread."""
    with ThreadPoolExecutor(settings.ONA_CONCURRENCY) as pool:
        for some in _batches(scopes, AT_ONCE):
            yield from pool.map(lambda scope: _list(client, scope), some)


def _batches(scopes: Iterable[Scope], size: int) -> Iterator[list[Scope]]:
    rest = iter(scopes)
    while some := list(islice(rest, size)):
        yield some


def _list(client: OnaClient, scope: Scope) -> Listed:
    """A scope that Ona does not know has no secrets."""
    asked_at = timezone.now()
    documents: list[SecretDocument] = []
    pages = malformed = 0
    try:
        for page in client.secret_pages(scope.message):
            pages += 1
            malformed += len(page.malformed)
            documents += page.items
    except errors.NotFound:
        return Listed(scope, asked_at)
    except errors.PermissionDenied:
        return Listed(scope, asked_at, is_refused=True)
    return Listed(scope, asked_at, documents, pages, malformed)


def _keep(listed: Listed) -> tuple[int, int]:
    """How many documents the table refused, and how many of its secrets are gone."""
    refused = merge(listed.documents, listed.asked_at, listed.scope)
    return refused, mark_gone(listed.scope, listed.asked_at) if listed.is_clean else 0


def _told(refused: Counter[ScopeKind]) -> str:
    """What a run's row says of scopes that were not seen."""
    parts = [_several(kind, count) for kind, count in refused.items() if count]
    if not parts:
        return ""
    return f"The token may not see the secrets of {_listed(parts)}; what is known of them stays as it was."


def _several(kind: ScopeKind, count: int) -> str:
    one, many = PLURALS[kind]
    return one if count == 1 else f"{count:,} {many}"


def _listed(parts: Sequence[str]) -> str:
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last
