"""Durations as people type them: "90m", "1h30m", "1.5 hours", "1:30", "90" (minutes), "never"."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

from environments.actions.forms.limits import LONGEST_DURATION

NEVER = ("never", "off", "none")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
NAMES = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "m"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "h"),
    **dict.fromkeys(("d", "day", "days"), "d"),
    **dict.fromkeys(("w", "week", "weeks"), "w"),
}
SMALLER = {"w": "d", "d": "h", "h": "m", "m": "s"}
TERM = re.compile(r"(\d{1,12}(?:[.,]\d{1,6})?)\s*([a-z]*)[\s,]*(?:and\s+)?", re.ASCII)
CLOCK = re.compile(r"(\d{1,9}):([0-5]\d)", re.ASCII)
EXAMPLES = "Enter a duration such as 90m, 1h30m or 2 hours."


def read_duration(text: str) -> timedelta:
    """The duration in `text`, zero for never; ValueError saying what is wrong with it.

    A number without a unit is minutes, or of the unit below the one before it ("1h30").
    """
    text = text.strip().lower()
    if text in NEVER:
        return timedelta(0)
    if clock := CLOCK.fullmatch(text):
        return _sum([(Decimal(clock[1]), "h"), (Decimal(clock[2]), "m")])
    terms, place, last = [], 0, ""
    while place < len(text):
        found = TERM.match(text, place)
        if found is None:
            raise ValueError(f"This is not a duration. {EXAMPLES}")
        last = _unit(found[2], last)
        terms.append((Decimal(found[1].replace(",", ".")), last))
        place = found.end()
    if not terms:
        raise ValueError(EXAMPLES)
    return _sum(terms)


def _unit(name: str, last: str) -> str:
    unit = NAMES.get(name) if name else SMALLER.get(last, "") if last else "m"
    if not unit:
        raise ValueError(f"“{name or 'a number without a unit'}” is not a unit here. {EXAMPLES}")
    return unit


def _sum(terms: list[tuple[Decimal, str]]) -> timedelta:
    seconds = sum((number * SECONDS[unit] for number, unit in terms), Decimal(0))
    if seconds > int(LONGEST_DURATION.total_seconds()):
        raise ValueError("This is longer than Ona accepts.")
    return timedelta(microseconds=int(seconds * 1_000_000))


def write_duration(duration: timedelta) -> str:
    """A duration as `read_duration` takes it, exactly: "1h 30m"; "never" for zero."""
    rest = duration // timedelta(microseconds=1)
    texts = []
    for unit in ("h", "m"):
        whole, rest = divmod(rest, SECONDS[unit] * 1_000_000)
        texts += [f"{whole}{unit}"] if whole else []
    if rest:
        texts.append(f"{Decimal(rest) / 1_000_000:f}s")
    return " ".join(texts) or NEVER[0]
