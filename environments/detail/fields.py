"""The fields that the cards of an environment's page consist of."""

from __future__ import annotations

from dataclasses import dataclass

from environments.documents.json_part import Part

NOT_SET = "not set"


@dataclass(frozen=True, slots=True)
class Fact:
    """One field of a card. `kind` is how `value` is formatted: text, code, link, time, duration, flag, phase or list;
    or a kind of name (owner, project, class, runner), which leads to all environments with its `identity`.

    An empty value means that Ona did not report it; the page then shows `absent`.
    """

    label: str
    value: object
    kind: str = "text"
    absent: str = "unknown"
    note: str = ""
    identity: object = None

    @property
    def is_absent(self) -> bool:
        return self.value is None or self.value == "" or self.value == []


def sessions(wanted: Part, actual: Part) -> list[Fact]:
    """The desired and the actual session of a part; they differ while the part is re-created."""
    desired, current = wanted.text("session"), actual.text("session")
    note = "differs from the desired one: being re-created" if desired and current and desired != current else ""
    return [Fact("Desired session", desired, "code", NOT_SET), Fact("Session", current, "code", note=note)]
