"""A past for a new world: it begins some weeks ago and lives up to now, quickly, with every change recorded.

What happens is what happens to any world, less often and by day, and what people do beyond that: they work, change
specifications and lockdowns, archive; admins change the organization's policies twice. Activity is recorded once a run,
and automations are left alone, until the last hours.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from portal.sandbox import activity, automation_lifecycle, failures, operations, phases
from portal.sandbox.activity import delete, pick, rename, start, stop
from portal.sandbox.audit import note_owner
from portal.sandbox.conditions import Condition
from portal.sandbox.documents import DAY, HOUR, SECOND, Document, rfc3339, seconds_of
from portal.sandbox.environments import git_status
from portal.sandbox.history_log import Truth
from portal.sandbox.planning import replan
from portal.sandbox.population import add_environment
from portal.sandbox.refusals import Refused
from portal.sandbox.world_state import WorldState

_TOUCHED = 14 * HOUR  # between two changes of an environment, in working hours
_IN_FULL = 2 * HOUR
_TRIGGERS = ("postMachineStart", "postDevcontainerStart", "postEnvironmentStart")
_TIMEOUTS = ("1800s", "3600s", "7200s", "14400s")
# At which fraction of the past the policies become what.
_POLICIES: tuple[tuple[float, Document], ...] = (
    (0.3, {"maximumEnvironmentLifetime": "1209600s", "maximumEnvironmentLifetimeStrict": False}),
    (
        0.7,
        {
            "maximumEnvironmentLifetime": "2592000s",
            "maximumEnvironmentLifetimeStrict": True,
            "archiveEnvironmentsAfter": "432000s",
            "deleteArchivedEnvironmentsAfter": "864000s",
        },
    ),
)


def length_of(text: str) -> timedelta:
    """The length of a past such as "30d" or "12h"; ValueError for anything else."""
    number, unit = text[:-1], text[-1:]
    if unit not in ("d", "h") or not (number.isascii() and number.isdigit() and len(number) < 5):
        raise ValueError(f"a history is as long as 30d or 12h, not {text!r}")
    return timedelta(days=int(number)) if unit == "d" else timedelta(hours=int(number))


def begin(world: WorldState, environments: int, end: int) -> None:
    """Plan the past of a world that has just been filled, up to the instant `end`; record every change from now on."""
    world.hurried = True
    world.truth = Truth(world.instant, world.organization.policies, world.audit)
    for identifier, entry in world.environments.entries.items():
        world.truth.appeared(identifier, world.instant, entry.body)
    length = end - world.instant
    for number, (part, _) in enumerate(_POLICIES):
        world.agenda.add(world.instant + round(part * length), "policy", "", number)
    world.agenda.add(end - min(_IN_FULL, length // 10), "presence", "", environments)
    if environments:
        world.agenda.add(world.instant + _pause(environments, world.rng), "deed", "", environments)


def _pause(environments: int, rng: random.Random) -> int:
    return max(1000, round(rng.expovariate(environments / _TOUCHED)))


def _presence_of_people(instant: int) -> float:
    """How many of them work: at night, in the evening and at weekends fewer."""
    weekday, hour = (instant // DAY + 3) % 7, instant // HOUR % 24  # 1970 began on a Thursday
    by_day = 1.0 if 7 <= hour < 17 else 0.3 if 5 <= hour < 20 else 0.06
    return by_day * (0.15 if weekday > 4 else 1.0)


def act(world: WorldState, _whom: str, environments: int) -> None:
    """One person does one thing if they are at work; plan the next."""
    if not world.hurried:
        return
    world.agenda.add(world.instant + _pause(environments, world.rng), "deed", "", environments)
    if world.rng.random() < _presence_of_people(world.instant):
        chosen = world.rng.choices(_ACTIONS, _WEIGHTS)[0]
        try:
            chosen(world)
        except Refused:
            return  # people also request what the policies do not allow


def policy(world: WorldState, _whom: str, number: int) -> None:
    """An admin changes the policies: lifetimes apply to new environments, archiving to all."""
    policies = {**world.organization.policies, **_POLICIES[number][1]}
    world.organization.policies = policies
    if world.truth:
        world.truth.decided(world.instant, policies)
    fields = ", ".join(sorted(_POLICIES[number][1]))
    organization = world.organization.id
    world.audit.note(
        world.instant, _admin(world), "ORGANIZATION_POLICY", organization, f"update organization policies: {fields}"
    )
    for entry in list(world.environments.walk({"phase": ["ENVIRONMENT_PHASE_STOPPED"]})):
        replan(world, entry.document())


def presence(world: WorldState, _whom: str, environments: int) -> None:
    """The past is nearly over: from now on the world lives in full, with automations in what runs."""
    world.hurried = False
    activity.begin(world, environments)
    for entry in list(world.environments.walk({"phase": ["ENVIRONMENT_PHASE_RUNNING"]})):
        automation_lifecycle.fire(world, entry.document(), _TRIGGERS)


def _admin(world: WorldState) -> Document:
    return {"id": world.organization.admin()["userId"], "principal": "PRINCIPAL_USER"}


def _by_admin(world: WorldState, identifier: str, action: str) -> None:
    world.audit.note(world.instant, _admin(world), "ENVIRONMENT", identifier, action)


# What people do


def _make(world: WorldState) -> None:
    rng = world.rng
    condition = replace(
        Condition("CREATING", lockdown="later"),
        never_stops=rng.random() < 0.03,
        public_port=rng.random() < 0.04,
        kernel_controls=rng.random() < 0.15,
    )
    lifetime = round(seconds_of(world.organization.policies.get("maximumEnvironmentLifetime", "0s")) * SECOND)
    lockdown = rfc3339(world.instant + lifetime) if lifetime else None
    identifier = add_environment(world, condition, {"metadata": {"lockdownAt": lockdown}})
    note_owner(world, identifier, "create environment")


def _archive(world: WorldState) -> None:
    identifier = pick(world, "STOPPED")
    if identifier and not world.environments.entries[identifier].facts.archived:
        operations.archive(world, identifier)
        note_owner(world, identifier, "archive environment")


def _work(world: WorldState) -> None:
    """Commits, pushed or not; no request to Ona."""
    identifier = pick(world, "RUNNING")
    document = world.document(identifier) if identifier else {}
    repository = world.organization.repositories.get(document.get("metadata", {}).get("projectId", ""))
    if repository and document["status"].get("content", {}).get("phase") == "CONTENT_PHASE_READY":
        kind = world.rng.choices(("clean", "unpushed", "changed", "both"), (45, 20, 20, 15))[0]
        world.change(identifier, status={"content": {"git": git_status(kind, repository, world.rng)}})


def _respecify(world: WorldState) -> None:
    """Another timeout, or another shared port."""
    identifier = pick(world, "RUNNING")
    if not identifier:
        return
    document = world.document(identifier)
    operations.refuse_leaving(document)
    spec = _other_timeout(document, world.rng) if world.rng.random() < 0.5 else _other_ports(document, world.rng)
    changed = world.change(identifier, spec=spec, status=phases.active(world.instant, "vscode"))
    note_owner(world, identifier, f"update environment: {', '.join(f'spec.{each}' for each in spec)}")
    if "timeout" in spec:
        replan(world, changed)


def _other_timeout(document: Document, rng: random.Random) -> dict[str, Any]:
    known = document["spec"].get("timeout", {}).get("disconnected", "")
    return {"timeout": {"disconnected": rng.choice([each for each in _TIMEOUTS if each != known])}}


def _other_ports(document: Document, rng: random.Random) -> dict[str, Any]:
    known = document["spec"].get("ports", [])
    if known and rng.random() < 0.4:
        return {"ports": known[:-1]}
    number = 4000 + rng.randrange(1000)
    level = rng.choice(("OWNER_ONLY", "ORGANIZATION"))
    opened = {"port": number, "name": "Preview", "protocol": "PROTOCOL_HTTP", "admission": f"ADMISSION_LEVEL_{level}"}
    return {"ports": [*(each for each in known if each["port"] != number), opened][-10:]}


def _move_lockdown(world: WorldState) -> None:
    """An admin gives an environment more time, or less, or all there is."""
    identifier = pick(world, world.rng.choice(("RUNNING", "STOPPED")))
    if not identifier:
        return
    operations.refuse_leaving(world.document(identifier))
    due = world.instant + round(world.rng.uniform(0.2, 21) * DAY)
    lockdown = rfc3339(due) if world.rng.random() < 0.8 else None
    world.change(identifier, metadata={"lockdownAt": lockdown})
    _by_admin(world, identifier, "update environment: metadata.lockdownAt")
    if lockdown:
        world.agenda.add(due, "lockdown", identifier)


def _break(world: WorldState) -> None:
    """Something fails in a running environment; the next start clears it."""
    identifier = pick(world, "RUNNING")
    if identifier:
        kind = world.rng.choice(("devcontainer", "devcontainer-image", "automations"))
        world.change(identifier, status=phases.failed(kind, failures.message(kind, world.rng)))


_WAYS: Mapping[Callable[[WorldState], None], int] = {
    partial(start, back=0.06): 46,
    stop: 8,
    _make: 9,
    delete: 3,
    _archive: 2,
    rename: 2,
    _work: 14,
    _respecify: 10,
    _move_lockdown: 4,
    _break: 2,
}
_ACTIONS, _WEIGHTS = tuple(_WAYS), tuple(_WAYS.values())
HANDLERS: dict[str, Callable[[WorldState, str, int], None]] = {
    "deed": act,
    "policy": policy,
    "presence": presence,
}
