"""Worlds with a past whose truth is known, and the tables filled from one: `replay(lived(), every=…, outages=…)`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

from portal.local.history import replay as replay
from portal.sandbox.world import World

NOW = datetime(2026, 3, 31, 15, 0, tzinfo=UTC)  # a Tuesday


@cache
def lived(environments: int = 60, days: int = 30, seed: int = 1) -> World:
    """A world that began so many days before NOW. It is kept for other tests: look, do not touch."""
    return World(environments, seed, NOW, history=timedelta(days=days))


def beginning(environments: int = 60, days: int = 30, seed: int = 1) -> World:
    """The same world at its beginning, to be lived through by `advance`."""
    begin = NOW - timedelta(days=days)
    return World(environments, seed, NOW, history=timedelta(days=days), until=begin)
