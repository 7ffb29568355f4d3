"""Format times, durations and Ona's enum values."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

# Ona's phases without the prefixes of their enums.
PREFIXES = (
    "ENVIRONMENT_PHASE_",
    "TASK_EXECUTION_PHASE_",
    "SERVICE_PHASE_",
    "CONTENT_PHASE_",
    "RUNNER_PHASE_",
    "PROJECT_PHASE_",
    "PHASE_",
)
TONES = {
    "running": "green",
    "ready": "green",
    "active": "green",
    "succeeded": "green",
    "creating": "blue",
    "starting": "blue",
    "initializing": "blue",
    "pending": "blue",
    "updating": "blue",
    "created": "blue",
    "stopping": "amber",
    "deleting": "amber",
    "degraded": "amber",
    "stopped": "gray",
    "inactive": "gray",
    "deleted": "gray",
    "unavailable": "amber",
    "failed": "red",
    "skipped": "gray",
}
UNKNOWN = "unknown"
UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def sentence(text: str) -> str:
    """With a capital at its beginning and all else as it is: "UTC" stays so, as it does not in `str.capitalize`."""
    return text[:1].upper() + text[1:]


def phase_word(value: str | None) -> str:
    """ "ENVIRONMENT_PHASE_RUNNING" → "running"; unlisted values stay raw; absent is "unknown"."""
    if not value:
        return UNKNOWN
    for prefix in PREFIXES:
        if value.startswith(prefix):
            word = value.removeprefix(prefix).lower()
            if word == "unspecified":
                return UNKNOWN
            return word if word in TONES else value
    return value


def phase_tone(value: str | None) -> str:
    """The colour of a phase: green, blue, amber, gray, red; "none" for unknown ones."""
    return TONES.get(phase_word(value), "none")


def duration_words(delta: timedelta) -> str:
    """The two largest units: "2 d 3 h", "45 min", "1 min 5 s", "850 ms"; "0 s" for zero."""
    if delta < timedelta(0):
        return f"minus {duration_words(-delta)}"
    seconds = delta.total_seconds()
    if 0 < seconds < 1:
        return f"{max(1, int(seconds * 1000))} ms"
    for (unit, size), (lower, lower_size) in pairwise(UNITS):
        if seconds >= size:
            rest = int(seconds % size // lower_size)
            return f"{int(seconds // size)} {unit}" + (f" {rest} {lower}" if rest else "")
    return f"{int(seconds)} s"


def ago_words(when: datetime, now: datetime) -> str:
    """ "3 min ago", "in 2 h", "just now": one unit, rounded down."""
    seconds = int(abs((now - when).total_seconds()))
    if seconds < 5:
        return "just now"
    unit, size = next((unit, size) for unit, size in UNITS if seconds >= size)
    words = f"{seconds // size} {unit}"
    return f"{words} ago" if when <= now else f"in {words}"
