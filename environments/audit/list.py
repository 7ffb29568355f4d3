"""The audits of lockdown and archive as lists of environments, and the list of who changed lockdowns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.db.models import F, Q
from django.db.models.lookups import GreaterThan, GreaterThanOrEqual, LessThan
from django.http import HttpRequest, QueryDict
from django.urls import reverse

from environments.actions import bulk
from environments.actions.registry import ACTIONS
from environments.as_of import clock
from environments.as_of.context import AsOf, was_ever_synced
from environments.audit import lockdown_history, rows
from environments.audit.cells import cells
from environments.audit.counts import tally
from environments.audit.exports import CHANGES_TABLE, bare_table, table_of
from environments.audit.forecast import forecast
from environments.audit.query import AUDITS, DELETED, GROUPS, OWN, READ, Audit, AuditState
from environments.list.change_token import revision
from environments.list.filters import FILTERS, MOST_CHOSEN, PANEL, without_gone
from environments.list.list import ENVIRONMENTS, TICKS, last_sync
from environments.list.search_keys import SEARCH
from environments.models import Environment, EnvironmentQuerySet, Transition
from environments.policies import archiving
from environments.policies.policy import Policy, policy_at
from portal.lists.declaration import Heading, List, ListQuery
from portal.lists.facets import facets
from portal.lists.filters import Filter, Values, any_of, words_of
from portal.lists.keyset import Sort
from portal.lists.query import read_query
from portal.lists.readers import word_of
from portal.lists.views import WHOLE

SORTED_BY = ("phase", "name", "owner", "project")
GROUP = Filter("group", "Group", lambda values: Q(), word_of(GROUPS), words=lambda values: {}, single=True)
# style sheets hide the columns of ticks and actions where the rows have none
HEADINGS = (
    TICKS,
    Heading("aud-name", sort="name"),
    Heading("aud-owner", sort="owner"),
    Heading("aud-project", sort="project"),
    Heading("aud-runner", "Runner"),
    Heading("aud-phase", sort="phase"),
    Heading("aud-status", "Status"),
    Heading("aud-when", sort="when"),
    Heading("aud-work", "Unpushed work"),
    Heading("aud-act", "Actions"),
)


def _list(audit: Audit) -> List:
    return List(
        name="audit",
        api=f"audit/{audit.slug}",
        page_url=f"audit:{audit.slug}",
        export_url=f"audit:{audit.slug}-export",
        title=f"{audit.title} audit",
        one="environment",
        many="environments",
        model=Environment,
        permissions=READ,
        sorts=_sorts(audit, None, may_be_deleted=False),
        default_order="when",
        search=replace(SEARCH, placeholder="Words, or owner:ann runner:aws is:unpushed"),
        filters=(*FILTERS, _status(audit, {}), _day(audit, {}, None, None), GROUP),
        panel=(*PANEL, "group"),
        base=partial(_base, audit),
        prepare=partial(_prepare, audit),
        as_of=AsOf.read,
        change_token=revision,
        headings=HEADINGS,
        template="environments/audit/audit.html",
        body_template="environments/audit/_audit.html",
        problems_template="",
        rows_template="environments/audit/_rows.html",
        top_template="environments/_bulk.html",
        after_template="environments/_selection.html",
        facets_template=ENVIRONMENTS.facets_template,
        empty_template="environments/list/_nothing.html",
        empty=last_sync,
        beyond=ENVIRONMENTS.beyond,
        css="aud-table",
        swapped="audit",
        table=bare_table(audit),
    )


def _prepare(audit: Audit, listing: List, data: QueryDict, of: Mapping[str, Any]) -> List:
    """The audit under the policy of the time that is asked about; two queries."""
    now = clock.at()
    policy = policy_at(now)
    state, conditions = partial(AuditState, audit, policy, now, revision()), audit.conditions(policy, now)
    may_be_deleted = bool(data.get("gone")) or "gone:" in data.get("q", "").lower() or DELETED in data.getlist("status")
    return replace(
        listing,
        sorts=_sorts(audit, policy, may_be_deleted=may_be_deleted),
        filters=(*FILTERS, _status(audit, conditions), _day(audit, conditions, policy, now), GROUP),
        pages=lambda query: rows.read_page(state(query)),
        count=lambda query: rows.figures(state(query))[1],
        display=lambda found, query, request: cells(rows.lines(found, state(query), request.user), state(query).as_of),
        context=lambda request, query, part: _context(request, state(query), part),
        table=table_of(audit, state),
    )


def _sorts(audit: Audit, policy: Policy | None, *, may_be_deleted: bool) -> tuple[Sort, ...]:
    """By time first, which is what an audit is about."""
    when = Sort("when", "When", audit.when(policy, may_be_deleted), None)
    return when, *(ENVIRONMENTS.by_sort[name] for name in SORTED_BY)


def _status(audit: Audit, conditions: Mapping[str, Q]) -> Filter:
    def asks(values: Values) -> Q:
        wanted = Q(gone_at=None) & any_of(conditions)(values)
        return wanted | Q(gone_at__isnull=False) if DELETED in values else wanted

    labels = {name: status.label for name, status in audit.statuses.items()}
    return Filter("status", "Status", asks, word_of(audit.statuses), words_of(labels))


def _day(audit: Audit, conditions: Mapping[str, Q], policy: Policy | None, now: datetime | None) -> Filter:
    """What the forecast counts on a day."""

    def asks(values: Values) -> Q:
        begin = datetime.fromisoformat(values[0]).replace(tzinfo=UTC)
        after = max(begin, now) if now else begin
        at, statuses = audit.when(policy, False), tuple(status for each in audit.ahead.values() for status in each)
        # at a time that has come, nothing is ahead
        since = GreaterThan(at, after) if after == now else GreaterThanOrEqual(at, after)
        within = Q(since) & Q(LessThan(at, begin + timedelta(days=1)))
        return Q(gone_at=None) & any_of(conditions)(statuses) & within

    return Filter("day", "Due on", asks, _read_day, words_of({}), single=True)


def _read_day(text: str) -> str:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.max
    if day.year == date.max.year:
        raise ValueError("takes a day in UTC such as 2026-12-31")
    return day.isoformat()


def _base(audit: Audit, query: ListQuery) -> EnvironmentQuerySet:
    """Deleted ones only if the address names them, by their status or as gone."""
    found = Environment.objects.all() if DELETED in query.selected("status") else without_gone(query)
    return found.annotate(since=archiving.SINCE) if audit.asks_since_when_stopped else found


def _context(request: HttpRequest, state: AuditState, part: str) -> dict[str, Any]:
    """What the audit shows besides its list."""
    figures, total = rows.figures(state)
    return {
        "audit": state.audit,
        "policy_words": policy_words(state),
        "is_unknown": not total and not was_ever_synced(),
        "figures": figures,
        "groups": rows.groups(state),
        "group_label": GROUPS.get(state.query.one("group"), ""),
        "forecast": forecast(state.audit.ahead, tally(state.of_every_day).ahead, state.now, state.query.place),
        **_chosen(request, state, total),
        **_narrowing(request, state, part),
        **(_changes(state) if state.audit is AUDITS["lockdown"] else {}),
    }


def _chosen(request: HttpRequest, state: AuditState, total: int) -> dict[str, Any]:
    """What can be done in environments of the audit, and where: in those selected, or in all that match."""
    shown = {f"{state.audit.slug}.{status}" for status in state.statuses or state.audit.statuses}
    fitting = [action for action in ACTIONS.values() if action.fits & shown]
    found = bulk.selection(fitting, state.as_of.acting(request.user), _all_query(state, total))
    return {"selection": found, "most_chosen": MOST_CHOSEN}


def _all_query(state: AuditState, total: int) -> str:
    """All that match, by name where a status or a day chose them: the environments' own list knows neither."""
    if state.is_narrowed and total > MOST_CHOSEN:
        return ""
    found = state.query.rows().order_by().values_list("pk", flat=True)[:MOST_CHOSEN] if state.is_narrowed else ()
    return state.listed_alone([pk.hex for pk in found])


