"""The plan of a batch: where it will run and where it cannot, and why; from the cache, before anything is requested."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from automations.actions.change import UP
from automations.batches.eligibility import standings
from automations.models import (
    SETTLED,
    UNDER_WAY,
    AutomationQuerySet,
    Service,
    ServicePhase,
    ServiceSummary,
    Task,
    TaskExecution,
    TaskSummary,
)
from environments.actions import losses
from environments.actions.lifecycle import START, STOP
from environments.actions.registry import Action
from environments.models import Environment, EnvironmentQuerySet, Phase
from portal.directory.own_token import READ_ONLY, own_token

MOST = 500  # environments of one batch
NAMED = 50  # of those where it cannot be, for each reason
NOT_RUNNING = "not running"
MISSING = {"task": "has no such task", "service": "has no such service"}
SEVERAL = "has more than one with that reference"
BUSY = "already running"
START_TASK, START_SERVICE = "task.start", "service.start"
# of executions, in this order: the last joins the environment, so that those without one are out
CANNOT_STOP = {
    "no longer stored by Ona": Q(gone_at__isnull=False),
    "has ended": Q(phase__in=SETTLED),
    "its environment was never observed": Q(~Exists(Environment.objects.filter(pk=OuterRef("environment_id")))),
    "its environment is deleted": Q(environment__gone_at__isnull=False),
}
ALREADY = {START_SERVICE: "already running", "service.stop": "already stopped", "service.restart": "not running there"}
COLUMNS = ("id", "name", "phase", "owner_name", "project_name")
STANDING = (*COLUMNS, "lockdown_at", "archived_at", *losses.COLUMNS)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An environment and its task or service of the reference, an execution in it, or itself; `losses` are what is at
    risk in it. `steps` are what is requested one after the other, by name, where that is more than the action; `words`
    what it becomes.
    """

    environment: Environment
    target_id: UUID
    losses: Sequence[losses.Loss] = ()
    steps: Sequence[str] = ()
    words: str = ""
    execution: TaskExecution | None = None

    def __str__(self) -> str:
        return f"{self.execution.name} in {self.environment}" if self.execution else str(self.environment)


@dataclass(slots=True)
class Obstacle:
    """Why it cannot be in `count` environments; the first of them by name."""

    why: str
    count: int
    environments: Sequence[Environment] = ()


@dataclass(slots=True)
class Choice:
    """What a batch would do. `is_more` where more than `MOST` environments could take part."""

    candidates: list[Candidate] = field(default_factory=list)
    obstacles: list[Obstacle] = field(default_factory=list)
    is_more: bool = False

    @property
    def left_out(self) -> int:
        return sum(obstacle.count for obstacle in self.obstacles)


def choose(action: Action, reference: str, environments: EnvironmentQuerySet, *, start_first: bool = False) -> Choice:
    """Sort `environments` into those where `action` of `reference` would be asked for, and those where it cannot be.

    `start_first`: those that are stopped are started first, and stopped again. A handful of queries, whatever their
    number; environments that cannot run it are counted, and the first named.
    """
    able, obstacles = _able(environments, start_first=start_first)
    choice = Choice()
    targets = _targets(action, reference, able)
    stands_against = _stands_against(action, [ids[0] for ids in targets.values()])
    found: dict[str, list[Environment]] = {}
    for environment in able:
        ids = targets.get(environment.pk, [])
        why = _why_not(action, ids, stands_against)
        if why:
            found.setdefault(why, []).append(environment)
        elif len(choice.candidates) < MOST:
            choice.candidates.append(
                Candidate(environment, ids[0], steps=_steps(action, environment, start_first=start_first))
            )
        else:
            choice.is_more = True
    choice.obstacles = [*obstacles_of(found), *obstacles]
    return choice


