"""The rows behind the figures of `/`: starts, running time by day, and all changes of which it shows the latest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Q, Sum
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from environments.models import Environment, Field, Transition
from environments.models.overview import RunningTime, StartUp
from environments.overview import running_time as overview_running_time
from environments.overview import startup_times
from environments.overview.presentation import list_url
from environments.overview.top_consumers import names_of
from environments.timeline.event_labels import Event, event
from environments.timeline.query import format_cursor, format_time, parse_cursor
from environments.timeline.source import Place
from environments.timeline.transitions_source import LETTER
from portal.lists.readers import NONE
from portal.web.permissions import permission

READ: Final = ("environments.view_environment", "environments.view_transition")
ROWS = 50
# Machine, content and devcontainer change along with the phase: the list would be full of them.
TELLING = (Field.PHASE, Field.FAILURE, Field.ARCHIVED, Field.LOCKDOWN, Field.GONE)
DAYS = {"day": 1, "week": startup_times.DAYS, "month": 30, "quarter": startup_times.RETENTION.days}
UNMEASURED = "not-measured"
KINDS = {"": "All", **{kind.value: kind.label.capitalize() for kind in StartUp.Kind}, UNMEASURED: "Not measured"}


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to look at a page, or at a part of it."""

    label: str
    url: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """A transition and the environment it is about."""

    event: Event
    name: str
    url: str
    change_url: str


@dataclass(frozen=True, slots=True)
class Start:
    """A start as a row shows it; `row.seconds` is None where it was not measured."""

    row: StartUp
    name: str
    url: str
    change_url: str
    project: str
    class_: str


@dataclass(frozen=True, slots=True)
class Day:
    """For how long environments ran on a day, together, and for how long the sync looked."""

    day: date
    seconds: float
    observed: float


@permission(*READ)
def changes(request: HttpRequest) -> HttpResponse:
    """Changes of every environment in the order in which they were noted, along the primary key."""
    before = request.GET.get("before", "")
    before = before if before.isascii() and before.isdigit() and len(before) < 19 else ""
    rows = noted()
    rows = list((rows.filter(pk__lt=int(before)) if before else rows)[: ROWS + 1])
    shown = rows[:ROWS]
    older = f"?before={shown[-1].pk}" if len(rows) > ROWS else ""
    return render(
        request,
        "environments/overview/changes.html",
        {"seen": list(map(seen, shown)), "older": older, "is_older": before},
    )


def noted() -> Any:
    """The transitions that tell something, the latest noted first."""
    rows = Transition.objects.filter(field__in=TELLING).select_related("environment")
    return rows.only("environment__name", "field", "old", "new", "old_seen_at", "seen_at").order_by("-id")


def seen(row: Transition) -> Seen:
    """A transition as a row shows it."""
    name, url = row.environment.name or str(row.environment_id), _environment_url(row.environment_id)
    return Seen(event(row), name, url, _change_url(row.environment_id, row.pk, row.seen_at))


def _environment_url(environment_id: UUID) -> str:
    return reverse("environments:detail", args=[environment_id])


def _change_url(environment_id: UUID, transition_id: int, seen_at: datetime) -> str:
    """The timeline of the day around a change, with the change selected."""
    query = {"zoom": "day", "to": format_time(seen_at + timedelta(hours=12)), "transition": f"{LETTER}{transition_id}"}
    return f"{reverse('environments:timeline', args=[environment_id])}?{urlencode(query)}#chosen"


