"""The stored parts as templates show them: figures, their changes, and links to the rows behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.http import urlencode

from environments.actions.registry import ACTIONS
from environments.list import search_keys
from environments.models import Phase
from environments.models.overview import StartUp
from portal.lists.readers import NONE
from portal.web.formatting import phase_word
from portal.web.navigation import url_of

from . import failures
from .chart_drawing import format_number
from .counted_conditions import CONDITIONS, Condition
from .counts import BEFORE
from .failures import AFFECTED

Data = dict[str, Any]
PLAIN = ("archived", "unpushed", "locked-down", "not-in-sync")  # conditions shown beside the phases
PHASE_NAMES = {raw: word for word, raw in search_keys.PHASES.items()}
MOST_ERROR = 0.5
MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to look at a page, or at a part of it."""

    label: str
    url: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class CountChange:
    """The change of a count; `at` is None if the earlier one was not observed."""

    since: str
    text: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """A count, its list, its changes and its `line` over the last day; `means` explains those that need attention."""

    name: str
    label: str
    count: int
    url: str
    phase: str = ""
    tone: str = ""
    means: str = ""
    changes: list[CountChange] = field(default_factory=list)
    line: str = ""
    remedy: Remedy | None = None


@dataclass(frozen=True, slots=True)
class Remedy:
    """What can be done about it: leads to the plan of a batch in all of them."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Similar failures."""

    message: str
    count: int
    variants: int
    first_seen_at: datetime
    url: str
    hit: list[tuple[str, list[AffectedItem], int]]


@dataclass(frozen=True, slots=True)
class AffectedItem:
    """A project, runner or class with failures, and their list; empty if the id is unknown."""

    name: str
    count: int
    url: str


@dataclass(frozen=True, slots=True)
class Top:
    """One owner, project or class. `share` is the length of its bar, of 100."""

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
    """The top rows of a dimension, of `of` in total (0: unknown)."""

    dimension: str
    rows: list[Top]
    of: int


@dataclass(frozen=True, slots=True)
class Start:
    """Startup times in seconds, with counts and links; None where none was measured. A rough one may be wrong by more
    than half."""

    name: str
    url: str
    starts_url: str
    figures: list[Data | None]


@dataclass(frozen=True, slots=True)
class Starts:
    """Startup times of all ("") or by class or project: the top rows of `of` in total (0: unknown)."""

    by: str
    rows: list[Start]
    of: int


def figures(counts: Data) -> list[Figure]:
    """The total, the phases (most first), then the plain conditions."""
    plain = [_condition(CONDITIONS[name], counts) for name in PLAIN]
    phases = sorted(counts["phase"].items(), key=lambda pair: (-pair[1], pair[0]))
    return [_condition(CONDITIONS["total"], counts), *(_phase(raw, count, counts) for raw, count in phases), *plain]


def attention(counts: Data, may: Callable[[str], bool]) -> list[Figure]:
    """The conditions that need attention, most urgent first, including those without environments; each with its
    remedy, where the reader has the permission."""
    ranked = sorted((each for each in CONDITIONS.values() if each.weight), key=lambda each: -each.weight)
    return [replace(_condition(each, counts), remedy=_remedy(each, may)) for each in ranked]


def _remedy(condition: Condition, may: Callable[[str], bool]) -> Remedy | None:
    action, url = ACTIONS.get(condition.remedy), url_of("automations:batch-new")
    if action is None or action.many is None or not url or not may(action.permission):
        return None
    label = " ".join(filter(None, (action.many.words, action.many.joint and "of them")))
    return Remedy(f"{label}…", f"{url}?{urlencode({'action': action.name, 'q': condition.query})}")


def list_url(**query: str | Sequence[str]) -> str:
    """The URL of the list with these parameters."""
    return _url("environments:list", query)


def _url(name: str, query: Mapping[str, str | Sequence[str]]) -> str:
    query = {name: value for name, value in query.items() if value}
    return reverse(name) + (f"?{urlencode(query, doseq=True)}" if query else "")


def _condition(condition: Condition, counts: Data) -> Figure:
    count = counts["condition"].get(condition.name, 0)
    return Figure(
        condition.name, condition.label, count, list_url(q=condition.query), tone=condition.tone,
        means=condition.means, changes=list(_changes(counts, "condition", condition.name, count)),
        line=_line(counts, "condition", condition.name),
    )  # fmt: skip


