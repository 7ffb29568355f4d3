"""The list of secrets: its filters, its order, its place; its URL is its whole state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
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

from environments.freshness import freshness
from environments.models import Secret, SyncRun
from environments.secret_models import Mount, SecretQuerySet
from environments.secrets.scopes import ScopeKind
from portal.directory.models import Project
from portal.web.pages import BadCursor, Cursor, Order, Sort, page, read_order
from portal.web.search import Key, Problem, Query, Term, listed, one_of, parse, without

SIZE = 50


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
class Place:
    """What the URL says, as pairs that made sense; every method gives the query string of another list."""

    filters: tuple[tuple[str, str], ...]
    order: Order
    cursor: str = ""

    def __str__(self) -> str:
        order = () if str(self.order) == DEFAULT_ORDER else (("sort", str(self.order)),)
        return "?" + urlencode((*self.filters, *order, *((("page", self.cursor),) if self.cursor else ())))

    def at(self, cursor: str | None) -> str:
        return str(replace(self, cursor=cursor or ""))

    def sorted_by(self, order: Order) -> str:
        return str(replace(self, order=order, cursor=""))

    def only(self, name: str, value: str) -> str:
        """With this value in place of what the parameter has; without the parameter for an empty one."""
        kept = tuple(pair for pair in self.filters if pair[0] != name)
        return str(replace(self, filters=(*kept, *(((name, value),) if value else ())), cursor=""))


@dataclass(frozen=True, slots=True)
class State:
    """A list as asked for, and what of the URL made no sense."""

    place: Place
    query: Query
    cursor: Cursor | None
    problems: tuple[Problem, ...]

    def one(self, name: str) -> str:
        """The value of a parameter; empty for none."""
        return dict(self.place.filters).get(name, "")

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
    typed = data.get("q", "").replace("\0", " ").strip()
    pairs = [("q", typed)] if typed else []
    for name, (label, words, ask) in FILTERS.items():
        if value := data.get(name, ""):
            try:
                ask(value if not words else one_of({word: word for word in words})(value))
                pairs.append((name, value))
            except ValueError as error:
                problems.append(Problem(f"{name}={value}"[:100], f"{label}: {error if words else 'takes an id'}"))
    order = _order(data, problems)
    cursor = _cursor(data, order, problems)
    place = Place(tuple(pairs), order, data.get("page", "") if cursor else "")
    return State(place, query, cursor, (*problems, *query.problems))


def _order(data: QueryDict, problems: list[Problem]) -> Order:
    text = data.get("sort") or DEFAULT_ORDER
    try:
        return read_order(text, SORTS)
    except KeyError:
        problems.append(Problem(f"sort={text}"[:100], "Sort: there is no such column"))
        return read_order(DEFAULT_ORDER, SORTS)


def _cursor(data: QueryDict, order: Order, problems: list[Problem]) -> Cursor | None:
    text = data.get("page")
    try:
        return Cursor.decode(text, order) if text else None
    except BadCursor:
        problems.append(Problem(f"page={text}"[:40], "Page: this is not a place in this list; here is its beginning"))
        return None


@dataclass(frozen=True, slots=True)
class Chip:
    """One active condition, and the list without it."""

    label: str
    text: str
    url: str


@dataclass(frozen=True, slots=True)
class Select:
    """One filter above the list: its choices as pairs of value and words."""

    name: str
    label: str
    choices: list[tuple[str, str]]
    value: str


@dataclass(frozen=True, slots=True)
class Column:
    """A heading that sorts; `direction` is the value of aria-sort where the list is sorted by it."""

    name: str
    label: str
    url: str
    direction: str


def list_context(state: State, seen: str) -> dict[str, Any]:
    """What the templates of the list show; `seen` is the revision the page is made of."""
    place, rows, url = state.place, state.rows, reverse("secrets:list")
    shown = page(rows, place.order, SIZE, state.cursor, lambda found: found.defer("document"))
    (run,) = freshness(SyncRun.Kind.SECRETS)
    return {
        "state": state,
        "url": url,
        "here": f"{url}{place}",
        "rows": shown.rows,
        "total": rows.count(),
        "chips": _chips(state),
        "selects": _selects(state),
        "columns": [_column(place, name) for name in SORTS],
        "sort_field": "" if str(place.order) == DEFAULT_ORDER else str(place.order),
        "next_url": shown.next and place.at(shown.next),
        "previous_url": shown.previous and place.at(shown.previous),
        "first_url": place.at(None),
        "poll_url": f"{url}{place}&{urlencode({'seen': seen})}",
        "keys": KEYS.values(),
        "run": run,
    }


def _chips(state: State) -> list[Chip]:
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


def _column(place: Place, name: str) -> Column:
    sort = SORTS[name]
    if place.order.sort.name == name:
        direction = "descending" if place.order.descending else "ascending"
        return Column(name, sort.label, place.sorted_by(Order(sort, not place.order.descending)), direction)
    return Column(name, sort.label, place.sorted_by(Order(sort, sort.first_click_descends)), "none")