def unless_read_only(rows: QuerySet[Any], choose: Callable[[], Choice]) -> Choice:
    """The choice among `rows` of a list; nothing, and the one reason for all, while the portal's token is read-only."""
    if not own_token().is_read_only:
        return choose()
    count = rows.order_by().count()
    return Choice(obstacles=[Obstacle(READ_ONLY, count)] if count else [])


def obstacles_of(found: Mapping[str, Sequence[Environment]]) -> list[Obstacle]:
    """Environments by why it cannot be in them."""
    return [Obstacle(why, len(some), some[:NAMED]) for why, some in found.items()]


def _able(environments: EnvironmentQuerySet, *, start_first: bool) -> tuple[EnvironmentQuerySet, list[Obstacle]]:
    """Those that run, or that can be started first, and why the others cannot take part."""
    by_name = environments.order_by("name", "pk").only(*COLUMNS)
    others = by_name.exclude(phase=Phase.RUNNING)
    if not start_first:
        count = others.count()
        obstacles = [Obstacle(NOT_RUNNING, count, list(others[:NAMED]))] if count else []
        return by_name.filter(phase=Phase.RUNNING), obstacles
    found = standings(START, others, timezone.now())
    _, possible = found.pop("", (0, Q(pk__in=())))
    return by_name.filter(Q(phase=Phase.RUNNING) | possible), _obstacles(found, others)


def _obstacles(found: Mapping[str, tuple[int, Q]], by_name: EnvironmentQuerySet) -> list[Obstacle]:
    return [Obstacle(why, count, list(by_name.filter(those)[:NAMED])) for why, (count, those) in found.items()]


def _steps(action: Action, environment: Environment, *, start_first: bool) -> Sequence[str]:
    """Those of the action; around a task in an environment that is stopped: start first, and stop again."""
    is_around = start_first and environment.phase != Phase.RUNNING
    return (START.name, action.name, STOP.name) if is_around else steps_of(action)


def choose_environments(action: Action, environments: EnvironmentQuerySet) -> Choice:
    """Split `environments` into eligible and skipped ones.

    A handful of queries, whatever their number, plus one per reason.
    """
    found = standings(action, environments, timezone.now())
    by_name = environments.order_by("name", "pk").only(*STANDING)
    _, possible = found.pop("", (0, Q(pk__in=())))
    is_delayed = action.many is not None and action.many.is_delayed
    first = (F("archived_at").asc(nulls_last=True),) if is_delayed else ()  # what is selected comes first
    rows = list(by_name.filter(possible).order_by(*first, "name", "pk")[: MOST + 1])
    risks = losses.risks(rows[:MOST]) if action.loses_work else {}
    steps = steps_of(action)
    return Choice(
        [Candidate(each, each.pk, risks.get(each.pk, ()), steps) for each in rows[:MOST]],
        _obstacles(found, by_name),
        is_more=len(rows) > MOST,
    )


def steps_of(action: Action) -> Sequence[str]:
    """What is requested one after the other for `action`, by name; empty where that is the action alone."""
    return tuple(each.name for each in action.many.steps) if action.many else ()


def choose_executions(executions: AutomationQuerySet) -> Choice:
    """Split `executions` into those that can be stopped and others, which are counted, and their environments named."""
    found, left = list[Obstacle](), executions.order_by()
    for why, those in CANNOT_STOP.items():
        if count := left.filter(those).count():
            ids = left.filter(those).values("environment_id")
            found.append(Obstacle(why, count, list(Environment.objects.filter(pk__in=ids).order_by("name")[:NAMED])))
        left = left.exclude(those)
    rows = _with_environments(left)[: MOST + 1]
    return Choice([_of_execution(each) for each in rows[:MOST]], found, is_more=len(rows) > MOST)


def chosen_executions(ids: Iterable[UUID]) -> list[Candidate]:
    """These executions, in environments that the portal knows."""
    return [_of_execution(each) for each in _with_environments(TaskExecution.objects.filter(pk__in=ids))]


