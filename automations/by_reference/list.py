"""The lists of tasks and of services by reference: their words, order and place; their URL is their whole state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from html import escape
from typing import Any
from urllib.parse import quote, urlencode

from django.db.models import F, Q, QuerySet
from django.http import QueryDict
from django.urls import reverse
from django.utils.safestring import SafeString

from automations.models import ServicePhase, ServiceSummary, TaskSummary
from automations.models.summary import Summary
from environments.models import SyncRun
from environments.sync.freshness import freshness
from portal.lists.keyset import Cursor, Sort, number, page, span
from portal.lists.place import Chip, Place, typed
from portal.lists.search import Problem
from portal.web.formatting import TONES, phase_word

# References are hundreds: sorting them costs less than an index for each column.
TASK_SORTS = (
    Sort("reference", "Task", F("reference"), ""),
    Sort("environments", "In environments", F("environments"), None, first_click_descends=True, of=number),
    Sort("failed", "Failed, 7 days", F("failed_share"), None, first_click_descends=True, of=number),
    Sort("median", "Median", F("median"), None, first_click_descends=True, of=span),
    Sort("p95", "95 % under", F("p95"), None, first_click_descends=True, of=span),
    Sort("last_run", "Last run", F("last_run_at"), None, first_click_descends=True),
)
SERVICE_SORTS = (
    Sort("reference", "Service", F("reference"), ""),
    Sort("environments", "In environments", F("environments"), None, first_click_descends=True, of=number),
    Sort("failed", "Failed", F("failed"), None, first_click_descends=True, of=number),
    Sort("share", "Share failed", F("failed_share"), None, first_click_descends=True, of=number),
)
EVERYWHERE = 0.5  # from this share on a failure is not an environment's own
PHASE_ORDER = (
    ServicePhase.FAILED, ServicePhase.RUNNING, ServicePhase.STARTING, ServicePhase.STOPPING, ServicePhase.STOPPED,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Listed:
    """What differs between the two lists."""

    model: type[Summary]
    things: str
    url_name: str
    sorts: tuple[Sort, ...]
    default_order: str


TASKS = Listed(TaskSummary, "tasks", "automations:tasks", TASK_SORTS, "-environments")
SERVICES = Listed(ServiceSummary, "services", "automations:services", SERVICE_SORTS, "-failed")


@dataclass(frozen=True, slots=True)
class PhaseCount:
    """How many services are in a phase; `url` leads to them."""

    phase: str
    count: int
    url: str


@dataclass(frozen=True, slots=True)
class Line:
    """A reference with what its row shows beside the columns of `summary`."""

    summary: Summary
    url: str
    failed_url: str
    marks: SafeString
    marks_words: str
    phases: list[PhaseCount]
    is_everywhere: bool

    @property
    def percent(self) -> int | None:
        """The share that failed; None where it is not known."""
        return share_percent(self.summary)


def share_percent(summary: Summary) -> int | None:
    """The share that failed in percent, never rounded to nothing or to all; None where it is not known."""
    share = summary.failed_share
    if share is None:
        return None
    return round(share * 100) if share in (0, 1) else min(99, max(1, round(share * 100)))


def context(listed: Listed, data: QueryDict) -> dict[str, Any]:
    """What the templates of a list by reference show."""
    problems: list[Problem] = []
    place, cursor = read_place(listed, data, problems)
    rows = rows_at(listed, place)
    shown = page(rows, place.order, place.size, cursor, lambda found: found)
    url = reverse(listed.url_name)
    seen = newest(listed.model)
    run = None if shown.rows or place.filters else freshness(SyncRun.Kind.ALL_AUTOMATIONS)[0]
    return {
        "things": listed.things,
        "url": url,
        "words": place.one("q"),
        "failing": bool(place.one("failing")),
        "lines": [line(summary) for summary in shown.rows],
        "total": rows.count(),
        "computed_at": seen,
        "problems": problems,
        "chips": chips(place),
        "columns": {sort.name: place.column(sort) for sort in listed.sorts},
        "sort_field": place.sort_field,
        "next_url": shown.next and place.at(shown.next),
        "previous_url": shown.previous and place.at(shown.previous),
        "first_url": place.at(None),
        "is_beyond": cursor is not None,
        "poll_url": f"{url}{place}&{urlencode({'seen': seen.isoformat() if seen else ''})}",
        "run": run,
    }


def read_place(listed: Listed, data: QueryDict, problems: list[Problem]) -> tuple[Place, Cursor | None]:
    """The place that `data` names, and where it begins; what makes no sense goes to `problems`."""
    failing = [("failing", "yes")] if data.get("failing") == "yes" else []
    sorts = {sort.name: sort for sort in listed.sorts}
    return Place.read(data, [*typed(data), *failing], sorts, listed.default_order, problems)


def rows_at(listed: Listed, place: Place) -> QuerySet[Summary]:
    """The references that meet all conditions."""
    rows = listed.model._default_manager.all()
    for word in place.one("q").split():
        rows = rows.filter(Q(reference__icontains=word) | Q(name__icontains=word))
    return rows.filter(failed__gt=0) if place.one("failing") else rows


def newest(model: type[Summary]) -> datetime | None:
    """When these were counted; None where there are none."""
    return model._default_manager.order_by("-computed_at").values_list("computed_at", flat=True).first()


def line(summary: Summary) -> Line:
    """What is shown of one reference."""
    is_task = isinstance(summary, TaskSummary)
    url = reverse("automations:task" if is_task else "automations:service", args=[summary.reference])
    runs = f"{reverse('automations:list')}?reference={quote(summary.reference)}&phase=failed&since=7d"
    words = [phase_word(mark.get("phase")) for mark in summary.marks] if isinstance(summary, TaskSummary) else []
    return Line(
        summary,
        url,
        runs if is_task else f"{url}?phase=failed",
        marks(words),
        counted(words),
        _phases(summary.phases, url) if isinstance(summary, ServiceSummary) else [],
        (summary.failed_share or 0) >= EVERYWHERE and summary.environments > 1,
    )


def marks(words: Sequence[str]) -> SafeString:
    """The newest runs as a row of coloured marks that is read as words; made here, a page has a thousand of them."""
    label = f"Newest {len(words)} run{'' if len(words) == 1 else 's'}, the newest first: {', '.join(words)}"
    inner = "".join(map(_mark, words))
    return SafeString(
        f'<span class="run-marks" role="img" aria-label="{escape(label)}">{inner}</span>' if words else ""
    )


def counted(words: Iterable[str]) -> str:
    """ "3 failed, 17 succeeded": how often each word occurs, the rarest first."""
    return ", ".join(f"{count} {word}" for word, count in sorted(Counter(words).items(), key=lambda pair: pair[::-1]))


@lru_cache(maxsize=64)
def _mark(word: str) -> str:
    return f'<span class="run-mark run-mark-{TONES.get(word, "none")}" title="{escape(word)}"></span>'


def _phases(phases: Mapping[str, int], url: str) -> list[PhaseCount]:
    """The phases that occur, those to look at first."""
    known: list[str] = [phase for phase in PHASE_ORDER if phase in phases]
    more = sorted(phase for phase in phases if phase not in known)
    return [PhaseCount(phase, phases[phase], f"{url}?{urlencode({'phase': _value(phase)})}") for phase in known + more]


def _value(phase: str) -> str:
    """What stands in the URL for a phase."""
    return phase_word(phase) if phase in ServicePhase.values or not phase else phase.lower()


def chips(place: Place) -> list[Chip]:
    """Every active condition."""
    found = [Chip("", words, place.only("q", ""))] if (words := place.one("q")) else []
    return found + ([Chip("Only", "failing", place.only("failing", ""))] if place.one("failing") else [])
