"""`/environments/<id>/timeline/`: what happened to one environment; and every version of its specification."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID
from zlib import crc32

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone

from environments.actions.menu import Actor
from environments.actions.views.panel import find_environment
from environments.detail.views import nothing_new, render_tab
from environments.models import Environment
from environments.timeline import drawing, query, specification_versions
from environments.timeline import list as timeline_list
from environments.timeline.assemble import tell
from environments.timeline.audit_log_source import OUTSIDE
from environments.timeline.forms import NAMES, ComparisonForm
from environments.timeline.operations_source import ASKED_FOR
from environments.timeline.query import View
from environments.timeline.source import SOURCES, Chosen, Source
from environments.timeline.specification_versions import VERSIONS, Version
from environments.timeline.transitions_source import TRANSITIONS
from portal.web.permissions import permission

OWN: Final = (TRANSITIONS, VERSIONS, ASKED_FOR, OUTSIDE)
GRAIN = 120  # as many times does a picture move while a period passes
VERSIONS_SHOWN = 25


def urls() -> list[Any]:
    """The addresses of this tab."""
    return [
        path("<uuid:environment_id>/timeline/", timeline, name="timeline"),
        path("<uuid:environment_id>/timeline/specification/", specification, name="specification"),
    ]


@permission("environments.view_environment")
def timeline(request: HttpRequest, environment_id: UUID) -> HttpResponse:
    """The picture of a period, what was selected in it, and the same as a list."""
    environment, now = find_environment(environment_id), timezone.now()
    sources = sources_of(request.user)
    view = query.read(request.GET, environment, now)
    revision = _revision(environment, view, sources)
    if nothing_new(request, environment, revision):
        return HttpResponse(status=204)
    listed = timeline_list.listed(environment, view, sources)
    context = {
        "view": view,
        "picture": drawing.draw(tell(environment, view.period, now, sources), view),
        "chosen": _chosen(environment, view, sources),
        "unchosen_url": view.url(transition=""),
        "listed": listed,
        "lanes": timeline_list.lanes(view, sources),
        "newest_url": view.url(),
        "unsearched_url": view.url(q=""),
        "is_older": listed.is_older,
    }
    return render_tab(request, environment, "timeline", "environments/timeline/_timeline.html", context, revision)


def sources_of(user: Actor) -> list[Source]:
    """Those that this person may see."""
    return [source for source in (*OWN, *SOURCES) if user.has_perms(source.permissions)]


def _revision(environment: Environment, view: View, sources: Sequence[Source]) -> str:
    """Of what the sources know; the picture moves on, too, as the environment is seen again."""
    sighting, span = getattr(environment, "sighting", None), view.period.end - view.period.start
    moves = max(span.total_seconds() / GRAIN, 1) if view.to is None else 0
    place = int(sighting.seen_at.timestamp() // moves) if sighting and moves else 0
    texts = [str(place), *(source.revision(environment) for source in sources)]
    return f"{crc32(repr(texts).encode()):08x}"


def _chosen(environment: Environment, view: View, sources: Sequence[Source]) -> Chosen | None:
    """What the key in the address stands for, with the specification then; None where it stands for nothing."""
    source = next((source for source in sources if source.letter == view.chosen[:1]), None)
    chosen = source.find(environment, view.chosen[1:]) if source else None
    is_of_environment = source is TRANSITIONS and VERSIONS in sources
    return specification_versions.beside(environment, chosen, view) if chosen and is_of_environment else chosen


@permission("environments.view_environment", *specification_versions.PERMISSIONS)
def specification(request: HttpRequest, environment_id: UUID) -> HttpResponse:
    """Every version that was seen, the highest first, and two of them held against each other."""
    environment = find_environment(environment_id)
    below = specification_versions.version_number(request.GET.get("below", ""))
    shown, older = specification_versions.page(environment, VERSIONS_SHOWN, below)
    context = {
        "versions": shown,
        "older": older,
        "below": below,
        "is_older": True,  # it does not change under who chooses two of them
        **_compared(request, environment, shown),
    }
    return render_tab(request, environment, "timeline", "environments/timeline/_specification.html", context)


def _compared(request: HttpRequest, environment: Environment, shown: Sequence[Version]) -> dict[str, Any]:
    """The two versions that the address names, or the newest and the one before; none where one was not seen."""
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
