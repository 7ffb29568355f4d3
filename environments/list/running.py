"""What runs now, why, and when each stops: the environments that are up, the next to stop first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import DateTimeField, F
from django.db.models.functions import Upper
from django.http import HttpRequest

from environments.activity.starters import find_starters
from environments.as_of import clock
from environments.list.change_token import revision
from environments.list.filters import FILTERS
from environments.list.search_keys import SEARCH
from environments.models import Environment, EnvironmentQuerySet
from environments.policies import stopping
from environments.policies.stopping import Stop
from portal.lists.declaration import Heading, List, ListQuery, Table
from portal.lists.keyset import Sort, span

SHOWN = (
    "name", "phase", "archived_at", "gone_at", "creator_id", "owner_name", "project_id", "project_name", "role",
    "created_at", "last_started_at", "active_at", "last_used_at", "timeout",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RunningRow:
    """`starter` says who or what started it; empty if unknown."""

    row: Environment
    stop: Stop | None
    starter: str


def _base(query: ListQuery) -> EnvironmentQuerySet:
    return Environment.objects.filter(stopping.IS_UP)


def _display(rows: Sequence[Environment], query: ListQuery, request: HttpRequest) -> list[RunningRow]:
    starters, now = find_starters(rows), clock.at()
    return [RunningRow(row, stopping.find_stop(row, now), starters.get(row.pk, "")) for row in rows]


COLUMNS: Mapping[str, str] = {
    "id": "id", "name": "name", "phase": "phase", "owner": "owner_name", "owner_email": "owner_email",
    "project": "project_name", "class": "class_name", "runner": "runner_name", "last_started_at": "last_started_at",
    "active_at": "active_at", "last_used_at": "last_used_at", "timeout_seconds": "timeout",
    "never_stops": "never_stops", "stops_at": "stops_at",
}  # fmt: skip
PICKED = ("stops", "owner", "project", "class", "runner", "role")
RUNNING = List(
    name="running",
    page_url="environments:running",
    facets_url="environments:running-facets",
    export_url="environments:running-export",
    title="Running environments",
    one="environment",
    many="environments",
    model=Environment,
    permissions=("environments.view_environment",),
    # few are up at a time: they are found by environment_facets, and sorted
    sorts=(
        Sort("stops", "Stops", stopping.AT, None),
        Sort("name", "Name", Upper("name"), ""),
        Sort("owner", "Owner", Upper("owner_name"), ""),
        Sort("started", "Started", F("last_started_at"), None, first_click_descends=True),
        Sort("active", "Last activity", F("active_at"), None, first_click_descends=True),
        Sort("timeout", "Timeout", F("timeout"), None, of=span),
    ),
    default_order="stops",
    search=SEARCH,
    filters=tuple(each for each in FILTERS if each.name in PICKED),
    facets=PICKED,
    panel=PICKED,
    base=_base,
    read=lambda rows: rows.only(*SHOWN),
    display=_display,
    change_token=revision,
    headings=(
        Heading("list-name", sort="name"),
        Heading("list-owner", sort="owner"),
        Heading("run-started", sort="started"),
        Heading("run-active", sort="active"),
        Heading("run-timeout", sort="timeout"),
        Heading("run-stops", sort="stops"),
    ),
    template="environments/list/running.html",
    rows_template="environments/list/_running_rows.html",
    css="running",
    table=Table(
        name="running",
        title="Running environments",
        columns=COLUMNS,
        types={"stops_at": DateTimeField},
        every=lambda query: query.rows().annotate(stops_at=stopping.AT),
    ),
)
