"""`/audit/what-if/`: which environments other policies would affect, and when; the URL holds the question."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from environments.audit.query import READ
from environments.audit.what_if import QUESTIONS, WhatIfForm, answer, questions_of
from environments.audit.what_if_list import HITS
from environments.policies.policy import policy_at
from portal.exports.download import PERMISSION, Asking, respond
from portal.lists.export import export_of
from portal.lists.parameters import understood_by
from portal.lists.query import read_query
from portal.lists.search import Problem
from portal.lists.views import page_of
from portal.web.confirming import asks_again
from portal.web.parameters import anything, takes
from portal.web.permissions import permission

hits_page = page_of(HITS)


@takes(**dict.fromkeys(QUESTIONS, anything))  # the form reports values
@permission(*READ)
def audit_what_if(request: HttpRequest) -> HttpResponse:
    """The questions, and of each answer the first environments."""
    form, now = WhatIfForm(request.GET), timezone.now()
    policy = policy_at(now)
    answers = [answer(name, value, now, policy) for name, value in form.asked().items()]
    context = {
        "form": form,
        "answers": answers,
        "questions": QUESTIONS,
        "policy": policy,
        "query": f"?{urlencode(form.asked())}",
    }
    return render(request, "environments/audit/what_if.html", context)


@understood_by(lambda request: ())  # the list reports them
@permission(*READ)
def audit_hits(request: HttpRequest) -> HttpResponseBase:
    """All environments that one question affects; an invalid question returns to its form."""
    name, given = request.GET.get("question", ""), request.GET.get("value", "")
    if name not in WhatIfForm({name: given}).asked():
        return redirect(f"{reverse('audit:what-if')}?{urlencode({name: given} if name in QUESTIONS else {})}")
    return hits_page(request)


@asks_again("GET")
@require_GET
@permission(*READ, PERMISSION)
def what_if_export(request: HttpRequest) -> HttpResponseBase:
    """The answers to all questions of an address; there must be one."""
    errors = WhatIfForm(request.GET).errors.items()
    problems = [Problem(name, " ".join(map(str, each)).rstrip(".")) for name, each in errors]
    if not questions_of(request.GET) and not problems:
        problems = [Problem("what if", "an export needs a question, such as lifetime=14")]
    problems += read_query(HITS, request.GET).problems
    return respond(request, "what-if", lambda: export_of(HITS, request.GET, {}, Asking.of(request)), problems)
