"""How many environments each filter would leave, for the filters beside the list."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import structlog
from django.core.cache import cache
from django.db import connection
from django.db.models import Count, Q
from redis.exceptions import RedisError

from environments.as_of import clock, recorded
from environments.list import search_keys
from environments.list.change_token import revision
from environments.list.filters import CONDITIONS
from environments.list.query import NAMED, State, labels
from environments.models import EnvironmentQuerySet
from portal.lists.place import Place

log = structlog.get_logger()
TOP = 8
MOST_FOUND = 20
KEPT_SECONDS = 60
IDLE_DAYS = (7, 30, 90)
GROUPED = {"phase": "phase", "role": "role"} | {name: columns[1] for name, columns in NAMED.items()}
ORDER = ("phase", "flag", "archived", "lockdown", "idle", "project", "owner", "class", "runner", "role")
PHASE_WORDS = {raw: word for word, raw in search_keys.PHASES.items()}
ROLE_WORDS = {raw: word for word, raw in search_keys.ROLES.items()}
Counts = dict[str, int]


@dataclass(frozen=True, slots=True)
class Option:
    """One value of a facet: how many environments it would leave, and the list with it put on or taken off."""

    value: str
    label: str
    count: int
    selected: bool
    url: str


@dataclass(frozen=True, slots=True)
class Facet:
    """One filter beside the list. `more` is how many values are not among the options."""

    name: str
    label: str
    options: list[Option]
    single: bool
    more: int = 0

    @property
    def is_active(self) -> bool:
        return any(option.selected for option in self.options)


def facets(state: State) -> list[Facet]:
    """All facets, with counts that respect every filter but the facet's own (flags, which add up, respect all)."""
    counts = _kept(state)
    return [_facet(state, name, counts[name], counts.get(f"{name} values", {}).get("", 0)) for name in ORDER]


def found(state: State, name: str, text: str) -> Facet:
    """The values of a named facet whose names contain the text, the most frequent first, and the selected ones."""
    model, column, _ = NAMED[name]
    wanted = Q(**{f"{column}__in": model._default_manager.filter(name__icontains=text.replace("\0", "")).values("pk")})
    if selected := state.selected(name):
        wanted |= CONDITIONS[name].ask(selected)
    rows = state.filters.without(name).filter(wanted)
    return _facet(state, name, _grouped(rows, column, MOST_FOUND), 0)


def _kept(state: State) -> dict[str, Counts]:
    """The counts, kept for a minute or until an environment changes; counted anew where the cache is away."""
    fingerprint = hashlib.sha256(f"{state.place.key} {revision()}".encode()).hexdigest()
    key = f"facets:{fingerprint}"
    with suppress(RedisError):
        kept: dict[str, Counts] | None = cache.get(key)
        if kept is not None:
            return kept
    counts = _count(state)
    try:
        cache.set(key, counts, KEPT_SECONDS)
    except RedisError as error:
        log.warning("facets_not_kept", error=str(error))
    return counts


def _count(state: State) -> dict[str, Counts]:
    """Two queries for the facets without a selection, and one for each that has one."""
    active = {name for name in ORDER if state.selected(name) and name != "flag"}
    everything = state.filters.without("")
    counts = _groups(everything, [name for name in GROUPED if name not in active])
    counts |= _conditions(state, everything, [name for name in ORDER if name not in active])
    for name in active:
        others = state.filters.without(name)
        counts |= _groups(others, [name]) if name in GROUPED else _conditions(state, others, [name])
    for name in GROUPED:
        counts[name].pop("", None)
        counts[name] = _top(counts, name, state.selected(name))
    return counts


def _groups(rows: EnvironmentQuerySet, names: list[str]) -> dict[str, Counts]:
    """The environments of each value of several columns, in one pass over the rows."""
    if not names:
        return {}
    columns = [GROUPED[name] for name in names]
    inner, values = rows.order_by().values(*columns).query.sql_with_params()
    quoted = [connection.ops.quote_name(column) for column in columns]
    sets = ", ".join(f"({column})" for column in quoted)
    counts: dict[str, Counts] = {name: {} for name in names}
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT GROUPING({', '.join(quoted)}), {', '.join(f'{column}::text' for column in quoted)}, count(*)"  # noqa: S608
            f" FROM ({inner}) AS rows GROUP BY GROUPING SETS ({sets})",
            values,
        )
        for mask, *texts, count in cursor.fetchall():
            # GROUPING has a bit for each column, set where the row is not grouped by it; the first column's is highest
            place = next(at for at in range(len(names)) if not mask >> (len(names) - 1 - at) & 1)
            counts[names[place]][_value(names[place], texts[place])] = count
    return counts


def _grouped(rows: EnvironmentQuerySet, column: str, limit: int) -> Counts:
    pairs = rows.order_by().values_list(column).annotate(count=Count("*")).order_by("-count", column)[:limit]
    return {str(value): count for value, count in pairs}


def _conditions(state: State, rows: EnvironmentQuerySet, names: Iterable[str]) -> dict[str, Counts]:
    """How many rows meet each of the named facets' conditions, in one pass."""
    wanted = {(name, value): q for name in names for value, q in _questions(state).get(name, {}).items()}
    if not wanted:
        return {}
    numbered = {f"n{number}": Count("pk", filter=q) for number, q in enumerate(wanted.values())}
    answers = rows.order_by().aggregate(**numbered)
    counts: dict[str, Counts] = {name: {} for name, _ in wanted}
    for (name, value), count in zip(wanted, answers.values(), strict=True):
        counts[name][value] = count
    return counts


def _questions(state: State) -> Mapping[str, Mapping[str, Q]]:
    now = clock.at()
    days_idle = sorted({*IDLE_DAYS, *map(int, state.selected("idle"))})
    return {
        "flag": recorded.answerable(search_keys.FLAGS),
        "archived": {"no": search_keys.ARCHIVED["no"], "yes": search_keys.ARCHIVED["yes"]},
        "lockdown": {word: search_keys.lockdown(word, now) for word in search_keys.LOCKDOWN},
        "idle": {str(days): search_keys.idle(days) for days in days_idle},
    }


def _top(counts: dict[str, Counts], name: str, selected: tuple[str, ...]) -> Counts:
    """The most frequent values and the selected ones; how many there are goes beside them."""
    ordered = sorted(counts[name].items(), key=lambda pair: (-pair[1], pair[0]))
    counts[f"{name} values"] = {"": len(ordered)}
    top = dict(ordered[:TOP])
    return top | {value: counts[name].get(value, 0) for value in selected}


def _value(name: str, text: str | None) -> str:
    """What stands in the URL for a column's value."""
    if name == "phase":
        return PHASE_WORDS.get(text or "", (text or "").lower())
    if name == "role":
        return ROLE_WORDS.get(text or "", (text or "").lower())
    return text or search_keys.NONE


def _facet(state: State, name: str, counts: Counts, values: int) -> Facet:
    selected = state.selected(name)
    single = name in ("archived", "idle")
    words = labels(name, counts)
    options = [
        Option(
            value, words[value] or "unknown", count, value in selected, _url(state.place, name, value, selected, single)
        )
        for value, count in counts.items()
    ]
    return Facet(name, CONDITIONS[name].label, options, single, max(0, values - len(options)))


def _url(place: Place, name: str, value: str, selected: tuple[str, ...], single: bool) -> str:
    if value in selected:
        return place.dropped(name, value)
    return place.only(name, value) if single else place.narrowed(name, value)
