"""Lists as files: each at the address of its list and `export/`, with the same query and `format`."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_GET

from environments import moment as moments
from environments.audit import hits, policy, state
from environments.audit.as_of import as_of, read_moment
from environments.audit.bar import pairs
from environments.audit.state import AUDITS
from environments.audit.what_if import WhatIfForm
from environments.exports.audits import audit, lockdown_changes
from environments.exports.fleet import fleet
from environments.exports.secrets import secrets
from environments.exports.stream import stream
from environments.exports.timeline import timeline
from environments.exports.what_if import what_if
from environments.secrets import listing
from environments.state import read_state
from environments.stream.state import read_state as read_stream
from environments.timeline import periods
from environments.views.audit import READ
from environments.views.detail import find
from environments.views.secrets import VIEW
from environments.views.stream import READ as READ_STREAM
from environments.views.timeline import sources_of
from portal.web.downloads import PERMISSION, Asking, respond
from portal.web.exporting import Export
from portal.web.permissions import permission
from portal.web.search import Problem


@require_GET
@permission("environments.view_environment", PERMISSION)
def environment_export(request: HttpRequest) -> HttpResponseBase:
    moment, problem = read_moment(request.GET.get("as_of", ""))
    with as_of(moment):  # some words cannot be asked about the past
        asked = read_state(request.GET, more=pairs(moment))
    problems = [*_given(problem), *asked.problems]
    return respond(request, "environments", lambda: fleet(Asking.of(request), asked, moment), problems)


@require_GET
@permission(*READ, PERMISSION)
def lockdown_export(request: HttpRequest) -> HttpResponseBase:
    return _audit(request, "lockdown")


@require_GET
@permission(*READ, PERMISSION)
def archive_export(request: HttpRequest) -> HttpResponseBase:
    return _audit(request, "archive")


@require_GET
@permission(*READ, PERMISSION)
def changes_export(request: HttpRequest) -> HttpResponseBase:
    moment, problem = read_moment(request.GET.get("as_of", ""))

    def read() -> state.AuditState:
        return state.read_all(request.GET, AUDITS["lockdown"], moment, policy.policy_at(moments.now()))

    def build() -> Export:
        with as_of(moment):
            return lockdown_changes(Asking.of(request), read())

    with as_of(moment):
        problems = [*_given(problem), *read().problems]
    return respond(request, "lockdown-changes", build, problems)


@require_GET
@permission(VIEW, PERMISSION)
def secret_export(request: HttpRequest) -> HttpResponseBase:
    """Names and where they go; the portal never has values."""
    asked = listing.read_state(request.GET)
    return respond(request, "secrets", lambda: secrets(Asking.of(request), asked), asked.problems)


@require_GET
@permission(*READ_STREAM, PERMISSION)
def stream_export(request: HttpRequest) -> HttpResponseBase:
    asked = read_stream(request.GET)
    return respond(request, "stream", lambda: stream(Asking.of(request), asked), asked.problems)


@require_GET
@permission(*READ, PERMISSION)
def what_if_export(request: HttpRequest) -> HttpResponseBase:
    form = WhatIfForm(request.GET)
    asked = form.asked()
    problems = [Problem(name, " ".join(map(str, errors)).rstrip(".")) for name, errors in form.errors.items()]
    if not asked and not problems:
        problems = [Problem("what if", "an export needs a question, such as lifetime=14")]
    now = timezone.now()
    states = [hits.read(request.GET, name, value, now) for name, value in asked.items()]
    problems += [problem for each in states[:1] for problem in each.problems]
    return respond(request, "what-if", lambda: what_if(Asking.of(request), states), problems)


@require_GET
@permission("environments.view_environment", PERMISSION)
def timeline_export(request: HttpRequest, environment_id: UUID) -> HttpResponseBase:
    """All of the list's period and lane, of the sources that this person may see."""
    environment, sources = find(environment_id), sources_of(request.user)
    view = periods.read(request.GET, environment, timezone.now())
    name = f"timeline-{environment_id}"
    return respond(request, name, lambda: timeline(Asking.of(request), environment, view, sources))


def _audit(request: HttpRequest, slug: str) -> HttpResponseBase:
    moment, problem = read_moment(request.GET.get("as_of", ""))

    def read() -> state.AuditState:
        return state.read(request.GET, AUDITS[slug], moment, policy.policy_at(moments.now()))

    def build() -> Export:
        with as_of(moment):  # read once more, now in the snapshot: the policy is that of the rows
            return audit(Asking.of(request), read())

    with as_of(moment):
        problems = [*_given(problem), *read().problems]
    return respond(request, f"audit-{slug}", build, problems)


def _given(problem: Problem | None) -> list[Problem]:
    return [problem] if problem else []
