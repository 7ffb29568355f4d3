"""Timeline sources: services and executions (see `environments.timeline.sources`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from django.db.models import Q
from django.urls import reverse

from automations.environment_tab.event_labels import event
from automations.models import UNDER_WAY, ExecutionPhase, Service, TaskExecution, Transition, TransitionKind
from environments.models import Environment
from environments.timeline.lane_bars import Mark, ObservedState, Period
from environments.timeline.sources import (
    Contribution,
    Entry,
    Place,
    Selection,
    Slice,
    Source,
    compare_fields,
    parse_id,
    take_first,
)
from environments.timeline.transitions_source import operations_between
from portal.ledger.diff import Change
from portal.web.formatting import phase_word

OF_SERVICES: Final = "a"
OF_EXECUTIONS: Final = "x"
MAX_SERVICES = 20
MAX_EXECUTIONS = 200
MAX_TASKS = 20
MESSAGE_LENGTH = 120  # characters of a message that a mark shows
COLUMNS = ("id", "kind", "subject_id", "field", "old", "new", "old_seen_at", "seen_at")
OF_EXECUTION = (
    "id", "task_id", "reference", "task_name", "phase", "failure", "created_at", "started_at", "completed_at",
    "gone_at",
)  # fmt: skip
KEPT_OF_SERVICES = ("phase", "failure")
KEPT = "Of a service at a past time, the portal stores these fields only."
OPEN_END: Final = datetime(9999, 1, 1, tzinfo=UTC)


def services(environment: Environment, period: Period) -> Contribution:
    """One lane per service that existed in the period; four queries."""
    present = Service.objects.filter(environment=environment, first_seen_at__lte=period.end)
    present = present.filter(Q(gone_at=None) | Q(gone_at__gte=period.start)).order_by("reference", "id")
    found = list(present.defer("metadata", "spec", "status")[: MAX_SERVICES + 1])
    rows: dict[UUID, list[Transition]] = {}
    for row in _near(environment, period):
        rows.setdefault(row.subject_id, []).append(row)
    shown, left_out = take_first(MAX_SERVICES, found, f"first {MAX_SERVICES} services")
    return Contribution(
        {_lane(service): f"Service {service}" for service in shown},
        [seen for service in shown for seen in _states(service, rows.get(service.pk, []))],
        [mark for service in shown for mark in _failures(service, rows.get(service.pk, []), period)],
        left_out=left_out,
    )


def _lane(service: Service) -> str:
    return f"service:{service.pk}"


def _near(environment: Environment, period: Period) -> Iterator[Transition]:
    """Transitions of services in the period, and of each the nearest phase before and after, in order of time."""
    own = Transition.objects.filter(environment_id=environment.pk, kind=TransitionKind.SERVICE).only(*COLUMNS)
    phases = own.filter(field="phase")
    before = phases.filter(seen_at__lt=period.start).order_by("subject_id", "-seen_at", "-id")
    after = phases.filter(seen_at__gt=period.end).order_by("subject_id", "seen_at", "id")
    yield from before.distinct("subject_id")
    yield from own.filter(seen_at__gte=period.start, seen_at__lte=period.end).order_by("seen_at", "id")
    yield from after.distinct("subject_id")


def _states(service: Service, known: Sequence[Transition]) -> Iterator[ObservedState]:
    """Its phases from the first observation to its deletion."""
    lane, phases = _lane(service), [row for row in known if row.field == "phase"]
    value = phases[0].old if phases else service.phase
    yield ObservedState(lane, value, service.first_seen_at, key=f"{OF_SERVICES}{service.pk}")
    for row in phases:
        yield ObservedState(lane, row.new, row.seen_at, row.old_seen_at, f"{OF_SERVICES}{row.pk}")
    if service.gone_at:
        yield ObservedState(lane, None, service.gone_at)


def _failures(service: Service, known: Iterable[Transition], period: Period) -> Iterator[Mark]:
    for row in known:
        if row.field == "failure" and row.new and period.start <= row.seen_at <= period.end:
            label = f"Service {service} failing: {row.new[:MESSAGE_LENGTH]}"
            yield Mark(_lane(service), "failure", row.seen_at, label, row.old_seen_at, f"{OF_SERVICES}{row.pk}")


def executions(environment: Environment, period: Period) -> Contribution:
    """One lane per task that ran in the period, more if its runs overlapped; at the times that Ona reports."""
    own = TaskExecution.objects.filter(environment=environment, created_at__lte=period.end)
    own = own.filter(Q(completed_at__gte=period.start) | Q(completed_at=None, phase__in=UNDER_WAY))
    newest = list(own.order_by("-created_at", "id").only(*OF_EXECUTION)[: MAX_EXECUTIONS + 1])
    found, left_out = take_first(MAX_EXECUTIONS, newest, f"newest {MAX_EXECUTIONS} executions of the period")
    labels: dict[str, str] = {}
    ends: dict[str, datetime] = {}
    seen: list[ObservedState] = []
    marks: list[Mark] = []
    without_lane = 0
    for execution in reversed(found):
        lane = _free_lane(execution, ends)
        if lane is None:
            without_lane += 1
            continue
        labels.setdefault(lane, f"Task {_name(execution)}")
        seen += _run(execution, lane)
        marks += _end(execution, lane)
    if without_lane:
        what = "1 execution is" if without_lane == 1 else f"{without_lane} executions are"
        left_out = [*left_out, f"{what} not drawn: there is room for {MAX_TASKS} lanes of tasks."]
    return Contribution(labels, seen, marks, left_out=left_out)


def _free_lane(execution: TaskExecution, ends: dict[str, datetime]) -> str | None:
    """The first free lane of its task; None if there are too many lanes."""
    place, begins = 1, execution.created_at or OPEN_END
    while True:
        lane = f"task:{execution.task_id}:{place}"
        if lane not in ends and len(ends) >= MAX_TASKS:
            return None
        if lane not in ends or ends[lane] <= begins:
            ends[lane] = execution.completed_at or execution.gone_at or OPEN_END
            return lane
        place += 1


def _run(execution: TaskExecution, lane: str) -> Iterator[ObservedState]:
    url, begins = _url(execution), execution.created_at
    if begins is None:
        return
    yield ObservedState(lane, ExecutionPhase.PENDING, begins, url=url)
    if execution.started_at:
        yield ObservedState(lane, ExecutionPhase.RUNNING, max(execution.started_at, begins), url=url)
    if ended := execution.completed_at or execution.gone_at:
        yield ObservedState(lane, None, max(ended, execution.started_at or begins, begins))


def _end(execution: TaskExecution, lane: str) -> Iterator[Mark]:
    if execution.completed_at:
        is_failed = execution.phase == ExecutionPhase.FAILED
        reason = f": {execution.failure[:MESSAGE_LENGTH]}" if is_failed and execution.failure else ""
        label = f"Execution of {_name(execution)} {phase_word(execution.phase)}{reason}"
        kind = "failure" if is_failed else "ended"
        yield Mark(lane, kind, execution.completed_at, label, url=_url(execution))


def _name(execution: TaskExecution) -> str:
    return execution.task_name or execution.reference or str(execution.task_id)


def _url(execution: TaskExecution) -> str:
    return reverse("automations:execution", args=[execution.pk])


def entries_of_services(environment: Environment, part: Slice) -> list[Entry]:
    """The transitions of services in a slice; two queries."""
    own = Transition.objects.filter(environment_id=environment.pk, kind=TransitionKind.SERVICE)
    found = list(own.filter(part.query(OF_SERVICES, "seen_at")).order_by("-seen_at", "-id")[: part.limit])
    names = Service.objects.in_bulk({row.subject_id for row in found})
    return [_entry(row, str(names.get(row.subject_id, ""))) for row in found]


def _entry(row: Transition, name: str) -> Entry:
    words, place = event(row), Place(row.seen_at, OF_SERVICES, row.pk)
    what = words.what.replace("service", f"service {name}", 1) if name else words.what
    return Entry(place, "services", what, words.kind, words.old, words.new, row.old_seen_at)


def entries_of_executions(environment: Environment, part: Slice) -> list[Entry]:
    """Executions by when they were requested, with their present phase."""
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
        after=at,  # Ona reports the exact time
        who=row.started_by_name,
        url=_url(row),
    )


def find(environment: Environment, id_: str) -> Selection | None:
    """One transition of a service, with the changes of the same observation; or, by a service's id, its first state."""
    identity, own = parse_id(id_), Transition.objects.filter(environment_id=environment.pk, kind=TransitionKind.SERVICE)
    row = own.filter(pk=identity).first() if identity is not None else None
    if row is None:
        return _first(environment, id_)
    values = {each.field: (each.old, each.new) for each in own.filter(subject_id=row.subject_id, seen_at=row.seen_at)}
    before, after = ({name: pair[side] for name, pair in values.items() if pair[side]} for side in (0, 1))
    service = Service.objects.filter(pk=row.subject_id).first()
    title = event(row).what.replace("service", f"Service {service}" if service else "A service", 1)
    times, changes = (row.seen_at, row.old_seen_at), compare_fields(before, after)
    return _chosen(environment, f"{OF_SERVICES}{row.pk}", title, *times, changes)


