"""How many executions each filter would leave, for the filters beside the list."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from contextlib import suppress

import structlog
from django.core.cache import cache
from django.db import connection
from django.db.models import Count, Q
from redis.exceptions import RedisError

from automations.executions import search_keys
from automations.executions.change_token import revision
from automations.executions.filters import CONDITIONS, since
from automations.executions.query import DURATIONS, SPANS, State, labels
from automations.models import AutomationQuerySet, TaskExecution
from environments.list.facets import KEPT_SECONDS, MOST_FOUND, TOP, Counts, Facet, Option
from portal.lists.place import Place

log = structlog.get_logger()
# of each facet whose values are counted together: the column of the value, and that of its name
GROUPED = {
    "phase": ("phase", ""),
    "reference": ("reference", "reference"),
    "project": ("project_id", "project_name"),
    "owner": ("owner_id", "owner_name"),
    "by": ("started_by", "started_by_name"),
}
SINGLE = ("since", "duration")
ORDER = ("phase", "since", "duration", "reference", "project", "owner", "by")
PHASE_WORDS = {raw: word for word, raw in search_keys.PHASES.items()}


def facets(state: State) -> list[Facet]:
    """All facets, with counts that respect every filter but the facet's own."""
    counts = _kept(state)
    return [_facet(state, name, counts[name], counts.get(f"{name} values", {}).get("", 0)) for name in ORDER]


def can_be_found(name: str) -> bool:
    """Whether the values of a facet can be looked up by name."""
    return bool(GROUPED.get(name, ("", ""))[1])


def found(state: State, name: str, text: str) -> Facet:
    """The values of a facet whose names contain the text, the most frequent first, and the selected ones."""
    column, called = GROUPED[name]
    text = text.replace("\0", "")
    wanted = search_keys.contains(text) & Q(**{f"{called}__icontains": text})
    if name == "by":
        wanted |= search_keys.started_by(text)
    if selected := state.selected(name):
        wanted |= CONDITIONS[name].ask(selected)
    rows = state.filters.without(name).filter(wanted).order_by().values_list(column)
    pairs = rows.annotate(count=Count("*")).order_by("-count", column)[:MOST_FOUND]
    return _facet(state, name, {_value(name, value): count for value, count in pairs}, 0)


def _kept(state: State) -> dict[str, Counts]:
    """The counts, kept for a minute or until an execution changes; counted anew where the cache is away."""
    fingerprint = hashlib.sha256(f"{state.place.key} {revision(TaskExecution)}".encode()).hexdigest()
    key = f"execution-facets:{fingerprint}"
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
    active = {name for name in ORDER if state.selected(name)}
    everything = state.filters.without("")
    counts = _groups(everything, [name for name in GROUPED if name not in active])
    counts |= _conditions(state, everything, [name for name in SINGLE if name not in active])
    for name in active:
        others = state.filters.without(name)
        counts |= _groups(others, [name]) if name in GROUPED else _conditions(state, others, [name])
    for name in GROUPED:
        counts[name].pop("", None)
        counts[name] = _top(counts, name, state.selected(name))
    return counts


def _groups(rows: AutomationQuerySet, names: list[str]) -> dict[str, Counts]:
    """The executions of each value of several columns, in one pass over the rows."""
    if not names:
        return {}
    columns = [GROUPED[name][0] for name in names]
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


def _conditions(state: State, rows: AutomationQuerySet, names: Iterable[str]) -> dict[str, Counts]:
    """How many rows meet each of the named facets' conditions, in one pass."""
    questions = _questions(state)
    wanted = {(name, value): q for name in names for value, q in questions[name].items()}
    if not wanted:
        return {}
    numbered = {f"n{number}": Count("pk", filter=q) for number, q in enumerate(wanted.values())}
    answers = rows.order_by().aggregate(**numbered)
    counts: dict[str, Counts] = {name: {} for name, _ in wanted}
    for (name, value), count in zip(wanted, answers.values(), strict=True):
        counts[name][value] = count
    return counts


def _questions(state: State) -> Mapping[str, Mapping[str, Q]]:
    """The usual spans and durations, and those selected beside them."""
    return {
        "since": {value: Q(created_at__gte=since(value)) for value in (*SPANS, *state.selected("since"))},
        "duration": {value: search_keys.duration(value) for value in (*DURATIONS, *state.selected("duration"))},
    }


def _top(counts: dict[str, Counts], name: str, selected: tuple[str, ...]) -> Counts:
    """The most frequent values and the selected ones; how many there are goes beside them."""
    ordered = sorted(counts[name].items(), key=lambda pair: (-pair[1], pair[0]))
    counts[f"{name} values"] = {"": len(ordered)}
    top = dict(ordered[:TOP])
    return top | {value: counts[name].get(value, 0) for value in selected}


def _value(name: str, value: object) -> str:
    """What stands in the URL for a column's value."""
    text = "" if value is None else str(value)
    if name == "phase":
        return PHASE_WORDS.get(text, text.lower())
    return text if name == "reference" else text or search_keys.NONE


def _facet(state: State, name: str, counts: Counts, values: int) -> Facet:
    selected, single, words = state.selected(name), name in SINGLE, labels(name, counts)
    options = [
        Option(value, words[value], count, value in selected, _url(state.place, name, value, selected, single))
        for value, count in counts.items()
    ]
    return Facet(name, CONDITIONS[name].label, options, single, max(0, values - len(options)))


def _url(place: Place, name: str, value: str, selected: tuple[str, ...], single: bool) -> str:
    if value in selected:
        return place.dropped(name, value)
    return place.only(name, value) if single else place.narrowed(name, value)
