"""Runs a set of commands together: all of them come up, or none does; later each is started again if it ends."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from portal.local.processes import Child, Command, describe_exit, spawn

POLL_SECONDS = 0.1
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0  # seconds before a command that ended is started again, doubled each time
STEADY_SECONDS = 60.0  # who ran so long is started again after the first pause
STOP_PATIENCE = 10.0


class Stopped(BaseException):
    """A stop was requested: Ctrl-C, SIGTERM or a closed terminal. No error, hence no Exception."""


class ChildDied(Exception):
    """A command that should keep running ended while the others came up; the text carries the end of its log."""


class Supervisor:
    """Starts commands, watches them, and leaves none behind."""

    def __init__(self, log_directory: Path) -> None:
        self.log_directory = log_directory
        self._stages: list[list[Child]] = []

    @property
    def children(self) -> list[Child]:
        """Every command started so far, in that order."""
        return [child for stage in self._stages for child in stage]

    def start(self, *commands: Command) -> None:
        """Start commands that belong together; what is started later is stopped earlier."""
        stage: list[Child] = []
        self._stages.append(stage)
        for command in commands:
            stage.append(spawn(command, self.log_directory / f"{command.name}.log"))

    def watch(self, *others: Child) -> Callable[[], None]:
        """A check that raises ChildDied as soon as one of the commands, or of `others`, has ended."""
        return lambda: _check([*self.children, *others])

    def keep_running(self, *others: Child, say: Callable[[str], None]) -> Callable[[], None]:
        """A check that starts each of the commands, and of `others`, again if it has ended, and says so."""
        revivals = [Revival(child, say) for child in [*others, *self.children]]

        def check() -> None:
            for revival in revivals:
                revival.check()

        return check

    def stop(self) -> None:
        """Stop the commands of a stage all at once, wait for them, then stop the stage before."""
        while self._stages:
            stage = self._stages.pop()
            for child in stage:
                child.ask_to_stop()
            deadline = time.monotonic() + STOP_PATIENCE
            for child in stage:
                child.stop(max(0.0, deadline - time.monotonic()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Revival:
    """Starts a command again that ended: at first soon, then later and later, until it has run for a minute."""

    def __init__(self, child: Child, say: Callable[[str], None]) -> None:
        self._child, self._say = child, say
        self._began = time.monotonic()
        self._pause = FIRST_PAUSE
        self._due_at: float | None = None

    def check(self) -> None:
        """Notice the end of the command, or start it again when its pause is over."""
        now = time.monotonic()
        if self._due_at is not None:
            if now >= self._due_at:
                self._start_again(now)
        elif (status := self._child.process.poll()) is not None:
            self._wait(now, describe_exit(status))

    def _start_again(self, now: float) -> None:
        try:
            self._child.start_again()
        except OSError as error:
            self._wait(now, str(error))
        else:
            self._began, self._due_at = now, None

    def _wait(self, now: float, what: str) -> None:
        if now - self._began > STEADY_SECONDS:
            self._pause = FIRST_PAUSE
        name, log = self._child.name, self._child.log
        self._say(f"{name} stopped unexpectedly ({what}); it is started again in {self._pause:.0f} s. Its log: {log}")
        self._due_at = now + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)


def _check(children: list[Child]) -> None:
    for child in children:
        status = child.process.poll()
        if status is not None:
            raise ChildDied(child.report(f"stopped unexpectedly ({describe_exit(status)})"))


def wait_until(done: Callable[[], bool], check: Callable[[], None]) -> None:
    """Wait for `done`, calling `check` (which may raise) all the while."""
    while not done():
        check()
        time.sleep(POLL_SECONDS)


@contextmanager
def stop_signals() -> Iterator[None]:
    """Turn the first of SIGINT, SIGTERM and SIGHUP into Stopped; later ones do not disturb the stopping.

    A SIGHUP that was ignored from the start stays ignored, as nohup asks.
    """

    def handle(number: int, frame: FrameType | None) -> None:
        for each in handled:
            signal.signal(each, signal.SIG_IGN)
        raise Stopped(signal.Signals(number).name)

    handled = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        handled.append(signal.SIGHUP)
    before = {number: signal.signal(number, handle) for number in handled}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def make_was_interrupted(make: int) -> bool:
    """Whether the `make` that runs us (its process id) got a SIGINT that did not reach us, as from `kill -INT`.

    It then waits for its recipe and says nothing, but has given up its handler for the signal (Linux only).
    """
    if sys.platform != "linux":
        return False
    try:
        status = Path(f"/proc/{make}/status").read_text()
    except OSError:
        return True
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    catches, ignores = (int(fields[name], 16) >> (signal.SIGINT - 1) & 1 for name in ("SigCgt", "SigIgn"))
    return not catches and not ignores