def _first(environment: Environment, id_: str) -> Selection | None:
    """The first observation of a service."""
    own, identity = Service.objects.filter(environment=environment).defer("metadata", "spec", "status"), _uuid(id_)
    service = own.filter(pk=identity).first() if identity else None
    if service is None:
        return None
    later = Transition.objects.filter(subject_id=service.pk, field__in=KEPT_OF_SERVICES)
    changed = later.order_by("field", "seen_at", "id").distinct("field").values_list("field", "old")
    state = {name: getattr(service, name) for name in KEPT_OF_SERVICES} | dict(changed)
    changes = compare_fields({}, {name: value for name, value in state.items() if value})
    key, title = f"{OF_SERVICES}{service.pk}", f"Service {service} as first observed: {phase_word(state['phase'])}"
    return _chosen(environment, key, title, service.first_seen_at, None, changes, is_first=True)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _chosen(
    environment: Environment,
    key: str,
    title: str,
    at: datetime,
    after: datetime | None,
    changes: list[Change],
    *,
    is_first: bool = False,
) -> Selection:
    """A selected service, with the operations requested shortly before, and a link to all services."""
    operations = operations_between(environment, after or at, at)
    links = [(reverse("automations:of-environment", args=[environment.pk]), "Services of this environment")]
    return Selection(key, title, at, after, changes, operations, links=links, is_first=is_first, kept=KEPT)


def change_token_of_services(environment: Environment) -> str:
    """Changes with each new transition."""
    own = Transition.objects.filter(environment_id=environment.pk).order_by("-seen_at", "-id")
    return str(own.values_list("pk", flat=True).first())


def change_token_of_executions(environment: Environment) -> str:
    """Changes with new executions; changes of executions are transitions: `change_token_of_services`."""
    own = TaskExecution.objects.filter(environment=environment).order_by("-created_at")
    return str(own.values_list("pk", flat=True).first())


SERVICES: Final[Source] = Source(
    OF_SERVICES, ("automations.view_service",), {"services": "Services"}, services, entries_of_services,
    change_token_of_services, find,
)  # fmt: skip
EXECUTIONS: Final[Source] = Source(
    OF_EXECUTIONS, ("automations.view_taskexecution",), {"executions": "Executions"}, executions, entries_of_executions,
    change_token_of_executions, ids=UUID,
)  # fmt: skip
