"""`/audit/`: what the policies of lockdown and archiving mean for every environment, now or as of any past time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from environments.actions.menu import Actor
from environments.as_of import clock
from environments.as_of.context import AsOf, was_ever_synced
from environments.audit import lockdown_history, query, rows
from environments.audit.bulk_actions import offers
from environments.audit.cells import cells
from environments.audit.counts import tally
from environments.audit.forecast import forecast
from environments.audit.query import AUDITS, GROUPS, AuditState
from environments.list import search_keys
from environments.list.change_token import revision
from environments.list.filters import MOST_CHOSEN, PANEL
from environments.models import SyncRun
from environments.policies import policy
from environments.sync.freshness import freshness
from portal.lists.facets import facets
from portal.lists.place import SIZES
from portal.web.htmx import is_fragment, render_page
from portal.web.permissions import permission
from portal.web.templatetags.portal import url_if_any

CHANGES_ON_A_PAGE = 50
READ = ("environments.view_environment", "environments.view_transition")


@dataclass(frozen=True, slots=True)
class Summary:
    """One audit in brief, for the page that leads to both."""

    title: str
    url: str
    figures: list[rows.Figure]

    @property
    def is_known(self) -> bool:
        """Whether there is anything to count, or a sweep that found nothing."""
        return any(figure.count for figure in self.figures) or was_ever_synced()


@permission(*READ)
def audit_list(request: HttpRequest) -> HttpResponse:
    """Both audits in brief, the policies in words, and how they came to be so."""
    as_of = AsOf.read(request.GET.get("as_of", ""))
    with as_of.reading():
        now = clock.at()
        known = policy.policy_at(now)
        summaries = [_summary(audit, query.read(_only(request), audit, as_of, known)) for audit in AUDITS.values()]
    history, has_older = policy.history(now)
    context = {
        "policy": known,
        "summaries": summaries,
        "is_unknown": not any(summary.is_known for summary in summaries),
        "history": history,
        "has_older": has_older,
        "problems": as_of.problems,
        "url": reverse("audit:list"),
    }
    return render(request, "environments/audit/list.html", context | as_of.bar())


@permission(*READ)
def audit_lockdown(request: HttpRequest) -> HttpResponse:
    return _audit(request, "lockdown")


@permission(*READ)
def audit_archive(request: HttpRequest) -> HttpResponse:
    return _audit(request, "archive")


@permission(*READ)
def audit_changes(request: HttpRequest) -> HttpResponse:
    """Who set, moved or cleared the lockdowns of the environments that the filters leave, all of them page by page."""
    as_of = AsOf.read(request.GET.get("as_of", ""))
    place, nowhere = lockdown_history.read_place(request.GET.get("before", ""))
    with as_of.reading():
        asked = query.read_all(request.GET, AUDITS["lockdown"], as_of, policy.policy_at(clock.at()))
        listed = lockdown_history.changes(asked.environments, asked.now, place, CHANGES_ON_A_PAGE)
        marks = query.chips(asked)
    here = str(asked.listed.place)
    context = {
        "url": reverse("audit:lockdown-changes"),
        "back_url": f"{reverse('audit:lockdown')}{here}",
        "here": here,
        "changes": listed,
        "older_url": f"{here}&{urlencode({'before': listed.older})}" if listed.older else "",
        "is_first": place is None,
        "chips": marks,
        "problems": [*as_of.problems, *([nowhere] if nowhere else []), *asked.problems],
    }
    return render(request, "environments/audit/changes.html", context | as_of.bar(asked.listed.place))


def _audit(request: HttpRequest, slug: str) -> HttpResponse:
    """A poll gets 204 while nothing is new."""
    seen = revision()
    if is_fragment(request) and request.GET.get("seen") == seen:
        return HttpResponse(status=204)
    as_of = AsOf.read(request.GET.get("as_of", ""))
    with as_of.reading():
        known = policy.policy_at(clock.at())
        asked = query.read(request.GET, AUDITS[slug], as_of, known)
        context = audit_context(asked, request.user) | as_of.bar(asked.listed.place)
        context |= _narrowing(asked, counted="facets" in request.GET and not is_fragment(request))
    context["rows"] = cells(context["lines"], as_of)
    context["problems"] = [*as_of.problems, *asked.problems]
    context |= _chosen(request, asked, context["total"])
    context["poll_url"] = as_of.live(f"{context['url']}{asked.listed.place}&seen={seen}")
    return render_page(request, "environments/audit/audit.html", "environments/audit/_audit.html", context)


def _chosen(request: HttpRequest, asked: AuditState, total: int) -> dict[str, Any]:
    """What can be done in environments of the audit, and where: in those ticked, or in all that match."""
    offered = offers(asked, asked.as_of.acting(request.user))
    url = url_if_any("automations:batch-new") if offered else ""
    context = {"batch_url": url, "offers": offered, "all_url": "", "most_chosen": MOST_CHOSEN}
    if not url or (asked.statuses and total > MOST_CHOSEN):
        return context
    ids = [pk.hex for pk in asked.rows.order_by().values_list("pk", flat=True)[:MOST_CHOSEN]] if asked.statuses else []
    first = next(offer.action for offer in offered if not offer.why_not)
    return context | {"all_url": f"{url}?action={first}&{asked.listed_alone(ids)}"}


def audit_context(asked: AuditState, user: Actor) -> dict[str, Any]:
    """What the templates of one audit show."""
    audit = asked.audit
    figures, total = rows.figures(asked)
    return {
        "audit": audit,
        "state": asked,
        "url": reverse(f"audit:{audit.slug}"),
        "policy": asked.policy,
        "policy_words": _policy_words(asked),
        "figures": figures,
        "total": total,
        "chips": query.chips(asked),
        "groups": rows.groups(asked),
        "group_label": GROUPS.get(asked.group, ""),
        "forecast": forecast(audit.ahead, tally(asked).ahead, asked.now),
        "changes": lockdown_history.changes(asked.environments, asked.now) if audit.slug == "lockdown" else None,
        "changes_url": f"{reverse('audit:lockdown-changes')}?{asked.filters_alone}",
    } | _table(asked, user)


def _table(asked: AuditState, user: Actor) -> dict[str, Any]:
    """The lines of an audit, and the pages beside this one."""
    place, shown = asked.listed.place, rows.read_page(asked)
    sorts = query.sorts(asked.audit, asked.policy, gone=False)
    return {
        "lines": rows.lines(shown.rows, asked, user),
        "columns": {name: place.column(sort) for name, sort in sorts.items()},
        "next_url": shown.next and place.at(shown.next),
        "previous_url": shown.previous and place.at(shown.previous),
        "first_url": place.at(None),
        "sizes": [(size, place.sized(size)) for size in SIZES],
        "sweep": None if shown.rows or place.filters else freshness(SyncRun.Kind.ENVIRONMENTS)[0],
        "is_unknown": not shown.rows and not was_ever_synced(),
    }


def _narrowing(asked: AuditState, *, counted: bool) -> dict[str, Any]:
    """What narrows an audit down; the filters of the list with their numbers where `counted`, else later."""
    place = asked.listed.place
    return {
        "hidden": [pair for pair in place.filters if pair[0] not in ("q", "group", *PANEL)],
        "filter_pairs": [pair for pair in place.filters if pair[0] in PANEL],
        "group_choices": GROUPS.items(),
        "keys": search_keys.KEYS.values(),
        "facets": facets(asked.listed) if counted else None,
        "find_url": reverse("environments:facets"),
        "facets_url": f"{reverse('environments:facets')}{place.at(None)}",
    }


def _policy_words(asked: AuditState) -> str:
    if asked.policy is None:
        return "unknown: the organization's policies had not been read."
    return asked.policy.lifetime_words if asked.audit.slug == "lockdown" else asked.policy.archive_words


def _summary(audit: query.Audit, asked: AuditState) -> Summary:
    return Summary(audit.title, reverse(f"audit:{audit.slug}"), rows.figures(asked)[0])


def _only(request: HttpRequest) -> Any:
    """The address without conditions: the page that leads to the audits is about all environments."""
    data = request.GET.copy()
    data.clear()
    return data
