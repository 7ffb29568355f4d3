"""Preview what applying a file would change."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from automations.file_format.describe import CALLED, Entry, describe
from automations.models import Service, ServicePhase, Task
from portal.ledger.diff import ABSENT, Change, compare, moved

SPEC = ("commands", "readinessTimeout", "runsOn")
RUNS = (
    "It is not stopped. Ona refuses to change what a service runs until it is: stop it first, else nothing is applied."
)


class Verdict(StrEnum):
    NEW = "new"
    CHANGED = "changed"
    SAME = "stays as it is"
    STAYS = "not in the file, stays"


@dataclass(frozen=True, slots=True)
class PreviewLine:
    """The change of one service or task (`kind`)."""

    kind: str
    reference: str
    name: str
    verdict: Verdict
    changes: list[Change]
    warning: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """The changes. `digest` identifies the file and the present state: with another one, a preview is outdated."""

    lines: list[PreviewLine]
    digest: str

    @property
    def changing(self) -> list[PreviewLine]:
        return [line for line in self.lines if line.verdict in (Verdict.NEW, Verdict.CHANGED)]

    @property
    def same(self) -> list[PreviewLine]:
        return [line for line in self.lines if line.verdict == Verdict.SAME]

    @property
    def staying(self) -> list[PreviewLine]:
        return [line for line in self.lines if line.verdict == Verdict.STAYS]


def build_preview(
    message: Mapping[str, Mapping[str, Entry]], services: Sequence[Service], tasks: Sequence[Task]
) -> Preview:
    """Compare `message`, from `automations.file_format.read.read`, with the services and tasks of an environment."""
    present = describe(services, tasks).present
    up = {service.reference for service in services if service.phase not in ("", ServicePhase.STOPPED)}
    lines = [line for kind in CALLED for line in _lines(kind, message.get(kind, {}), present[kind], up)]
    seen = [message, present, [line.reference for line in lines if line.warning]]
    digest = hashlib.sha256(json.dumps(seen, sort_keys=True, default=str).encode()).hexdigest()
    return Preview(lines, digest)


def _lines(kind: str, file: Mapping[str, Entry], present: Mapping[str, Entry], up: set[str]) -> Iterator[PreviewLine]:
    for reference in sorted({*file, *present}):
        before, after = present.get(reference), file.get(reference)
        name = (after or before or {}).get("name", "")
        if after is None:
            yield PreviewLine(CALLED[kind], reference, name, Verdict.STAYS, [])
            continue
        changes = _changes(before or {}, after)
        verdict = Verdict.NEW if before is None else Verdict.CHANGED if changes else Verdict.SAME
        touches_spec = any(change.path.partition(".")[0] in SPEC for change in changes)
        is_refused = kind == "services" and verdict == Verdict.CHANGED and touches_spec and reference in up
        yield PreviewLine(CALLED[kind], reference, name, verdict, changes, RUNS if is_refused else "")


def _changes(before: Entry, after: Entry) -> list[Change]:
    was, becomes = normal(before), normal(after)
    # fields that the file omits return to their defaults
    becomes |= {name: ABSENT for name in was if name not in becomes}
    return moved(compare(was, becomes))


def normal(entry: Entry) -> dict[str, Any]:
    """The entry without insignificant differences: the order of words, and an explicit default role."""
    same = {name: value for name, value in entry.items() if (name, value) != ("role", "default")}
    return same | {name: sorted(set(same[name])) for name in ("triggeredBy", "dependsOn") if name in same}
