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
from portal.web.charts import sparkline
from portal.web.charts.bars import Bar, scaled
from portal.web.charts.chart import seconds_words
from portal.web.formatting import phase_word
from portal.web.navigation import url_of

from . import failure_causes
from .alerts import CONDITIONS, Condition
from .counts import BEFORE
from .failure_causes import AFFECTED

Data = dict[str, Any]
Of = Mapping[str, str]  # what the environments counted are narrowed to, as parameters of their list
EVERYTHING: Of = {}
PLAIN = ("archived", "unpushed", "locked-down", "not-in-sync")  # conditions shown beside the phases
PHASE_NAMES = {raw: word for word, raw in search_keys.PHASES.items()}
MOST_ERROR = 0.5
TOO_UNCERTAIN = "too uncertain"
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
class Ranking:
    """The top bars of a dimension, of `of` in total (0: unknown)."""

    name: str
    bars: list[Bar]
    of: int


def figures(counts: Data) -> list[Figure]:
    """The total, the phases (most first), then the plain conditions."""
    plain = [figure(CONDITIONS[name], counts) for name in PLAIN]
    return [figure(CONDITIONS["total"], counts), *phases(counts), *plain]


def phases(counts: Data, of: Of = EVERYTHING) -> list[Figure]:
    """The phases, most first."""
    ranked = sorted(counts["phase"].items(), key=lambda pair: (-pair[1], pair[0]))
    return [_phase(raw, count, counts, of) for raw, count in ranked]


def attention(counts: Data, may: Callable[[str], bool], of: Of = EVERYTHING) -> list[Figure]:
    """The conditions that need attention, most urgent first, including those without environments; each with its
    remedy, where the reader has the permission."""
    ranked = sorted((each for each in CONDITIONS.values() if each.weight), key=lambda each: -each.weight)
    return [replace(figure(each, counts, of), remedy=_remedy(each, may, of)) for each in ranked]


def _remedy(condition: Condition, may: Callable[[str], bool], of: Of) -> Remedy | None:
    action, url = ACTIONS.get(condition.remedy), url_of("automations:batch-new")
    if action is None or action.many is None or not url or not may(action.permission):
        return None
    label = " ".join(filter(None, (action.many.words, action.many.joint and "of them")))
    return Remedy(f"{label}…", f"{url}?{urlencode({'action': action.name, 'q': condition.query, **of})}")


def list_url(**query: str | Sequence[str]) -> str:
    """The URL of the list with these parameters."""
    return _url("environments:list", query)


def _url(name: str, query: Mapping[str, str | Sequence[str]]) -> str:
    query = {name: value for name, value in query.items() if value}
    return reverse(name) + (f"?{urlencode(query, doseq=True)}" if query else "")


def figure(condition: Condition, counts: Data, of: Of = EVERYTHING) -> Figure:
    """The count of a condition."""
    count = counts["condition"].get(condition.name, 0)
    return Figure(
        condition.name, condition.label, count, list_url(q=condition.query, **of), tone=condition.tone,
        means=condition.means, changes=list(_changes(counts, "condition", condition.name, count)),
        line=_line(counts, "condition", condition.name),
    )  # fmt: skip


def _phase(raw: str, count: int, counts: Data, of: Of) -> Figure:
    url = list_url(q=f"phase:{PHASE_NAMES.get(raw, raw)}", **of)
    changes = list(_changes(counts, "phase", raw, count))
    return Figure(raw, phase_word(raw), count, url, phase=raw, changes=changes, line=_line(counts, "phase", raw))


def _line(counts: Data, dimension: str, key: str) -> str:
    """The count of the last hours as a line; an absent phase was 0, an absent condition not counted."""
    hours = counts.get("lately", {}).get(dimension, [])
    absent = 0 if dimension == "phase" else None
    return sparkline.points([None if each is None else each.get(key, absent) for each in hours])