def _with_environments(executions: AutomationQuerySet) -> AutomationQuerySet:
    rows = executions.select_related("environment").order_by("environment_name", "created_at", "pk")
    return rows.only("task_name", "reference", "task_id", *(f"environment__{column}" for column in COLUMNS))


def _of_execution(execution: TaskExecution) -> Candidate:
    return Candidate(execution.environment, execution.pk, execution=execution)


def chosen_environments(action: Action, ids: Iterable[UUID]) -> list[Candidate]:
    """These environments, without deleted ones."""
    found = Environment.objects.present().filter(pk__in=ids).order_by("name", "pk").only(*COLUMNS, "lockdown_at")
    return [Candidate(environment, environment.pk, steps=steps_of(action)) for environment in found]


def chosen(action: Action, target_ids: Iterable[UUID], *, start_first: bool = False) -> list[Candidate]:
    """The environments of these tasks or services, without deleted ones."""
    rows = _model(action).objects.filter(pk__in=target_ids).values_list("environment_id", "pk")
    target_of = dict(rows)
    environments = Environment.objects.filter(pk__in=target_of).order_by("name", "pk").only(*COLUMNS)
    return [
        Candidate(environment, target_of[environment.pk], steps=_steps(action, environment, start_first=start_first))
        for environment in environments
    ]


@dataclass(frozen=True, slots=True)
class Occurrence:
    """In how many of the selected environments there is a task or service of a reference, and how many of those run."""

    reference: str
    environments: int
    running: int

    @property
    def stopped(self) -> int:
        return self.environments - self.running


def occurrences(action: Action, environments: EnvironmentQuerySet) -> list[Occurrence]:
    """The references that occur in `environments`, most frequent first; one query."""
    rows = _model(action).objects.present().filter(environment__in=environments.order_by().values("pk"))
    counted = rows.exclude(reference="").order_by().values_list("reference").annotate(
        total=Count("environment", distinct=True),
        running=Count("environment", distinct=True, filter=Q(environment__phase=Phase.RUNNING)),
    )  # fmt: skip
    return [Occurrence(*row) for row in counted.order_by("-total", "reference")[:NAMED]]


def references(action: Action) -> list[str]:
    """References to choose from, in order, as they were counted last."""
    summary = TaskSummary if action.name == START_TASK else ServiceSummary
    return list(summary._default_manager.order_by("reference").values_list("reference", flat=True)[:MOST])


def reference_named(action: Action | None, text: str) -> str:
    """The reference that somebody typed: with the blanks around it only if one has them."""
    tidied = text.strip()
    if action and text != tidied and _model(action).objects.present().filter(reference=text).exists():
        return text
    return tidied


def _model(action: Action) -> type[Task] | type[Service]:
    return Task if action.name == START_TASK else Service


def _targets(action: Action, reference: str, running: EnvironmentQuerySet) -> dict[UUID, list[UUID]]:
    rows = _model(action).objects.present().filter(reference=reference, environment__in=running.order_by().values("pk"))
    found: dict[UUID, list[UUID]] = {}
    for environment_id, id_ in rows.values_list("environment_id", "pk"):
        found.setdefault(environment_id, []).append(id_)
    return found


def _stands_against(action: Action, ids: Sequence[UUID]) -> set[UUID]:
    """Subjects with a run in progress, or already in the requested state."""
    if action.name == START_TASK:
        under_way = TaskExecution.objects.present().filter(task__in=ids, phase__in=UNDER_WAY)
        return set(under_way.values_list("task_id", flat=True))
    already = UP if action.name == START_SERVICE else (ServicePhase.STOPPED, ServicePhase.DELETED)
    return set(Service.objects.filter(pk__in=ids, phase__in=already).values_list("pk", flat=True))


def _why_not(action: Action, ids: Sequence[UUID], stands_against: set[UUID]) -> str:
    if not ids:
        return MISSING[action.name.partition(".")[0]]
    if len(ids) > 1:
        return SEVERAL
    return ALREADY.get(action.name, BUSY) if ids[0] in stands_against else ""
