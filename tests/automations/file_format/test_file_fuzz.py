"""Nothing anybody can paste or upload breaks the check or the preview."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from automations.file.preview import build_preview
from automations.file_format.problems import Unreadable
from automations.file_format.read import decode, read
from automations.models import Service, Task
from tests.support.profiles import examples

TEXTS = [file.read_text() for file in sorted((Path(__file__).parent / "files").glob("*.yaml"))]
WORDS = [
    *("tasks", "services", "name", "command", "commands", "start", "dependsOn", "triggeredBy", "manual", "runsOn"),
    *("docker", "image", "machine", "role", "readinessTimeout", "300s", "yes", "~", "é"),
]
SIGNS = [
    *(": ", ":", "\n", "  ", "    ", "- ", "&a ", "*a", "<<", "!!str ", "!x ", "|\n", ">-\n", "'", '"', "{", "}", "["),
    *("]", ",", "#", "\t", "---\n", "...", "?", "\\", "\0", "\u2028"),
]
PIECES = st.sampled_from(WORDS + SIGNS)
SPEC = {"commands": {"start": "x"}, "env": [{"name": "A", "value": "b"}]}
SERVICES = [
    Service(id=UUID(int=1), reference="web", name="Web", triggers=["manual", "postMachineStart"], spec=SPEC, phase="?"),
    Service(id=UUID(int=2), spec={"commands": 3, "runsOn": {"docker": None}}, triggers=[], role="SERVICE_ROLE_NEW"),
]
TASKS = [
    Task(id=UUID(int=3), reference="build", name="x", triggers=[], spec={"command": "y"}, depends_on=[UUID(int=9)])
]


def everything_holds(text: str) -> None:
    reading = read(text)
    assert isinstance(reading.message, dict)
    assert not (reading.problems and reading.message)
    assert all(problem.reason and problem.line >= 0 for problem in reading.problems)
    if not reading.problems:
        build_preview(reading.message, SERVICES, TASKS)


@settings(max_examples=examples(400), deadline=None)
@given(st.one_of(st.text(max_size=300), st.lists(PIECES, max_size=60).map("".join)))
def test_no_text_breaks_the_check_or_the_preview(text: str) -> None:
    everything_holds(text)


@settings(max_examples=examples(200), deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_break_an_upload(data: bytes) -> None:
    with suppress(Unreadable):
        everything_holds(decode(data))


@settings(max_examples=examples(300), deadline=None)
@given(st.sampled_from(TEXTS), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 40), PIECES), min_size=1, max_size=4))
def test_no_mutation_of_a_real_file_breaks_the_check_or_the_preview(
    text: str, edits: list[tuple[float, int, str]]
) -> None:
    for where, taken, put in edits:
        at = int(where * len(text))
        text = text[:at] + put + text[at + taken :]
    everything_holds(text)


KEYS = st.one_of(PIECES, st.text(max_size=8))
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=20), PIECES),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=5)),
    max_leaves=25,
)


@settings(max_examples=examples(300), deadline=None)
@given(st.one_of(JSON, st.fixed_dictionaries({}, optional={"tasks": JSON, "services": JSON})))
def test_no_structure_breaks_the_check_or_the_preview(value: Any) -> None:
    everything_holds(yaml.dump(value, allow_unicode=True))
