"""`/`: the state of the organization, from stored figures; a visit counts nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode
from zlib import crc32

from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString

from environments.actions.registry import forbids
from environments.models import SyncRun
from environments.models.overview import OverviewPart
from environments.overview import charts, presentation, running_chart, running_time
from environments.overview.change_log import latest
from environments.overview.presentation import Choice
from environments.overview.top_consumers import names_of
from environments.sync.freshness import Freshness, freshness
from portal.ledger import rows
from portal.ledger.models import Operation
from portal.lists.parameters import one_word_of, readable_by
from portal.lists.readers import NONE, id_or_none
from portal.web.htmx import is_fragment, varied
from portal.web.parameters import takes
from portal.web.permissions import permission

Moments = tuple[tuple[str, datetime], ...]
LATEST = 8
MINUTE = timedelta(minutes=1)
CACHED_LOOK_BACKS = 64  # entries in the cache: every combination of choices, twice
CHOICES = {
    "period": tuple(running_chart.PERIODS),
    "by": tuple(running_chart.DIMENSIONS),
    "top": ("environments", "running time"),
}
DEFAULTS = {"period": "week", "by": "phase", "top": "environments"}


@takes(**{name: one_word_of(words) for name, words in CHOICES.items()})
@permission("environments.view_environment")
def overview(request: HttpRequest) -> HttpResponse:
    """The page; for htmx, the parts that a choice changes, or with `seen` what is new (204 if nothing is)."""
    asked = read_choices(request.GET)
    moments = _part_times(asked)
    if is_fragment(request):
        is_poll = "seen" in request.GET
        return _news(request, asked, moments) if is_poll else varied(HttpResponse(_look_back(asked, moments)))
    kinds = freshness()
    context = {"poll": _poll(moments, kinds), "look_back": _look_back(asked, moments), "kinds": kinds}
    return varied(render(request, "overview.html", context | _live(request.user)))


def _news(request: HttpRequest, asked: dict[str, str], moments: Moments) -> HttpResponse:
    """The parts of an open page that changed, each out of band; 204 if none did."""
    kinds, said = freshness(), request.GET
    context: dict[str, Any] = {"poll": _poll(moments, kinds)}
    if said["seen"] != _seen(moments):
        context |= {"is_live": True} | _live(request.user)
    if said.get("fresh") != _ages(kinds):
        environments = next(kind for kind in kinds if kind.kind == SyncRun.Kind.ENVIRONMENTS)
        context |= {"kinds": kinds, "freshness": environments}
    if said.get("looked") != _looked(moments):
        context["look_back"] = _look_back(asked, moments)
    if len(context) == 1:
        return HttpResponse(status=204)
    return render(request, "environments/overview/_news.html", context)


def overview_token(_: str) -> str:
    """Another text whenever an open page would get news, but for the choices of what looks back over days."""
    parts = OverviewPart.objects.order_by("name").values_list("name", "at")
    newest = Operation.objects.whole().newest_first().values_list("pk", "outcome").first()
    return f"{_looked(tuple(parts))}-{_ages(freshness())}-{newest}"


def read_choices(data: QueryDict) -> dict[str, str]:
    """The choices in the query; unknown ones get their defaults."""
    return {
        name: value if (value := data.get(name, "")) in choices else DEFAULTS[name] for name, choices in CHOICES.items()
    }


def _part_times(asked: Mapping[str, str]) -> Moments:
    """The time of each part that the page shows; one query that reads none of them."""
    parts = OverviewPart.objects.filter(pk__in=["counts", *_look_back_parts(asked)]).order_by("name")
    return tuple(parts.values_list("name", "at"))


def _poll(moments: Moments, kinds: Iterable[Freshness]) -> str:
    """The URL to poll; parts that cover days add their own choices and times."""
    return f"{reverse('overview')}?{urlencode({'seen': _seen(moments), 'fresh': _ages(kinds)})}"


def _seen(moments: Moments) -> str:
    return next((at.isoformat() for name, at in moments if name == "counts"), "never")


def _looked(moments: Moments) -> str:
    return f"{crc32(repr(moments).encode()):08x}"


def _ages(kinds: Iterable[Freshness]) -> str:
    """Changes when anything about freshness does; ages count in whole minutes."""
    told = [(kind.state, kind.age and kind.age // MINUTE, kind.latest and kind.latest.pk) for kind in kinds]
    return f"{crc32(repr(told).encode()):08x}"


def _live(user: User | AnonymousUser) -> dict[str, Any]:
    """What changes with every listing: counts, attention, failures, latest operations and changes."""
    parts = OverviewPart.objects.in_bulk(["counts", "failures"])
    context: dict[str, Any] = {"latest": latest(LATEST) if user.has_perm("environments.view_transition") else None}
    if user.has_perm("ledger.view_operation"):
        newest = Operation.objects.whole().newest_first().only(*rows.COLUMNS)
        context["operations"] = rows.rows(newest[:LATEST])
    if "counts" not in parts:
        context["was_swept"] = SyncRun.objects.latest_successful(SyncRun.Kind.ENVIRONMENTS) is not None
    else:
        lines = presentation.attention(parts["counts"].data, lambda permission: not forbids(user, permission))
        context |= {
            "as_of": parts["counts"].at,
            "figures": presentation.figures(parts["counts"].data),
            "attention": [line for line in lines if line.count],
            "fine": [line for line in lines if not line.count],
            "failures": parts["failures"].data,
            "clusters": presentation.failure_groups(parts["failures"].data),
        }
    return context


def _look_back_parts(asked: Mapping[str, str]) -> list[str]:
    return ["tops", "startups", running_chart.part_name(asked["period"], asked["by"])]


def _look_back(asked: Mapping[str, str], moments: Moments) -> SafeString:
    return look_back(tuple(asked.items()), moments)


@lru_cache(maxsize=CACHED_LOOK_BACKS)
def look_back(choices: tuple[tuple[str, str], ...], moments: Moments) -> SafeString:
    """Parts that cover days: charts, tops, start-ups. Equal for everybody and most of the page, so rendered once per
    refresh. The chart ends with the counts of the last sync, as the figures show them.
    """
    asked = dict(choices)
    parts, chart = (
        OverviewPart.objects.in_bulk(_look_back_parts(asked)),
        running_chart.part_name(asked["period"], asked["by"]),
    )
    context: dict[str, Any] = {"asked": asked, "choices": {name: _choices(name, asked) for name in CHOICES}}
    context["looked"] = _looked(moments)
    if chart in parts:
        data, at, live = parts[chart].data, parts[chart].at, running_chart.newest(asked["by"])
        if live and live.at >= at:
            data, at = running_chart.with_now(data, asked["by"], live.counts, live.at), live.at
        context |= {"running": charts.running(data, asked["by"]), "running_at": at, "hours": data["hours"]}
    if "tops" in parts:
        context |= {"tops": presentation.tops(parts["tops"].data, asked["top"]), "tops_data": parts["tops"].data}
    if "startups" in parts:
        context |= {"starts": presentation.starts(parts["startups"].data), "starts_data": parts["startups"].data}
    return render_to_string("environments/overview/_look_back.html", context)


def _choices(name: str, asked: dict[str, str]) -> list[Choice]:
    url = reverse("overview")
    return [
        Choice(value, f"{url}?{urlencode({**asked, name: value})}", asked[name] == value) for value in CHOICES[name]
    ]


@takes(**{name: readable_by(id_or_none) for name in running_time.KEYS})
@permission("environments.view_environment")
def running_time_by_day(request: HttpRequest) -> HttpResponse:
    """How long the environments of one owner, project or class ran on each of the last days; without one, all."""
    by, identity = one_of(request.GET)
    days = running_time.days_of(by, identity)
    key = "" if identity == NONE else identity  # as stored figures have it
    context = {
        "by": by,
        "name": names_of(by, [key])[key] if by else "",
        "count": running_time.DAYS,
        "chart": charts.running_time(days, running_time.first_day(), running_time.DAYS) if days else None,
        "list_url": presentation.list_url(**({by: identity} if by else {})),
    }
    return render(request, "environments/overview/running_time.html", context)


def one_of(data: QueryDict) -> tuple[str, str]:
    """The first dimension with an id (or "none") in the query, and that id."""
    for by in running_time.KEYS:
        with suppress(ValueError):
            if text := data.get(by):
                return by, id_or_none(text)
    return "", ""
