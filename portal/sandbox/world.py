"""A world: its state, how it begins, and everything that happens in it. The same seed gives the same world."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from portal.sandbox import activity, lifecycle, population, runner, secrets
from portal.sandbox import history as past
from portal.sandbox.conditions import Condition
from portal.sandbox.documents import datetime_of, micros
from portal.sandbox.world_state import WorldState

_HANDLERS: Mapping[str, Callable[[WorldState, str, int], None]] = {
    **lifecycle.HANDLERS,
    **activity.HANDLERS,
    **past.HANDLERS,
}


class World(WorldState):
    """An organization that lives as time passes.

    `speed` is how much faster than the wall clock a server lets it live; at 0 only `advance` moves time. With a
    `history` it began so long before `now` and has lived since then, or `until` a time within it; `truth` records it.
    """

    def __init__(
        self,
        environments: int = 300,
        seed: int = 1,
        now: datetime | None = None,
        speed: float = 0.0,
        history: timedelta = timedelta(0),
        until: datetime | None = None,
    ) -> None:
        end = micros(now or datetime.now(UTC))
        super().__init__(environments, seed, end - round(history.total_seconds() * 1_000_000))
        self.speed = speed
        secrets.invent(self)
        population.populate(self, environments)
        if history:
            past.begin(self, environments, end)
            self.advance(min(until or datetime_of(end), datetime_of(end)) - self.now)
        else:
            activity.begin(self, environments)

    def advance(self, by: timedelta) -> None:
        """Let time pass: everything that falls due happens, in order."""
        with self.lock:
            until = self.instant + round(by.total_seconds() * 1_000_000)
            for due, _, what, whom, _, value in self.agenda.due(until):
                self.instant = max(self.instant, due)
                _HANDLERS[what](self, whom, value)
            self.instant = until

    def spec_changed(self, environment_id: str, fields: set[str]) -> None:
        """The runner acknowledges a changed spec some seconds later."""
        runner.notice(self, environment_id, fields)

    def add_environment(self, condition: Condition | None = None, **parts: Mapping[str, Any]) -> str:
        """A new environment in a condition (RUNNING by default) with its parts overridden; answers its id.

        `world.add_environment(Condition("STOPPED"), metadata={"name": "x"}, status={"phase": "ENVIRONMENT_PHASE_NEW"})`
        """
        return population.add_environment(self, condition or Condition(), parts)

    def secret_matches(self, secret_id: str, value: str) -> bool:
        """Whether this is the secret's value. Raises KeyError where there is no such secret."""
        return secrets.matches(self, secret_id, value)
