"""The contract's rules for an automations file (gitpod.v1.AutomationsFile); all problems are reported with their
places.

Beyond the contract, references of dependsOn must exist and form no cycle. As in the contract, a service may lack
commands. Durations are seconds with an "s", the only form in protobuf's JSON; "5m" is rejected.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from automations.file_format import cycles, yaml_nodes
from automations.file_format.problems import MOST, Problem, shortened
from automations.file_format.yaml_nodes import Node, Scalar

TRIGGERS = ("manual", "postEnvironmentStart", "postDevcontainerStart", "prebuild")
ROLES = ("", "default", "editor", "ai-agent")
REFERENCE = re.compile(r"[a-zA-Z0-9_-]{1,128}")
DURATION = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?s")
OTHER_DURATION = re.compile(r"(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,6})s?)?")
UNFIT = re.compile("[\0\ud800-\udfff]")
LONGEST_TIMEOUT = 86_400  # seconds

Field = Callable[["Check", Node, str], Any]


@dataclass(slots=True)
class Check:
    """The problems so far, of which the first hundred are listed, and the dependencies of tasks with their places."""

    problems: list[Problem] = field(default_factory=list)
    more: int = 0
    needs: dict[str, list[tuple[str, Scalar, str]]] = field(default_factory=dict)

    def report(self, node: Node, path: str, reason: str) -> None:
        if self.is_full:
            self.more += 1
        else:
            self.problems.append(Problem(node.line, node.column, path, reason))

    @property
    def is_full(self) -> bool:
        return len(self.problems) >= MOST


def check(root: Node | None) -> tuple[dict[str, Any], Check]:
    """Check a file; return the message as JSON, and the problems. With problems the message is not usable."""
    found = Check()
    if root is None or (isinstance(root, Scalar) and root.is_nothing):
        found.problems.append(Problem(0, 0, "", "It is empty: it needs services or tasks."))
        return {}, found
    file = _object(found, root, "", FILE)
    _check_needs(found, file)
    return {kind: entries for kind, entries in file.items() if entries}, found


def _object(found: Check, node: Node, path: str, fields: Mapping[str, Field], needed: tuple[str, ...] = ()) -> Any:
    """An object of known fields, without empty ones."""
    if not isinstance(node, yaml_nodes.Mapping):
        found.report(node, path, f"Expected an object with {_join_names(fields)}, not {_kind_of(node)}.")
        return {}
    read = {}
    for name, value in node.entries.items():
        if name not in fields:
            _unknown(found, node.keys[name], _join(path, name), name, fields)
        elif not (isinstance(value, Scalar) and value.is_nothing):
            read[name] = fields[name](found, value, _join(path, name))
    for name in needed:
        if name not in read and name not in node.entries.keys() - _unset(node):
            found.report(node, _join(path, name), f"{name} is missing.")
    # empty fields have their default, which the API's JSON omits
    return {name: value for name, value in read.items() if value not in ("", [], False, None)}


def _unset(node: yaml_nodes.Mapping) -> set[str]:
    return {name for name, value in node.entries.items() if isinstance(value, Scalar) and value.is_nothing}


def _unknown(found: Check, key: Scalar, path: str, name: str, fields: Mapping[str, Field]) -> None:
    if found.is_full:
        found.more += 1
        return
    near = get_close_matches(name, fields, n=1) if len(name) <= 40 else []
    hint = f"Did you mean {near[0]}?" if near else f"Allowed: {_join_names(fields)}."
    found.report(key, path, f"Unknown field. {hint}")


def _entries(fields: Mapping[str, Field], needed: tuple[str, ...]) -> Field:
    """Services or tasks by reference."""

    def read(found: Check, node: Node, path: str) -> dict[str, Any]:
        if not isinstance(node, yaml_nodes.Mapping):
            found.report(node, path, f"Expected {path} by their reference, not {_kind_of(node)}.")
            return {}
        for name, key in node.keys.items():
            if not REFERENCE.fullmatch(name):
                found.report(key, _join(path, name), "A reference has 1 to 128 letters a–z, digits, _ and -.")
        return {name: _object(found, value, _join(path, name), fields, needed) for name, value in node.entries.items()}

    return read


def _text(found: Check, node: Node, path: str) -> str:
    if not isinstance(node, Scalar):
        found.report(node, path, f"Expected text, not {_kind_of(node)}.")
        return ""
    if what := node.reads_as:
        found.report(node, path, f"YAML reads {shortened(node.text)!r} as {what}, not as text: put it in quotes.")
    elif unfit := UNFIT.search(node.text):
        found.report(node, path, f"The character U+{ord(unfit[0]):04X} cannot be part of a text.")
    return node.text


def _needed_text(found: Check, node: Node, path: str) -> str:
    text = _text(found, node, path)
    if isinstance(node, Scalar) and not text:
        found.report(node, path, "It is empty: it needs at least one character.")
    return text


def _texts(found: Check, node: Node, path: str) -> list[str]:
    return [_text(found, item, f"{path}[{position}]") for position, item in enumerate(_items(found, node, path))]


def _items(found: Check, node: Node, path: str) -> list[Node]:
    if isinstance(node, yaml_nodes.Sequence):
        return node.items
    found.report(node, path, f"Expected a list, not {_kind_of(node)}: each item on a line of its own after “- ”.")
    return []


def _word(words: tuple[str, ...]) -> Field:
    def read(found: Check, node: Node, path: str) -> str:
        text = _text(found, node, path)
        if isinstance(node, Scalar) and text not in words and not node.reads_as:
            near = get_close_matches(text, words, n=1) if len(text) <= 40 and not found.is_full else []
            hint = f"Did you mean {near[0]}?" if near else f"It can be {_join_names(word for word in words if word)}."
            found.report(node, path, f"{shortened(text)!r} is not allowed here. {hint}")
        return text

    return read


def _words(words: tuple[str, ...]) -> Field:
    def read(found: Check, node: Node, path: str) -> list[str]:
        word = _word(words)
        return [word(found, item, f"{path}[{position}]") for position, item in enumerate(_items(found, node, path))]

    return read


def _flag(found: Check, node: Node, path: str) -> bool:
    if isinstance(node, Scalar) and node.is_plain and node.text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return node.text.lower() == "true"
    found.report(node, path, "Expected true or false, without quotes.")
    return False


def _duration(found: Check, node: Node, path: str) -> str | None:
    if not isinstance(node, Scalar) or not DURATION.fullmatch(node.text):
        found.report(node, path, f"Expected seconds followed by s, such as 300s. {_in_seconds(node)}".rstrip())
        return None
    seconds = Decimal(node.text.removesuffix("s"))
    if seconds > LONGEST_TIMEOUT:
        found.report(node, path, f"At most {LONGEST_TIMEOUT}s, which is a day.")
    return canonical(seconds)


def canonical(seconds: Decimal) -> str:
    """A duration as in protobuf's JSON: with zero, three, six or nine fractional digits."""
    whole, _, fraction = f"{seconds:.9f}".partition(".")
    fraction = fraction.rstrip("0")
    digits = -(-len(fraction) // 3) * 3
    return f"{whole}.{fraction:0<{digits}}s" if fraction else f"{whole}s"


def _in_seconds(node: Node) -> str:
    """A hint with the duration in seconds, if it is in a form of other tools."""
    match = OTHER_DURATION.fullmatch(node.text) if isinstance(node, Scalar) else None
    if not match or not any(match.groups()):
        return ""
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return f"Write {hours * 3600 + minutes * 60 + seconds}s."


def _runs_on(found: Check, node: Node, path: str) -> dict[str, Any]:
    target: dict[str, Any] = _object(found, node, path, RUNS_ON)
    if isinstance(node, yaml_nodes.Mapping):
        if "docker" in node.entries and "machine" in node.entries:
            found.report(node, path, "Either docker or machine, not both.")
        for name in _unset(node) & set(RUNS_ON):
            found.report(node.keys[name], _join(path, name), "It is empty. For the machine write machine: {}; "
                      "docker needs an image.")  # fmt: skip
    return target


def _depends_on(found: Check, node: Node, path: str) -> list[str]:
    needed = []
    for position, item in enumerate(_items(found, node, path)):
        here = f"{path}[{position}]"
        needed.append(name := _text(found, item, here))
        if isinstance(item, Scalar) and not item.reads_as:
            found.needs.setdefault(path, []).append((name, item, here))
    return needed


def _check_needs(found: Check, file: Mapping[str, Any]) -> None:
    """Check that each reference of dependsOn is in the file and no task depends on itself."""
    known = {**file.get("services", {}), **file.get("tasks", {})}
    graph: dict[str, list[tuple[str, Scalar, str]]] = {}
    for task in file.get("tasks", {}):
        graph[task] = found.needs.get(f"{_join('tasks', task)}.dependsOn", [])
        for name, node, path in graph[task]:
            if name not in known:
                near = get_close_matches(name, known, n=1) if len(name) <= 128 and not found.is_full else []
                hint = f" Did you mean {near[0]}?" if near else ""
                found.report(node, path, f"There is no task or service {shortened(name)!r} in the file.{hint}")
    tasks = {task: [name for name, _, _ in needs if name in graph] for task, needs in graph.items()}
    places = {(task, name): (node, path) for task, needs in graph.items() for name, node, path in needs}
    for cycle in cycles.find_cycles(tasks):
        node, path = places[cycle[-2], cycle[-1]]
        found.report(node, path, f"The tasks wait for each other in a cycle: {cycles.format_cycle(cycle)}.")


def _join(path: str, name: str) -> str:
    """`path.name`; unusual names in brackets."""
    if not REFERENCE.fullmatch(name):
        return f"{path}[{json.dumps(shortened(name), ensure_ascii=False)}]"
    return f"{path}.{name}" if path else name


def _kind_of(node: Node) -> str:
    if isinstance(node, Scalar):
        return "nothing" if node.is_nothing else node.reads_as or "text"
    return "a list" if isinstance(node, yaml_nodes.Sequence) else "an object"


def _join_names(names: Any) -> str:
    *rest, last = names
    return f"{', '.join(rest)} or {last}" if rest else last


DOCKER: dict[str, Field] = {"image": _needed_text, "environment": _texts}
RUNS_ON: dict[str, Field] = {
    "docker": lambda found, node, path: _object(found, node, path, DOCKER, ("image",)),
    "machine": lambda found, node, path: _object(found, node, path, {}),
}
COMMANDS: dict[str, Field] = {"start": _needed_text, "ready": _text, "stop": _text}
SERVICE: dict[str, Field] = {
    "name": _needed_text,
    "description": _text,
    "role": _word(ROLES),
    "triggeredBy": _words(TRIGGERS),
    "commands": lambda found, node, path: _object(found, node, path, COMMANDS, ("start",)),
    "readinessTimeout": _duration,
    "runsOn": _runs_on,
}
TASK: dict[str, Field] = {
    "name": _needed_text,
    "description": _text,
    "triggeredBy": _words(TRIGGERS),
    "dependsOn": _depends_on,
    "command": _needed_text,
    "prebuildRequiresSuccess": _flag,
    "runsOn": _runs_on,
}
FILE: dict[str, Field] = {
    "services": _entries(SERVICE, ("name",)),
    "tasks": _entries(TASK, ("name", "command")),
}
