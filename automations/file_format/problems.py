"""Problems of an automations file, with their places."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_SHOWN = 60
MOST = 100


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem. `line` and `column` count from 1; 0 for the whole file. `path` is such as tasks.build.dependsOn[1]."""

    line: int
    column: int
    path: str
    reason: str

    @property
    def where(self) -> str:
        return f"Line {self.line}, column {self.column}" if self.line else "The file"


class Unreadable(Exception):
    """The text cannot be read as an automations file; `problem` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.reason)
        self.problem = problem


def shortened(text: str) -> str:
    """`text`, shortened for use in a sentence."""
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