def policy_words(state: AuditState) -> str:
    """The policy that an audit follows."""
    if state.policy is None:
        return "unknown: the organization's policies had not been read."
    return state.policy.lifetime_words if state.audit.slug == "lockdown" else state.policy.archive_words


def _narrowing(request: HttpRequest, state: AuditState, part: str) -> dict[str, Any]:
    """What narrows it; the filters of the environments' list, counted in every status, only if requested."""
    url, place = reverse("environments:facets"), state.query.place
    known = QueryDict(urlencode([pair for pair in place.filters if pair[0] not in OWN]))
    is_counted = part == WHOLE and "facets" in request.GET
    return {
        "group_choices": GROUPS.items(),
        "filter_pairs": [pair for pair in place.filters if pair[0] in PANEL],
        "facets": facets(read_query(ENVIRONMENTS, known, state.as_of)) if is_counted else None,
        "find_url": url,
        "counts_url": f"{url}?{known.urlencode()}",
    }


def _changes(state: AuditState) -> dict[str, Any]:
    changes, has_older = lockdown_history.changes(state.environments, state.now)
    url = f"{reverse('audit:lockdown-changes')}?{state.filters_alone}"
    return {"changes": changes, "has_older_changes": has_older, "all_changes_url": url}


LOCKDOWN, ARCHIVE = _list(AUDITS["lockdown"]), _list(AUDITS["archive"])
AUDIT_LISTS = {"lockdown": LOCKDOWN, "archive": ARCHIVE}
CHANGES = List(
    name="changes",
    api="audit/lockdown/changes",
    page_url="audit:lockdown-changes",
    export_url="audit:lockdown-changes-export",
    title=CHANGES_TABLE.title,
    one="change of a lockdown",
    many="changes of lockdowns",
    model=Transition,
    permissions=READ,
    sorts=(Sort("seen", "Recorded", F("seen_at"), None, first_click_descends=True),),
    default_order="-seen",
    search=SEARCH,
    filters=FILTERS,
    base=without_gone,
    rows_from=lambda environments, query: lockdown_history.transitions(environments, clock.at()),
    read=lockdown_history.readable,
    is_counted=False,
    display=lambda found, query, request: lockdown_history.describe(found),
    context=lambda request, query, part: {"back_url": f"{reverse('audit:lockdown')}{query.place.at(None)}"},
    as_of=AsOf.read,
    saved=False,
    headings=(
        Heading("aud-seen", sort="seen"),
        Heading("", "Environment"),
        Heading("", "What"),
        Heading("", "Who and why"),
    ),
    template="environments/audit/changes.html",
    body_template="",
    before_template="as_of/_bar.html",
    rows_template="environments/audit/_changes_rows.html",
    empty_template="environments/audit/_no_changes.html",
    beyond="There are no older ones.",
    css="aud-plain",
    table=CHANGES_TABLE,
)
