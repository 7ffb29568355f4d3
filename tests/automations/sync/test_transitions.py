"""What a change between two observations of a service or execution leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automations.environment_tab.event_labels import events
from automations.models import Service, Task, TaskExecution, Transition
from automations.sync.observe import (
    EXECUTION_KIND,
    SERVICE_KIND,
    TASK_KIND,
    AutomationObservation,
    Kind,
    mark_deleted,
    observe,
)
from portal.ona.documents.automations import read_execution, read_service, read_task
from tests.support.documents import ONE, at
from tests.support.profiles import examples

pytestmark = pytest.mark.django_db
ENVIRONMENT = UUID("22222222-65a5-4d98-b532-8ea67b188048")


def service(seconds: float, version: int, phase: str, failure: str = "") -> AutomationObservation:
    status = {"statusVersion": str(version), "phase": phase, "failureMessage": failure}
    document = {"id": str(ONE), "environmentId": str(ENVIRONMENT), "metadata": {"reference": "web"}, "status": status}
    return AutomationObservation(at(seconds), read_service(msgspec.json.encode(document)))


def execution(seconds: float, version: int, phase: str, failure: str = "") -> AutomationObservation:
    status = {"statusVersion": str(version), "phase": phase, "failureMessage": failure}
    metadata = {"taskId": str(ONE), "environmentId": str(ENVIRONMENT)}
    document = {"id": str(ONE), "metadata": metadata, "status": status}
    return AutomationObservation(at(seconds), read_execution(msgspec.json.encode(document)))


MADE: list[tuple[Kind, type[Any], Callable[..., AutomationObservation]]] = [
    (SERVICE_KIND, Service, service),
    (EXECUTION_KIND, TaskExecution, execution),
]
both = pytest.mark.parametrize(("kind", "model", "made"), MADE, ids=["service", "execution"])


def noted() -> list[tuple[str, str, str]]:
    return list(Transition.objects.order_by("id").values_list("field", "old", "new"))


@both
def test_the_first_observation_and_a_replay_make_none(
    kind: Kind, model: type[Any], made: Callable[..., AutomationObservation]
) -> None:
    first = observe(kind, [made(0, 1, "P_ONE")])
    assert (first.changed, first.transitions) == (1, 0)
    again = observe(kind, [made(0, 1, "P_ONE"), made(9, 1, "P_ONE")])
    assert (again.changed, again.transitions) == (0, 0)
    assert noted() == []


@both
def test_a_change_tells_between_which_sightings_it_happened(
    kind: Kind, model: type[Any], made: Callable[..., AutomationObservation]
) -> None:
    observe(kind, [made(0, 1, "P_ONE")])
    observe(kind, [made(60, 1, "P_ONE")])
    outcome = observe(kind, [made(120, 2, "P_TWO", "it broke")])
    assert (outcome.changed, outcome.transitions) == (1, 2)
    assert sorted(noted()) == [("failure", "", "it broke"), ("phase", "P_ONE", "P_TWO")]
    for transition in Transition.objects.all():
        assert (transition.kind, transition.subject_id) == (kind.transitions, ONE)
        assert transition.environment_id == ENVIRONMENT
        assert (transition.old_seen_at, transition.seen_at) == (at(60), at(120))


@both
def test_a_late_answer_makes_none(kind: Kind, model: type[Any], made: Callable[..., AutomationObservation]) -> None:
    observe(kind, [made(10, 5, "P_FIVE")])
    assert observe(kind, [made(5, 4, "P_FOUR")]).transitions == 0
    assert model.objects.get().phase == "P_FIVE"


@both
def test_going_and_coming_back_are_noted(
    kind: Kind, model: type[Any], made: Callable[..., AutomationObservation]
) -> None:
    observe(kind, [made(0, 1, "P_ONE")])
    assert mark_deleted(kind, [ONE], at(60)) == 1
    assert mark_deleted(kind, [ONE], at(61)) == 0
    assert observe(kind, [made(30, 1, "P_ONE")]).transitions == 0
    assert model.objects.get().gone_at == at(60)
    assert observe(kind, [made(90, 1, "P_ONE")]).transitions == 1
    moment = "2026-03-01T12:01:00.000000Z"
    assert noted() == [("gone_at", "", moment), ("gone_at", moment, "")]
    assert model.objects.get().gone_at is None


def test_what_was_seen_after_the_question_is_not_gone() -> None:
    observe(SERVICE_KIND, [service(60, 1, "P_ONE")])
    assert mark_deleted(SERVICE_KIND, [ONE], at(60)) == 0
    assert noted() == []


def test_tasks_have_no_transitions() -> None:
    document = {"id": str(ONE), "environmentId": str(ENVIRONMENT), "metadata": {"reference": "build"}}
    observe(TASK_KIND, [AutomationObservation(at(0), read_task(msgspec.json.encode(document)))])
    changed = document | {"spec": {"command": "make"}}
    outcome = observe(TASK_KIND, [AutomationObservation(at(1), read_task(msgspec.json.encode(changed)))])
    assert (outcome.changed, outcome.transitions) == (1, 0)
    assert mark_deleted(TASK_KIND, [ONE], at(2)) == 1
    assert Task.objects.get().gone_at == at(2)
    assert noted() == []


def test_transitions_are_told_in_words() -> None:
    observe(SERVICE_KIND, [service(0, 1, "SERVICE_PHASE_STARTING")])
    observe(SERVICE_KIND, [service(1, 2, "SERVICE_PHASE_FAILED", "port in use")])
    mark_deleted(SERVICE_KIND, [ONE], at(2))
    observe(SERVICE_KIND, [service(3, 3, "SERVICE_PHASE_RUNNING")])
    told = [event.what for event in reversed(events(ONE))]
    assert sorted(told[:2]) == ["failing", "service became failed"]
    assert told[2] == "deleted"
    assert sorted(told[3:]) == ["back again", "no longer failing", "service became running"]


def test_an_execution_that_is_gone_was_dropped_by_ona() -> None:
    observe(EXECUTION_KIND, [execution(0, 1, "TASK_EXECUTION_PHASE_SUCCEEDED")])
    mark_deleted(EXECUTION_KIND, [ONE], at(2))
    (event,) = events(ONE)
    assert (event.what, event.kind, event.new) == ("no longer stored by Ona", "time", at(2))


@dataclass(frozen=True)
class Lost:
    """Ona did not find it when asked at this moment."""

    moment: datetime


@st.composite
def lives(
    draw: st.DrawFn, made: Callable[..., AutomationObservation]
) -> tuple[list[AutomationObservation | Lost], list[AutomationObservation | Lost]]:
    life: list[AutomationObservation | Lost] = []
    version = 1
    for moment in range(1, draw(st.integers(2, 7)) + 1):
        if moment > 1 and draw(st.integers(0, 3)) == 0:
            life.append(Lost(at(moment)))
            continue
        version += draw(st.integers(0, 2))
        life.append(made(moment, version, f"P_{version % 3}", "broken" if version % 2 else ""))
    return life, draw(st.permutations(life + draw(st.lists(st.sampled_from(life), max_size=5))))


def arrive(kind: Kind, each: AutomationObservation | Lost) -> None:
    if isinstance(each, Lost):
        mark_deleted(kind, [ONE], each.moment)
    else:
        observe(kind, [each])


def check(
    kind: Kind, model: type[Any], life: list[AutomationObservation | Lost], arriving: list[AutomationObservation | Lost]
) -> None:
    model.objects.all().delete()
    Transition.objects.all().delete()
    versions = [0]
    for each in arriving * 2:  # twice: what is asked of a row that is not there yet says nothing
        arrive(kind, each)
        versions += model.objects.values_list("status_version", flat=True)
    assert versions == sorted(versions), "no version goes backwards"
    cached, newest = (
        model.objects.get(),
        next(each for each in reversed(life) if isinstance(each, AutomationObservation)),
    )
    status = newest.document.status.head
    assert (cached.phase, cached.failure, cached.status_version) == (
        status.phase, status.failure_message, status.status_version,
    )  # fmt: skip
    assert (cached.gone_at is not None) == isinstance(life[-1], Lost)
    for field in ("phase", "failure"):
        rows = list(Transition.objects.filter(field=field).order_by("seen_at", "id"))
        assert all(row.old != row.new for row in rows)
        assert all(row.old_seen_at is not None and row.old_seen_at <= row.seen_at for row in rows)
        assert all(before.new == after.old for before, after in pairwise(rows))
        assert not rows or rows[-1].new == getattr(cached, field)
    comings = list(Transition.objects.filter(field="gone_at").order_by("id").values_list("old", "new"))
    assert all(before[1] == after[0] for before, after in pairwise(comings))
    assert bool(comings and comings[-1][1]) == (cached.gone_at is not None)


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lives(service))
def test_services_converge_whatever_the_order(
    life: tuple[list[AutomationObservation | Lost], list[AutomationObservation | Lost]],
) -> None:
    check(SERVICE_KIND, Service, *life)


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lives(execution))
def test_executions_converge_whatever_the_order(
    life: tuple[list[AutomationObservation | Lost], list[AutomationObservation | Lost]],
) -> None:
    check(EXECUTION_KIND, TaskExecution, *life)
