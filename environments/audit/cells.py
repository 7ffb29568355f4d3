"""The cells of an audit's lines, as HTML; texts and addresses are escaped.

They are made here and not in the template, which takes longer over a page of them than Postgres over finding them.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from django.utils.safestring import SafeString

from environments.actions.menu import Button
from environments.as_of.context import AsOf
from environments.as_of.recorded import standings
from environments.audit.rows import Line
from portal.web import cells as web_cells
from portal.web.formatting import UNKNOWN
from portal.web.names import Standings, named

STATUS = (
    '<details><summary><span class="tone-{tone}">{label}</span>{unseen}</summary>'
    '<ul class="aud-because">{because}</ul></details>'
)
FOLLOW = '<li><a href="{url}">The operation</a></li>'
UNSEEN = '<span class="aud-unseen">not observed, last recorded</span>'
SOURCE = '<div class="list-source">{}</div>'
NONE = '<span class="text-secondary">{}</span>'
ACTION = '<li><a href="{url}">{label}…<span class="visually-hidden"> {name}</span></a></li>'
IMPOSSIBLE = (
    '<li><span class="env-disabled" title="{why}">{label}'
    '<span class="visually-hidden"> of {name} is not available: {why}</span></span></li>'
)
Row = dict[str, SafeString]


def cells(lines: Iterable[Line], as_of: AsOf) -> list[Row]:
    """The cells of each line by their names."""
    lines = list(lines)
    rows = [line.environment for line in lines]
    standing = standings(identity for row in rows for identity in (row.creator_id, row.project_id, row.runner_id))
    return [_row(line, as_of, standing) for line in lines]


def _row(line: Line, as_of: AsOf, standing: Standings) -> Row:
    environment, verdict = line.environment, line.verdict
    name = escape(str(environment))
    because = "".join(f"<li><bdi>{escape(reason)}</bdi></li>" for reason in verdict.because)
    because += FOLLOW.format(url=escape(line.operation_url)) if line.operation_url else ""
    unseen = UNSEEN if as_of.is_gap else ""
    status = STATUS.format(tone=line.tone, label=escape(line.label), unseen=unseen, because=because)
    made = {
        "tick": web_cells.tick(environment.pk.hex, str(environment)),
        "name": f'<a id="e{environment.pk.hex}" href="{escape(line.url)}"><bdi>{name}</bdi></a>',
        "owner": named("owner", environment.creator_id, environment.owner_name, UNKNOWN, standing),
        "project": named("project", environment.project_id, environment.project_name, "none", standing),
        "runner": named("runner", environment.runner_id, environment.runner_name, UNKNOWN, standing),
        "phase": web_cells.phase(environment.phase),
        "status": status,
        "when": (as_of.when(verdict.at) if verdict.at else NONE.format("none")) + _archived(line),
        "work": _work(line.work, as_of),
        "actions": _actions(line.actions, name),
    }
    return {key: SafeString(value) for key, value in made.items()}


def _archived(line: Line) -> str:
    """Since when it is archived, where the time before tells of its deletion."""
    at = line.environment.archived_at
    if at is None or line.verdict.status not in ("deletion", "overdue"):
        return ""
    return SOURCE.format(f"archived {at:%Y-%m-%d}")


def _work(words: str, as_of: AsOf) -> str:
    """What git reports is stored as of now alone; in the past, only the time that it has is of then."""
    said = escape(words) if words else NONE.format("none recorded")
    return as_of.as_now(said, "work as now, time as of then" if ":" in words else "as now")


def _actions(buttons: list[Button], name: str) -> str:
    if not buttons:
        return ""
    shown = (
        IMPOSSIBLE.format(why=escape(button.why_not), label=escape(button.label), name=name)
        if button.why_not
        else ACTION.format(url=escape(button.url), label=escape(button.label), name=name)
        for button in buttons
    )
    return f'<ul class="aud-acts">{"".join(shown)}</ul>'
