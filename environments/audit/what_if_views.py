"""`/audit/what-if/`: which environments other policies would affect, and when; the URL holds the question."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from environments.audit import what_if_list
from environments.audit.views import READ
from environments.audit.what_if import QUESTIONS, WhatIfForm, answer
from environments.list import search_keys
from environments.policies.policy import policy_at
from portal.lists.place import SIZES
from portal.web.permissions import permission


@permission(*READ)
def audit_what_if(request: HttpRequest) -> HttpResponse:
    """The questions, and of each answer the first environments."""
    form, now = WhatIfForm(request.GET), timezone.now()
    answers = [answer(name, value, now) for name, value in form.asked().items()]
    context = {
        "form": form,
        "answers": answers,
        "questions": QUESTIONS.values(),
        "policy": policy_at(now),
        "query": f"?{urlencode(form.asked())}",
    }
    return render(request, "environments/audit/what_if.html", context)


@permission(*READ)
def audit_hits(request: HttpRequest) -> HttpResponse:
    """All environments that one question affects, page by page; an invalid question returns to its form."""
    name, given = request.GET.get("question", ""), request.GET.get("value", "")
    value = WhatIfForm({name: given}).asked().get(name)
    if value is None:
        return redirect(f"{reverse('audit:what-if')}?{urlencode({name: given} if name in QUESTIONS else {})}")
    asked = what_if_list.read(request.GET, name, value, timezone.now())
    place = asked.listed.place
    found, shown = what_if_list.read_page(asked)
    context = {
        "asked": asked,
        "hits": found,
        "total": asked.rows.order_by().count(),
        "problems": asked.problems,
        "chips": what_if_list.chips(asked),
        "columns": [place.column(sort) for sort in what_if_list.sorts(name).values()],
        "url": reverse("audit:what-if-environments"),
        "clear": f"?{urlencode({'question': name, 'value': value})}",
        "back_url": f"{reverse('audit:what-if')}?{urlencode({name: value})}",
        "hidden": [pair for pair in place.filters if pair[0] != "q"],
        "keys": search_keys.KEYS.values(),
        "next_url": shown.next and place.at(shown.next),
        "previous_url": shown.previous and place.at(shown.previous),
        "first_url": place.at(None),
        "sizes": [(size, place.sized(size)) for size in SIZES],
        "export_query": f"{place.at(None)}&{urlencode({name: value})}",
    }
    return render(request, "environments/audit/hits.html", context)
