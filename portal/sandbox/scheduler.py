"""What is due when. A tick costs what falls due in it, whatever the number of environments."""

import heapq
from typing import TYPE_CHECKING

from portal.sandbox import activity, automation_lifecycle, history, lifecycle
from portal.sandbox.documents import DAY, HOUR, MINUTE, SECOND, Document, instant_of, seconds_of

if TYPE_CHECKING:
    from portal.sandbox.world import World

_STEP_SECONDS = {
    "ENVIRONMENT_PHASE_CREATING": (2, 8),
    "ENVIRONMENT_PHASE_STARTING": (5, 45),
    "ENVIRONMENT_PHASE_UPDATING": (15, 60),
    "ENVIRONMENT_PHASE_STOPPING": (6, 25),
    "ENVIRONMENT_PHASE_DELETING": (5, 20),
    "ENVIRONMENT_PHASE_DELETED": (5, 15),
}
Item = tuple[int, int, str, str, int, int]  # due, order of asking, what, whom, generation, value
_HANDLERS = {**lifecycle.HANDLERS, **activity.HANDLERS, **history.HANDLERS}


class Agenda:
    """A heap of things to come. Interrupting an environment voids what was planned for it."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.generations: dict[str, int] = {}
        self.asked = 0

    def add(self, due: int, what: str, whom: str = "", value: int = 0) -> None:
        """Let `what` (a name in _HANDLERS) happen to `whom` at an instant."""
        self.asked += 1
        heapq.heappush(self.items, (due, self.asked, what, whom, self.generations.get(whom, 0), value))

    def begin(self, world: "World", environments: int) -> None:
        """People start working; the more environments, the more often one of them does something."""
        if environments:
            self.add(world.instant + activity.pause(environments, world.rng), "people", "", environments)

    def live(self, world: "World", until: int) -> None:
        """Do everything due up to and including an instant, with the clock at the moment each thing is due."""
        while self.items and self.items[0][0] <= until:
            due, _, what, whom, generation, value = heapq.heappop(self.items)
            if generation == self.generations.get(whom, 0):
                world.instant = max(world.instant, due)
                _HANDLERS[what](world, whom, value)

    def interrupt(self, environment_id: str) -> None:
        """Void everything planned for an environment."""
        self.generations[environment_id] = self.generations.get(environment_id, 0) + 1

    def forget(self, environment_id: str) -> None:
        """Void everything planned for an environment that will not come back."""
        self.interrupt(environment_id)

    def replan(self, world: "World", document: Document) -> None:
        """Void what was planned and plan what follows from the document as it stands."""
        self.interrupt(document["id"])
        self.expect(world, document)

    def expect(self, world: "World", document: Document) -> None:
        """Plan what will happen to an environment in this state if nobody interferes."""
        phase, identifier = document["status"].get("phase", ""), document["id"]
        if phase in _STEP_SECONDS:
            low, high = _STEP_SECONDS[phase]
            self.add(world.instant + round(world.rng.uniform(low, high) * SECOND), "step", identifier)
        elif phase == "ENVIRONMENT_PHASE_RUNNING":
            self._expect_running(world, document)
        elif phase == "ENVIRONMENT_PHASE_STOPPED":
            self._expect_stopped(world, document)

    def expect_service(self, world: "World", service: Document) -> None:
        """Plan how a service on its way up or down arrives, or that one which runs will fail some day."""
        self.interrupt(service["id"])
        coming = automation_lifecycle.coming(world, service)
        if coming:
            after, what = coming
            self.add(world.instant + after, "service", service["id"], what)

    def _expect_running(self, world: "World", document: Document) -> None:
        identifier, now, rng = document["id"], world.instant, world.rng
        last = instant_of(document["status"].get("activitySignal", {}).get("timestamp", "")) or now
        if now - last < 10 * MINUTE:
            busy_until = now + round(rng.uniform(0.15, 2.5) * HOUR)
            next_signal = max(now, last + rng.randrange(270, 330) * SECOND)
            self.add(busy_until if world.hurried else next_signal, "active", identifier, busy_until)
            if world.hurried:
                last = busy_until  # the signals on the way there are not lived
        self.expect_idle_stop(world, document, last)
        lockdown = instant_of(document["metadata"].get("lockdownAt", ""))
        if lockdown:
            self.add(max(now, lockdown), "lockdown", identifier)

    def expect_idle_stop(self, world: "World", document: Document, last_active: int) -> None:
        """Plan the check that stops an environment after its timeout; a timeout of 0s never does."""
        timeout = round(seconds_of(document["spec"].get("timeout", {}).get("disconnected", "0s")) * SECOND)
        if timeout:
            self.add(max(world.instant, last_active + timeout) + SECOND, "idle", document["id"])

    def _expect_stopped(self, world: "World", document: Document) -> None:
        policies, identifier = world.organization.policies, document["id"]
        archived = instant_of(document["metadata"].get("archivedAt", ""))
        if archived:
            keep = round(seconds_of(policies.get("deleteArchivedEnvironmentsAfter", "0s")) * SECOND)
            if keep:
                self.add(max(world.instant, archived + keep), "purge", identifier)
            return
        wait = round(seconds_of(policies.get("archiveEnvironmentsAfter", "259200s")) * SECOND)
        last = instant_of(document["status"].get("activitySignal", {}).get("timestamp", ""))
        due = last + wait
        if due < world.instant + MINUTE:
            due = world.instant + (wait if world.instant - last > wait + DAY else world.rng.randrange(MINUTE, HOUR))
        self.add(due, "archive", identifier)
