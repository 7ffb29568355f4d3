"""Tolerant access to the JSON of Ona's documents, for pages.

Documents are stored as received, so they may hold anything: fields that are missing or of another type than the
contract's are read as unknown, and nothing here raises.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from environments.models import Environment

DURATION = re.compile(r"[+-]?\d{1,12}(\.\d{1,9})?s", re.ASCII)


class Part:
    """One JSON object of a document. If it is `known`, an absent field has its default (proto3 JSON)."""

    __slots__ = ("fields", "known")

    def __init__(self, value: object) -> None:
        self.known = isinstance(value, dict)
        self.fields: dict[str, Any] = value if isinstance(value, dict) else {}

    def __contains__(self, name: str) -> bool:
        return name in self.fields

    def part(self, name: str) -> Part:
        return Part(self.fields.get(name))

    def parts(self, name: str) -> list[Part]:
        """The objects of a list; other entries are skipped."""
        value = self.fields.get(name)
        return [Part(entry) for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []

    def text(self, name: str) -> str:
        """Empty if absent or not a text."""
        return as_text(self.fields.get(name))

    def texts(self, name: str) -> list[str]:
        value = self.fields.get(name)
        return [text for entry in value if (text := as_text(entry))] if isinstance(value, list) else []

    def flag(self, name: str) -> bool | None:
        """False if absent from a known part; None if the part is unknown or the value is not a boolean."""
        value = self.fields.get(name, False if self.known else None)
        return value if isinstance(value, bool) else None

    def count(self, name: str) -> int | None:
        """Zero if absent from a known part; None if the part is unknown or the value is not a whole number."""
        return as_number(self.fields.get(name, 0 if self.known else None))

    def time(self, name: str) -> datetime | None:
        return as_time(self.fields.get(name))

    def duration(self, name: str) -> timedelta | None:
        return as_duration(self.fields.get(name))


def as_text(value: object) -> str:
    """Texts unchanged, numbers as digits (a newer Ona may change one into the other), anything else empty."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def as_number(value: object) -> int | None:
    """A whole number; 64-bit numbers are sent as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return int(value)
    except (ValueError, OverflowError):
        return None


def as_time(value: object) -> datetime | None:
    """An RFC 3339 time in UTC; nanoseconds are truncated to microseconds."""
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value)
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def as_duration(value: object) -> timedelta | None:
    """A protobuf JSON duration such as "1800s" or "0.5s"."""
    if not isinstance(value, str) or not DURATION.fullmatch(value):
        return None
    try:
        return timedelta(seconds=float(value.removesuffix("s")))
    except OverflowError:
        return None


class Document:
    """The three parts of an environment's document."""

    def __init__(self, environment: Environment) -> None:
        self.metadata = Part(environment.metadata)
        self.spec = Part(environment.spec)
        self.status = Part(environment.status)
