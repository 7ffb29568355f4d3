"""Fills a new world: each environment is born on its own, and in a big world the rest are cast from those."""

import gc
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec

from portal.sandbox import phases, secrets
from portal.sandbox.conditions import Condition, conditions
from portal.sandbox.documents import HOUR, MINUTE, Document, instant_of, merge, new_id, pruned, rfc3339
from portal.sandbox.environments import Timing, born, timing
from portal.sandbox.planning import expect
from portal.sandbox.seed_automations import furnish
from portal.sandbox.table import Entry
from portal.sandbox.world_state import WorldState

_DISTINCT = 2000  # births take half a millisecond each, casts a tenth of that
_ID = re.compile(rb"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
_SETTLED = ("ENVIRONMENT_PHASE_RUNNING", "ENVIRONMENT_PHASE_STOPPED")


def populate(world: WorldState, count: int) -> None:
    """Make so many environments with their automations."""
    rng = world.rng
    timed = [(timing(condition, world.instant, rng), condition) for condition in conditions(min(count, _DISTINCT), rng)]
    timed.sort(key=lambda pair: pair[0].created)
    with ExitStack() as stack:
        stack.enter_context(_without_collections(count > _DISTINCT))
        for table in (world.environments, world.services, world.tasks, world.executions):
            stack.enter_context(table.bulk())
        moulds = [_settled(world, condition, when) for when, condition in timed]
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


def add_environment(world: WorldState, condition: Condition, parts: Mapping[str, Mapping[str, Any]]) -> str:
    """Add a new environment in a condition with its parts overridden; answers its id."""
    with world.lock:
        document = born(condition, timing(condition, world.instant, world.rng), world)
        merge(document, parts)
        if mounted := {} if "secrets" in parts.get("spec", {}) else secrets.remounted(world, document):
            document["spec"] |= mounted  # it was given to somebody else, or to another project
            if "secrets" in document["status"]:
                document["status"]["secrets"] = phases.secrets_ready(document)
        world.add("ENVIRONMENT", document)
        _settle(world, document, condition)
        identifier: str = document["id"]
        return identifier


def _settled(world: WorldState, condition: Condition, when: Timing) -> Document:
    document = born(condition, when, world)
    world.environments.put(document)
    return _settle(world, document, condition)


def _settle(world: WorldState, document: Document, condition: Condition) -> Document:
    """Give a new environment the automations that its file brings, and plan what comes next."""
    if condition.temper:
        world.tempers[document["id"]] = condition.temper
    furnish(world, document)
    expect(world, document)
    return document


@dataclass(slots=True)
class _Mould:
    """An environment to cast others from, with everything in it that has to differ."""

    document: Document
    entry: Entry[Any]
    body: bytes  # the document's, without the secrets that only its owner's environments have
    automations: list[tuple[str, Entry[Any], list[bytes]]]  # each body cut at all ids in it


def _cast_all(world: WorldState, documents: list[Document], count: int) -> None:
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


def _without_secrets(world: WorldState) -> list[str]:
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


def _cast(world: WorldState, mould: _Mould, creator: str) -> None:
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
    expect(world, {**mould.document, "id": identifier})
    if mould.automations:
        _cast_automations(world, mould, identifier, creator)


def _quoted(name: str) -> bytes:
    """The name as it stands in a document's bytes."""
    return b'"name":' + msgspec.json.encode(name)


def _cast_automations(world: WorldState, mould: _Mould, environment: str, creator: str) -> None:
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
