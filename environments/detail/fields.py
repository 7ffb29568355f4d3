"""The lines that the cards of an environment's page are made of."""

from __future__ import annotations

from dataclasses import dataclass

from environments.documents.json_part import Part
from environments.models import Environment

NOT_SET = "not set"


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of a card: `kind` (text, code, link, time, duration, flag, phase, list) says how `value` is written.

    An empty value means that Ona did not tell; `absent` is what the page says then.
    """

    label: str
    value: object
    kind: str = "text"
    absent: str = "unknown"
    note: str = ""

    @property
    def is_absent(self) -> bool:
        return self.value is None or self.value == "" or self.value == []


class Document:
    """The three parts of one environment, for the functions below."""

    def __init__(self, environment: Environment) -> None:
        self.metadata = Part(environment.metadata)
        self.spec = Part(environment.spec)
        self.status = Part(environment.status)


def sessions(wanted: Part, actual: Part) -> list[Fact]:
    """The session a part shall have and the one it has; they differ while the part is being made anew."""
    asked, has = wanted.text("session"), actual.text("session")
    note = "differs from the wanted one: being made anew" if asked and has and asked != has else ""
    return [Fact("Session wanted", asked, "code", NOT_SET), Fact("Session", has, "code", note=note)]
