"""`/`: the questions an admin asks of the whole fleet, each with its count and the way to the list behind it."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode

from environments import language
from environments.freshness import freshness
from environments.models import Environment
from portal.web.permissions import permission
from portal.web.search import parse
from portal.web.words import phase_word

# What deserves a look: the search that finds it (environments.language), and its name.
QUESTIONS = {
    "is:failing": "failing",
    "lockdown:past": "locked down",
    "lockdown:<24h": "locked down within 24 hours",
    "lockdown:<7d": "locked down within 7 days",
    "is:unpushed": "with unpushed work",
    "port:everyone": "open to everyone",
    "is:never-stops": "never stop",
    "is:not-in-sync": "not in sync",
    "is:archived": "archived",
}


@dataclass(frozen=True, slots=True)
class Figure:
    label: str
    count: int
    url: str
    phase: str = ""


@permission("environments.view_environment")
def overview(request: HttpRequest) -> HttpResponse:
    """Counts of environments that are not gone; two queries over columns, one over the runs."""
    asked = {f"question_{i}": Count("pk", filter=_asks(query)) for i, query in enumerate(QUESTIONS)}
    total, *counts = Environment.objects.present().aggregate(total=Count("pk"), **asked).values()
    phases = Environment.objects.present().order_by().values_list("phase").annotate(count=Count("pk"))
    context = {
        "total": Figure("in all", total, _list("")),
        "phases": [_phase(phase, count) for phase, count in sorted(phases, key=lambda pair: -pair[1])],
        "figures": [
            Figure(label, count, _list(query)) for (query, label), count in zip(QUESTIONS.items(), counts, strict=True)
        ],
        "kinds": freshness(),
    }
    return render(request, "overview.html", context)


def _asks(query: str) -> Q:
    return Q(*(language.asks(term) for term in parse(query, language.KEYS).terms))


def _phase(phase: str, count: int) -> Figure:
    """One that is newer than the portal's words is searched for by its raw name."""
    return Figure(phase_word(phase), count, _list(f"phase:{phase_word(phase)}" if phase else ""), phase)


def _list(query: str) -> str:
    return reverse("environments:list") + (f"?{urlencode({'q': query})}" if query else "")
