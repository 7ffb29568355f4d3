"""Stores a world in a file, so that the next start continues it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from portal.sandbox.audit_log import AuditEntry
from portal.sandbox.documents import Document, micros
from portal.sandbox.organization import Organization
from portal.sandbox.repositories import REPOSITORIES
from portal.sandbox.scheduler import Item
from portal.sandbox.world import World

_CAUGHT_UP = timedelta(hours=6)  # of a longer absence only the last hours are lived through


class _Snapshot(msgspec.Struct):
    seed: int
    instant: int
    saved_at: int
    rng: tuple[int, tuple[int, ...], float | None]
    document: Document
    members: list[Document]
    runners: list[Document]
    classes: list[Document]
    projects: list[Document]
    policies: Document
    repositories: dict[str, str]
    environments: list[bytes]
    services: list[bytes]
    tasks: list[bytes]
    executions: list[bytes]
    items: list[Item]
    generations: dict[str, int]
    added: int = msgspec.field(name="asked")
    tokens: dict[str, tuple[str, int]]
    tempers: dict[str, str] = {}
    secrets: list[bytes] = []
    digests: dict[str, str] = {}
    task_outcomes: dict[str, str] = {}
    service_outcomes: dict[str, str] = {}
    references: dict[str, str] = {}
    audit: list[AuditEntry] = []
    hurried: bool = False


_ORGANIZATION = ("document", "members", "runners", "classes", "projects", "policies")
_TABLES = ("environments", "services", "tasks", "executions", "secrets")  # tasks before executions: these refer to them


def save(world: World, path: Path) -> None:
    """Write the world, without its history log, to the file; the old file stays whole until the new one is."""
    with world.lock:
        tables: dict[str, Any] = {
            name: [table.entries[key[1]].body for key in table.keys]
            for name, table in ((name, getattr(world, name)) for name in _TABLES)
        }
        organization: dict[str, Any] = {name: getattr(world.organization, name) for name in _ORGANIZATION}
        snapshot = _Snapshot(
            seed=world.seed,
            instant=world.instant,
            saved_at=micros(datetime.now(UTC)),
            rng=world.rng.getstate(),
            repositories={project: repository.path for project, repository in world.organization.repositories.items()},
            items=world.agenda.items,
            generations=world.agenda.generations,
            added=world.agenda.added,
            tokens=world.tokens,
            tempers=world.tempers,
            digests=world.digests,
            task_outcomes=world.task_outcomes,
            service_outcomes=world.service_outcomes,
            references=world.references,
            audit=world.audit.entries,
            hurried=world.hurried,
            **organization,
            **tables,
        )
        content = msgspec.msgpack.encode(snapshot)
    beside = path.with_suffix(".new")
    beside.write_bytes(content)
    beside.replace(path)


def restore(path: Path) -> World:
    """The world as it was saved, its clock where it stood. Raises msgspec.DecodeError for another kind of file."""
    snapshot = msgspec.msgpack.decode(path.read_bytes(), type=_Snapshot)
    world = World(0, snapshot.seed)
    world.references = snapshot.references  # before the executions: what lists filter by is taken from these
    by_path = {repository.path: repository for repository in REPOSITORIES}
    _fill(world.organization, snapshot)
    world.organization.repositories = {project: by_path[name] for project, name in snapshot.repositories.items()}
    for name in _TABLES:
        table = getattr(world, name)
        for identifier in list(table.entries):  # the secrets of a world that begins
            table.remove(identifier)
        with table.bulk():
            for body in getattr(snapshot, name):
                table.restore(body)
    world.instant = snapshot.instant
    world.rng.setstate(snapshot.rng)
    world.agenda.items = list(snapshot.items)
    world.agenda.generations = snapshot.generations
    world.agenda.added = snapshot.added
    world.tokens = snapshot.tokens
    world.tempers = snapshot.tempers
    world.digests = snapshot.digests
    world.task_outcomes = snapshot.task_outcomes
    world.service_outcomes = snapshot.service_outcomes
    world.audit.entries = snapshot.audit
    world.hurried = snapshot.hurried
    return world


def _fill(organization: Organization, snapshot: _Snapshot) -> None:
    for name in _ORGANIZATION:
        setattr(organization, name, getattr(snapshot, name))


def continued(path: Path, speed: float) -> World:
    """The saved world after the time that has passed since; a clock that ran ahead of ours stays where it was."""
    world = restore(path)
    behind = datetime.now(UTC) - world.now
    if speed and behind > timedelta(0):
        world.instant += round(max(behind - _CAUGHT_UP, timedelta(0)).total_seconds()) * 1_000_000
        world.advance(min(behind, _CAUGHT_UP))
    return world