def _changes(counts: Data, dimension: str, key: str, count: int) -> Iterator[CountChange]:
    """Changes since yesterday and last week. A condition not counted then is unobserved; an absent phase was 0."""
    for since in BEFORE if "before" in counts else ():
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
    return list_url(q=failure_causes.QUERY, failure=cluster.get("key", ""), **more)


def tops(data: Data, by: str) -> list[Ranking]:
    """The top owners, projects and classes by number of environments or by running time."""
    of, is_measured = "keys" if by == "environments" else "ran", data["is_measured"]
    names = ("owner", "project", "class")
    return [
        Ranking(name, scaled([_top(name, row, by, is_measured) for row in data[name][by]]), data[name].get(of, 0))
        for name in names
    ]


def _top(dimension: str, row: Data, by: str, is_measured: bool) -> Bar:
    chosen = {dimension: row["key"] or NONE}
    page = reverse(f"directory:{dimension}", args=[row["key"]]) if row["key"] else list_url(**chosen)
    url, spent = list_url(**chosen), _url("overview-running-time", chosen)
    seconds, count = seconds_words(row["seconds"]), f"{row['environments']:,}"
    notes = [(f"{row['running']:,} running", list_url(**chosen, phase="running"))] if row["running"] else []
    if by == "environments":
        notes[:0] = [(seconds, spent)] if is_measured else []
        return Bar(row["name"], page, count, url, row["environments"], notes=notes, title="environments")
    notes.insert(0, (f"{count} in all", url))
    if not is_measured:
        return Bar(row["name"], page, "–", notes=notes, title="no data")
    return Bar(row["name"], page, seconds, spent, row["seconds"], notes=notes)


def starts(data: Data) -> list[Ranking]:
    """Startup times by kind of start: of all, then of classes and projects with figures that tell something."""
    return [Ranking(kind.label, scaled(bars), 0) for kind in StartUp.Kind if (bars := list(_starts(data, kind.value)))]


def _starts(data: Data, kind: str) -> Iterator[Bar]:
    if kind in data["all"]:
        yield _start("All", {}, kind, data["all"][kind])
    for by in ("class", "project"):
        for row in data[by]:
            if kind in row and not is_rough(row[kind]["p50"], row[kind]["uncertain"]):
                yield _start(
                    f"{by.capitalize()} {data['names'][by][row['key']]}", {by: row["key"] or NONE}, kind, row[kind]
                )


def _start(name: str, chosen: Mapping[str, str], kind: str, figures: Data) -> Bar:
    """A bar to the median, and a lighter one to the 95th percentile."""
    url, error = _url("overview-starts", {**chosen, "kind": kind}), seconds_words(figures["uncertain"])
    name_url, of = list_url(**chosen) if chosen else _url("overview-starts", {}), (f"of {figures['count']:,}", url)
    if is_rough(figures["p50"], figures["uncertain"]):
        title = f"{seconds_words(figures['p50'])}, but each start may be off by {error}: syncs are too far apart."
        return Bar(name, name_url, TOO_UNCERTAIN, notes=[of], title=title)
    p95 = (f"p95 {seconds_words(figures['p95'])}", "")
    return Bar(
        name, name_url, seconds_words(figures["p50"]), "", figures["p50"], figures["p95"],
        notes=[p95, of], title=f"Half took at most this; each may be off by {error}",
    )  # fmt: skip


def is_rough(seconds: float, uncertain: float) -> bool:
    """Whether a figure may be wrong by more than half of itself: such a one tells nothing."""
    return uncertain > MOST_ERROR * seconds


def series_urls(by: str, keys: list[str]) -> Mapping[str, str]:
    """The present lists behind the series of a chart; combined ones have none."""
    if by == "phase":
        return {key: list_url(q=f"phase:{PHASE_NAMES.get(key, key)}") for key in keys}
    return {key: list_url(**{by: key or NONE}, phase=phase_word(Phase.RUNNING)) for key in keys}