def _phase(raw: str, count: int, counts: Data) -> Figure:
    url = list_url(q=f"phase:{PHASE_NAMES.get(raw, raw)}")
    changes = list(_changes(counts, "phase", raw, count))
    return Figure(raw, phase_word(raw), count, url, phase=raw, changes=changes, line=_line(counts, "phase", raw))


def _line(counts: Data, dimension: str, key: str) -> str:
    """The count of the last hours as the points of a polyline in 100 × 20; empty with fewer than two of them."""
    hours = counts.get("lately", {}).get(dimension, [])
    known = [
        (place, each.get(key, 0))
        for place, each in enumerate(hours)
        if each is not None and (dimension == "phase" or key in each)
    ]
    if len(known) < 2:
        return ""
    top = max(value for _, value in known) or 1
    last = len(hours) - 1
    return " ".join(f"{100 * place / last:.1f},{19 - 15 * value / top:.1f}" for place, value in known)


def _changes(counts: Data, dimension: str, key: str, count: int) -> Iterator[CountChange]:
    """Changes since yesterday and last week. A condition not counted then is unobserved; an absent phase was 0."""
    for since in BEFORE:
        before = counts["before"][since][dimension]
        known = before is not None and (dimension == "phase" or key in before["counts"])
        if known:
            difference = count - before["counts"].get(key, 0)
            yield CountChange(since, signed(difference), datetime.fromisoformat(before["at"]))
        else:
            yield CountChange(since, "not observed")


def signed(difference: int) -> str:
    """ "+3", "−1,200", "±0"."""
    sign = "+" if difference > 0 else MINUS if difference else "±"
    return f"{sign}{abs(difference):,}"


def failure_groups(data: Data) -> list[FailureGroup]:
    """The groups of failures, most frequent first."""
    return [
        FailureGroup(
            each["message"], each["count"], each["variants"], datetime.fromisoformat(each["first_seen_at"]),
            _failures_url(each),
            [(name, list(_hits(name, each)), each["hit"][name]["more"]) for name in AFFECTED],
        )
        for each in data["clusters"]
    ]  # fmt: skip


def _hits(name: str, cluster: Data) -> Iterator[AffectedItem]:
    for value, count, *ids in cluster["hit"][name]["top"]:
        *_, parameter = AFFECTED[name]
        yield AffectedItem(value or "none", count, _failures_url(cluster, **{parameter: ids}) if ids else "")


def _failures_url(cluster: Data, **more: Sequence[str]) -> str:
    # "key" is not in figures of earlier versions, until the next refresh
    return list_url(q=failures.QUERY, failure=cluster.get("key", ""), **more)


def tops(data: Data, by: str) -> list[Tops]:
    """The top owners, projects and classes by number of environments or by running time."""
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
    """Startup times of all, by class and by project; without rows of which every figure is too rough."""
    groups = [Starts("", [_start("all", "", {}, data["all"])], 1)] if data["all"] else []
    for by in ("class", "project"):
        names, rows = data["names"][by], []
        for row in data[by]:
            chosen = {by: row["key"] or NONE}
            rows.append(_start(names[row["key"]], list_url(**chosen), chosen, row))
        rows = [row for row in rows if any(figures and not figures["is_rough"] for figures in row.figures)]
        groups += [Starts(by, rows, data.get("keys", {}).get(by, 0))] if rows else []
    return groups


def _start(name: str, url: str, chosen: Mapping[str, str], row: Data) -> Start:
    figures = [
        {**row[kind], "is_rough": _is_rough(row[kind]), "url": _url("overview-starts", {**chosen, "kind": kind})}
        if kind in row
        else None
        for kind in StartUp.Kind.values
    ]
    return Start(name, url, _url("overview-starts", chosen), figures)


def _is_rough(figures: Data) -> bool:
    """Whether the median may be wrong by more than half of itself: such a figure tells nothing."""
    return bool(figures["uncertain"] > MOST_ERROR * figures["p50"])


def series_urls(by: str, keys: list[str]) -> Mapping[str, str]:
    """The present lists behind the series of a chart; combined ones have none."""
    if by == "phase":
        return {key: list_url(q=f"phase:{PHASE_NAMES.get(key, key)}") for key in keys}
    return {key: list_url(**{by: key or NONE}, phase=phase_word(Phase.RUNNING)) for key in keys}


def mean(value: float | None) -> str:
    """A mean for the legend."""
    return "not observed" if value is None else format_number(value)
