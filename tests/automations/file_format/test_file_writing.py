"""What is there, written as a file, reads as the same again; what a file cannot hold is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automations.file_format.describe import describe
from automations.file_format.read import read
from automations.file_format.write import write
from automations.models import Service, Task
from automations.sync.observe import sync_automations
from environments.sync.full_listing import sync_environments
from portal.ona import OnaClient
from portal.sandbox.conditions import Condition
from portal.sandbox.server import Sandbox, running
from portal.sandbox.world import World
from tests.support.profiles import examples

FILES = sorted((Path(__file__).parent / "files").glob("*.yaml"))
# every character YAML can carry, those it minds among them more often
CHARACTERS = st.one_of(
    st.sampled_from(list("\n\t a:#-'\"|>&*!%@`\x85\u2028\ufeff\\0127yesno~{}[],?\r=<")),
    st.characters(exclude_characters="\0", exclude_categories=("Cs",)),
)
TEXT = st.text(CHARACTERS, min_size=1)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running(World(environments=2, seed=5)) as server:
        yield server


def described(environment_id: str, file: dict[str, Any]) -> Any:
    """What the portal's copy has of the environment, of the references in the file."""
    there = describe(
        Service.objects.filter(environment=environment_id), Task.objects.filter(environment=environment_id)
    )
    return {kind: {name: there.message[kind].get(name) for name in file[kind]} for kind in file}


@pytest.mark.django_db(transaction=True)
def test_real_files_come_back_from_ona_as_they_were(sandbox: Sandbox) -> None:
    files = {sandbox.world.add_environment(Condition()): read(path.read_text()).message for path in FILES}
    with OnaClient(sandbox.token, sandbox.base_url, requests_per_second=1000) as client:
        for environment_id, file in files.items():
            client.upsert_automations_file(UUID(environment_id), file)
        sync_environments(client)
        sync_automations(client, everything=True)
    for environment_id, file in files.items():
        there = described(environment_id, file)
        assert there == file
        assert read(write(there)).message == file


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_commands_of_several_lines_are_written_as_they_are_typed(path: Path) -> None:
    text = write(read(path.read_text()).message)
    assert read(text).message == read(path.read_text()).message
    assert "\\n" not in text
    assert write(read(text).message) == text, "the same message is the same text"


@settings(max_examples=examples(600), deadline=None)
@given(TEXT, TEXT)
def test_any_text_comes_back_as_it_was(name: str, command: str) -> None:
    message = {"tasks": {"one": {"name": name, "command": command}}}
    reading = read(write(message, [name, command]))
    assert (reading.message, reading.problems) == (message, [])


def test_nothing_is_a_file_too() -> None:
    assert read(write({})).message == {}
    assert not read(write({})).problems


def test_what_no_file_can_hold_is_said_and_left_out() -> None:
    services = [
        Service(id=UUID(int=1), reference="guard", name="Guard", role="SERVICE_ROLE_SECURITY_AGENT", spec={}),
        Service(id=UUID(int=2), reference="web", name="Web", role="SERVICE_ROLE_DEFAULT",
                triggers=["postMachineStart", "manual"], spec={"commands": {"start": "x"}, "env": [{"name": "KEY"}]}),
        Service(id=UUID(int=3), reference="", name="Nameless", spec={}),
    ]  # fmt: skip
    tasks = [
        Task(id=UUID(int=4), reference="a", name="A", spec={"command": "x"}, depends_on=[UUID(int=5), UUID(int=9)]),
        Task(id=UUID(int=5), reference="b", name="B", spec={}),
    ]
    found = describe(services, tasks)
    assert found.message == {
        "services": {"web": {"name": "Web", "commands": {"start": "x"}, "triggeredBy": ["manual"]}},
        "tasks": {"a": {"name": "A", "command": "x"}},
    }
    told = "\n".join(found.left_out)
    for words in ("security-agent", "KEY", "after machine start", "Nameless", "“B” is not in the file: it has no",
                  "depends on b, which", str(UUID(int=9))):  # fmt: skip
        assert words in told
    assert set(found.present["services"]) == {"guard", "web"}


def test_comments_hold_no_line_of_yaml() -> None:
    text = write({}, ["x\ntasks: {a: {name: b, command: c}}\u2028y\x85z"])
    assert read(text).message == {}
