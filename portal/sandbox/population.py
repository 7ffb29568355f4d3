"""Fills a new world: each environment is born on its own, and in a big world the rest are cast from those."""

import gc
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from portal.sandbox import secrets
from portal.sandbox.conditions import Condition, conditions
from portal.sandbox.documents import HOUR, MINUTE, Document, instant_of, new_id, pruned, rfc3339
from portal.sandbox.environments import born, timing
from portal.sandbox.seed_automations import furnish
from portal.sandbox.table import Entry

if TYPE_CHECKING:
    from portal.sandbox.world import World

_DISTINCT = 2000  # births take half a millisecond each, casts a tenth of that
_ID = re.compile(rb"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
_SETTLED = ("ENVIRONMENT_PHASE_RUNNING", "ENVIRONMENT_PHASE_STOPPED")


def populate(world: "World", count: int) -> None:
    """Make so many environments with their automations."""
    rng = world.rng
    timed = [(timing(condition, world.instant, rng), condition) for condition in conditions(min(count, _DISTINCT), rng)]
    timed.sort(key=lambda pair: pair[0].created)
    with ExitStack() as stack:
        stack.enter_context(_without_collections(count > _DISTINCT))
        for table in (world.environments, world.services, world.tasks, world.executions):
            stack.enter_context(table.bulk())
        moulds = [settle(world, born(condition, when, world), condition) for when, condition in timed]
        _cast_all(world, moulds, count - len(moulds))


@contextmanager
def _without_collections(wanted: bool) -> Iterator[None]:
    """Do not look for garbage where millions of objects are made to stay, neither now nor later."""
    if wanted:
        gc.disable()
    try:
        yield
    finally:
        if wanted:
            gc.freeze()
            gc.enable()


def settle(world: "World", document: Document, condition: Condition) -> Document:
    """Let a document that was born somewhere on its way join the world, with what its automations file brings."""
    world.environments.put(document)
    if condition.temper:
        world.tempers[document["id"]] = condition.temper
    furnish(world, document)
    world.agenda.expect(world, document)
    return document


@dataclass(slots=True)
class _Mould:
    """An environment to cast others from, with everything in it that has to differ."""

    document: Document
    entry: Entry[Any]
    body: bytes  # the document's, without the secrets that only its owner's environments have
    automations: list[tuple[str, Entry[Any], list[bytes]]]  # each body cut at all ids in it


def _cast_all(world: "World", documents: list[Document], count: int) -> None:
    if count <= 0:
        return
    belongings: dict[str, list[tuple[str, Entry[Any]]]] = {}
    for kind in ("SERVICE", "TASK", "TASK_EXECUTION"):
        for entry in world.table(kind).entries.values():
            belongings.setdefault(entry.facts.environment, []).append((kind, entry))
    moulds = [
        _Mould(
            document,
            world.environments.entries[document["id"]],
            _anybodys(document),
            [(*each, _ID.split(each[1].body)) for each in belongings.get(document["id"], [])],
        )
        for document in documents
    ]
    owners = _without_secrets(world)
    for _ in range(count):
        _cast(world, world.rng.choice(moulds), world.rng.choice(owners))


def _without_secrets(world: "World") -> list[str]:
    """The members who have no secrets of their own, so that a cast lacks none."""
    having = {entry.facts.scope.partition(":")[2] for entry in world.secrets.entries.values()}
    return [member["userId"] for member in world.organization.members if member["userId"] not in having]


def _anybodys(document: Document) -> bytes:
    """The document's bytes without its owner's secrets."""
    own = secrets.personal(document["spec"].get("secrets", []))
    copy = pruned(document)
    for part in ("spec", "status"):
        if "secrets" in copy[part]:
            copy[part]["secrets"] = [each for each in copy[part]["secrets"] if each["id"] not in own]
    return msgspec.json.encode(pruned(copy))


def _cast(world: "World", mould: _Mould, creator: str) -> None:
    """Another environment like the mould: a different one of somebody else's, made some time before it."""
    rng, metadata, facts = world.rng, mould.document["metadata"], mould.entry.facts
    identifier = new_id(rng)
    earlier = rng.randrange(HOUR) if facts.phase in _SETTLED else 0
    created_at = rfc3339(mould.entry.key[0] - earlier)
    name = f"{metadata['name'][:70]} {rng.randrange(10_000)}"
    body = mould.body
    for old, new in (
        (mould.document["id"], identifier),
        (facts.creator, creator),
        (f'"createdAt":"{metadata["createdAt"]}"', f'"createdAt":"{created_at}"'),
    ):
        body = body.replace(old.encode(), new.encode())
    body = body.replace(_quoted(metadata["name"]), _quoted(name), 1)
    search = facts.search.replace(mould.document["id"], identifier)
    world.environments.adopt(
        (instant_of(created_at), identifier),
        body,
        facts._replace(creator=creator, search=search.replace(metadata["name"].casefold(), name.casefold(), 1)),
    )
    if mould.document["id"] in world.tempers:
        world.tempers[identifier] = world.tempers[mould.document["id"]]
    world.agenda.expect(world, {**mould.document, "id": identifier})
    if mould.automations:
        _cast_automations(world, mould, identifier, creator)


def _quoted(name: str) -> bytes:
    """The name as it stands in a document's bytes."""
    return b'"name":' + msgspec.json.encode(name)


def _cast_automations(world: "World", mould: _Mould, environment: str, creator: str) -> None:
    ids = {entry.key[1]: new_id(world.rng) for _, entry, _ in mould.automations}
    others = {old.encode(): new.encode() for old, new in ids.items()}
    others[mould.document["id"].encode()] = environment.encode()
    others[mould.entry.facts.creator.encode()] = creator.encode()
    for kind, entry, pieces in mould.automations:
        body = b"".join([others.get(piece, piece) for piece in pieces])
        facts = entry.facts._replace(environment=environment, creator=creator, task=ids.get(entry.facts.task, ""))
        identifier = ids[entry.key[1]]
        world.table(kind).adopt((entry.key[0], identifier), body, facts)
        if facts.phase in ("TASK_EXECUTION_PHASE_PENDING", "TASK_EXECUTION_PHASE_RUNNING"):
            world.agenda.add(world.instant + world.rng.randrange(HOUR // 4), "execution", identifier)
        elif facts.phase == "SERVICE_PHASE_STARTING":
            world.agenda.add(world.instant + world.rng.randrange(MINUTE // 2), "service", identifier)
