"""The list of secrets: who gets them, how, and how old their values are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import F, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Coalesce, LPad, Upper
from django.http import HttpRequest
from django.utils import timezone

from environments.list.names import names_of
from environments.models import Secret, SyncRun
from environments.models.secret import Mount
from environments.models.secret_scope import ScopeKind
from environments.secrets.reach import change_token
from environments.sync.connection import why_blocked
from environments.sync.freshness import freshness
from portal.directory.models import Member, Project
from portal.lists.completion import among, names_among
from portal.lists.declaration import Heading, List, ListQuery, Table
from portal.lists.filters import Filter, any_of, words_of
from portal.lists.folding import contains
from portal.lists.keyset import Sort
from portal.lists.readers import word_of
from portal.lists.search import Key, OneOf, Search, keys, listed, same


def _number(column: str) -> Coalesce:
    """A number as a text that sorts alike."""
    return Coalesce(LPad(Cast(column, TextField()), 10, Value("0")), Value(""))


# Secrets are thousands at most: sorting them costs less than an index for each column would at every sync.
SORTS = (
    Sort("name", "Name", Upper("name"), ""),
    Sort("scope", "Belongs to", Upper("scope_name"), ""),
    Sort("mount", "Mounted as", F("mount_kind"), ""),
    Sort("uses", "Used by", _number("uses"), "", first_click_descends=True),
    Sort("reach", "Available to", _number("reach"), "", first_click_descends=True),
    Sort("value", "Last rotated", F("updated_at"), None),
    Sort("creator", "Created by", Upper("creator_name"), ""),
)
DAYS = {"90": "over 90 days ago", "180": "over 180 days ago", "365": "over a year ago"}
USED = {"no": "unused", "yes": "in use"}
GONE = {"yes": "include", "only": "only"}
SCOPES = {str(kind.value): str(kind.label) for kind in ScopeKind}
MOUNTS = {str(kind.value): str(kind.label) for kind in Mount}


def _part_of(column: str, kind: str = "") -> Callable[[str], Q]:
    only = Q(scope_kind=kind) if kind else Q()
    return lambda text: only & Q(**{f"{column}__says": text})


KEYS = keys(
    Key("name", "a part of the name", "name:token", _part_of("name")),
    Key(
        "scope",
        listed(SCOPES),
        "scope:project",
        OneOf({word: Q(scope_kind=word) for word in SCOPES}),
        among(*SCOPES),
        same("scope"),
    ),
    Key(
        "project",
        "a part of the project's name",
        "project:shop",
        _part_of("scope_name", ScopeKind.PROJECT),
        names_among(Project),
    ),
    Key(
        "owner", "a part of the person's name", "owner:ann", _part_of("scope_name", ScopeKind.USER), names_among(Member)
    ),
    Key("creator", "a part of the creator's name", "creator:ann", _part_of("creator_name"), names_among(Member)),
    Key(
        "mount",
        listed(MOUNTS),
        "mount:file",
        OneOf({word: Q(mount_kind=word) for word in MOUNTS}),
        among(*MOUNTS),
        same("mount"),
    ),
    Key("host", "a part of a credential proxy's host", "host:stripe", lambda text: Q(proxy_hosts__icontains=text)),
)  # fmt: skip


def _older_than(days: str) -> Q:
    return Q(updated_at__lt=timezone.now() - timedelta(days=int(days)))


def _id(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise ValueError("takes an id") from None


def _of(name: str, label: str, kind: ScopeKind) -> Filter:
    """Those that belong to one project or member."""
    return Filter(name, label, any_of(lambda id_: Q(scope_kind=kind, scope_id=id_)), _id, names_of(name), single=True)


def _one_of(name: str, label: str, words: Mapping[str, str], asks: Mapping[str, Q] | Callable[[str], Q]) -> Filter:
    return Filter(name, label, any_of(asks), word_of(words), words_of(words), single=True)


CHOICES = {"scope": SCOPES, "mount": MOUNTS, "used": USED, "age": DAYS, "gone": GONE}
FILTERS = (
    _one_of("scope", "Belongs to", SCOPES, lambda word: Q(scope_kind=word)),
    _of("project", "Project", ScopeKind.PROJECT),
    _of("owner", "Member", ScopeKind.USER),
    _one_of("mount", "Mounted as", MOUNTS, lambda word: Q(mount_kind=word)),
    _one_of("used", "Used", USED, {"no": Q(uses=0), "yes": Q(uses__gt=0)}),
    _one_of("age", "Last rotated", DAYS, _older_than),
    _one_of("gone", "Deleted", GONE, {"yes": Q(), "only": Q(gone_at__isnull=False)}),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Select:
    """One filter above the list: its choices as pairs of value and words."""

    name: str
    label: str
    choices: list[tuple[str, str]]
    value: str


def _selects(query: ListQuery) -> list[Select]:
    choices = CHOICES | {"project": _having(Project, ScopeKind.PROJECT), "owner": _having(Member, ScopeKind.USER)}
    return [Select(each.name, each.label, [*choices[each.name].items()], query.one(each.name)) for each in FILTERS]


def _having(model: type[Member | Project], kind: ScopeKind) -> dict[str, str]:
    """The projects or members that secrets belong to, by id."""
    ids = Secret.objects.filter(scope_kind=kind).values("scope_id")
    return {str(each.pk): str(each) for each in model.objects.filter(pk__in=ids).order_by("name", "pk").only("name")}


def _base(query: ListQuery) -> QuerySet[Secret]:
    return Secret.objects.all() if query.one("gone") else Secret.objects.present()


def _context(request: HttpRequest, query: ListQuery, part: str) -> Mapping[str, Any]:
    (run,) = freshness(SyncRun.Kind.SECRETS)
    return {"run": run, "blocked": why_blocked(request.user)} | ({"selects": _selects(query)} if part == "page" else {})


SECRETS = List(
    name="secrets",
    page_url="secrets:list",
    export_url="secrets:export",
    title="Secrets",
    one="secret",
    many="secrets",
    model=Secret,
    permissions=("environments.view_secret",),
    sorts=SORTS,
    default_order="name",
    search=Search(KEYS, contains, placeholder="Words, or host:stripe"),
    filters=FILTERS,
    panel=tuple(each.name for each in FILTERS),
    base=_base,
    read=lambda rows: rows.defer("document"),
    context=_context,
    count=lambda query: query.rows().count(),
    change_token=change_token,
    headings=(
        *(Heading(f"secret-{sort.name}", sort=sort.name) for sort in SORTS),
        Heading(
            "secret-do", "Actions", permissions=("environments.change_secret", "environments.delete_secret")
        ),
    ),
    template="environments/secrets/list.html",
    body_template="",
    rows_template="environments/secrets/_rows.html",
    before_template="environments/secrets/_sync_problems.html",
    top_template="environments/secrets/_as_of.html",
    empty_template="environments/secrets/_empty.html",
    beyond="The secrets after it were deleted or changed.",
    table=Table(
        name="secrets",
        title="Secrets, without their values",
        columns={
            "id": "id", "name": "name", "scope_kind": "scope_kind", "scope_id": "scope_id", "scope": "scope_name",
            "mount_kind": "mount_kind", "mount_target": "mount_target", "proxy_hosts": "proxy_hosts",
            "proxy_header": "proxy_header", "uses": "uses", "reach": "reach", "creator_id": "creator_id",
            "creator": "creator_name", "created_at": "created_at", "value_given_at": "updated_at",
            "first_seen_at": "first_seen_at", "seen_at": "seen_at", "gone_at": "gone_at",
        },
    ),
    detail=lambda secret: {},
)  # fmt: skip
