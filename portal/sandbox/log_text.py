"""The text of logs: invented from what runs, the same on each read, and longer as the world's clock moves."""

import random
from collections.abc import Iterator
from typing import Any

from portal.sandbox.documents import SECOND, Document, instant_of

_PACE = 3 * SECOND
_GREEN, _RED, _YELLOW, _CYAN, _BOLD, _DIM, _OFF = (f"\x1b[{code}m" for code in ("32", "31", "33", "36", "1", "2", "0"))
_NAMES = ("orders", "invoice", "ledger", "häfen", "search", "session", "東京", "mailer", "auth", "cart")

# By a word of the command; {n} is a number, {m} a larger one, {name} one of the names.
_LINES: dict[str, tuple[str, ...]] = {
    "mvnw": (
        f"[{_CYAN}INFO{_OFF}] Compiling {{n}} source files to target/classes",
        f"[{_CYAN}INFO{_OFF}] Downloaded from central: org/springframework/{{name}}-{{n}}.jar ({{m}} kB)",
        f"[{_YELLOW}WARN{_OFF}] {{name}}: uses unchecked or unsafe operations.",
        f"[{_CYAN}INFO{_OFF}] Tests run: {{n}}, Failures: 0, Errors: 0, Skipped: 0 -- in {{name}}Test",
    ),
    "go": (
        "go: downloading github.com/brindlemark/{name} v1.{n}.0",
        "ok  \tinternal/{name}\t0.{m}s",
        "# internal/{name}",
    ),
    "pip": ("Collecting {name}>={n}", f"  Downloading {{name}}-{{n}}-py3-none-any.whl ({_GREEN}{{m}} kB{_OFF})"),
    "pytest": (
        "tests/test_{name}.py::test_{n} " + f"{_GREEN}PASSED{_OFF}",
        "tests/{name}/test_api.py ........ [ {n}%]",
    ),
    "npm": (
        "added {m} packages in {n}s",
        f"{_YELLOW}npm warn{_OFF} deprecated {{name}}@{{n}}.0.0",
        "✓ built in {m} ms",
    ),
    "playwright": (f"  {_GREEN}✓{_OFF}  {{n}} [chromium] › {{name}}.spec.ts:{{n}} › opens ({{m}}ms)",),
    "cargo": (
        f"{_GREEN}{_BOLD}   Compiling{_OFF} {{name}} v0.{{n}}.{{n}}",
        f"{_CYAN}    Checking{_OFF} {{name}} v1.{{n}}",
    ),
    "docker": ("#{n} sha256:{m} 3.1MB / 9.4MB", f"{_DIM}#{{n}} CACHED{_OFF}", "Status: Downloaded newer image"),
    "make": ("gcc -O2 -g -c {name}.c -o {name}.o", "checking for {name}.h... yes", f"  {_BOLD}CC{_OFF}  {{name}}.lo"),
    "": ("{name}: {m} of {m} done", "… {name} ({n})", f"{_DIM}{{name}} {{m}} ms{_OFF}"),
}
_SERVICE = (
    f"{_DIM}{{n}} ms{_OFF} GET /{{name}} {_GREEN}200{_OFF}",
    "LOG:  checkpoint complete: wrote {m} buffers",
    f"{_YELLOW}warn{_OFF} {{name}}: retrying in {{n}} ms ↻",
    "ready in {m} ms ✨",
)


def of_execution(document: Document, now: int, sent: int = 0) -> tuple[list[str], bool]:
    """The lines of an execution at an instant but the first `sent`, and whether that is all there will be."""
    lines, is_over = _execution(document, now)
    return lines[sent:], is_over


def _execution(document: Document, now: int) -> tuple[list[str], bool]:
    status, metadata = document["status"], document["metadata"]
    started, ended = instant_of(metadata.get("startedAt", "")), instant_of(metadata.get("completedAt", ""))
    if not started and not ended:
        return [], status.get("phase", "").endswith("_STOPPED")
    known = {step["id"]: step for step in status.get("steps", [])}
    budget = max((ended or now) - started, 0) // _PACE
    lines: list[str] = []
    for step in (step for group in document["spec"]["plan"] for step in group["steps"]):
        state = known.get(step["id"])
        if state is None:
            break
        shown, is_whole = _step(step, state, budget)
        budget = max(budget - len(shown), 0)
        lines += shown
        if not is_whole:
            break
    return (lines, False) if not ended else ([*lines, _last(status)], True)


