"""What a row of the list tells at a glance, worked out from its columns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from django.utils import timezone

from environments.models import Environment
from environments.state import WORDS

FLAGS = {
    "failing": "failing",
    "unpushed_work": "unpushed",
    "open_to_everyone": "open",
    "never_stops": "never-stops",
    "not_in_sync": "not-in-sync",
}
# what a row shows; lists never read the documents
COLUMNS = (
    "name", "phase", "archived_at", "gone_at", "creator_id", "owner_name", "project_id", "project_name", "class_id",
    "class_name", "repository", "branch", "created_at", "last_used_at", "lockdown_at", "failure", "unpushed_commits",
    "changed_files", *FLAGS,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Flag:
    """Something that deserves a look, why, and the list of all like it."""

    name: str
    label: str
    why: str
    url: str


@dataclass(frozen=True, slots=True)
class Name:
    """A person, project or class: its name, else the beginning of its id, and the list of all with it."""

    text: str
    url: str


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list."""

    environment: Environment
    flags: list[Flag]
    repository: str
    owner: Name | None
    project: Name | None
    machine: Name | None
    lockdown_tone: str


def list_rows(environments: Iterable[Environment]) -> list[Row]:
    now = timezone.now()
    return [_row(environment, now) for environment in environments]


def _row(environment: Environment, now: datetime) -> Row:
    return Row(
        environment,
        [_flag(environment, column, word) for column, word in FLAGS.items() if getattr(environment, column)],
        short_repository(environment.repository),
        _name("owner", environment.creator_id, environment.owner_name),
        _name("project", environment.project_id, environment.project_name),
        _name("class", environment.class_id, environment.class_name),
        _tone(environment.lockdown_at, now),
    )


def short_repository(url: str) -> str:
    """ "https://github.com/acme/shop.git" → "acme/shop"; what is not an address stays as it is."""
    try:
        path = urlsplit(url).path.strip("/")
    except ValueError:
        return url
    return path.removesuffix(".git") or url


def _name(parameter: str, identity: UUID | None, name: str) -> Name | None:
    if identity is None:
        return Name(name, "") if name else None
    return Name(name or f"{str(identity)[:8]}…", f"?{parameter}={identity}")


def _flag(environment: Environment, column: str, word: str) -> Flag:
    return Flag(word, WORDS["flag"][word], _why(environment, word), f"?{urlencode({'flag': word})}")


def _why(environment: Environment, word: str) -> str:
    if word == "failing":
        return environment.failure
    if word == "unpushed":
        commits, files = environment.unpushed_commits, environment.changed_files
        said = ((commits, "commits not pushed"), (files, "files changed"))
        return ", ".join(f"{'unknown' if number is None else number} {words}" for number, words in said)
    return ""


def _tone(lockdown_at: datetime | None, now: datetime) -> str:
    if lockdown_at is None or lockdown_at > now + timedelta(days=7):
        return "gray"
    return "amber" if lockdown_at > now + timedelta(days=1) else "red"
