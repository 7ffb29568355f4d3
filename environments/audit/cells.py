"""The cells of an audit's lines, as HTML; texts and addresses are escaped.

They are made here and not in the template, which takes longer over a page of them than Postgres over finding them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from html import escape

from django.utils.safestring import SafeString

from environments.actions.menu import Button
from environments.audit.rows import Line
from environments.list.rows import phase_cell
from portal.web.templatetags.portal import ago

TICK = (
    '<input type="checkbox" class="form-check-input" name="id" value="{id}" form="chosen" aria-label="Choose {name}">'
)
STATUS = (
    '<details><summary><span class="tone-{tone}">{label}</span>{unseen}</summary>'
    '<ul class="aud-because">{because}</ul></details>'
)
FOLLOW = '<li><a href="{url}">The operation</a></li>'
UNSEEN = '<span class="aud-unseen">not observed, last known</span>'
SOURCE = '<div class="list-source">{}</div>'
NONE = '<span class="text-secondary">{}</span>'
ACTION = '<li><a href="{url}">{label}…<span class="visually-hidden"> {name}</span></a></li>'
IMPOSSIBLE = (
    '<li><span class="env-disabled" title="{why}">{label}'
    '<span class="visually-hidden"> of {name} is not possible: {why}</span></span></li>'
)
Row = dict[str, SafeString]


def cells(lines: Iterable[Line], *, is_past: bool, is_gap: bool) -> list[Row]:
    """The cells of each line by their names; `is_past`: of a past moment, `is_gap`: of one when nobody looked."""
    return [_row(line, is_past=is_past, is_gap=is_gap) for line in lines]


def _row(line: Line, *, is_past: bool, is_gap: bool) -> Row:
    environment, verdict = line.environment, line.verdict
    name = escape(str(environment))
    because = "".join(f"<li><bdi>{escape(reason)}</bdi></li>" for reason in verdict.because)
    because += FOLLOW.format(url=escape(line.operation_url)) if line.operation_url else ""
    unseen = UNSEEN if is_gap else ""
    status = STATUS.format(tone=line.tone, label=escape(line.label), unseen=unseen, because=because)
    made = {
        "tick": TICK.format(id=environment.pk.hex, name=name),
        "name": f'<a href="{escape(line.url)}"><bdi>{name}</bdi></a>',
        "owner": _named(line.owner),
        "project": _named(line.project),
        "runner": _named(line.runner),
        "phase": phase_cell(environment.phase),
        "status": status,
        "when": _when(verdict.at, is_past=is_past) + _archived(line),
        "work": _work(line.work, is_past=is_past),
        "actions": _actions(line.actions, name),
    }
    return {key: SafeString(value) for key, value in made.items()}


def _named(named: tuple[str, str]) -> str:
    """A name, leading to all with it."""
    name, url = f"<bdi>{escape(named[0])}</bdi>", escape(named[1])
    return f'<a href="{url}">{name}</a>' if url else name


def _when(at: datetime | None, *, is_past: bool) -> str:
    if at is None:
        return NONE.format("no time")
    written = f"{at:%Y-%m-%d %H:%M} UTC"
    return written if is_past else ago(at) + SOURCE.format(written)


def _archived(line: Line) -> str:
    """Since when it is archived, where the time before tells of its deletion."""
    at = line.environment.archived_at
    if at is None or line.verdict.status not in ("deletion", "overdue"):
        return ""
    return SOURCE.format(f"archived since {at:%Y-%m-%d %H:%M} UTC")


def _work(words: str, *, is_past: bool) -> str:
    """What git told is not kept: on a page of the past it is that of now, and only the time it has is of then."""
    said = escape(words) if words else NONE.format("none known")
    if not is_past:
        return said
    return said + SOURCE.format("work as now, time as of then" if ":" in words else "as now")


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
