"""What changed of a specification, in words: "Timeout 1 h → 4 h", from operations and from the versions observed.

Ona's audit log names changed fields alone. The values are those of the version first observed after the entry, which
had been observed without it before: of two changes between two syncs, each shows its own fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Subquery
from django.urls import reverse
from django.utils.http import urlencode

from environments.activity.attribution import SKEW, changes_specification
from environments.models import SpecificationVersion
from portal.ledger.diff import Change, Side, compare, moved
from portal.ledger.models import AuditLog
from portal.ledger.models.audit_log import ENVIRONMENT
from portal.web.formatting import sentence

OWN_NUMBER = "specVersion"
TIMEOUT = ("timeout.disconnected", "disconnected")  # of the specification, and of an operation's values
LABELS = {**dict.fromkeys(TIMEOUT, "Timeout"), "desiredPhase": "Desired state"}
SHOWN, LONGEST = 2, 60  # changes of a line, and characters of a value


@dataclass(frozen=True, slots=True)
class SpecificationChange:
    """What an entry or an operation changed: each field, what it was and what it became; and the comparison of versions
    that shows all of it, if observed."""

    fields: tuple[tuple[str, str, str], ...]
    version: str = ""
    url: str = ""

    @property
    def words(self) -> str:
        """For a line: the first fields, with values cut."""
        told = [f"{label} {_cut(old)} → {_cut(new)}" for label, old, new in self.fields[:SHOWN]]
        rest = len(self.fields) - SHOWN
        return ", ".join([*told, f"{rest} more"] if rest > 0 else told)

    @property
    def columns(self) -> tuple[str, str, str]:
        """For a file: all fields, what they were and what they became, in one order."""
        labels, before, after = ("; ".join(each) for each in zip(*self.fields, strict=True))
        return labels, before, after


def of_values(before: Mapping[str, Any], after: Mapping[str, Any]) -> SpecificationChange | None:
    """Of an operation, by what it recorded; None if there is nothing of both."""
    changes = _named(before, after) if before and after else []
    return SpecificationChange(_fields(changes)) if changes else None


def of_entries(entries: Iterable[AuditLog]) -> dict[UUID, SpecificationChange]:
    """Of entries of Ona's audit log about environments; one query."""
    about = [each for each in entries if each.subject_type == ENVIRONMENT and changes_specification(each)]
    if not about:
        return {}
    times = [each.at for each in about]
    lower = SpecificationVersion.objects.filter(
        environment=OuterRef("environment"), spec_version__lt=OuterRef("spec_version")
    ).order_by("-spec_version")
    rows = SpecificationVersion.objects.filter(
        environment__in={each.subject_id for each in about},
        seen_at__gte=min(times) - SKEW,
        old_seen_at__lte=max(times) + SKEW,
    ).annotate(before=Subquery(lower.values("spec")[:1]), number=Subquery(lower.values("spec_version")[:1]))
    versions: dict[UUID, list[Any]] = {}
    for row in rows.order_by("spec_version"):
        versions.setdefault(row.environment_id, []).append(row)
    found = {each.pk: _of_entry(each, versions.get(each.subject_id or each.pk, [])) for each in about}
    return {pk: change for pk, change in found.items() if change}


def _of_entry(entry: AuditLog, versions: Sequence[Any]) -> SpecificationChange | None:
    fields = [name.strip().removeprefix("spec.") for name in entry.action.partition(":")[2].split(",") if name.strip()]
    for row in versions:
        if row.before is None or not row.old_seen_at - SKEW <= entry.at <= row.seen_at + SKEW:
            continue
        changes = [each for each in _named(row.before, row.spec) if not fields or _is_of(each.path, fields)]
        if changes:
            query = urlencode({"from": row.number, "to": row.spec_version})
            address = f"{reverse('environments:specification', args=[entry.subject_id])}?{query}"
            return SpecificationChange(_fields(changes), str(row.spec_version), address)
    return None


def _is_of(path: str, fields: Iterable[str]) -> bool:
    return any(path == field or path.startswith((f"{field}.", f"{field}[")) for field in fields)


def _named(before: Any, after: Any) -> list[Change]:
    if not isinstance(before, dict) or not isinstance(after, dict):
        return []
    return [each for each in moved(compare({"": before}, {"": after})) if each.path.strip(".") != OWN_NUMBER]


def _fields(changes: Sequence[Change]) -> tuple[tuple[str, str, str], ...]:
    return tuple((_label(each.path), _value(each, each.before), _value(each, each.after)) for each in changes)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _label(path: str) -> str:
    return LABELS.get(path) or sentence(path)


def _value(change: Change, side: Side) -> str:
    if side.is_absent or side.is_empty:
        return "none"
    if change.path in TIMEOUT and side.words in ("0 s", ""):
        return "off"
    return side.words or side.raw
