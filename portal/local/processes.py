"""Child processes that never outlive the process that started them."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

OLDER_LOGS = 9  # of each command, stored beside its newest
_PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def die_with_parent(death_signal: signal.Signals = signal.SIGTERM, parent: int | None = None) -> None:
    """Have the kernel signal this process when its parent dies, kill -9 included (Linux; elsewhere nothing happens).

    With `parent`, a parent that has ended already is noticed too.
    """
    if _prctl is None:
        return
    _prctl(_PR_SET_PDEATHSIG, int(death_signal))
    if parent is not None and os.getppid() != parent:
        os.kill(os.getpid(), death_signal)


class CommandFailed(Exception):
    """A command failed; the text names it, how it ended and the end of its log."""


@dataclass(frozen=True)
class Command:
    """A program to run: its arguments, its whole environment and how it likes to be stopped."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] | None = field(default=None, repr=False)
    cwd: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    user: str | None = None
    stdin: str = field(default="", repr=False)


@dataclass
class Child:
    """A running command, leader of a session of its own, with its output in a log file."""

    command: Command
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def name(self) -> str:
        """What the command is called in messages."""
        return self.command.name

    def ask_to_stop(self) -> None:
        """Send the signal the command takes for an orderly stop; a child that has ended already is fine."""
        if self.process.poll() is None:
            self.process.send_signal(self.command.stop_signal)

    def stop(self, patience: float = 10.0) -> None:
        """Request a stop, wait up to `patience` seconds, then kill whatever is left of the child's process group."""
        self.ask_to_stop()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(patience)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def start_again(self) -> None:
        """Start the command once more after it ended, with its output after that of before; OSError as `spawn`."""
        self.stop(0.0)
        self.process = _start(self.command, self.log)

    def report(self, what: str) -> str:
        """What happened to the child with the end of its log beneath, for the person at the terminal."""
        lines = "".join(f"\n  {line}" for line in last_lines(self.log))
        return f"{self.name} {what}. The end of {self.log}:{lines}"


def last_lines(log: Path, count: int = 20) -> list[str]:
    """The last `count` lines of a text file; none where there is no such file."""
    if not log.exists():
        return []
    return log.read_text(errors="replace").splitlines()[-count:]


def spawn(command: Command, log: Path) -> Child:
    """Start a command in a session of its own, so that a Ctrl-C in the terminal reaches only the parent.

    Its output goes to `log`; the logs of the times before are stored beside it as `<name>.1` (the last) and so on.
    Raises OSError if the program cannot be started.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    _rotate(log)
    return Child(command, _start(command, log), log)


def _start(command: Command, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        process = subprocess.Popen(
            list(command.argv),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=None if command.env is None else dict(command.env),
            cwd=command.cwd,
            user=command.user,
            group=command.user,
            extra_groups=None if command.user is None else [],
            start_new_session=True,
            preexec_fn=_death_pact(command.stop_signal),
        )
    if process.stdin is not None:
        with suppress(BrokenPipeError), process.stdin as stdin:
            stdin.write(command.stdin.encode())
    return process


def _rotate(log: Path) -> None:
    """Give each older log the next number; the oldest of OLDER_LOGS is replaced."""
    logs = [log, *(log.with_name(f"{log.name}.{number}") for number in range(1, OLDER_LOGS + 1))]
    for newer, older in reversed(list(pairwise(logs))):
        if newer.exists():
            newer.replace(older)


def run_to_end(command: Command, log: Path, timeout: float) -> None:
    """Run a command that is expected to end by itself, within `timeout` seconds.

    Raises CommandFailed, with the end of its log, if it does not, cannot be started or ends with another status than 0.
    """
    try:
        child = spawn(command, log)
    except OSError as error:
        raise CommandFailed(f"{command.name} could not be started: {error}") from error
    try:
        status = child.process.wait(timeout)
    except subprocess.TimeoutExpired:
        raise CommandFailed(child.report(f"did not end within {timeout:.0f} seconds")) from None
    finally:
        child.stop()
    if status != 0:
        raise CommandFailed(child.report(f"failed ({describe_exit(status)})"))


def describe_exit(status: int) -> str:
    """A return code as Popen gives it, in words: `exit status 3`, or the signal's name."""
    return f"exit status {status}" if status >= 0 else f"killed by {signal.Signals(-status).name}"


def _death_pact(death_signal: signal.Signals) -> Callable[[], None]:
    parent = os.getpid()
    return lambda: die_with_parent(death_signal, parent)