@permission(*READ)
def starts(request: HttpRequest) -> HttpResponse:
    """The starts of a period, of one class, project or kind, newest first."""
    asked = _asked(request.GET)
    found, after = _starts(asked), parse_cursor(request.GET.get("before", ""))
    if after is not None and isinstance(after.id, int):
        # the first condition bounds the index, the second leaves out rows of the same moment
        found = found.filter(Q(running_at__lt=after.at) | Q(pk__lt=after.id), running_at__lte=after.at)
    rows = list(found.order_by("-running_at", "-pk")[: ROWS + 1])
    shown = rows[:ROWS]
    last = format_cursor(Place(shown[-1].running_at, "s", shown[-1].pk)) if len(rows) > ROWS else ""
    context = {
        "starts": _named(shown),
        "days": DAYS[asked["period"]],
        "periods": [Choice(name, _url(asked, period=name), name == asked["period"]) for name in DAYS],
        "kinds": [Choice(label, _url(asked, kind=kind), kind == asked["kind"]) for kind, label in KINDS.items()],
        "narrowed": [
            (by, names_of(by, [_key(asked[by])])[_key(asked[by])], _url(asked, **{by: ""}))
            for by in ("class", "project") if asked[by]
        ],
        "newest": _url(asked),
        "is_older": after is not None,
        "older": _url(asked, before=last) if last else "",
    }  # fmt: skip
    return render(request, "environments/overview/starts.html", context)


def _asked(data: QueryDict) -> dict[str, str]:
    """What an address asks for; anything unknown is as by default."""
    period, kind = data.get("period", ""), data.get("kind", "")
    return {
        "period": period if period in DAYS else "week",
        "kind": kind if kind in KINDS else "",
        **{by: _identity(data.get(by, "")) for by in ("class", "project")},
    }


def _identity(text: str) -> str:
    """An id or "none" as addresses hold it; empty for anything else."""
    try:
        return text if text == NONE else str(UUID(text))
    except ValueError:
        return ""


def _key(identity: str) -> str:
    """As roll-ups write it: none is empty."""
    return "" if identity == NONE else identity


def _starts(asked: Mapping[str, str]) -> Any:
    found = StartUp.objects.filter(running_at__gt=timezone.now() - timedelta(days=DAYS[asked["period"]]))
    if asked["kind"]:
        found = found.filter(kind="" if asked["kind"] == UNMEASURED else asked["kind"])
    for by in ("class", "project"):
        if asked[by]:
            found = found.filter(**{f"{by}_id": _key(asked[by]) or None})
    return found


def _url(asked: Mapping[str, str], **changes: str) -> str:
    query = {name: value for name, value in {**asked, **changes}.items() if value}
    return f"{reverse('overview-starts')}?{urlencode(query)}"


def _named(rows: Sequence[StartUp]) -> list[Start]:
    """With names in place of ids; as many queries whatever their number."""
    names = dict(Environment.objects.filter(pk__in={row.environment_id for row in rows}).values_list("pk", "name"))
    projects = names_of("project", {str(row.project_id or "") for row in rows})
    classes = names_of("class", {str(row.class_id or "") for row in rows})
    return [
        Start(
            row, names.get(row.environment_id) or str(row.environment_id), _environment_url(row.environment_id),
            _change_url(row.environment_id, row.pk, row.running_at), projects[str(row.project_id or "")],
            classes[str(row.class_id or "")],
        )
        for row in rows
    ]  # fmt: skip


@permission("environments.view_environment")
def running_time(request: HttpRequest) -> HttpResponse:
    """For how long the environments of one owner, project or class ran on each of the last days; else those of all."""
    by = next((by for by in overview_running_time.KEYS if _identity(request.GET.get(by, ""))), "")
    identity = _identity(request.GET.get(by, ""))
    kept = RunningTime.objects.filter(
        day__gt=timezone.now().astimezone(UTC).date() - timedelta(days=overview_running_time.DAYS)
    )
    own = kept.filter(dimension=by, key=_key(identity)) if by else kept.filter(dimension="owner")
    spent = dict(own.order_by("day").values_list("day").annotate(Sum("seconds")))
    observed = kept.filter(dimension=RunningTime.OBSERVED).order_by("-day").values_list("day", "seconds")
    days = [Day(day, spent.get(day, 0), seconds) for day, seconds in observed]
    context = {
        "by": by,
        "name": names_of(by, [_key(identity)])[_key(identity)] if by else "",
        "days": days,
        "count": overview_running_time.DAYS,
        "seconds": sum(day.seconds for day in days),
        "observed": sum(day.observed for day in days),
        "list_url": list_url(**({by: identity} if by else {})),
    }
    return render(request, "environments/overview/running_time.html", context)
