"""`/members/<id>/`, `/projects/<id>/`, `/runners/<id>/` and `/classes/<id>/`."""

from __future__ import annotations

import json
from collections.abc import Callable
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import timezone

from environments.directory_pages import belongings
from environments.directory_pages.nouns import NOUNS, Noun, Subject, find_subject
from environments.directory_pages.policies import applied
from environments.overview import charts
from environments.overview.presentation import list_url
from environments.overview.running_time import DAYS, first_day
from portal.web.permissions import permission

SEE = "environments.view_environment"


def urls() -> list[URLPattern]:
    """A page for each kind."""
    return [path(f"{noun.folder}/<uuid:identity>/", page_of(noun), name=noun.kind) for noun in NOUNS.values()]


def page_of(noun: Noun) -> Callable[..., HttpResponseBase]:
    """The view of one member, project, runner or class."""

    @permission(SEE)
    def noun_page(request: HttpRequest, identity: UUID) -> HttpResponse:
        subject, now, user = found(noun, identity), timezone.now(), request.user
        figures, attention = belongings.environment_figures(subject, now, user.has_perm)
        days = belongings.running_days(subject)
        context = {
            "subject": subject,
            "list_url": list_url(**{noun.kind: str(identity)}),
            "figures": figures,
            "attention": attention,
            "failures": belongings.failures(subject, now),
            "groups": belongings.groups(subject, user.has_perms),
            "rankings": belongings.rankings(subject),
            "chart": charts.running_time(days, first_day(), DAYS) if days else None,
            "days": DAYS,
            "policies": applied(subject, figures, now, user.has_perms),
            "document": _pretty(subject),
        }
        return render(request, "environments/directory_pages/noun.html", context)

    return noun_page


def found(noun: Noun, identity: UUID) -> Subject:
    """Raises Http404 if nothing has the id."""
    subject = find_subject(noun, identity)
    if subject is None:
        raise Http404(f"The portal has no record of this {noun.word}: Ona never listed it, and nothing names it.")
    return subject


def _pretty(subject: Subject) -> str:
    document = subject.entry.document if subject.entry else {}
    return json.dumps(document, indent=2, ensure_ascii=False) if document else ""
