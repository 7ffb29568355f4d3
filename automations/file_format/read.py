"""Read text, or the bytes of an upload, into the message of UpsertAutomationsFile, or into its problems."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from automations.file_format import rules, syntax_errors, yaml_nodes
from automations.file_format.problems import MOST, Problem, Unreadable

LARGEST = 256 * 1024  # bytes
TOO_LARGE = "It is larger than 256 KiB, the maximum for an automations file."
BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True, slots=True)
class Reading:
    """The result. `message` is UpsertAutomationsFileRequest.automationsFile as JSON, empty if there are `problems`.

    `more` counts problems that are not listed.
    """

    message: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    more: int = 0


def decode(data: bytes) -> str:
    """Decode an uploaded file; Unreadable if it is too large or not UTF-8."""
    if len(data) > LARGEST:
        raise Unreadable(Problem(0, 0, "", TOO_LARGE))
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", "replace").split("\n")
        reason = "This byte is not UTF-8. Save the file as UTF-8 and choose it again."
        raise Unreadable(Problem(len(before), len(before[-1]) + 1, "", reason)) from None


def read(text: str) -> Reading:
    """Parse `text` into a message, or list all its problems. Never raises."""
    text = text.removeprefix(BYTE_ORDER_MARK).replace("\r\n", "\n")
    if len(text.encode(errors="surrogatepass")) > LARGEST:
        return Reading(problems=[Problem(0, 0, "", TOO_LARGE)])
    if problem := syntax_errors.unprintable(text):
        return Reading(problems=[problem])
    try:
        root, problems = yaml_nodes.parse(text)
    except Unreadable as error:
        return Reading(problems=[error.problem])
    message, found = rules.check(root)
    together = sorted([*problems, *found.problems], key=lambda problem: (problem.line, problem.column))
    most = together[:MOST]
    return Reading({} if together else message, most, found.more + len(together) - len(most))
