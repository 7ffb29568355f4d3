"""Lists as files: each at the address of its list and `export/`, with the same query and `format`."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_GET

from environments.actions.views.panel import find_environment
from environments.as_of import clock
from environments.as_of.context import AsOf
from environments.audit import query as audit_query
from environments.audit import what_if_list
from environments.audit.exports import audit, lockdown_changes
from environments.audit.query import AUDITS
from environments.audit.views import READ
from environments.audit.what_if import WhatIfForm
from environments.audit.what_if_exports import what_if
from environments.policies.policy import policy_at
from environments.timeline import query as timeline_query
from environments.timeline.exports import timeline
from environments.timeline.views import sources_of
from portal.exports.download import PERMISSION, Asking, respond
from portal.exports.formats import Export
from portal.lists.search import Problem
from portal.web.permissions import permission


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
    as_of = AsOf.read(request.GET.get("as_of", ""))

    def read() -> audit_query.AuditState:
        return audit_query.read_all(request.GET, AUDITS["lockdown"], as_of, policy_at(clock.at()))

    def build() -> Export:
        with as_of.reading():
            return lockdown_changes(Asking.of(request), read())

    with as_of.reading():  # the whole query, though statuses and order make no difference to the figures
        whole = audit_query.read(request.GET, AUDITS["lockdown"], as_of, policy_at(clock.at()))
    return respond(request, "lockdown-changes", build, [*as_of.problems, *whole.problems])


@require_GET
@permission(*READ, PERMISSION)
def what_if_export(request: HttpRequest) -> HttpResponseBase:
    form = WhatIfForm(request.GET)
    asked = form.asked()
    problems = [Problem(name, " ".join(map(str, errors)).rstrip(".")) for name, errors in form.errors.items()]
    if not asked and not problems:
        problems = [Problem("what if", "an export needs a question, such as lifetime=14")]
    now = timezone.now()
    states = [what_if_list.read(request.GET, name, value, now) for name, value in asked.items()]
    problems += [problem for each in states[:1] for problem in each.problems]
    return respond(request, "what-if", lambda: what_if(Asking.of(request), states), problems)


@require_GET
@permission("environments.view_environment", PERMISSION)
def timeline_export(request: HttpRequest, environment_id: UUID) -> HttpResponseBase:
    """All of the list's period and lane, of the sources that this person may see."""
    environment, sources = find_environment(environment_id), sources_of(request.user)
    view = timeline_query.read_view(request.GET, environment, timezone.now())
    lanes = [lane for source in sources for lane in source.lanes]
    problems = list(timeline_query.find_problems(request.GET, lanes))
    name = f"timeline-{environment_id}"
    return respond(request, name, lambda: timeline(Asking.of(request), environment, view, sources), problems)


def _audit(request: HttpRequest, slug: str) -> HttpResponseBase:
    as_of = AsOf.read(request.GET.get("as_of", ""))

    def read() -> audit_query.AuditState:
        return audit_query.read(request.GET, AUDITS[slug], as_of, policy_at(clock.at()))

    def build() -> Export:
        with as_of.reading():  # read once more, now in the snapshot: the policy is that of the rows
            return audit(Asking.of(request), read())

    with as_of.reading():
        problems = [*as_of.problems, *read().problems]
    return respond(request, f"audit-{slug}", build, problems)
