"""What a row of the list tells at a glance, worked out from its columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from html import escape
from typing import Any
from urllib.parse import urlsplit

from django.db.models import QuerySet
from django.utils.safestring import SafeString

from environments.as_of import clock, recorded
from environments.models import Environment, Phase
from environments.models.flags import FLAGS, STARTED, Flag, with_flags
from environments.policies import lockdown
from environments.policies.verdict import Facts
from portal.lists.declaration import ListQuery
from portal.web import cells
from portal.web.formatting import UNKNOWN, phase_word
from portal.web.names import Standings, marked, named
from portal.web.templatetags.portal import ago, due

# what a row shows; lists never read the documents
COLUMNS = (
    "name", "phase", "archived_at", "gone_at", "creator_id", "owner_name", "project_id", "project_name", "class_id",
    "class_name", "runner_id", "runner_name", "repository", "branch", "created_at", "last_used_at", "lockdown_at",
    "failure", "unpushed_commits", "changed_files", "desired_phase", "spec_version", "runner_spec_version",
    "secrets_in_sync", "devcontainer_in_sync",
)  # fmt: skip
FAILURES = frozenset(("failing", "failed"))

Row = dict[str, str]


def read_rows(environments: QuerySet[Any]) -> QuerySet[Any]:
    """What `list_rows` shows of environments."""
    return with_flags(environments.only(*COLUMNS), clock.at())


def asks_for_failures(query: ListQuery) -> bool:
    """Whether rows are chosen by their failure: each then tells its message in a second line."""
    terms = [value for term in query.search.terms if term.key == "is" and not term.negated for value in term.values]
    words = {*query.selected("flag"), *map(str.lower, terms)}
    return bool(query.selected("failure") or words & FAILURES)


def list_rows(
    environments: Iterable[Environment], url: str, *, tells_failures: bool = False, reads_logs: bool = False
) -> list[Row]:
    """The cells of each line by their names, as HTML; `url` is the list's own.

    `tells_failures`: with the message of each, and, if the reader `reads_logs`, its log while there is a machine.

    Cells are plain dictionaries made here: see `portal.web.cells`.
    """
    now = clock.at()
    flags = [flag for flag in FLAGS.values() if recorded.is_recorded(flag.condition(now))]
    environments = list(environments)
    standing = recorded.standings(
        identity for each in environments for identity in (each.creator_id, each.project_id, each.runner_id)
    )
    rows = [_row(environment, url, now, flags, standing) for environment in environments]
    for environment, row in zip(environments, rows, strict=True):
        row["failure"] = _failure(environment, url, reads_logs=reads_logs) if tells_failures else ""
    return rows


def _failure(environment: Environment, url: str, *, reads_logs: bool) -> SafeString:
    """Its message, cut by the column's width, and whole in its tooltip."""
    if not environment.failure:
        return SafeString("")
    message = escape(environment.failure)
    has_log = reads_logs and environment.phase in STARTED and not environment.gone_at
    log = f'<a class="list-log" href="{url}{environment.pk}/log/">View log</a>' if has_log else ""
    return SafeString(f'<div class="list-failure" title="{message}"><bdi>{message}</bdi></div>{log}')


def _row(environment: Environment, url: str, now: datetime, flags: Sequence[Flag], standing: Standings) -> Row:
    return {
        "tick": cells.tick(environment.pk.hex, environment.name or str(environment.pk)),
        "state": "list-past" if environment.archived_at or environment.gone_at else "",
        "phase": _phase(environment),
        "name": cells.link(
            f"{url}{environment.pk}/", environment.name or str(environment.pk), element_id=f"e{environment.pk.hex}"
        ),
        "flags": SafeString("") if environment.gone_at else _flags(environment, flags),
        "repository": cells.text(environment.repository),
        "source": cells.text(short_repository(environment.repository) or "no repository"),
        "branch": cells.text(environment.branch),
        "owner": named("owner", environment.creator_id, environment.owner_name, UNKNOWN, standing),
        "project": named("project", environment.project_id, environment.project_name, "none", standing),
        "class": named("class", environment.class_id, environment.class_name, UNKNOWN)
        + marked("runner", environment.runner_id, standing, "runner "),
        "last_used": ago(environment.last_used_at),
        "lockdown": _lockdown(lockdown.at(Facts.of(environment), now), now),
        "created": ago(environment.created_at),
    }


def short_repository(url: str) -> str:
    """ "https://github.com/acme/shop.git" → "acme/shop"; what is not an address stays as it is."""
    try:
        path = urlsplit(url).path.strip("/")
    except ValueError:
        return url
    return path.removesuffix(".git") or url


def _phase(environment: Environment) -> SafeString:
    """The phase, and whether it is archived; a deleted environment has none any more."""
    if environment.gone_at:
        last = escape(phase_word(environment.phase))
        return cells.phase(Phase.DELETED) + SafeString(f' <span class="list-standing">last seen {last}</span>')
    archived = ' <a class="list-flag" href="?archived=yes">archived</a>' if environment.archived_at else ""
    return cells.phase(environment.phase) + SafeString(archived)


def _flags(environment: Environment, flags: Sequence[Flag]) -> SafeString:
    """Those of `flags` that it has, and why, leading to all alike."""
    return SafeString(
        "".join(
            f' <a class="list-flag list-flag-{flag.word}" href="?flag={flag.word}" '
            f'title="{escape(flag.explain(environment) or f"All environments: {flag.label}")}">{escape(flag.label)}</a>'
            for flag in flags
            if getattr(environment, flag.attribute)
        )
    )


def _lockdown(lockdown_at: datetime | None, now: datetime) -> SafeString:
    """How long until then, or since: red within a day and after, amber within a week."""
    if lockdown_at is None:
        return SafeString('<span class="tone-gray">none</span>')
    delay = lockdown_at - now
    tone = "red" if delay <= timedelta(days=1) else "amber" if delay <= timedelta(days=7) else "gray"
    return SafeString(f'<span class="tone-{tone}">{due(lockdown_at)}</span>')
