"""What a row of the list tells at a glance, worked out from its columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from html import escape
from urllib.parse import urlsplit

from django.utils.safestring import SafeString

from environments.as_of import clock, recorded
from environments.models import Environment
from environments.models.flags import FLAGS, Flag
from environments.policies import lockdown
from environments.policies.verdict import Facts
from portal.web import cells
from portal.web.templatetags.portal import ago, due

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

    Cells are plain dictionaries made here: see `portal.web.cells`.
    """
    now, flags = clock.at(), [flag for flag in FLAGS.values() if recorded.is_recorded(flag.condition)]
    return [_row(environment, url, now, flags) for environment in environments]


def _row(environment: Environment, url: str, now: datetime, flags: Sequence[Flag]) -> Row:
    return {
        "tick": cells.tick(environment.pk.hex, environment.name or str(environment.pk)),
        "state": "list-past" if environment.archived_at or environment.gone_at else "",
        "phase": cells.phase(environment.phase) + _past(environment),
        "name": cells.link(
            f"{url}{environment.pk}/", environment.name or str(environment.pk), element_id=f"e{environment.pk.hex}"
        ),
        "flags": _flags(environment, flags),
        "repository": cells.text(environment.repository),
        "source": cells.text(short_repository(environment.repository) or "no repository"),
        "branch": cells.text(environment.branch),
        "owner": cells.named("owner", environment.creator_id, environment.owner_name, "unknown"),
        "project": cells.named("project", environment.project_id, environment.project_name, "none"),
        "class": cells.named("class", environment.class_id, environment.class_name, "unknown"),
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
    return SafeString(f'<span class="tone-{tone}">{due(lockdown_at)}</span>')
