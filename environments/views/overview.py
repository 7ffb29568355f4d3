"""`/`: the questions an admin asks of the whole fleet, each with its count and the way to the list behind it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from environments.freshness import freshness
from environments.models import Environment, Phase
from portal.web.permissions import permission

# Search terms of the list (environments.filters) that ask the same question as the QuerySet method of that name.
DESERVE_A_LOOK = {
    "failing": ("Failing", "is:failing"),
    "locked_down": ("Locked down", "lockdown:past"),
    "within_day": ("Locked down within 24 hours", "lockdown:<24h"),
    "within_week": ("Locked down within 7 days", "lockdown:<7d"),
    "unpushed": ("With unpushed work", "is:unpushed"),
    "open": ("Open to everyone", "port:everyone"),
    "never_stops": ("Never stop", "is:never-stops"),
    "not_in_sync": ("Not in sync", "is:not-in-sync"),
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
    counts = _counts()
    phases = dict(
        Environment.objects.active()
        .order_by()
        .values_list("phase")
        .annotate(count=Count("pk"))
        .order_by("-count", "phase")
    )
    context = {
        "total": counts["total"],
        "totals": [
            Figure("in all", counts["total"], _list("")),
            Figure("archived", counts["archived"], _list("is:archived")),
        ],
        "phases": [_phase(phase, count) for phase, count in phases.items()],
        "figures": [Figure(label, counts[key], _list(query)) for key, (label, query) in DESERVE_A_LOOK.items()],
        "kinds": freshness(),
    }
    return render(request, "overview.html", context)


def _counts() -> dict[str, int]:
    now = timezone.now()
    coming = Q(lockdown_at__gt=now)
    questions = {
        "archived": Q(archived_at__isnull=False),
        "failing": Q(failing=True),
        "locked_down": Q(lockdown_at__lte=now),
        "within_day": coming & Q(lockdown_at__lte=now + timedelta(days=1)),
        "within_week": coming & Q(lockdown_at__lte=now + timedelta(days=7)),
        "unpushed": Q(unpushed_work=True),
        "git_unknown": Q(unpushed_work=None),
        "open": Q(open_to_everyone=True),
        "never_stops": Q(never_stops=True),
        "not_in_sync": Q(not_in_sync=True),
    }
    counts = {name: Count("pk", filter=question) for name, question in questions.items()}
    return Environment.objects.present().aggregate(total=Count("pk"), **counts)


def _phase(phase: str, count: int) -> Figure:
    """A phase that Ona named later than the portal's words is searched for by its raw name."""
    word = Phase(phase).label if phase in Phase.values else phase or "unknown"
    return Figure(word, count, _list(f"phase:{word}"), phase)


def _list(query: str) -> str:
    return reverse("environments:list") + (f"?{urlencode({'q': query})}" if query else "")
