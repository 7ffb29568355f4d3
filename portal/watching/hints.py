"""What events hint at, collected until it is due to be read. Pure: times are seconds of the caller's clock."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

WINDOW = 0.2  # seconds in which hints of one thing become one read
MAX_ATTEMPTS = 4  # to read a thing, 1, 2 and 4 seconds apart


class Thing(NamedTuple):
    """What is to be read: a resource as events name it, without RESOURCE_TYPE_, or AUTOMATIONS of an environment."""

    resource: str
    id: UUID


class Hints:
    """Things by when they are due; more than `most` of them are a storm."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._due: dict[Thing, float] = {}
        self._attempts: dict[Thing, int] = {}

    def add(self, thing: Thing, now: float) -> None:
        """Something happened to it."""
        self._due.setdefault(thing, now + WINDOW)

    def retry(self, thing: Thing, now: float) -> bool:
        """It could not be read: again later; False after too many attempts."""
        attempts = self._attempts.get(thing, 0) + 1
        if attempts >= MAX_ATTEMPTS:
            self._attempts.pop(thing, None)
            return False
        self._attempts[thing] = attempts
        self._due[thing] = now + 2.0 ** (attempts - 1)
        return True

    def settle(self, thing: Thing) -> None:
        """It was read."""
        self._attempts.pop(thing, None)

    def take_due(self, now: float) -> list[Thing]:
        """What is to be read now."""
        found = [thing for thing, due in self._due.items() if due <= now]
        for thing in found:
            del self._due[thing]
        return found

    def seconds_left(self, now: float) -> float | None:
        """Until something is due; None if nothing is."""
        return max(0.0, min(self._due.values()) - now) if self._due else None

    def take_storm(self) -> set[str]:
        """The resources of a storm, which only a full listing reads; empty if there is none."""
        if len(self._due) <= self._most:
            return set()
        found = {thing.resource for thing in self._due}
        self._due.clear()
        self._attempts.clear()
        return found
