"""What a row of the list tells at a glance, worked out from its columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from html import escape
from urllib.parse import urlsplit
from uuid import UUID

from django.utils.safestring import SafeString

from environments.as_of import clock, recorded
from environments.models import Environment
from environments.models.flags import FLAGS, Flag
from environments.policies import lockdown
from environments.policies.verdict import Facts
from portal.web.templatetags.portal import ago, phase_dot

# what a row shows; lists never read the documents
COLUMNS = (
    "name", "phase", "archived_at", "gone_at", "creator_id", "owner_name", "project_id", "project_name", "class_id",
    "class_name", "repository", "branch", "created_at", "last_used_at", "lockdown_at", "failure", "unpushed_commits",
    "changed_files", "desired_phase", "spec_version", "runner_spec_version", "secrets_in_sync", "devcontainer_in_sync",
    *(flag.column for flag in FLAGS.values()),
)  # fmt: skip


Row = dict[str, str]


def list_rows(environments: Iterable[Environment], url: str) -> list[Row]:
    """The cells of each line by their names, as HTML; `url` is the list's own.

    Cells are made here and not in the template, and are plain dictionaries: a page has a thousand values, and the
    template engine takes longer over them than Postgres over finding the rows.
    """
    now, flags = clock.at(), [flag for flag in FLAGS.values() if recorded.is_recorded(flag.condition)]
    return [_row(environment, url, now, flags) for environment in environments]


def _row(environment: Environment, url: str, now: datetime, flags: Sequence[Flag]) -> Row:
    return {
        "id": environment.pk.hex,
        "state": "list-past" if environment.archived_at or environment.gone_at else "",
        "phase": phase_cell(environment.phase) + _past(environment),
        "name": _link(f"{url}{environment.pk}/", environment.name or str(environment.pk), f"e{environment.pk.hex}"),
        "flags": _flags(environment, flags),
        "repository": _text(environment.repository),
        "source": _text(short_repository(environment.repository) or "no repository"),
        "branch": _text(environment.branch),
        "owner": _named("owner", environment.creator_id, environment.owner_name, "unknown"),
        "project": _named("project", environment.project_id, environment.project_name, "none"),
        "class": _named("class", environment.class_id, environment.class_name, "unknown"),
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


@lru_cache(maxsize=64)
def phase_cell(phase: str) -> SafeString:
    """A phase as dot and word."""
    return phase_dot(phase)


def _text(text: str) -> SafeString:
    # html.escape is what Django's escape calls after asking whether the text is lazy; these never are
    return SafeString(escape(text))


def _link(url: str, text: str, element_id: str = "") -> SafeString:
    identity = f' id="{escape(element_id)}"' if element_id else ""
    return SafeString(f'<a{identity} href="{escape(url)}">{escape(text)}</a>')


def _named(parameter: str, identity: UUID | None, name: str, absent: str) -> SafeString:
    """A person, project or class by name, else by the beginning of its id, leading to all with it."""
    if identity is None:
        return _text(name or absent)
    return _link(f"?{parameter}={identity}", name or f"{str(identity)[:8]}…")


def _past(environment: Environment) -> SafeString:
    if environment.gone_at:
        return SafeString(' <span class="list-flag">gone</span>')
    return SafeString(' <a class="list-flag" href="?archived=yes">archived</a>' if environment.archived_at else "")


def _flags(environment: Environment, flags: Sequence[Flag]) -> SafeString:
    """Those of `flags` that it has, and why, leading to all alike."""
    return SafeString(
        "".join(
            f' <a class="list-flag list-flag-{flag.word}" href="?flag={flag.word}" '
            f'title="{escape(flag.explain(environment) or f"All environments: {flag.label}")}">{escape(flag.label)}</a>'
            for flag in flags
            if getattr(environment, flag.column)
        )
    )


def _lockdown(lockdown_at: datetime | None, now: datetime) -> SafeString:
    """How long until then, or since: red within a day and after, amber within a week."""
    if lockdown_at is None:
        return SafeString('<span class="tone-gray">none</span>')
    delay = lockdown_at - now
    tone = "red" if delay <= timedelta(days=1) else "amber" if delay <= timedelta(days=7) else "gray"
    return SafeString(f'<span class="tone-{tone}">{ago(lockdown_at)}</span>')
