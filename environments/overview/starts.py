"""The starts behind the overview's startup times, one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from environments.list.names import names_of
from environments.models import Environment
from environments.models.overview import StartUp
from environments.overview import startup_times
from environments.overview.change_log import READ, change_url, environment_url
from environments.overview.presentation import Choice, is_rough
from environments.overview.top_consumers import names_of as names_by_key
from portal.lists.declaration import Heading, List, ListQuery, Table
from portal.lists.filters import Filter, Values, in_column, in_ids, words_of
from portal.lists.keyset import Sort
from portal.lists.readers import id_or_none, word_of

DAYS = {"day": 1, "week": startup_times.DAYS, "month": 30, "quarter": startup_times.RETENTION.days}
DEFAULT_PERIOD = "week"
UNMEASURED = "not-measured"
KINDS = {**{kind.value: kind.label for kind in StartUp.Kind}, UNMEASURED: "not measured"}


@dataclass(frozen=True, slots=True)
class StartRow:
    """A start as a row shows it; `row.seconds` is None if it was not measured, and no figure if `is_rough`."""

    row: StartUp
    name: str
    url: str
    change_url: str
    project: str
    class_: str

    @property
    def is_rough(self) -> bool:
        return is_rough(self.row.seconds or 0, self.row.uncertain or 0)


def _within(period: str) -> Q:
    return Q(running_at__gt=timezone.now() - timedelta(days=DAYS[period]))


def _of_kind(values: Values) -> Q:
    return in_column("kind")(tuple("" if value == UNMEASURED else value for value in values))


def _base(query: ListQuery) -> QuerySet[StartUp]:
    return StartUp.objects.filter(Q() if query.one("period") else _within(DEFAULT_PERIOD))


def _display(rows: Sequence[StartUp], query: ListQuery, request: HttpRequest) -> list[StartRow]:
    """With names in place of ids; as many queries whatever their number."""
    names = dict(Environment.objects.filter(pk__in={row.environment_id for row in rows}).values_list("pk", "name"))
    projects = names_by_key("project", {str(row.project_id or "") for row in rows})
    classes = names_by_key("class", {str(row.class_id or "") for row in rows})
    return [
        StartRow(
            row, names.get(row.environment_id) or str(row.environment_id), environment_url(row.environment_id),
            change_url(row.environment_id, row.pk, row.running_at), projects[str(row.project_id or "")],
            classes[str(row.class_id or "")],
        )
        for row in rows
    ]  # fmt: skip


def _context(request: HttpRequest, query: ListQuery, part: str) -> Mapping[str, Any]:
    period, kind, place = query.one("period") or DEFAULT_PERIOD, query.one("kind"), query.place
    kinds = {"": "All", **{word: label.capitalize() for word, label in KINDS.items()}}
    return {
        "days": DAYS[period],
        "periods": [
            Choice(name, place.only("period", "" if name == DEFAULT_PERIOD else name), name == period) for name in DAYS
        ],
        "kinds": [Choice(label, place.only("kind", word), word == kind) for word, label in kinds.items()],
    }


FILTERS = (
    Filter(
        "period", "Period", lambda values: _within(values[0]), word_of(DAYS),
        words_of({name: f"last {days} days" for name, days in DAYS.items()} | {"day": "last day"}), single=True,
    ),
    Filter("kind", "Kind", _of_kind, word_of(KINDS), words_of(KINDS), single=True),
    Filter("class", "Class", in_ids("class_id"), id_or_none, names_of("class"), single=True),
    Filter("project", "Project", in_ids("project_id"), id_or_none, names_of("project"), single=True),
)  # fmt: skip
STARTS = List(
    name="starts",
    page_url="overview-starts",
    title="Starts",
    one="start",
    many="starts",
    model=StartUp,
    permissions=READ,
    # read from startup_running_at; starts seen at the same time are sorted
    sorts=(Sort("running", "Running at", F("running_at"), None, first_click_descends=True),),
    default_order="-running",
    filters=FILTERS,
    base=_base,
    display=_display,
    context=_context,
    headings=(
        Heading("ov-when", sort="running"),
        Heading("", "Environment"),
        Heading("", "Kind"),
        Heading("text-end", "Duration"),
        Heading("text-end", "Max. error"),
        Heading("", "Class"),
        Heading("", "Project"),
    ),
    template="environments/overview/starts.html",
    body_template="",
    rows_template="environments/overview/_start_rows.html",
    before_template="environments/overview/_start_choices.html",
    empty_template="environments/overview/_no_starts.html",
    css="ov-started",
    table=Table(
        name="starts",
        title="Starts",
        columns={
            "transition_id": "transition_id", "running_at": "running_at", "environment_id": "environment_id",
            "kind": "kind", "took_seconds": "seconds", "uncertain_seconds": "uncertain", "class_id": "class_id",
            "project_id": "project_id",
        },
    ),
)  # fmt: skip
