"""`/environments/<id>/timeline/`: the timeline of an environment, and the versions of its specification."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID
from zlib import crc32

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_GET

from environments.actions.registry import Actor
from environments.actions.views.panel import find_environment
from environments.detail.views import is_unchanged, render_tab
from environments.models import Environment
from environments.timeline import drawing, exports, query, specification_versions
from environments.timeline import list as timeline_list
from environments.timeline.audit_log_source import AUDIT_LOG
from environments.timeline.entry_groups import group_starts
from environments.timeline.forms import NAMES, ComparisonForm
from environments.timeline.operations_source import OPERATIONS
from environments.timeline.query import View
from environments.timeline.sources import SOURCES, Selection, Source, assemble
from environments.timeline.specification_versions import VERSIONS, Version
from environments.timeline.startup_drawing import draw_start
from environments.timeline.startups import read_starts
from environments.timeline.transitions_source import TRANSITIONS
from portal.exports.download import PERMISSION, Asking, respond
from portal.lists.parameters import understood_by
from portal.lists.search import Problem
from portal.web.confirming import asks_again
from portal.web.parameters import takes
from portal.web.permissions import permission

OWN: Final = (TRANSITIONS, VERSIONS, OPERATIONS, AUDIT_LOG)
GRAIN = 120  # how many times a picture moves on within its period
VERSIONS_SHOWN = 25


def urls() -> list[Any]:
    """The URLs of this tab."""
    return [
        path("<uuid:environment_id>/timeline/", timeline, name="timeline"),
        path("<uuid:environment_id>/timeline/export/", timeline_export, name="timeline-export"),
        path("<uuid:environment_id>/timeline/specification/", specification, name="specification"),
    ]


@understood_by(lambda request: _problems(request))
@permission("environments.view_environment")
def timeline(request: HttpRequest, environment_id: UUID) -> HttpResponse:
    """The picture of a period, the selected item, and the list."""
    environment, now = find_environment(environment_id), timezone.now()
    sources = sources_of(request.user)
    view = query.read_view(request.GET, environment, now)
    change_token = _change_token(environment, view, sources)
    if is_unchanged(request, environment, change_token):
        return HttpResponse(status=204)
    listed = timeline_list.list_entries(environment, view, sources)
    context = {
        "view": view,
        "picture": drawing.draw_timeline(assemble(environment, view.period, now, sources), view),
        "chosen": _chosen(environment, view, sources),
        "unchosen_url": view.url(transition=""),
        "listed": listed,
        "shown": listed.entries
        if view.words or view.lane
        else group_starts(listed.entries, environment.created_at, view.chosen),
        "lanes": timeline_list.lane_choices(view, sources),
        "newest_url": view.url(),
        "unsearched_url": view.url(q=""),
        "is_older": listed.is_older,
        "starts": [draw_start(start) for start in read_starts(environment, view.period)]
        if TRANSITIONS in sources
        else [],
    }
    return render_tab(request, environment, "timeline", "environments/timeline/_timeline.html", context, change_token)


@asks_again("GET")
@require_GET
@permission("environments.view_environment", PERMISSION)
def timeline_export(request: HttpRequest, environment_id: UUID) -> HttpResponseBase:
    """All of the list's period and lane, of the sources that this person may see."""
    environment, sources = find_environment(environment_id), sources_of(request.user)
    view = query.read_view(request.GET, environment, timezone.now())
    problems = list(_problems(request))
    name = f"timeline-{environment_id}"
    return respond(request, name, lambda: exports.timeline(Asking.of(request), environment, view, sources), problems)


def _problems(request: HttpRequest) -> Iterable[Problem]:
    lanes = [lane for source in sources_of(request.user) for lane in source.lanes]
    return query.find_problems(request.GET, lanes)


def sources_of(user: Actor) -> list[Source]:
    """The sources that this person may see."""
    return [source for source in (*OWN, *SOURCES) if user.has_perms(source.permissions)]


def _change_token(environment: Environment, view: View, sources: Sequence[Source]) -> str:
    """Changes with what the sources hold, and, if the period ends now, as the environment is seen again."""
    sighting, span = getattr(environment, "sighting", None), view.period.end - view.period.start
    moves = max(span.total_seconds() / GRAIN, 1) if view.to is None else 0
    place = int(sighting.seen_at.timestamp() // moves) if sighting and moves else 0
    texts = [str(place), *(source.change_token(environment) for source in sources)]
    return f"{crc32(repr(texts).encode()):08x}"


def _chosen(environment: Environment, view: View, sources: Sequence[Source]) -> Selection | None:
    """The selected item with the specification then; None if the key is invalid."""
    source = next((source for source in sources if source.letter == view.chosen[:1]), None)
    chosen = source.find(environment, view.chosen[1:]) if source else None
    is_of_environment = source is TRANSITIONS and VERSIONS in sources
    return (
        specification_versions.add_specification(environment, chosen, view) if chosen and is_of_environment else chosen
    )


def _version(text: str) -> str:
    return "" if specification_versions.parse_version(text) is not None else "takes the number of a version"


@takes(below=_version, **dict.fromkeys(NAMES, _version))
@permission("environments.view_environment", *specification_versions.PERMISSIONS)
def specification(request: HttpRequest, environment_id: UUID) -> HttpResponse:
    """All observed versions, highest first, and the comparison of two."""
    environment = find_environment(environment_id)
    below = specification_versions.parse_version(request.GET.get("below", ""))
    shown, older = specification_versions.list_versions(environment, VERSIONS_SHOWN, below)
    context = {
        "versions": shown,
        "older": older,
        "below": below,
        "is_older": True,  # does not refresh while someone chooses versions
        **_compared(request, environment, shown),
    }
    return render_tab(request, environment, "timeline", "environments/timeline/_specification.html", context)


def _compared(request: HttpRequest, environment: Environment, shown: Sequence[Version]) -> dict[str, Any]:
    """The two versions in the URL, or the newest and the one before; none if either was not observed."""
    newest = shown[0] if shown else None
    pair = (newest.previous, newest.row) if newest and newest.previous else None
    if NAMES.keys() & request.GET.keys():
        form = ComparisonForm(request.GET, environment=environment)
        form.is_valid()
        pair = form.pair
    else:
        initial = zip(NAMES, [each.spec_version for each in pair or ()], strict=False)
        form = ComparisonForm(environment=environment, initial=dict(initial))
    before, after = pair or (None, None)
    changes = specification_versions.diff(before, after) if before and after else []
    return {"form": form, "from_version": before, "to_version": after, "changes": changes}
