"""Format times, durations and Ona's enum values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
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
    "unavailable": "gray",
    "failed": "red",
    "skipped": "gray",
}
UNKNOWN = "unknown"
ZERO_UNTIL = datetime(1971, 1, 1, tzinfo=UTC)
CLOCK_SKEW, JUST_NOW = timedelta(minutes=1), timedelta(seconds=5)
FAR_AHEAD = timedelta(days=36_500)
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
    if delta > FAR_AHEAD:
        return "over 100 years"
    seconds = delta.total_seconds()
    if 0 < seconds < 1:
        return f"{max(1, int(seconds * 1000))} ms"
    for (unit, size), (lower, lower_size) in pairwise(UNITS):
        if seconds >= size:
            rest = int(seconds % size // lower_size)
            return f"{int(seconds // size)} {unit}" + (f" {rest} {lower}" if rest else "")
    return f"{int(seconds)} s"


def time_words(when: datetime) -> str:
    """A time in UTC, to the second; "unknown" if it stands for none."""
    return UNKNOWN if stands_for_none(when) else f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def stands_for_none(when: datetime) -> bool:
    """Whether it is what some write for no time at all: year 1, or 1970."""
    return when < ZERO_UNTIL


def ago_words(when: datetime, now: datetime) -> str:
    """When something happened: "3 min ago", "just now"; one unit, rounded down.

    A clock that is ahead by less than a minute makes it "just now"; what is further ahead is told as it is.
    """
    if stands_for_none(when):
        return UNKNOWN
    if when - now > CLOCK_SKEW:
        return f"{time_words(when)}, ahead of the portal's clock"
    return f"{_one_unit(now - when)} ago" if now - when >= JUST_NOW else "just now"


def is_relative(words: str) -> bool:
    """Whether these words of `ago_words` or `due_words` are true only for a moment."""
    return words.endswith(" ago") or words.startswith("in ") or words == "just now"


def so_far_words(since: datetime, now: datetime) -> str:
    """How long something runs already; nothing if it began by a clock that is ahead."""
    return UNKNOWN if stands_for_none(since) else duration_words(max(now - since, timedelta(0)))


def due_words(when: datetime, now: datetime) -> str:
    """When something is to happen: "in 2 h", or "3 min ago" once that has passed."""
    if when - now > FAR_AHEAD:
        return time_words(when)
    return f"in {_one_unit(when - now)}" if when - now >= JUST_NOW else ago_words(when, now)


def _one_unit(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    unit, size = next((unit, size) for unit, size in UNITS if seconds >= size)
    return f"{seconds // size} {unit}"
