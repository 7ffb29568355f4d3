"""What the OpenAPI document promises, a line each, and which of it a change breaks.

`promises.txt` has the lines of the version that the document names; `make openapi.yaml` adds new ones. A line that
vanishes, or an operation that requires more than before, breaks somebody's script: that takes another version.
No library on PyPI that is still kept compares documents of OpenAPI 3.1.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

RECORDED = Path(__file__).with_name("promises.txt")
REQUIRES = " requires "


def promises(document: Any) -> set[str]:
    """Every operation, parameter, field with its type, and value of a choice; and what must be sent."""
    found = {f"version {document['info']['version']}"}
    for path, operations in document["paths"].items():
        for verb, operation in operations.items():
            found.update(f"{verb} {path}{line}" for line in _of_operation(operation))
    for name, schema in document["components"]["schemas"].items():
        found.update(f"{name}{line}" for line in _fields(schema))
    return found


def broken(before: set[str], now: set[str]) -> list[str]:
    """What `now` takes away, or requires besides; nothing if the version is another one."""
    if {line for line in before if line.startswith("version ")} - now:
        return []
    demands = {line for line in now - before if REQUIRES in line and line.partition(REQUIRES)[0] in before}
    return sorted({line for line in before - now if REQUIRES not in line} | demands)


def _of_operation(operation: Any) -> Iterator[str]:
    yield ""
    for each in (each for each in operation.get("parameters", []) if each["in"] != "path"):  # whose names stand in it
        name = f"{each['in']} {each['name']}"
        yield from (f" takes {name}{line}" for line in _fields(each["schema"]))
        if each.get("required"):
            yield f"{REQUIRES}{name}"
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        yield from (f" takes {kind}{line}" for line in _fields(content["schema"]))
        yield from (f"{REQUIRES}{name}" for name in content["schema"].get("required", []))
    answers = {status: answer for status, answer in operation["responses"].items() if status < "400"}
    for status, answer in answers.items():
        for kind, content in answer["content"].items():
            yield from (f" answers {status} {kind}{line}" for line in _fields(content["schema"]))


def _fields(schema: Any) -> Iterator[str]:
    """The type of a schema, its choices, and its fields likewise."""
    if "$ref" in schema:
        yield f": {schema['$ref'].rpartition('/')[2]}"
        return
    kinds = schema.get("type", "any")
    yield f": {kinds if isinstance(kinds, str) else ' or '.join(sorted(kinds))}"
    yield from (f" = {value}" for value in schema.get("enum", []))
    yield from (f"[]{line}" for line in (_fields(schema["items"]) if "items" in schema else ()))
    for name, field in schema.get("properties", {}).items():
        yield from (f".{name}{line}" for line in _fields(field))


def recorded() -> set[str]:
    return set(RECORDED.read_text().splitlines()) if RECORDED.exists() else set()


def main() -> int | str:
    """Record what the document on stdin promises, unless it breaks what is recorded."""
    now = promises(yaml.safe_load(sys.stdin))
    if lost := broken(recorded(), now):
        return "\n".join(["This breaks what the API promised:", *lost])
    RECORDED.write_text("".join(f"{line}\n" for line in sorted(now)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
