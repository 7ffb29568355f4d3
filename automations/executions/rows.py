"""The rows of the executions' list."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from urllib.parse import quote
from uuid import UUID

from django.urls import reverse
from django.utils.safestring import SafeString

from automations.executions.filters import starter_words
from automations.models import UNDER_WAY, TaskExecution
from portal.directory.standing import standings
from portal.web import cells
from portal.web.formatting import UNKNOWN, duration_words
from portal.web.names import Standings, beginning, named
from portal.web.templatetags.portal import ago, since

# what a row shows; lists never read the documents
COLUMNS = (
    "phase", "reference", "task_name", "environment_id", "environment_name", "project_id", "project_name", "owner_id",
    "owner_name", "started_by", "started_by_name", "created_at", "started_at", "duration", "failure", "gone_at",
)  # fmt: skip
SHORT = 160  # characters of a failure message
GONE = '<span class="list-flag">no longer stored by Ona</span>'

Row = dict[str, str]


def list_rows(executions: Iterable[TaskExecution]) -> list[Row]:
    """The cells of each line by their names, as HTML; see `portal.web.cells`."""
    here, environments = reverse("automations:list"), reverse("environments:list")
    executions = list(executions)
    standing = standings(identity for each in executions for identity in (each.owner_id, each.project_id))
    return [_row(execution, here, environments, standing) for execution in executions]


def _row(execution: TaskExecution, here: str, environments: str, standing: Standings) -> Row:
    return {
        "id": execution.pk.hex,
        "tick": cells.tick(execution.pk.hex, f"{execution.name} in {execution.environment_name or 'its environment'}"),
        "state": "list-past" if execution.gone_at else "",
        "phase": cells.phase(execution.phase),
        "task": _task(execution, here),
        "environment": _environment(execution, environments, standing),
        "by": _starter(execution),
        "created": ago(execution.created_at),
        "took": SafeString(took(execution)),
    }


def took(execution: TaskExecution) -> SafeString | str:
    """How long it ran, or runs already."""
    if execution.duration is not None:
        return duration_words(execution.duration)
    if execution.phase not in UNDER_WAY or execution.gone_at:
        return UNKNOWN
    return since(execution.started_at) if execution.started_at else "not started"


def _task(execution: TaskExecution, here: str) -> SafeString:
    return SafeString(
        f'<a id="x{execution.pk.hex}" href="{here}executions/{execution.pk}/"><bdi>{escape(execution.name)}</bdi></a>'
        f' <span class="list-source run-ref">{_reference(execution)}</span>'
        f"{_failure(execution.failure)}{GONE if execution.gone_at else ''}"
    )


def _reference(execution: TaskExecution) -> SafeString:
    if not execution.reference:
        return SafeString("task unknown")
    return cells.link(f"?reference={quote(execution.reference)}", execution.reference, is_isolated=True)


def _failure(message: str) -> str:
    """Its beginning; the whole of it in the tooltip."""
    if not message:
        return ""
    short = message if len(message) <= SHORT else f"{message[:SHORT]}…"
    return f'<bdi class="run-failure" title="{escape(message[:2000])}">{escape(short)}</bdi>'


def _environment(execution: TaskExecution, environments: str, standing: Standings) -> SafeString:
    name = execution.environment_name or beginning(execution.environment_id)
    link = cells.link(f"{environments}{execution.environment_id}/", name, is_isolated=True)
    project = named("project", execution.project_id, execution.project_name, "no project", standing)
    owner = named("owner", execution.owner_id, execution.owner_name, "owner unknown", standing)
    return SafeString(f'{link}<div class="list-source">{project} · {owner}</div>')


def _starter(execution: TaskExecution) -> SafeString:
    if not execution.started_by:
        return SafeString(UNKNOWN)
    words = starter_words(execution.started_by, execution.started_by_name)
    words = words if words != execution.started_by else _short(words)
    return cells.link(f"?by={quote(execution.started_by)}", words, is_isolated=True)


def _short(started_by: str) -> str:
    """An id that is nobody's here, by its beginning."""
    try:
        return beginning(UUID(started_by))
    except ValueError:
        return started_by
