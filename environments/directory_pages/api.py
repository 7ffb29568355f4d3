"""What belongs to a member, project, runner or class over the REST API, as its page shows it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.http import HttpResponseBase
from django.urls import URLPattern, path
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from environments.directory_pages import belongings
from environments.directory_pages.nouns import NOUNS, Noun
from environments.directory_pages.policies import applied
from environments.directory_pages.views import SEE, found
from environments.overview.api import COUNT, RUNNING_TIME, TEXT, running_time_of
from environments.overview.presentation import Figure
from portal.api import parameters
from portal.api.endpoint import Endpoint, endpoint
from portal.api.schema import ID, problems, success

FIGURE = {
    "type": "object",
    "properties": {
        "name": TEXT, "label": TEXT, "count": COUNT,
        "query": {**TEXT, "description": "Of the list with exactly these rows: environments, or that of the group."},
    },
}  # fmt: skip
FIGURES = {"type": "array", "items": FIGURE}
GROUPS = {"type": "object", "additionalProperties": FIGURES}
BELONGINGS = {
    "type": "object",
    "properties": {
        "id": {**TEXT, "format": "uuid"},
        "name": TEXT,
        "standing": {"type": ["string", "null"], "description": "What is not in order, such as left or deleted."},
        "environments": FIGURES,
        "attention": {**FIGURES, "description": "What needs attention, most urgent first."},
        "failures": {**FIGURES, "description": "The most frequent failures."},
        "shared_with": {**GROUPS, "description": "The owners, projects … with most of its environments."},
        "groups": {**GROUPS, "description": "Secrets and executions, as far as they may be seen."},
        "running_time": RUNNING_TIME,
        "policies": {"type": "array", "items": TEXT},
    },
}


def urls() -> list[URLPattern]:
    """An address for each kind."""
    return [
        path(f"{noun.folder}/<uuid:pk>/figures/", read_figures(noun), name=f"{noun.word}-figures")
        for noun in NOUNS.values()
    ]


def read_figures(noun: Noun) -> Endpoint:
    """The endpoint of one kind."""

    @endpoint(
        "GET",
        SEE,
        operation_id=f"{noun.folder}_figures",
        summary=f"What belongs to a {noun.word}",
        description=f"The figures of the page of a {noun.word}, counted now. Ona's document is at the {noun.word}'s "
        "own address.",
        tags=[noun.folder],
        responses={200: success("The figures.", BELONGINGS, {"id": ID, "name": "text"}), **problems(400, 404)},
    )
    def read(request: Request, pk: UUID) -> HttpResponseBase:
        parameters.refuse_all(request.query_params)
        subject, now, user = found(noun, pk), timezone.now(), request.user
        figures, attention = belongings.environment_figures(subject, now, lambda permission: False)
        policies = applied(subject, figures, now, lambda permissions: False)
        return Response(
            {
                "id": str(pk),
                "name": subject.name,
                "standing": subject.standing or None,
                "environments": _told(figures),
                "attention": _told(attention),
                "failures": _told(belongings.failures(subject, now).figures),
                "shared_with": {group.kind: _shared(group) for group in belongings.rankings(subject)},
                "groups": {group.name: _told(group.figures) for group in belongings.groups(subject, user.has_perms)},
                "running_time": running_time_of(belongings.running_days(subject)),
                "policies": [*policies.sentences, *(f"{each.label}: {each.value}" for each in policies.limits)],
            }
        )

    return read


def _told(figures: Iterable[Figure]) -> list[dict[str, Any]]:
    return [
        {"name": each.name, "label": each.label, "count": each.count, "query": each.url.partition("?")[2]}
        for each in figures
    ]


def _shared(group: belongings.Ranking) -> Sequence[dict[str, Any]]:
    return [
        {"name": bar.name, "label": bar.name, "count": int(bar.length), "query": bar.value_url.partition("?")[2]}
        for bar in group.bars
    ]
