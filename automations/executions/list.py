"""The list of executions: what tasks did, in all environments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import F
from django.http import HttpRequest

from automations.actions.tasks import STOP_EXECUTION
from automations.executions.filters import FACETS, FILTERS
from automations.executions.rows import COLUMNS, list_rows
from automations.executions.search_keys import SEARCH
from automations.models import TaskExecution
from environments.actions import bulk
from environments.list.exports import word
from environments.list.list import TICKS
from environments.models import SyncRun
from environments.sync.freshness import freshness
from portal.lists.change_token import changed_rows
from portal.lists.declaration import Heading, List, ListQuery, Table, only, without_blanks
from portal.lists.keyset import Sort, span

EXPORTED = {
    "id": "id", "phase": "phase", "reference": "reference", "task_id": "task_id", "task": "task_name",
    "environment_id": "environment_id", "environment": "environment_name", "project_id": "project_id",
    "project": "project_name", "owner_id": "owner_id", "owner": "owner_name", "started_by": "started_by",
    "started_by_name": "started_by_name", "created_at": "created_at", "started_at": "started_at",
    "completed_at": "completed_at", "took_seconds": "duration", "failure": "failure",
    "first_seen_at": "first_seen_at", "seen_at": "seen_at", "gone_at": "gone_at",
}  # fmt: skip
PHASE = list(EXPORTED).index("phase")
revision = changed_rows(TaskExecution)


def _row(values: Sequence[Any]) -> list[Any]:
    row = [*without_blanks(values)]
    row[PHASE] = word(row[PHASE])
    return row


def _context(request: HttpRequest, query: ListQuery, part: str) -> Mapping[str, Any]:
    all_query = query.place.at(None).removeprefix("?")
    chosen = {"selection": bulk.selection_of("", [(STOP_EXECUTION.name, "Stop")], request.user, all_query)}
    return chosen | ({"read": SyncRun.objects.latest_successful(SyncRun.Kind.AUTOMATIONS)} if part == "page" else {})


EXECUTIONS = List(
    name="executions",
    page_url="automations:list",
    changes_url="automations:execution-changes",
    facets_url="automations:execution-facets",
    export_url="automations:execution-export",
    title="Executions",
    one="execution",
    many="executions",
    model=TaskExecution,
    permissions=("automations.view_taskexecution", "environments.view_environment"),
    # Each is read from an index of its own, in order: see TaskExecution.Meta.indexes.
    sorts=(
        Sort("phase", "Phase", F("phase"), ""),
        Sort("reference", "Task", F("reference"), ""),
        Sort("created", "Created", F("created_at"), None, first_click_descends=True),
        Sort("duration", "Duration", F("duration"), None, first_click_descends=True, of=span),
    ),
    default_order="-created",
    search=SEARCH,
    filters=FILTERS,
    facets=FACETS,
    panel=(*FACETS, "from", "to"),
    read=only(*COLUMNS),
    display=lambda found, query, request: list_rows(found),
    context=_context,
    # what no index answers alone: each hit is looked up in its row
    scanned=("", "task", "env", "project", "owner", "by", "failure", "duration"),
    change_token=revision,
    headings=(
        TICKS,
        Heading("run-phase", sort="phase"),
        Heading("run-reference", sort="reference"),
        Heading("run-environment", "Environment"),
        Heading("run-by", "Started by"),
        Heading("run-created", sort="created"),
        Heading("run-duration", sort="duration"),
    ),
    template="automations/executions/executions.html",
    rows_template="automations/executions/_rows.html",
    top_template="environments/_bulk.html",
    after_template="environments/_selection.html",
    empty_template="automations/executions/_nothing.html",
    empty=lambda: {"run": freshness(SyncRun.Kind.ALL_AUTOMATIONS)[0], "things": "executions"},
    css="run-table",
    table=Table(name="executions", title="Executions", columns=EXPORTED, row=_row),
    detail=lambda execution: {},
)
