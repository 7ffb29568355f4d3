"""What a change depends on of what Ona has at that moment: values of variables that stay, and who was quicker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from automations.models import Service, Task
from environments.actions.execute import NotPossible
from environments.documents.json_part import Part
from portal.ona.documents.tokens import Secret

Check = Callable[[], None]
KEPT = "kept"  # of an item of `env`: the variable whose value it keeps
STOP_FIRST = "Ona changes what a service runs, and on what, only while it is stopped. Stop it first."
LAST_DEPENDENCY = "Ona cannot remove all dependencies at once. Keep one, or delete the task and create it again."
LOST = "Ona no longer has a value of the variable {} that could be kept. Nothing was changed: enter its value."


def unchecked() -> None:
    """Nothing that stands against it."""


def with_kept(spec: Mapping[str, Any] | None, subject: Service | Task) -> Mapping[str, Any] | None:
    """`spec` with the value Ona has now for each item of `env` that is {"name": …, "kept": …}; NotPossible without one.

    `env` replaces the whole list at Ona, so values that stay are sent again; no error tells them.
    """
    if not spec or "env" not in spec:
        return spec
    there = {item.text("name"): item.text("value") for item in Part(subject.spec).parts("env") if "value" in item}
    return {**spec, "env": [_kept(item, there) for item in spec["env"]]}


def _kept(item: Mapping[str, Any], there: Mapping[str, str]) -> Mapping[str, Any]:
    if KEPT not in item:
        return item
    if item[KEPT] not in there:
        raise NotPossible(LOST.format(item[KEPT]))
    return {"name": item["name"], "value": Secret(there[item[KEPT]])}
