"""`/audit/`: what the policies of lockdown and archiving mean for every environment, now or as of any past time."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse

from environments.as_of import clock
from environments.as_of.context import AsOf, was_ever_synced
from environments.audit.list import AUDIT_LISTS
from environments.audit.query import AUDITS, READ, AuditState
from environments.audit.rows import Figure, figures
from environments.list.change_token import revision
from environments.policies import policy
from portal.lists.query import read_query
from portal.web.permissions import permission


@dataclass(frozen=True, slots=True)
class Summary:
    """One audit in brief, for the page that leads to both."""

    title: str
    url: str
    figures: list[Figure]

    @property
    def is_known(self) -> bool:
        """Whether there is anything to count, or a sweep that found nothing."""
        return any(figure.count for figure in self.figures) or was_ever_synced()


@permission(*READ)
def audit_list(request: HttpRequest) -> HttpResponse:
    """Both audits in brief, the policies in words, and how they came to be so."""
    as_of = AsOf.read(request.GET.get("as_of", ""))
    with as_of.reading():
        now, seen = clock.at(), revision()
        known = policy.policy_at(now)
        summaries = [
            _summary(AuditState(audit, known, now, seen, read_query(AUDIT_LISTS[slug], QueryDict(), as_of)))
            for slug, audit in AUDITS.items()
        ]
    history, has_older = policy.history(now)
    context = {
        "policy": known,
        "summaries": summaries,
        "is_unknown": not any(summary.is_known for summary in summaries),
        "history": history,
        "has_older": has_older,
        "url": reverse("audit:list"),
    }
    return render(request, "environments/audit/list.html", context | as_of.bar())


def _summary(state: AuditState) -> Summary:
    """Of all environments, whatever else the address holds."""
    return Summary(state.audit.title, reverse(f"audit:{state.audit.slug}"), figures(state)[0])
