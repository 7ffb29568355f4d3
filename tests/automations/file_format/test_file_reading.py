"""What is refused, where and why."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from automations.file_format import yaml_nodes
from automations.file_format.problems import MOST, Unreadable
from automations.file_format.read import LARGEST, Reading, decode, read

FILES = sorted((Path(__file__).parent / "files").glob("*.yaml"))
TEXTS = [file.read_text() for file in FILES]
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
TASK = "tasks:\n  build:\n    name: Build\n    command: make\n"
SERVICE = "services:\n  web:\n    name: Web\n"

# text → line, column, path, and a part of the reason; of the first problem
BAD: dict[str, tuple[str, tuple[int, int, str, str]]] = {
    "nothing": ("", (0, 0, "", "empty")),
    "comments alone": ("# tasks:\n", (0, 0, "", "empty")),
    "null": ("~\n", (0, 0, "", "empty")),
    "text": ("make it so", (1, 1, "", "not text")),
    "a list": ("- build\n", (1, 1, "", "not a list")),
    "a tab as indentation": ("tasks:\n\tbuild:\n", (2, 1, "", "tab")),
    "bad indentation": ("tasks:\n  b:\n    name: x\n   command: y\n", (4, 4, "", "indentation")),
    "a quote that never ends": ("tasks: 'build\n", (2, 1, "", "quote")),
    "a bracket that never ends": ("tasks: {build: [\n", (2, 1, "", "bracket")),
    "a second colon": ("tasks: build: test\n", (1, 13, "", "colon")),
    "a reserved sign": ("tasks: @all\n", (1, 8, "", "in quotes")),
    "another version of YAML": ("%YAML 9.9\n---\ntasks:\n", (1, 1, "", "%YAML")),
    "two documents": ("---\ntasks:\n---\ntasks:\n", (3, 1, "", "second document")),
    "a bomb": (BOMB, (4, 36, "", "10,000 values")),
    "a long text again and again": (f"a: &a {'x' * 200_000}\nb: [{'*a, ' * 9}]\n", (2, 21, "", "million")),
    "an alias within itself": ("tasks: &t\n  build: *t\n", (2, 10, "", "which would never end")),
    "an alias of nothing": ("tasks: *t\n", (1, 8, "", "refers to nothing")),
    "too deep": (f"tasks: {'[' * 40}{']' * 40}\n", (1, 27, "", "20 deep")),
    "a tag of Python's": ("tasks: !!python/object/apply:os.system [id]\n",
        (1, 8, "", "!!python/object/apply:os.system")),
    "a tag of one's own": ("tasks: !mine {}\n", (1, 8, "", "!mine")),
    "a key twice": (f"{TASK}    name: Other\n", (5, 5, "", "first is in line 3")),
    "a reference twice": (f"{TASK}  build:\n    name: x\n    command: y\n", (5, 3, "", "second time")),
    "a list as a key": ("tasks:\n  ? [a]\n  : b\n", (2, 5, "", "key must be text")),
    "a number as a key": ("tasks:\n  8080: {name: x, command: y}\n", (2, 3, "", "a number")),
    "yes as a key": ("tasks:\n  on: {name: x, command: y}\n", (2, 3, "", "yes or no")),
    "an unknown part": ("task: {}\n", (1, 1, "task", "Did you mean tasks?")),
    "an unknown field": (f"{TASK}    depends_on: [x]\n", (5, 5, "tasks.build.depends_on", "Did you mean dependsOn?")),
    "a far-off field": (f"{TASK}    zzz: 1\n", (5, 5, "tasks.build.zzz", "Allowed: name, ")),
    "a bad reference": ("tasks:\n  a b: {name: x, command: y}\n", (2, 3, 'tasks["a b"]', "1 to 128")),
    "a long reference": (f"tasks:\n  {'a' * 129}: {{name: x, command: y}}\n",
        (2, 3, f'tasks["{"a" * 60}…"]', "1 to 128")),
    "a task without a command": ("tasks:\n  build:\n    name: x\n", (3, 5, "tasks.build.command", "missing")),
    "an empty command": ("tasks: {b: {name: x, command: ''}}\n", (1, 31, "tasks.b.command", "at least one")),
    "a task that is nothing": ("tasks:\n  build:\n", (2, 9, "tasks.build", "not nothing")),
    "yes as a name": ("tasks: {b: {name: yes, command: x}}\n", (1, 19, "tasks.b.name", "yes or no")),
    "an octal name": ("tasks: {b: {name: 012, command: x}}\n", (1, 19, "tasks.b.name", "a number")),
    "a time as a name": ("tasks: {b: {name: 12:30:45, command: x}}\n", (1, 19, "tasks.b.name", "a number")),
    "a date as a name": ("tasks: {b: {name: 2026-01-01, command: x}}\n", (1, 19, "tasks.b.name", "a date")),
    "a list as a command": ("tasks: {b: {name: x, command: [y]}}\n", (1, 31, "tasks.b.command", "not a list")),
    "NUL by an escape": ('tasks: {b: {name: "x\\0", command: y}}\n', (1, 19, "tasks.b.name", "U+0000")),
    "NUL": ("tasks:\n  a\0b: x\n", (2, 4, "", "U+0000")),
    "a lone surrogate": ("tasks: \ud800\n", (1, 8, "", "U+D800")),
    "a bell": ("tasks: \x07\n", (1, 8, "", "U+0007")),
    "an unknown trigger": (f"{TASK}    triggeredBy: [manual, onStart]\n",
        (5, 27, "tasks.build.triggeredBy[1]", "is not allowed here")),
    "a trigger by itself": (f"{TASK}    triggeredBy: manual\n", (5, 18, "tasks.build.triggeredBy", "a list")),
    "an unknown role": (f"{SERVICE}    role: editr\n", (4, 11, "services.web.role", "Did you mean editor?")),
    "a role of Ona's own": (f"{SERVICE}    role: security-agent\n", (4, 11, "services.web.role", "not allowed here")),
    "commands without start": (f"{SERVICE}    commands: {{stop: x}}\n",
        (4, 15, "services.web.commands.start", "missing")),
    "minutes": (f"{SERVICE}    readinessTimeout: 5m\n", (4, 23, "services.web.readinessTimeout", "Write 300s.")),
    "a bare number": (f"{SERVICE}    readinessTimeout: 300\n", (4, 23, "services.web.readinessTimeout", "Write 300s.")),
    "two days": (f"{SERVICE}    readinessTimeout: 172800s\n",
        (4, 23, "services.web.readinessTimeout", "At most 86400s")),
    "less than nothing": (f"{SERVICE}    readinessTimeout: -1s\n", (4, 23, "services.web.readinessTimeout", "seconds")),
    "docker without image": (f"{SERVICE}    runsOn: {{docker: {{}}}}\n",
        (4, 22, "services.web.runsOn.docker.image", "missing")),
    "docker and machine": (f"{TASK}    runsOn: {{docker: {{image: x}}, machine: {{}}}}\n",
        (5, 13, "tasks.build.runsOn", "not both")),
    "a machine that is nothing": (f"{TASK}    runsOn:\n      machine:\n",
        (6, 7, "tasks.build.runsOn.machine", "machine: {}")),
    "yes as a flag": (f"{TASK}    prebuildRequiresSuccess: yes\n",
        (5, 30, "tasks.build.prebuildRequiresSuccess", "true or false")),
    "a dependency on nothing": (f"{TASK}    dependsOn: [buidl]\n",
        (5, 17, "tasks.build.dependsOn[0]", "Did you mean build?")),
    "a dependency on itself": (f"{TASK}    dependsOn: [build]\n", (5, 17, "tasks.build.dependsOn[0]", "build → build")),
}  # fmt: skip


def said(reading: Reading) -> list[tuple[int, int, str, str]]:
    return [(problem.line, problem.column, problem.path, problem.reason) for problem in reading.problems]


@pytest.mark.parametrize("parser", [yaml.SafeLoader, yaml.CSafeLoader], ids=["python", "libyaml"])
@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_told_with_line_column_path_and_reason(case: str, parser: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(yaml_nodes, "PARSER", parser)
    text, (line, column, path, reason) = BAD[case]
    reading = read(text)
    assert reading.message == {}
    first = said(reading)[0]
    if parser is yaml.CSafeLoader or path:
        assert first[:3] == (line, column, path)
    assert reason in first[3]


def test_every_problem_is_told_not_only_the_first() -> None:
    text = "tasks:\n  b: {name: yes, dependsOn: [c, x]}\n  c: {name: y, command: z, dependsOn: [b], mine: 1}\ntsks: 1\n"
    assert [(problem.line, problem.path) for problem in read(text).problems] == [
        (2, "tasks.b.command"), (2, "tasks.b.name"), (2, "tasks.b.dependsOn[1]"), (3, "tasks.c.dependsOn[0]"),
        (3, "tasks.c.mine"), (4, "tsks"),
    ]  # fmt: skip
    assert "b → c → b" in read(text).problems[3].reason


def test_each_circle_is_named_and_a_long_one_is_cut() -> None:
    long = "".join(f"  t{n}: {{name: x, command: y, dependsOn: [t{(n + 1) % 30}]}}\n" for n in range(30))
    pair = "  a: {name: x, command: y, dependsOn: [b]}\n  b: {name: x, command: y, dependsOn: [a, c]}\n"
    alone = "  c: {name: x, command: y, dependsOn: [c]}\n"
    reasons = [problem.reason for problem in read(f"tasks:\n{long}{pair}{alone}").problems]
    assert len(reasons) == 3
    assert any("a → b → a." in reason for reason in reasons)
    assert any("c → c." in reason for reason in reasons)
    assert any("t0 → t1 → t2 → t3 → t4 → t5 → … → t25 → t26 → t27 → t28 → t29 → t0." in reason for reason in reasons)


def test_a_hundred_problems_are_told_and_the_rest_counted() -> None:
    reading = read("tasks:\n" + "".join(f"  t{n}: {{mine: 1}}\n" for n in range(200)))
    assert (len(reading.problems), reading.more) == (MOST, 600 - MOST)


def test_ordinary_aliases_and_merges_are_written_out() -> None:
    text = (
        "tasks:\n  a: &a\n    name: A\n    command: &c make\n    triggeredBy: &t [manual]\n"
        "  b:\n    <<: *a\n    name: B\n  c: {name: C, command: *c, triggeredBy: *t}\n"
    )
    tasks = read(text).message["tasks"]
    assert tasks["b"] == {"name": "B", "command": "make", "triggeredBy": ["manual"]}
    assert tasks["c"] == {"name": "C", "command": "make", "triggeredBy": ["manual"]}


def test_what_says_nothing_is_left_out_of_the_message() -> None:
    text = f"{TASK}    description:\n    dependsOn: []\n    prebuildRequiresSuccess: false\nservices:\n"
    assert read(text) == Reading({"tasks": {"build": {"name": "Build", "command": "make"}}})
    assert read("services:\ntasks:\n") == Reading({})


def test_names_of_any_characters_are_taken_as_they_are() -> None:
    name = "⚠️ <script>alert(1)</script> \u202e größe"
    assert read(f"tasks:\n  b:\n    name: '{name}'\n    command: x\n").message["tasks"]["b"]["name"] == name


@pytest.mark.parametrize("text", ["300s", "0s", "86400s", "1.5s", "'300s'", "0.000000001s"])
def test_durations_are_seconds(text: str) -> None:
    assert not read(f"{SERVICE}    readinessTimeout: {text}\n").problems


@pytest.mark.parametrize("text", TEXTS, ids=[file.stem for file in FILES])
def test_real_files_are_good_with_any_line_ends_and_with_a_byte_order_mark(text: str) -> None:
    reading = read(text)
    assert not reading.problems
    assert reading.message == yaml.safe_load(text)
    assert read(text.replace("\n", "\r\n")).message == reading.message
    assert read(decode(b"\xef\xbb\xbf" + text.encode())).message == reading.message


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"x" * (LARGEST + 1), "256 KiB"), (b"tasks:\n  \xff: x", "not UTF-8"), ("tasks:".encode("utf-16"), "not UTF-8")],
)
def test_uploads_that_are_no_text_say_so(data: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        decode(data)


def test_a_byte_that_is_not_utf_8_is_told_with_its_place() -> None:
    with pytest.raises(Unreadable) as told:
        decode(b"tasks:\n  \xff: x")
    assert (told.value.problem.line, told.value.problem.column) == (2, 3)


@pytest.mark.parametrize(
    "text",
    ["x" * (LARGEST + 1), "[" * LARGEST, "- " * (LARGEST // 2), "{a: " * (LARGEST // 4), "? " * (LARGEST // 2),
     "a: b\n" * 50_000, "tasks:\n" + "  zzz: {}\n" * 20_000, "tasks: {" + "dpendsOn, " * 9_000 + "}", "'" * LARGEST,
     "tasks:\n" + "".join(f"  t{n}: {{name: x, command: y, dependsOn: [t{n + 1}, t0]}}\n" for n in range(1_200))],
    ids=lambda text: text[:12],
)  # fmt: skip
def test_huge_and_hostile_files_are_answered_quickly(text: str) -> None:
    began = time.process_time()
    assert read(text).problems
    assert time.process_time() - began < 5, "a matter of milliseconds, even on a busy machine of seconds"
