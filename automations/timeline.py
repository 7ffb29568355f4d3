"""Services and executions in an environment's timeline (see `environments.timeline.sources`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from django.db.models import Q
from django.urls import reverse

from automations.history import event
from automations.models import UNDER_WAY, ExecutionPhase, Service, TaskExecution, Transition, TransitionKind
from environments.models import Environment
from environments.timeline.lanes import Mark, Period, Seen
from environments.timeline.sources import Chosen, Entry, Place, Slice, Source, Story, differences, number
from environments.timeline.transitions import operations_between
from portal.web.words import phase_word

OF_SERVICES: Final = "a"
OF_EXECUTIONS: Final = "x"
MOST_SERVICES = 20
MOST_EXECUTIONS = 200
MOST_TASKS = 20
NAMED = 120  # characters of a message in a mark
COLUMNS = ("id", "kind", "subject_id", "field", "old", "new", "old_seen_at", "seen_at")
OF_EXECUTION = (
    "id", "task_id", "reference", "task_name", "phase", "failure", "created_at", "started_at", "completed_at",
    "gone_at",
)  # fmt: skip
OPEN_END: Final = datetime(9999, 1, 1, tzinfo=UTC)


def services(environment: Environment, period: Period) -> Story:
    """A lane for each service there was in the period; four queries."""
    there = Service.objects.filter(environment=environment, first_seen_at__lte=period.end)
    there = there.filter(Q(gone_at=None) | Q(gone_at__gte=period.start)).order_by("reference", "id")
    found = list(there.defer("metadata", "spec", "status")[: MOST_SERVICES + 1])
    rows: dict[UUID, list[Transition]] = {}
    for row in _near(environment, period):
        rows.setdefault(row.subject_id, []).append(row)
    shown = found[:MOST_SERVICES]
    return Story(
        {_lane(service): f"Service {service}" for service in shown},
        [seen for service in shown for seen in _states(service, rows.get(service.pk, []))],
        [mark for service in shown for mark in _failures(service, rows.get(service.pk, []), period)],
        left_out=f"Only the first {MOST_SERVICES} services are drawn." if len(found) > MOST_SERVICES else "",
    )


def _lane(service: Service) -> str:
    return f"service:{service.pk}"


def _near(environment: Environment, period: Period) -> Iterator[Transition]:
    """Transitions of services in the period, and of each the phase nearest before and after it, in their order."""
    own = Transition.objects.filter(environment_id=environment.pk, kind=TransitionKind.SERVICE).only(*COLUMNS)
    phases = own.filter(field="phase")
    before = phases.filter(seen_at__lt=period.start).order_by("subject_id", "-seen_at", "-id")
    after = phases.filter(seen_at__gt=period.end).order_by("subject_id", "seen_at", "id")
    yield from before.distinct("subject_id")
    yield from own.filter(seen_at__gte=period.start, seen_at__lte=period.end).order_by("seen_at", "id")
    yield from after.distinct("subject_id")


def _states(service: Service, known: Sequence[Transition]) -> Iterator[Seen]:
    """Its phases from its first sight until it was gone."""
    lane, phases = _lane(service), [row for row in known if row.field == "phase"]
    yield Seen(lane, phases[0].old if phases else service.phase, service.first_seen_at)
    for row in phases:
        yield Seen(lane, row.new, row.seen_at, row.old_seen_at, f"{OF_SERVICES}{row.pk}")
    if service.gone_at:
        yield Seen(lane, None, service.gone_at)


def _failures(service: Service, known: Iterable[Transition], period: Period) -> Iterator[Mark]:
    for row in known:
        if row.field == "failure" and row.new and period.start <= row.seen_at <= period.end:
            label = f"Service {service} failing: {row.new[:NAMED]}"
            yield Mark(_lane(service), "failure", row.seen_at, label, row.old_seen_at, f"{OF_SERVICES}{row.pk}")


def executions(environment: Environment, period: Period) -> Story:
    """A lane for each task that ran in the period, more where runs of it overlapped; by the times that Ona tells."""
    own = TaskExecution.objects.filter(environment=environment, created_at__lte=period.end)
    own = own.filter(Q(completed_at__gte=period.start) | Q(completed_at=None, phase__in=UNDER_WAY))
    found = list(own.order_by("-created_at", "id").only(*OF_EXECUTION)[: MOST_EXECUTIONS + 1])
    labels: dict[str, str] = {}
    ends: dict[str, datetime] = {}
    seen: list[Seen] = []
    marks: list[Mark] = []
    for execution in reversed(found[:MOST_EXECUTIONS]):
        lane = _free_lane(execution, ends)
        if lane is None:
            continue
        labels.setdefault(lane, f"Task {_name(execution)}")
        seen += _run(execution, lane)
        marks += _end(execution, lane)
    text = f"Only the newest {MOST_EXECUTIONS} executions of the period are drawn, of {MOST_TASKS} tasks at most."
    return Story(labels, seen, marks, left_out=text if len(found) > MOST_EXECUTIONS else "")


def _free_lane(execution: TaskExecution, ends: dict[str, datetime]) -> str | None:
    """The first lane of its task where nothing runs any more; None where there are too many lanes already."""
    place, begins = 1, execution.created_at or OPEN_END
    while True:
        lane = f"task:{execution.task_id}:{place}"
        if lane not in ends and len(ends) >= MOST_TASKS:
            return None
        if lane not in ends or ends[lane] <= begins:
            ends[lane] = execution.completed_at or execution.gone_at or OPEN_END
            return lane
        place += 1


def _run(execution: TaskExecution, lane: str) -> Iterator[Seen]:
    url, begins = _url(execution), execution.created_at
    if begins is None:
        return
    yield Seen(lane, ExecutionPhase.PENDING, begins, url=url)
    if execution.started_at:
        yield Seen(lane, ExecutionPhase.RUNNING, max(execution.started_at, begins), url=url)
    if ended := execution.completed_at or execution.gone_at:
        yield Seen(lane, None, max(ended, execution.started_at or begins, begins))


def _end(execution: TaskExecution, lane: str) -> Iterator[Mark]:
    if execution.completed_at:
        is_failed = execution.phase == ExecutionPhase.FAILED
        reason = f": {execution.failure[:NAMED]}" if is_failed and execution.failure else ""
        label = f"Execution of {_name(execution)} {phase_word(execution.phase)}{reason}"
        kind = "failure" if is_failed else "ended"
        yield Mark(lane, kind, execution.completed_at, label, url=_url(execution))


def _name(execution: TaskExecution) -> str:
    return execution.task_name or execution.reference or str(execution.task_id)


def _url(execution: TaskExecution) -> str:
    return reverse("automations:execution", args=[execution.pk])


def entries_of_services(environment: Environment, part: Slice) -> list[Entry]:
    """Transitions of services in words; two queries."""
    own = Transition.objects.filter(environment_id=environment.pk, kind=TransitionKind.SERVICE)
    found = list(own.filter(part.query(OF_SERVICES, "seen_at")).order_by("-seen_at", "-id")[: part.limit])
    names = Service.objects.in_bulk({row.subject_id for row in found})
    return [_entry(row, str(names.get(row.subject_id, ""))) for row in found]


def _entry(row: Transition, name: str) -> Entry:
    words, place = event(row), Place(row.seen_at, OF_SERVICES, row.pk)
    what = words.what.replace("service", f"service {name}", 1) if name else words.what
    return Entry(place, "services", what, words.kind, words.old, words.new, row.old_seen_at)


def entries_of_executions(environment: Environment, part: Slice) -> list[Entry]:
    """Executions by when they were asked for, with how they stand."""
    own = TaskExecution.objects.filter(environment=environment).filter(part.query(OF_EXECUTIONS, "created_at"))
    found = own.only(*OF_EXECUTION, "started_by_name").order_by("-created_at", "-id")[: part.limit]
    return [_execution_entry(row, row.created_at) for row in found if row.created_at]


def _execution_entry(row: TaskExecution, at: datetime) -> Entry:
    return Entry(
        Place(at, OF_EXECUTIONS, row.pk),
        "executions",
        f"execution of {_name(row)}",
        "phase",
        new=row.phase,
        after=at,  # Ona tells it exactly
        who=row.started_by_name,
        url=_url(row),
    )


def find(environment: Environment, id_: str) -> Chosen | None:
    """One transition of a service, with what was seen to change in the same look."""
    identity, own = number(id_), Transition.objects.filter(environment_id=environment.pk)
    row = own.filter(pk=identity, kind=TransitionKind.SERVICE).first() if identity is not None else None
    if row is None:
        return None
    together = own.filter(subject_id=row.subject_id, seen_at=row.seen_at)
    values = {each.field: (each.old, each.new) for each in together}
    before, after = ({name: pair[side] for name, pair in values.items() if pair[side]} for side in (0, 1))
    service = Service.objects.filter(pk=row.subject_id).first()
    title = event(row).what.replace("service", f"Service {service}" if service else "A service", 1)
    return Chosen(
        f"{OF_SERVICES}{row.pk}",
        title,
        row.seen_at,
        row.old_seen_at,
        differences(before, after),
        operations_between(environment, row.old_seen_at or row.seen_at, row.seen_at),
        links=[(reverse("automations:of-environment", args=[environment.pk]), "Services of this environment")],
    )


def revision_of_services(environment: Environment) -> str:
    """Transitions are only added."""
    own = Transition.objects.filter(environment_id=environment.pk).order_by("-seen_at", "-id")
    return str(own.values_list("pk", flat=True).first())


def revision_of_executions(environment: Environment) -> str:
    """Changes of executions are transitions, which `revision_of_services` looks at; new ones are not."""
    own = TaskExecution.objects.filter(environment=environment).order_by("-created_at")
    return str(own.values_list("pk", flat=True).first())


SERVICES: Final[Source] = Source(
    OF_SERVICES, ("automations.view_service",), {"services": "Services"}, services, entries_of_services,
    revision_of_services, find,
)  # fmt: skip
EXECUTIONS: Final[Source] = Source(
    OF_EXECUTIONS, ("automations.view_taskexecution",), {"executions": "Executions"}, executions, entries_of_executions,
    revision_of_executions, ids=UUID,
)  # fmt: skip
