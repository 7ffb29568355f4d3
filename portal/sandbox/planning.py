"""Plans what will happen to an environment or a service as it stands now, if nobody interferes."""

from collections.abc import Mapping

from portal.sandbox import failures
from portal.sandbox.documents import DAY, HOUR, MINUTE, SECOND, Document, instant_of, seconds_of
from portal.sandbox.world_state import WorldState

_STEP_SECONDS = {
    "ENVIRONMENT_PHASE_CREATING": (2, 8),
    "ENVIRONMENT_PHASE_STARTING": (5, 45),
    "ENVIRONMENT_PHASE_UPDATING": (15, 60),
    "ENVIRONMENT_PHASE_STOPPING": (6, 25),
    "ENVIRONMENT_PHASE_DELETING": (5, 20),
    "ENVIRONMENT_PHASE_DELETED": (5, 15),
}
# What a test may want of a task's steps or a service, by id or by reference; without one chance decides.
SUCCEED, FAIL, HANG = "succeed", "fail", "hang"
ARRIVES, FAILS = 0, 1  # what becomes of a starting or stopping service
_SERVICE_FAILS, _SERVICE_FAILS_LATER = 0.04, 0.02


def replan(world: WorldState, document: Document) -> None:
    """Void what was planned and plan what follows from the document as it stands."""
    world.agenda.interrupt(document["id"])
    expect(world, document)


def expect(world: WorldState, document: Document) -> None:
    """Plan what will happen to an environment in this state if nobody interferes."""
    phase, identifier = document["status"].get("phase", ""), document["id"]
    if phase in _STEP_SECONDS:
        low, high = _STEP_SECONDS[phase]
        world.agenda.add(world.instant + round(world.rng.uniform(low, high) * SECOND), "step", identifier)
    elif phase == "ENVIRONMENT_PHASE_RUNNING":
        _expect_running(world, document)
    elif phase == "ENVIRONMENT_PHASE_STOPPED":
        _expect_stopped(world, document)


def expect_service(world: WorldState, service: Document) -> None:
    """Plan how a starting or stopping service ends up, or when a running one fails."""
    world.agenda.interrupt(service["id"])
    upcoming = _coming(world, service)
    if upcoming:
        after, what = upcoming
        world.agenda.add(world.instant + after, "service", service["id"], what)


def _expect_running(world: WorldState, document: Document) -> None:
    identifier, now, rng = document["id"], world.instant, world.rng
    last = instant_of(document["status"].get("activitySignal", {}).get("timestamp", "")) or now
    if now - last < 10 * MINUTE:
        busy_until = now + round(rng.uniform(0.15, 2.5) * HOUR)
        next_signal = max(now, last + rng.randrange(270, 330) * SECOND)
        world.agenda.add(busy_until if world.hurried else next_signal, "active", identifier, busy_until)
        if world.hurried:
            last = busy_until  # the signals on the way there are not lived
    expect_idle_stop(world, document, last)
    lockdown = instant_of(document["metadata"].get("lockdownAt", ""))
    if lockdown:
        world.agenda.add(max(now, lockdown), "lockdown", identifier)


def expect_idle_stop(world: WorldState, document: Document, last_active: int) -> None:
    """Plan the check that stops an environment after its timeout; a timeout of 0s never does."""
    timeout = round(seconds_of(document["spec"].get("timeout", {}).get("disconnected", "0s")) * SECOND)
    if timeout:
        world.agenda.add(max(world.instant, last_active + timeout) + SECOND, "idle", document["id"])


def _expect_stopped(world: WorldState, document: Document) -> None:
    policies, identifier = world.organization.policies, document["id"]
    archived = instant_of(document["metadata"].get("archivedAt", ""))
    if archived:
        keep = round(seconds_of(policies.get("deleteArchivedEnvironmentsAfter", "0s")) * SECOND)
        if keep:
            world.agenda.add(max(world.instant, archived + keep), "purge", identifier)
        return
    wait = round(seconds_of(policies.get("archiveEnvironmentsAfter", "259200s")) * SECOND)
    last = instant_of(document["status"].get("activitySignal", {}).get("timestamp", ""))
    due = last + wait
    if due < world.instant + MINUTE:
        due = world.instant + (wait if world.instant - last > wait + DAY else world.rng.randrange(MINUTE, HOUR))
    world.agenda.add(due, "archive", identifier)


def _coming(world: WorldState, service: Document) -> tuple[int, int] | None:
    """After how long what happens to a service; None where nothing does."""
    phase, rng = service["status"].get("phase"), world.rng
    if phase == "SERVICE_PHASE_STOPPING":
        return rng.randrange(1, 10) * SECOND, ARRIVES
    wish = wanted_outcome(world.service_outcomes, service["id"], service["metadata"].get("reference", ""))
    if phase == "SERVICE_PHASE_STARTING":
        return _way_up(world, service["spec"], wish)
    if phase == "SERVICE_PHASE_RUNNING" and not wish and rng.random() < _SERVICE_FAILS_LATER:
        return rng.randrange(10 * MINUTE, 8 * HOUR), FAILS
    return None


def _way_up(world: WorldState, spec: Document, wish: str) -> tuple[int, int] | None:
    """A service without a ready command runs at once; none is starting for longer than its readiness timeout."""
    rng = world.rng
    limit = round(seconds_of(failures.readiness_timeout(spec) or "0s") * SECOND)
    ready = rng.randrange(3, 40) * SECOND if spec.get("commands", {}).get("ready") else SECOND
    if wish == HANG:
        return (limit, FAILS) if limit else None
    if wish == FAIL or (not wish and rng.random() < _SERVICE_FAILS):
        return limit or rng.randrange(1, 20) * SECOND, FAILS
    if limit and ready >= limit:
        return (limit // 2, ARRIVES) if wish == SUCCEED else (limit, FAILS)
    return ready, ARRIVES


def wanted_outcome(outcomes: Mapping[str, str], identifier: str, reference: str) -> str:
    """What a test wants of a task or service, by id or by reference; "" where chance decides."""
    return outcomes.get(identifier) or outcomes.get(reference, "")
