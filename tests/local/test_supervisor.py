"""The supervisor behind `make run`: all commands run, or none does, whatever ends them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from portal.local.processes import OLDER_LOGS, Child, Command, CommandFailed, run_to_end
from portal.local.supervisor import ChildDied, Supervisor, make_was_interrupted, wait_until

PATIENCE = 20.0

# A small portal: two commands, one of which has a child of its own that takes no hint.
PARENT = """
import sys
from pathlib import Path
from portal.local.processes import Command
from portal.local.supervisor import Stopped, Supervisor, stop_signals, wait_until
stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
family = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {stubborn!r}])"
try:
    with stop_signals(), Supervisor(Path(sys.argv[1])) as supervisor:
        supervisor.start(Command("family", [sys.executable, "-c", family]))
        supervisor.start(Command("sleeper", ["sleep", "60"]), Command("other", ["sleep", "60"]))
        print("started", flush=True)
        wait_until(lambda: False, supervisor.watch())
except Stopped as stopped:
    print(stopped, flush=True)
"""


@pytest.fixture
def parent(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that supervises the small portal, all of it started."""
    argv = [sys.executable, "-c", PARENT, str(tmp_path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        yield process
        process.kill()


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def descendants(pid: int) -> list[int]:
    """Children, their children and so on, as the kernel lists them."""
    found = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return found + [below for child in found for below in descendants(child)]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def whole_family(parent: subprocess.Popen[str]) -> list[int]:
    assert eventually(lambda: len(descendants(parent.pid)) == 4)
    return descendants(parent.pid)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("send", [os.kill, os.killpg], ids=["to the parent alone", "to its whole group"])
def test_a_signal_to_stop_leaves_no_process_behind(
    parent: subprocess.Popen[str], number: signal.Signals, send: Callable[[int, int], None]
) -> None:
    family = whole_family(parent)
    send(parent.pid, number)
    assert parent.wait(PATIENCE) == 0
    assert parent.stdout is not None
    assert parent.stdout.read() == f"{number.name}\n"
    assert not [pid for pid in family if alive(pid)]


def test_a_second_ctrl_c_does_not_disturb_the_stopping(parent: subprocess.Popen[str]) -> None:
    family = whole_family(parent)
    parent.send_signal(signal.SIGINT)
    parent.send_signal(signal.SIGINT)
    assert parent.wait(PATIENCE) == 0
    assert not [pid for pid in family if alive(pid)]


def test_commands_go_with_a_parent_that_is_killed(parent: subprocess.Popen[str]) -> None:
    commands = [int(pid) for pid in Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()]
    stubborn = [pid for pid in whole_family(parent) if pid not in commands]
    parent.kill()
    assert eventually(lambda: not [pid for pid in commands if alive(pid)])
    for pid in stubborn:
        os.kill(pid, signal.SIGKILL)


def test_the_death_of_one_stops_all_and_tells_the_end_of_its_log(tmp_path: Path) -> None:
    failing = "import sys; print('a clue'); sys.exit('the reason')"
    with Supervisor(tmp_path) as supervisor:
        supervisor.start(Command("steady", ["sleep", "60"]), Command("fragile", [sys.executable, "-c", failing]))
        steady = supervisor.children[0].process.pid
        with pytest.raises(ChildDied) as caught:
            wait_until(lambda: False, supervisor.watch())
    text = str(caught.value)
    assert text.startswith("fragile stopped unexpectedly (exit status 1)")
    assert "a clue" in text
    assert "the reason" in text
    assert str(tmp_path / "fragile.log") in text
    assert not alive(steady)


def test_what_ends_later_is_started_again_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.local.supervisor.FIRST_PAUSE", 0.05)
    said: list[str] = []
    with Supervisor(tmp_path) as supervisor:
        supervisor.start(Command("steady", ["sleep", "60"]), Command("fragile", ["sh", "-c", "echo up; exec sleep 60"]))
        steady, fragile = supervisor.children
        before = steady.process.pid
        keep = supervisor.keep_running(say=said.append)
        for life in (1, 2, 3):
            assert eventually(lambda life=life: fragile.log.read_text() == "up\n" * life)
            fragile.process.kill()
            pid = fragile.process.pid
            wait_until(lambda pid=pid: fragile.process.pid != pid, keep)
        assert steady.process.pid == before
    assert [text.split(". Its log")[0] for text in said] == [
        "fragile stopped unexpectedly (killed by SIGKILL); it is started again in 0 s"
    ] * 3
    assert not (tmp_path / "fragile.log.1").exists()
    assert fragile.process.poll() is not None


def test_what_was_started_last_is_stopped_first(tmp_path: Path) -> None:
    record = tmp_path / "record"
    script = "import signal, sys, time\ndef end(*_):\n open(sys.argv[1], 'a').write(sys.argv[2]); sys.exit()\n"
    script += "signal.signal(signal.SIGTERM, end); print('up', flush=True); time.sleep(60)"
    with Supervisor(tmp_path) as supervisor:
        for name in ("a", "b"):
            supervisor.start(Command(name, [sys.executable, "-c", script, str(record), name]))
            assert eventually(lambda name=name: "up" in (tmp_path / f"{name}.log").read_text())
    assert record.read_text() == "ba"


def test_the_logs_of_the_runs_before_are_kept(tmp_path: Path) -> None:
    for run in range(12):
        run_to_end(Command("echo", ["echo", str(run)]), tmp_path / "echo.log", PATIENCE)
    logs = {path.name: path.read_text() for path in tmp_path.iterdir()}
    older = {f"echo.log.{number}": f"{11 - number}\n" for number in range(1, OLDER_LOGS + 1)}
    assert logs == {"echo.log": "11\n"} | older


def test_a_command_that_fails_hangs_or_does_not_exist_is_told_apart(tmp_path: Path) -> None:
    def outcome(*argv: str, timeout: float = PATIENCE) -> str:
        with pytest.raises(CommandFailed) as caught:
            run_to_end(Command("it", argv), tmp_path / "it.log", timeout)
        return str(caught.value)

    assert outcome(sys.executable, "-c", "raise SystemExit(3)").startswith("it failed (exit status 3)")
    assert outcome("sleep", "60", timeout=0.1).startswith("it did not end within 0 seconds")
    assert outcome(str(tmp_path / "missing")).startswith("it could not be started")


def test_neither_environment_nor_input_of_a_command_shows_in_its_repr(tmp_path: Path) -> None:
    command = Command("quiet", ["true"], env={"ONA_API_KEY": "canary"}, stdin="canary")
    with Supervisor(tmp_path) as supervisor:
        supervisor.start(command)
        children: list[Child] = supervisor.children
        assert "canary" not in repr(command) + repr(children)


def test_a_make_that_got_the_interrupt_alone_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("wait:\n\t@sleep 60\n")
    with subprocess.Popen(["make", "wait"], cwd=tmp_path, start_new_session=True, stderr=subprocess.DEVNULL) as make:
        try:
            assert eventually(lambda: len(descendants(make.pid)) == 1)
            assert not make_was_interrupted(make.pid)
            make.send_signal(signal.SIGINT)
            assert eventually(lambda: make_was_interrupted(make.pid))
        finally:
            os.killpg(make.pid, signal.SIGKILL)