def _step(step: Document, state: Document, budget: int) -> tuple[list[str], bool]:
    """The output of a step, and whether it has ended; a running one outputs a line at a time."""
    command = step.get("task", {}).get("spec", {}).get("command", "")
    dice = random.Random(step["id"])
    output = list(_output(command, dice.randrange(6, 40), dice)) if "task" in step else []  # a service has its own log
    label = step.get("label") or step["id"]
    lines = [f"{_BOLD}▶ {label}{_OFF}", *(f"{_DIM}$ {line}{_OFF}" for line in command.splitlines())]
    phase = state.get("phase", "").removeprefix("TASK_EXECUTION_PHASE_")
    if phase == "SUCCEEDED":
        return [*lines, *output, f"{_GREEN}✓ {label}{_OFF}"], True
    if phase == "FAILED":
        return [*lines, *output, f"{_RED}✗ {label}: {state.get('failureMessage', 'failed')}{_OFF}"], True
    return [*lines, *output[:budget]], False


def _last(status: Document) -> str:
    word = status.get("phase", "").rpartition("_")[2].lower()
    colour = {"succeeded": _GREEN, "failed": _RED}.get(word, _YELLOW)
    return f"{colour}{_BOLD}Execution {word}.{_OFF}"


def of_service(document: Document, since: int, now: int, sent: int = 0) -> tuple[list[str], bool]:
    """As of_execution, for a service whose log was first requested at `since`."""
    commands, status = document["spec"].get("commands", {}), document["status"]
    phase = status.get("phase", "").removeprefix("SERVICE_PHASE_")
    head = [f"{_BOLD}▶ {document['metadata'].get('name', '')}{_OFF}"]
    head += [f"{_DIM}$ {line}{_OFF}" for line in commands.get("start", "").splitlines()]
    seed, count = document["id"] + status.get("session", ""), 40 + max(now - since, 0) // _PACE
    lines = head[sent:] + [_of_service(f"{seed}{place}") for place in range(max(sent - len(head), 0), count)]
    if phase == "FAILED":
        return [*lines, f"{_RED}✗ {status.get('failureMessage', 'failed')}{_OFF}"], True
    return (lines, False) if phase in ("STARTING", "RUNNING", "STOPPING") else ([*lines, "Stopped."], True)


_PARTS = {
    "machine": ("allocating an instance of the class", "supervisor {m} is up"),
    "content": ("cloning {name}.git", "received {m} objects, {n} MiB"),
    "devcontainer": ("building {name}:{n}", "#{n} sha256:{m} 3.1MB / 9.4MB", "running postCreateCommand"),
    "automationsFile": ("reading .ona/automations.yaml", "{n} tasks and services"),
}


def of_environment(document: Document, sent: int = 0) -> tuple[list[str], bool]:
    """The same of an environment's start, part by part, up to what failed; over unless it is starting."""
    dice, status, lines = random.Random(document["id"]), document["status"], []
    for part, texts in _PARTS.items():
        state = status.get(part) or {}
        if not state.get("phase"):
            break
        lines += [f"{_BOLD}▶ {part}{_OFF}", *(_filled(text, dice) for text in texts)]
        if failure := state.get("failureMessage"):
            lines.append(f"{_RED}✗ {failure}{_OFF}")
            break
        lines.append(f"{_GREEN}✓ {part}{_OFF}")
    return lines[sent:], not status.get("phase", "").endswith("_STARTING")


def _of_service(seed: str) -> str:
    dice = random.Random(seed)
    return _filled(dice.choice(_SERVICE), dice)


def _output(command: str, count: int, dice: random.Random) -> Iterator[str]:
    word = next(word for word in _LINES if word in command)
    return (_filled(dice.choice(_LINES[word]), dice) for _ in range(count))


def _filled(line: str, dice: random.Random) -> str:
    fields: dict[str, Any] = {"n": dice.randrange(1, 99), "m": dice.randrange(100, 9999), "name": dice.choice(_NAMES)}
    return line.format(**fields)
