"""Fills a new world: environments are created one by one, and in a big world the rest are copies of those."""

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
from portal.sandbox.environments import Timing, new_environment, timing
from portal.sandbox.planning import expect
from portal.sandbox.seed_automations import add_automations
from portal.sandbox.table import Entry
from portal.sandbox.world_state import WorldState

_DISTINCT = 2000  # creating takes half a millisecond each, copying a tenth of that
_ID = re.compile(rb"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
_SETTLED = ("ENVIRONMENT_PHASE_RUNNING", "ENVIRONMENT_PHASE_STOPPED")


def populate(world: WorldState, count: int) -> None:
    """Create `count` environments with their automations."""
    rng = world.rng
    timed = [(timing(condition, world.instant, rng), condition) for condition in conditions(min(count, _DISTINCT), rng)]
    timed.sort(key=lambda pair: pair[0].created)
    with ExitStack() as stack:
        stack.enter_context(_without_collections(count > _DISTINCT))
        for table in (world.environments, world.services, world.tasks, world.executions):
            stack.enter_context(table.bulk())
        templates = [_settled(world, condition, when) for when, condition in timed]
        _add_copies(world, templates, count - len(templates))


@contextmanager
def _without_collections(wanted: bool) -> Iterator[None]:
    """Keep the garbage collector from visiting millions of objects that stay, now and later."""
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
        document = new_environment(condition, timing(condition, world.instant, world.rng), world)
        merge(document, parts)
        if mounted := {} if "secrets" in parts.get("spec", {}) else secrets.remounted(world, document):
            document["spec"] |= mounted  # `parts` gave it another creator or project
            if "secrets" in document["status"]:
                document["status"]["secrets"] = phases.secrets_ready(document)
        world.add("ENVIRONMENT", document)
        _settle(world, document, condition)
        identifier: str = document["id"]
        return identifier


def _settled(world: WorldState, condition: Condition, when: Timing) -> Document:
    document = new_environment(condition, when, world)
    world.environments.put(document)
    return _settle(world, document, condition)


def _settle(world: WorldState, document: Document, condition: Condition) -> Document:
    """Give a new environment the automations that its file brings, and plan what comes next."""
    if condition.temper:
        world.tempers[document["id"]] = condition.temper
    add_automations(world, document)
    expect(world, document)
    return document


@dataclass(slots=True)
class _Template:
    """An environment to copy, with everything in it that has to differ."""

    document: Document
    entry: Entry[Any]
    body: bytes  # the document's, without the secrets that only its owner's environments have
    automations: list[tuple[str, Entry[Any], list[bytes]]]  # each body cut at all ids in it


def _add_copies(world: WorldState, documents: list[Document], count: int) -> None:
    if count <= 0:
        return
    belongings: dict[str, list[tuple[str, Entry[Any]]]] = {}
    for kind in ("SERVICE", "TASK", "TASK_EXECUTION"):
        for entry in world.table(kind).entries.values():
            belongings.setdefault(entry.facts.environment, []).append((kind, entry))
    templates = [
        _Template(
            document,
            world.environments.entries[document["id"]],
            _without_own_secrets(document),
            [(*each, _ID.split(each[1].body)) for each in belongings.get(document["id"], [])],
        )
        for document in documents
    ]
    owners = _without_secrets(world)
    for _ in range(count):
        _copy(world, world.rng.choice(templates), world.rng.choice(owners))


def _without_secrets(world: WorldState) -> list[str]:
    """The members who have no secrets of their own, so that a copy lacks none."""
    having = {entry.facts.scope.partition(":")[2] for entry in world.secrets.entries.values()}
    return [member["userId"] for member in world.organization.members if member["userId"] not in having]


def _without_own_secrets(document: Document) -> bytes:
    """The document's bytes without its owner's secrets."""
    own = secrets.personal(document["spec"].get("secrets", []))
    copy = pruned(document)
    for part in ("spec", "status"):
        if "secrets" in copy[part]:
            copy[part]["secrets"] = [each for each in copy[part]["secrets"] if each["id"] not in own]
    return msgspec.json.encode(pruned(copy))


def _copy(world: WorldState, template: _Template, creator: str) -> None:
    """A copy of an environment: another creator's, created some time before it."""
    rng, metadata, facts = world.rng, template.document["metadata"], template.entry.facts
    identifier = new_id(rng)
    earlier = rng.randrange(HOUR) if facts.phase in _SETTLED else 0
    created_at = rfc3339(template.entry.key[0] - earlier)
    name = f"{metadata['name'][:70]} {rng.randrange(10_000)}"
    body = template.body
    for old, new in (
        (template.document["id"], identifier),
        (facts.creator, creator),
        (f'"createdAt":"{metadata["createdAt"]}"', f'"createdAt":"{created_at}"'),
    ):
        body = body.replace(old.encode(), new.encode())
    body = body.replace(_quoted(metadata["name"]), _quoted(name), 1)
    search = facts.search.replace(template.document["id"], identifier)
    world.environments.adopt(
        (instant_of(created_at), identifier),
        body,
        facts._replace(creator=creator, search=search.replace(metadata["name"].casefold(), name.casefold(), 1)),
    )
    if template.document["id"] in world.tempers:
        world.tempers[identifier] = world.tempers[template.document["id"]]
    expect(world, {**template.document, "id": identifier})
    if template.automations:
        _copy_automations(world, template, identifier, creator)


def _quoted(name: str) -> bytes:
    """The name as it stands in a document's bytes."""
    return b'"name":' + msgspec.json.encode(name)


def _copy_automations(world: WorldState, template: _Template, environment: str, creator: str) -> None:
    ids = {entry.key[1]: new_id(world.rng) for _, entry, _ in template.automations}
    others = {old.encode(): new.encode() for old, new in ids.items()}
    others[template.document["id"].encode()] = environment.encode()
    others[template.entry.facts.creator.encode()] = creator.encode()
    for kind, entry, pieces in template.automations:
        body = b"".join([others.get(piece, piece) for piece in pieces])
        facts = entry.facts._replace(environment=environment, creator=creator, task=ids.get(entry.facts.task, ""))
        identifier = ids[entry.key[1]]
        world.table(kind).adopt((entry.key[0], identifier), body, facts)
        if facts.phase in ("TASK_EXECUTION_PHASE_PENDING", "TASK_EXECUTION_PHASE_RUNNING"):
            world.agenda.add(world.instant + world.rng.randrange(HOUR // 4), "execution", identifier)
        elif facts.phase == "SERVICE_PHASE_STARTING":
            world.agenda.add(world.instant + world.rng.randrange(MINUTE // 2), "service", identifier)
