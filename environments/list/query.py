"""The whole state of the environments' list, as its URL holds it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import F, Model, OuterRef, Subquery, TextField, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Concat, Upper
from django.http import QueryDict

from environments.list import search_keys
from environments.list.filters import CONDITIONS, EnvironmentFilters
from environments.models import Environment
from portal.directory.models import EnvironmentClass, Member, Project, Runner
from portal.lists.keyset import Cursor, Sort
from portal.lists.place import Chip, Pair, Place, typed
from portal.lists.search import Problem, without

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
        return self.place.one("q")

    @property
    def chosen(self) -> tuple[str, ...]:
        """Ids that narrow the list to environments named one by one."""
        return self.selected("id")

    @property
    def shows_gone(self) -> bool:
        return bool(self.selected("gone"))

    @property
    def gone(self) -> str:
        """What the box that shows gone environments stands for when it is ticked."""
        return next(iter(self.selected("gone")), "yes")

    def selected(self, name: str) -> tuple[str, ...]:
        """The values of one parameter."""
        return self.place.selected(name)


def read_state(
    data: QueryDict,
    *,
    sorts: Mapping[str, Sort] = SORTS,
    default_order: str = DEFAULT_ORDER,
    more: Sequence[Pair] = (),
) -> State:
    """Understand a query string, whatever it holds; never raises. `more` is what else the place is made of."""
    filters = EnvironmentFilters(data, queryset=Environment.objects.all())
    problems = [
        Problem(f"{name}={','.join(data.getlist(name))}"[:100], f"{CONDITIONS[name].label}: {message}")
        for name, messages in filters.errors.items()
        for message in messages
    ]
    place, cursor = Place.read(data, (*typed(data), *filters.pairs, *more), sorts, default_order, problems)
    return State(filters, place, cursor, (*problems, *filters.query.problems))


def chips(state: State) -> list[Chip]:
    """Every active condition by name, those of the search box one by one."""
    place, terms = state.place, state.filters.query.terms
    found = [Chip("", str(term), place.only("q", without(terms, term))) for term in terms]
    if state.chosen:
        number = sum(value != search_keys.NONE for value in state.chosen)
        words = f"{number} environment{'' if number == 1 else 's'}"
        found.append(Chip(CONDITIONS["id"].label, words, place.only("id", "")))
    for name in CONDITIONS:
        values = state.selected(name) if name not in ("q", "id") else ()
        named = labels(name, values)
        found += [Chip(CONDITIONS[name].label, named[value], place.dropped(name, value)) for value in values]
    return found


def labels(name: str, values: Iterable[str]) -> dict[str, str]:
    """The values of a parameter in words; at most two queries, and only for ids."""
    values = list(values)
    if name in NAMED:
        return _names(name, values)
    if name == "idle":
        return {value: f"{int(value)} d" for value in values}
    words = WORDS.get(name, {})
    known = {**search_keys.PHASES, **search_keys.ROLES, **words}
    # a phase or role that is newer than the words goes by its name at Ona
    return {value: words.get(value, value if value in known else value.upper()) for value in values}


def _names(name: str, values: list[str]) -> dict[str, str]:
    """Names from the directory; of those it does not list, from an environment that has them."""
    model, id_column, name_column = NAMED[name]
    ids = {value: UUID(value) for value in values if value != search_keys.NONE}
    entries = model._default_manager.filter(pk__in=ids.values()).annotate(label=LABELS.get(name, F("name")))
    known = dict(entries.values_list("pk", "label")) if ids else {}
    unknown = [identity for identity in ids.values() if not known.get(identity)]
    if unknown:
        rows = Environment.objects.filter(**{f"{id_column}__in": unknown}).exclude(**{name_column: ""})
        known |= dict(rows.values_list(id_column, name_column).distinct())
    return {
        value: known.get(ids.get(value)) or (value if value == search_keys.NONE else f"{value[:8]}…")
        for value in values
    }
