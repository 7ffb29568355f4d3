"""How many rows each filter would leave, for the filters beside a list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Count, Q, QuerySet

from portal.lists.cached_counts import cached
from portal.lists.declaration import ListQuery
from portal.lists.filters import Conditional, Filter, Grouped

TOP = 8
MOST_FOUND = 20
Counts = dict[str, int]


@dataclass(frozen=True, slots=True)
class Option:
    """One value of a facet, and the number of rows it would leave."""

    value: str
    label: str
    count: int
    selected: bool


@dataclass(frozen=True, slots=True)
class Facet:
    """One filter beside the list. `more` is how many values are not among the options, `times` the fields for times
    beneath it: name, label and value."""

    name: str
    label: str
    options: list[Option]
    single: bool
    more: int = 0
    times: Sequence[tuple[str, str, str]] = ()

    @property
    def is_active(self) -> bool:
        return any(option.selected for option in self.options)


def facets(query: ListQuery) -> list[Facet]:
    """All facets. Counts respect every filter but the facet's own; facets whose values add up respect all.

    They are cached where a change token says whether they still hold.
    """
    asked = f"{query.place.key} {token}" if (token := query.listing.token(query.of)) else ""
    kind = f"facets:{query.listing.name}"
    counts = cached(kind, asked, dict[str, Counts], lambda: _count(query)) if asked else _count(query)
    return [
        _facet(query, each, counts[each.name], counts.get(f"{each.name} values", {}).get("", 0))
        for each in _counted(query)
    ]


def find(query: ListQuery, name: str, text: str) -> Facet | None:
    """The values of a facet whose names contain the text, the most frequent first, and the selected ones; None where
    the values of this one cannot be looked up by name."""
    wanted = query.listing.by_name.get(name)
    if wanted is None or not isinstance(wanted.facet, Grouped) or wanted.facet.find is None:
        return None
    asked, column = wanted.facet.find(text.replace("\0", "")), wanted.facet.column
    if selected := query.selected(name):
        asked |= wanted.asks(selected)
    rows = query.rows(without=name).filter(asked).order_by().values_list(column)
    pairs = rows.annotate(count=Count("*")).order_by("-count", column)[:MOST_FOUND]
    return _facet(query, wanted, _summed((_value(wanted.facet, value), count) for value, count in pairs), 0)


def _summed(pairs: Iterable[tuple[str, int]]) -> Counts:
    """Texts that a column holds in two forms are one value."""
    counts: Counts = {}
    for value, count in pairs:
        counts[value] = counts.get(value, 0) + count
    return counts


def _counted(query: ListQuery) -> list[Filter]:
    return [query.listing.by_name[name] for name in query.listing.facets]


def _count(query: ListQuery) -> dict[str, Counts]:
    """Count in two queries, plus one for each facet with a selection; nothing is counted of an unclear query."""
    every = _counted(query)
    if query.is_unclear:
        return {each.name: dict.fromkeys(_usual(each, query.selected(each.name)), 0) for each in every}
    active = [each for each in every if query.selected(each.name) and not each.adds_up]
    counts = _count_each(query, query.rows(), [each for each in every if each not in active])
    for each in active:
        counts |= _count_each(query, query.rows(without=each.name), [each])
    for each in every:
        if isinstance(each.facet, Grouped):
            counts[each.name].pop("", None)
            counts[each.name] = _top(counts, each.name, query.selected(each.name))
    return counts


def _usual(each: Filter, selected: Sequence[str]) -> Iterable[str]:
    """The values that a facet shows whatever is counted."""
    return each.facet.conditions(tuple(selected)) if isinstance(each.facet, Conditional) else selected


def _count_each(query: ListQuery, rows: QuerySet[Any], some: list[Filter]) -> dict[str, Counts]:
    grouped = {each.name: each.facet for each in some if isinstance(each.facet, Grouped)}
    asked = {
        (each.name, value): condition
        for each in some if isinstance(each.facet, Conditional)
        for value, condition in each.facet.conditions(query.selected(each.name)).items()
    }  # fmt: skip
    return (_groups(rows, grouped) if grouped else {}) | (_conditions(rows, asked) if asked else {})


def _groups(rows: QuerySet[Any], facets: dict[str, Grouped]) -> dict[str, Counts]:
    """Count the rows per value of several columns in one pass."""
    names, columns = list(facets), [facet.column for facet in facets.values()]
    inner, values = rows.order_by().values(*columns).query.sql_with_params()
    quoted = [connection.ops.quote_name(column) for column in columns]
    sets = ", ".join(f"({column})" for column in quoted)
    found: dict[str, list[tuple[str, int]]] = {name: [] for name in names}
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT GROUPING({', '.join(quoted)}), {', '.join(f'{column}::text' for column in quoted)}, count(*)"  # noqa: S608
            f" FROM ({inner}) AS rows GROUP BY GROUPING SETS ({sets})",
            values,
        )
        for mask, *texts, count in cursor.fetchall():
            # GROUPING has a bit for each column, set where the row is not grouped by it; the first column's is highest
            place = next(at for at in range(len(names)) if not mask >> (len(names) - 1 - at) & 1)
            found[names[place]].append((_value(facets[names[place]], texts[place]), count))
    return {name: _summed(pairs) for name, pairs in found.items()}


def _conditions(rows: QuerySet[Any], asked: dict[tuple[str, str], Q]) -> dict[str, Counts]:
    """Count the rows that meet each condition in one pass."""
    numbered = {f"n{number}": Count("pk", filter=condition) for number, condition in enumerate(asked.values())}
    answers = rows.order_by().aggregate(**numbered)
    counts: dict[str, Counts] = {name: {} for name, _ in asked}
    for (name, value), count in zip(asked, answers.values(), strict=True):
        counts[name][value] = count
    return counts


def _top(counts: dict[str, Counts], name: str, selected: Iterable[str]) -> Counts:
    """The most frequent values and the selected ones; how many there are goes beside them."""
    ordered = sorted(counts[name].items(), key=lambda pair: (-pair[1], pair[0]))
    counts[f"{name} values"] = {"": len(ordered)}
    top = dict(ordered[:TOP])
    return top | {value: counts[name].get(value, 0) for value in selected}


def _value(facet: Grouped, value: object) -> str:
    """A column's value as URLs write it."""
    return facet.value("" if value is None else str(value))


def _facet(query: ListQuery, wanted: Filter, counts: Counts, values: int) -> Facet:
    selected, words = query.selected(wanted.name), wanted.words(counts)
    options = [Option(value, words[value] or "unknown", count, value in selected) for value, count in counts.items()]
    names = wanted.facet.times if isinstance(wanted.facet, Conditional) else ()
    times = [(name, query.listing.by_name[name].label, query.one(name)) for name in names]
    return Facet(wanted.name, wanted.label, options, wanted.single, max(0, values - len(options)), times)
