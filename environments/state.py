"""The whole state of the environments' list, as its URL holds it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import F, Model, OuterRef, Subquery, TextField, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Concat, Upper
from django.http import QueryDict

from environments import language
from environments.filters import CONDITIONS, EnvironmentFilters
from environments.models import Environment
from portal.directory.models import EnvironmentClass, Member, Project, Runner
from portal.web.pages import BadCursor, Cursor, Order, Sort, read_order
from portal.web.search import Problem, without

# Each is read from an index of its own, in order: see Environment.Meta.indexes.
SORTS = {
    sort.name: sort
    for sort in (
        Sort("phase", "Phase", F("phase"), ""),
        Sort("name", "Name", Upper("name"), ""),
        Sort("owner", "Owner", Upper("owner_name"), ""),
        Sort("project", "Project", Upper("project_name"), ""),
        Sort("class", "Class", Upper("class_name"), ""),
        Sort("last_used", "Last used", F("last_used_at"), None, first_click_descends=True),
        Sort("lockdown", "Lockdown", F("lockdown_at"), None),
        Sort("created", "Created", F("created_at"), None, first_click_descends=True),
    )
}
DEFAULT_ORDER = "-last_used"
SIZES = (25, 50, 100)
DEFAULT_SIZE = 50
WORDS = {
    "archived": {"yes": "archived", "no": "active"},
    "lockdown": {"past": "past", "24h": "within 24 h", "7d": "within 7 days", "none": "none"},
    "flag": {
        "failing": "failing",
        "unpushed": "unpushed work",
        "open": "port open to everyone",
        "never-stops": "never stops",
        "not-in-sync": "not in sync",
    },
    "gone": {"yes": "shown too", "only": "only these", "no": "hidden"},
}
# of each kind of name: where names are kept, and the columns of an environment that hold id and name
NAMED: Mapping[str, tuple[type[Model], str, str]] = {
    "project": (Project, "project_id", "project_name"),
    "owner": (Member, "creator_id", "owner_name"),
    "runner": (Runner, "runner_id", "runner_name"),
    "class": (EnvironmentClass, "class_id", "class_name"),
}

# Runners have classes of the same names.
_RUNNER = (
    Runner.objects.filter(pk=OuterRef("runner_id"))
    .exclude(name="")
    .values(label=Concat(Value(" · "), "name", output_field=TextField()))
)
LABELS: Mapping[str, Combinable] = {"class": Concat("name", Subquery(_RUNNER), output_field=TextField())}


@dataclass(frozen=True, slots=True)
class Chip:
    """One active condition, and the list without it."""

    label: str
    text: str
    url: str


@dataclass(frozen=True, slots=True)
class Place:
    """What the URL says, as pairs that made sense; every method gives the query string of another list."""

    filters: tuple[tuple[str, str], ...]
    order: Order
    size: int = DEFAULT_SIZE
    cursor: str = ""

    def __str__(self) -> str:
        pairs = list(self.filters)
        if str(self.order) != DEFAULT_ORDER:
            pairs.append(("sort", str(self.order)))
        if self.size != DEFAULT_SIZE:
            pairs.append(("size", str(self.size)))
        if self.cursor:
            pairs.append(("page", self.cursor))
        return "?" + urlencode(pairs)

    @property
    def key(self) -> str:
        """The filters alone: the same for every order and page of the same environments."""
        return urlencode(sorted(self.filters))

    def at(self, cursor: str | None) -> str:
        return str(replace(self, cursor=cursor or ""))

    def sorted_by(self, order: Order) -> str:
        return str(replace(self, order=order, cursor=""))

    def sized(self, size: int) -> str:
        return str(replace(self, size=size, cursor=""))

    def narrowed(self, name: str, value: str) -> str:
        """With this condition too."""
        return str(replace(self, filters=(*self.filters, (name, value)), cursor=""))

    def only(self, name: str, value: str) -> str:
        """With this condition in place of others of its name; without any for an empty value."""
        names = [other for other, _ in self.filters]
        place = names.index(name) if name in names else len(names)
        kept = [pair for pair in self.filters if pair[0] != name]
        kept[place:place] = [(name, value)] if value else []
        return str(replace(self, filters=tuple(kept), cursor=""))

    def dropped(self, name: str, value: str) -> str:
        """Without this condition."""
        return str(replace(self, filters=tuple(pair for pair in self.filters if pair != (name, value)), cursor=""))


@dataclass(frozen=True)
class State:
    """A list as asked for: its filters, its place, where it begins, and what of the URL made no sense."""

    filters: EnvironmentFilters
    place: Place
    cursor: Cursor | None
    problems: tuple[Problem, ...]

    @property
    def typed(self) -> str:
        """What stands in the search box: as it was typed, understood or not."""
        return dict(self.place.filters).get("q", "")

    @property
    def shows_gone(self) -> bool:
        return bool(self.selected("gone"))

    @property
    def gone(self) -> str:
        """What the box that shows gone environments stands for when it is ticked."""
        return next(iter(self.selected("gone")), "yes")

    def selected(self, name: str) -> tuple[str, ...]:
        """The values of one parameter."""
        return tuple(value for other, value in self.place.filters if other == name)


def read_state(data: QueryDict) -> State:
    """Understand a query string, whatever it holds; never raises."""
    filters = EnvironmentFilters(data, queryset=Environment.objects.all())
    problems = [
        Problem(_typed(data, name), f"{CONDITIONS[name].label}: {message}")
        for name, messages in filters.errors.items()
        for message in messages
    ]
    order, size = _order(data, problems), _size(data, problems)
    cursor = _cursor(data, order, problems)
    place = Place(tuple(_pairs(data, filters)), order, size, data.get("page", "") if cursor else "")
    return State(filters, place, cursor, (*problems, *filters.query.problems))


def chips(state: State) -> list[Chip]:
    """Every active condition by name, those of the search box one by one."""
    place, terms = state.place, state.filters.query.terms
    found = [Chip("", str(term), place.only("q", without(terms, term))) for term in terms]
    for name in CONDITIONS:
        values = state.selected(name) if name != "q" else ()
        words = labels(name, values)
        found += [Chip(CONDITIONS[name].label, words[value], place.dropped(name, value)) for value in values]
    return found


def labels(name: str, values: Iterable[str]) -> dict[str, str]:
    """The values of a parameter in words; at most two queries, and only for ids."""
    values = list(values)
    if name in NAMED:
        return _names(name, values)
    if name == "idle":
        return {value: f"{int(value)} d" for value in values}
    words = WORDS.get(name, {})
    known = {**language.PHASES, **language.ROLES, **words}
    # a phase or role that is newer than the words goes by its name at Ona
    return {value: words.get(value, value if value in known else value.upper()) for value in values}


def _names(name: str, values: list[str]) -> dict[str, str]:
    """Names from the directory; of those it does not list, from an environment that has them."""
    model, id_column, name_column = NAMED[name]
    ids = {value: UUID(value) for value in values if value != language.NONE}
    entries = model._default_manager.filter(pk__in=ids.values()).annotate(label=LABELS.get(name, F("name")))
    known = dict(entries.values_list("pk", "label")) if ids else {}
    unknown = [identity for identity in ids.values() if not known.get(identity)]
    if unknown:
        rows = Environment.objects.filter(**{f"{id_column}__in": unknown}).exclude(**{name_column: ""})
        known |= dict(rows.values_list(id_column, name_column).distinct())
    return {
        value: known.get(ids.get(value)) or (value if value == language.NONE else f"{value[:8]}…") for value in values
    }


def _pairs(data: QueryDict, filters: EnvironmentFilters) -> list[tuple[str, str]]:
    typed = data.get("q", "").replace("\0", " ").strip()
    pairs = [("q", typed)] if typed else []
    return pairs + [(name, value) for name, values in filters.cleaned.items() if name != "q" for value in values]


def _typed(data: QueryDict, name: str) -> str:
    return f"{name}={','.join(data.getlist(name))}"[:100]


def _order(data: QueryDict, problems: list[Problem]) -> Order:
    text = data.get("sort") or DEFAULT_ORDER
    try:
        return read_order(text, SORTS)
    except KeyError:
        problems.append(Problem(f"sort={text}"[:100], "Sort: there is no such column"))
        return read_order(DEFAULT_ORDER, SORTS)


def _size(data: QueryDict, problems: list[Problem]) -> int:
    text = data.get("size") or str(DEFAULT_SIZE)
    if text in map(str, SIZES):
        return int(text)
    problems.append(Problem(f"size={text}"[:100], "Rows on a page: takes 25, 50 or 100"))
    return DEFAULT_SIZE


def _cursor(data: QueryDict, order: Order, problems: list[Problem]) -> Cursor | None:
    text = data.get("page")
    if not text:
        return None
    try:
        return Cursor.decode(text, order)
    except BadCursor:
        problems.append(Problem(f"page={text}"[:40], "Page: this is not a place in this list; here is its beginning"))
        return None
