"""A task whose execution has a plan of ten steps in four groups."""

from __future__ import annotations

from portal.sandbox.documents import micros, new_id, rfc3339
from portal.sandbox.world import World

NEEDS: dict[str, tuple[str, ...]] = {
    "deps": (),
    "lint": (),
    "fonts": (),
    "build": ("deps",),
    "schema": ("deps", "lint"),
    "assets": ("fonts",),
    "unit-tests": ("build",),
    "e2e": ("build", "schema"),
    "docs": ("assets",),
    "release": ("unit-tests", "e2e", "docs"),
}
GROUPS = (3, 3, 3, 1)


def add_release(world: World, environment_id: str, outcome: str = "succeed") -> str:
    """Give an environment the task "release" and all it depends on; answers its id. Every step ends by `outcome`."""
    ids = {reference: new_id(world.rng) for reference in NEEDS}
    for reference, needs in NEEDS.items():
        metadata = {
            "reference": reference,
            "name": reference.capitalize(),
            "createdAt": rfc3339(micros(world.now)),
            "creator": world.document(environment_id)["metadata"]["creator"],
        }
        document = {"id": ids[reference], "environmentId": environment_id, "metadata": metadata}
        depends = {"dependsOn": [ids[need] for need in needs]} if needs else {}
        world.add("TASK", document | {"spec": {"command": f"make {reference}"}} | depends)
        world.task_outcomes[ids[reference]] = outcome
    return ids["release"]
