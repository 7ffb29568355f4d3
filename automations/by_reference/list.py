"""The lists of tasks and of services by reference, as the sync last counted them over all environments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import F, Q

from automations.by_reference.rows import line
from automations.models import ServiceSummary, TaskSummary
from automations.models.summary import Summary
from environments.list.exports import word
from environments.models import SyncRun
from environments.sync.freshness import freshness
from portal.lists.change_token import newest
from portal.lists.declaration import Heading, List, ListQuery, Table, without_blanks
from portal.lists.filters import Filter, Values
from portal.lists.keyset import Sort, number, span
from portal.lists.readers import word_of

SEE_TASKS = ("automations.view_task", "automations.view_taskexecution", "environments.view_environment")
SEE_SERVICES = ("automations.view_service", "environments.view_environment")
PHASES = ("phase", "last_phase")  # exported columns that are told by their words
COUNTED = {
    "reference": "reference", "name": "name", "environments": "environments", "failed": "failed",
    "failed_share": "failed_share",
}  # fmt: skip
ENVIRONMENTS = Sort(
    "environments", "In environments", F("environments"), None, first_click_descends=True, of=number
)  # fmt: skip


def any_word_in(*columns: str) -> Filter:
    """The words of a search box without a language: each has to be in one of the columns."""

    def asks(values: Values) -> Q:
        each = ([Q(**{f"{column}__says": word}) for column in columns] for word in values[0].split())
        return Q(*(Q(*conditions, _connector=Q.OR) for conditions in each))

    return Filter("q", "", asks, single=True)


def phases_in_words(columns: Mapping[str, str]) -> Any:
    """What makes cells of these columns' values."""
    places = [place for place, name in enumerate(columns) if name in PHASES]

    def row(values: Sequence[Any]) -> Sequence[Any]:
        cells = [*without_blanks(values)]
        for place in places:
            cells[place] = word(cells[place])
        return cells

    return row


def _table(things: str, model: type[Summary], columns: Mapping[str, str], means: str) -> Table:
    def about(query: ListQuery) -> Mapping[str, Any]:
        return {"counted_at": model._default_manager.values_list("computed_at", flat=True).first(), "note": means}

    return Table(name=things, title=f"{things.capitalize()} by reference", columns={**COUNTED, **columns}, about=about)


def _list(thing: str, model: type[Summary], **differs: Any) -> List:
    things = f"{thing}s"
    return List(
        name=things,
        page_url=f"automations:{things}",
        export_url=f"automations:{things}-export",
        title=things.capitalize(),
        one=thing,
        many=things,
        model=model,
        filters=(
            any_word_in("reference", "name"),
            Filter(
                "failing", "Only", lambda values: Q(failed__gt=0), word_of({"yes"}), lambda values: {"yes": "failing"},
                single=True,
            ),
        ),
        panel=("failing",),
        display=lambda found, query, request: [line(summary) for summary in found],
        count=lambda query: query.rows().count(),
        change_token=newest(model, "computed_at"),
        template="automations/by_reference/references.html",
        body_template="",
        rows_template=f"automations/by_reference/_{things}.html",
        top_template="automations/by_reference/_counted.html",
        empty_template="automations/executions/_nothing.html",
        empty=lambda: {"run": freshness(SyncRun.Kind.ALL_AUTOMATIONS)[0], "things": things},
        css="run-summaries",
        **differs,
    )  # fmt: skip


# References are hundreds: sorting them costs less than an index for each column.
TASKS = _list(
    "task",
    TaskSummary,
    permissions=SEE_TASKS,
    sorts=(
        Sort("reference", "Task", F("reference"), ""),
        ENVIRONMENTS,
        Sort("failed", "Failed, 7 days", F("failed_share"), None, first_click_descends=True, of=number),
        Sort("median", "Median", F("median"), None, first_click_descends=True, of=span),
        Sort("p95", "p95", F("p95"), None, first_click_descends=True, of=span),
        Sort("last_run", "Last run", F("last_run_at"), None, first_click_descends=True),
    ),
    default_order="-environments",
    headings=(
        Heading("run-reference", sort="reference"),
        Heading("run-environments", sort="environments"),
        Heading("run-newest", "Newest runs"),
        Heading("run-failed", sort="failed"),
        Heading("run-median", sort="median"),
        Heading("run-p95", sort="p95"),
        Heading("run-last_run", sort="last_run"),
    ),
    table=_table(
        "tasks",
        TaskSummary,
        {
            "ended": "ended", "under_way": "under_way", "median_seconds": "median", "p95_seconds": "p95",
            "last_run_at": "last_run_at", "newest_runs": "marks", "computed_at": "computed_at",
        },
        "failed are runs among the ended ones of the last 7 days; durations are of the last 30 days' good runs.",
    ),
)  # fmt: skip
SERVICES = _list(
    "service",
    ServiceSummary,
    permissions=SEE_SERVICES,
    sorts=(
        Sort("reference", "Service", F("reference"), ""),
        ENVIRONMENTS,
        Sort("failed", "Failed", F("failed"), None, first_click_descends=True, of=number),
        Sort("share", "Share failed", F("failed_share"), None, first_click_descends=True, of=number),
    ),
    default_order="-failed",
    headings=(
        Heading("run-reference", sort="reference"),
        Heading("run-environments", sort="environments"),
        Heading("run-phases", "Phases"),
        Heading("run-failed", sort="failed"),
        Heading("run-share", sort="share"),
        Heading("run-failures", "Messages"),
    ),
    after_template="automations/by_reference/_messages.html",
    table=_table(
        "services",
        ServiceSummary,
        {"running": "running", "phases": "phases", "failures": "failures", "computed_at": "computed_at"},
        "failed are environments in which the service is in that phase.",
    ),
)
