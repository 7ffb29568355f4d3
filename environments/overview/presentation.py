"""The kept parts as the templates of `/` show them: figures with their changes, and the way to the rows behind each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.http import urlencode

from environments.list import search_keys
from environments.models import Phase
from environments.models.overview import StartUp
from portal.lists.readers import NONE
from portal.web.formatting import phase_word

from .chart_drawing import number
from .counted_conditions import CONDITIONS, Condition
from .counts import BEFORE
from .failures import WHERE

Data = dict[str, Any]
PLAIN = ("archived", "unpushed", "locked-down", "not-in-sync")  # conditions that are counted beside the phases
PHASE_NAMES = {raw: word for word, raw in search_keys.PHASES.items()}
MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True, slots=True)
class Change:
    """How a count differs from an earlier one; `at` is None where that was not observed."""

    since: str
    text: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """A count, the list behind it, and what became of it; attention lines say too what it means."""

    name: str
    label: str
    count: int
    url: str
    phase: str = ""
    tone: str = ""
    means: str = ""
    changes: list[Change] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Cluster:
    """Failures that are alike."""

    message: str
    count: int
    variants: int
    first_seen_at: datetime
    url: str
    hit: list[tuple[str, list[Hit], int]]


@dataclass(frozen=True, slots=True)
class Hit:
    """A project, runner or class that failures hit, and the list of those; empty where its id is not known."""

    name: str
    count: int
    url: str


@dataclass(frozen=True, slots=True)
class Top:
    """One owner, project or class. `share` is its part of the greatest, of 100, for its bar."""

    name: str
    url: str
    environments: int
    running: int
    running_url: str
    seconds: float
    seconds_url: str
    share: float


@dataclass(frozen=True, slots=True)
class Tops:
    """The first of a dimension, of so many in all (0: not known)."""

    dimension: str
    rows: list[Top]
    of: int


@dataclass(frozen=True, slots=True)
class Start:
    """How long starts took: seconds, over how many, and the way to them; None where none was measured."""

    name: str
    url: str
    starts_url: str
    figures: list[Data | None]


@dataclass(frozen=True, slots=True)
class Starts:
    """The starts of all ("") or by class or project, the first of so many (0: not known)."""

    by: str
    rows: list[Start]
    of: int


def figures(counts: Data) -> list[Figure]:
    """Everything, then by phase (most first), then the conditions that are no more than counted."""
    plain = [_condition(CONDITIONS[name], counts) for name in PLAIN]
    phases = sorted(counts["phase"].items(), key=lambda pair: (-pair[1], pair[0]))
    return [_condition(CONDITIONS["total"], counts), *(_phase(raw, count, counts) for raw, count in phases), *plain]


def attention(counts: Data) -> list[Figure]:
    """What needs attention, the most urgent first; those without any environment are among them."""
    ranked = sorted((each for each in CONDITIONS.values() if each.weight), key=lambda each: -each.weight)
    return [_condition(each, counts) for each in ranked]


def list_url(**query: str | Sequence[str]) -> str:
    """The list of environments with these parameters."""
    return _url("environments:list", query)


def _url(name: str, query: Mapping[str, str | Sequence[str]]) -> str:
    query = {name: value for name, value in query.items() if value}
    return reverse(name) + (f"?{urlencode(query, doseq=True)}" if query else "")


def _condition(condition: Condition, counts: Data) -> Figure:
    count = counts["condition"].get(condition.name, 0)
    return Figure(
        condition.name, condition.label, count, list_url(q=condition.query), tone=condition.tone,
        means=condition.means, changes=list(_changes(counts, "condition", condition.name, count)),
    )  # fmt: skip


def _phase(raw: str, count: int, counts: Data) -> Figure:
    url = list_url(q=f"phase:{PHASE_NAMES.get(raw, raw)}")
    return Figure(raw, phase_word(raw), count, url, phase=raw, changes=list(_changes(counts, "phase", raw, count)))


def _changes(counts: Data, dimension: str, key: str, count: int) -> Iterator[Change]:
    """Against yesterday and last week; a condition that was not counted then is not observed, an absent phase was 0."""
    for since in BEFORE:
        before = counts["before"][since][dimension]
        known = before is not None and (dimension == "phase" or key in before["counts"])
        if known:
            difference = count - before["counts"].get(key, 0)
            yield Change(since, signed(difference), datetime.fromisoformat(before["at"]))
        else:
            yield Change(since, "not observed")


def signed(difference: int) -> str:
    """ "+3", "−1,200", "±0"."""
    sign = "+" if difference > 0 else MINUS if difference else "±"
    return f"{sign}{abs(difference):,}"


def clusters(failures: Data) -> list[Cluster]:
    """The failures put together, most frequent first."""
    return [
        Cluster(
            each["message"], each["count"], each["variants"], datetime.fromisoformat(each["first_seen_at"]),
            list_url(q=each["query"]),
            [(name, list(_hits(name, each)), each["hit"][name]["more"]) for name in WHERE],
        )
        for each in failures["clusters"]
    ]  # fmt: skip


def _hits(name: str, cluster: Data) -> Iterator[Hit]:
    for value, count, *ids in cluster["hit"][name]["top"]:
        *_, parameter = WHERE[name]
        yield Hit(value or "none", count, list_url(q=cluster["query"], **{parameter: ids}) if ids else "")


def tops(data: Data, by: str) -> list[Tops]:
    """The first owners, projects and classes by number of environments or by running time."""
    of = "keys" if by == "environments" else "ran"
    names = ("owner", "project", "class")
    return [Tops(name, list(_top(name, data[name][by], by)), data[name].get(of, 0)) for name in names]


def _top(dimension: str, rows: list[Data], by: str) -> Iterator[Top]:
    measure = "environments" if by == "environments" else "seconds"
    most = max((row[measure] for row in rows), default=0) or 1
    for row in rows:
        chosen = {dimension: row["key"] or NONE}
        yield Top(
            row["name"], list_url(**chosen), row["environments"], row["running"],
            list_url(**chosen, phase="running"), row["seconds"], _url("overview-running-time", chosen),
            round(100 * row[measure] / most, 1),
        )  # fmt: skip


def starts(data: Data) -> list[Starts]:
    """Start-up times of all, by class and by project."""
    groups = [Starts("", [_start("all", "", {}, data["all"])], 1)] if data["all"] else []
    for by in ("class", "project"):
        names, rows = data["names"][by], []
        for row in data[by]:
            chosen = {by: row["key"] or NONE}
            rows.append(_start(names[row["key"]], list_url(**chosen), chosen, row))
        groups += [Starts(by, rows, data.get("keys", {}).get(by, 0))] if rows else []
    return groups


def _start(name: str, url: str, chosen: Mapping[str, str], row: Data) -> Start:
    figures = [
        {**row[kind], "url": _url("overview-starts", {**chosen, "kind": kind})} if kind in row else None
        for kind in StartUp.Kind.values
    ]
    return Start(name, url, _url("overview-starts", chosen), figures)


def series_urls(by: str, keys: list[str]) -> Mapping[str, str]:
    """The lists behind the series of a chart, as they are now; those put together have none."""
    if by == "phase":
        return {key: list_url(q=f"phase:{PHASE_NAMES.get(key, key)}") for key in keys}
    return {key: list_url(**{by: key or NONE}, phase=phase_word(Phase.RUNNING)) for key in keys}


def mean(value: float | None) -> str:
    """A mean as the legend writes it."""
    return "not observed" if value is None else number(value)
