"""The list of secrets: its filters, its order, its place; its URL is its whole state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from operator import or_
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import F, Q, TextField, Value
from django.db.models.functions import Cast, Coalesce, LPad, Upper
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone

from environments.models import Secret, SyncRun
from environments.models.secret import Mount, SecretQuerySet
from environments.models.secret_scope import ScopeKind
from environments.sync.freshness import freshness
from portal.directory.models import Project
from portal.lists.keyset import Cursor, Sort, page
from portal.lists.place import Chip, Place, typed
from portal.lists.search import Key, Problem, Query, Term, listed, one_of, parse, without


def _number(column: str) -> Coalesce:
    """A number as a text that sorts alike."""
    return Coalesce(LPad(Cast(column, TextField()), 10, Value("0")), Value(""))


# Secrets are thousands at most: sorting them costs less than an index for each column would at every sync.
SORTS = {
    sort.name: sort
    for sort in (
        Sort("name", "Name", Upper("name"), ""),
        Sort("scope", "Belongs to", Upper("scope_name"), ""),
        Sort("mount", "Mounted as", F("mount_kind"), ""),
        Sort("uses", "Used by", _number("uses"), "", first_click_descends=True),
        Sort("reach", "Reaches", _number("reach"), "", first_click_descends=True),
        Sort("value", "Value given", F("updated_at"), None),
        Sort("creator", "Created by", Upper("creator_name"), ""),
    )
}
DEFAULT_ORDER = "name"
DAYS = {"90": "over 90 d old", "180": "over 180 d old"}
USED = {"no": "by no environment", "yes": "by some"}
GONE = {"yes": "shown too", "only": "only these"}
SCOPES = {str(kind.value): str(kind.label) for kind in ScopeKind}
MOUNTS = {str(kind.value): str(kind.label) for kind in Mount}


def contains(text: str) -> Q:
    """Secrets of which name, target, scope, creator, header or id contains the text, in any case."""
    return Q(search__contains=Upper(Value(text)))


def _part_of(column: str, kind: str = "") -> Callable[[str], Q]:
    only = Q(scope_kind=kind) if kind else Q()
    return lambda text: only & Q(**{f"{column}__icontains": text})


KEYS = {
    key.name: key
    for key in (
        Key("name", "a part of the name", "name:token", _part_of("name")),
        Key("scope", listed(SCOPES), "scope:project", lambda text: Q(scope_kind=one_of({s: s for s in SCOPES})(text))),
        Key("project", "a part of the project's name", "project:shop", _part_of("scope_name", ScopeKind.PROJECT)),
        Key("owner", "a part of the person's name", "owner:ann", _part_of("scope_name", ScopeKind.USER)),
        Key("creator", "a part of the creator's name", "creator:ann", _part_of("creator_name")),
        Key("mount", listed(MOUNTS), "mount:file", lambda text: Q(mount_kind=one_of({m: m for m in MOUNTS})(text))),
        Key("host", "a part of a credential proxy's host", "host:stripe", lambda text: Q(proxy_hosts__icontains=text)),
    )
}


def _days(text: str) -> Q:
    return Q(updated_at__lt=timezone.now() - timedelta(days=int(text)))


def _project(text: str) -> Q:
    return Q(scope_kind=ScopeKind.PROJECT, scope_id=UUID(text))


# of each parameter: its label, what it takes, and what it asks
FILTERS: Mapping[str, tuple[str, Mapping[str, str], Callable[[str], Q]]] = {
    "scope": ("Belongs to", SCOPES, lambda text: Q(scope_kind=text)),
    "project": ("Project", {}, _project),
    "mount": ("Mounted as", MOUNTS, lambda text: Q(mount_kind=text)),
    "used": ("Used", USED, lambda text: Q(uses=0) if text == "no" else Q(uses__gt=0)),
    "age": ("Value", DAYS, _days),
    "gone": ("Gone", GONE, lambda text: Q(gone_at__isnull=False) if text == "only" else Q()),
}


@dataclass(frozen=True, slots=True)
class State:
    """A list as asked for, and what of the URL made no sense."""

    place: Place
    query: Query
    cursor: Cursor | None
    problems: tuple[Problem, ...]

    def one(self, name: str) -> str:
        """The value of a parameter; empty for none."""
        return self.place.one(name)

    @property
    def typed(self) -> str:
        """What stands in the search box: as it was typed, understood or not."""
        return self.one("q")

    @property
    def rows(self) -> SecretQuerySet:
        """The secrets that meet all conditions."""
        found = Secret.objects.all() if self.one("gone") else Secret.objects.present()
        for name, value in self.place.filters:
            if name in FILTERS:
                found = found.filter(FILTERS[name][2](value))
        return found.filter(*map(_asks, self.query.terms))


def _asks(term: Term) -> Q:
    read = KEYS[term.key].read if term.key else contains
    condition: Q = reduce(or_, (read(value) for value in term.values))
    return ~condition if term.negated else condition


def read_state(data: QueryDict) -> State:
    """Understand a query string, whatever it holds; never raises."""
    query, problems = parse(data.get("q", ""), KEYS), []
    pairs = typed(data)
    for name, (label, words, ask) in FILTERS.items():
        if value := data.get(name, ""):
            try:
                ask(value if not words else one_of({word: word for word in words})(value))
                pairs.append((name, value))
            except ValueError as error:
                problems.append(Problem(f"{name}={value}"[:100], f"{label}: {error if words else 'takes an id'}"))
    place, cursor = Place.read(data, pairs, SORTS, DEFAULT_ORDER, problems, sized=False)
    return State(place, query, cursor, (*problems, *query.problems))


@dataclass(frozen=True, slots=True)
class Select:
    """One filter above the list: its choices as pairs of value and words."""

    name: str
    label: str
    choices: list[tuple[str, str]]
    value: str


def list_context(state: State, seen: str) -> dict[str, Any]:
    """What the templates of the list show; `seen` is the revision the page is made of."""
    place, rows, url = state.place, state.rows, reverse("secrets:list")
    shown = page(rows, place.order, place.size, state.cursor, lambda found: found.defer("document"))
    (run,) = freshness(SyncRun.Kind.SECRETS)
    return {
        "state": state,
        "url": url,
        "here": f"{url}{place}",
        "rows": shown.rows,
        "total": rows.count(),
        "chips": chips(state),
        "selects": _selects(state),
        "columns": [place.column(sort) for sort in SORTS.values()],
        "sort_field": place.sort_field,
        "next_url": shown.next and place.at(shown.next),
        "previous_url": shown.previous and place.at(shown.previous),
        "first_url": place.at(None),
        "poll_url": f"{url}{place}&{urlencode({'seen': seen})}",
        "keys": KEYS.values(),
        "run": run,
    }


def chips(state: State) -> list[Chip]:
    """Every active condition by name, those of the search box one by one; one query."""
    terms = state.query.terms
    found = [Chip("", str(term), state.place.only("q", without(terms, term))) for term in terms]
    for select in _selects(state):
        if select.value:
            words = dict(select.choices).get(select.value, f"{select.value[:8]}…")
            found.append(Chip(select.label, words, state.place.only(select.name, "")))
    return found


def _selects(state: State) -> list[Select]:
    projects = Project.objects.filter(
        pk__in=Secret.objects.filter(scope_kind=ScopeKind.PROJECT).values("scope_id")
    ).order_by("name", "pk")
    choices = {"project": [(str(project.pk), str(project)) for project in projects.only("name")]}
    return [
        Select(name, label, choices.get(name) or list(words.items()), state.one(name))
        for name, (label, words, _) in FILTERS.items()
    ]
