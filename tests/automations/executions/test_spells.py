"""How long steps ran, as far as was seen."""

from __future__ import annotations

from datetime import datetime

import msgspec
import pytest

from automations.environment_tab.event_labels import STEP, events
from automations.executions.step_durations import spells_of
from automations.models import ExecutionPhase as Phase
from automations.models import TaskExecution, Transition
from automations.sync.observe import EXECUTION_KIND, AutomationObservation, observe
from portal.ona.documents.automations import read_execution
from tests.support.documents import ONE, at


def execution(first_seen: float = 0, started: float | None = None, ended: float | None = None) -> TaskExecution:
    return TaskExecution(
        first_seen_at=at(first_seen),
        started_at=None if started is None else at(started),
        completed_at=None if ended is None else at(ended),
    )


def change(old: str, new: str, after: float, by: float, step: str = "a") -> Transition:
    return Transition(field=f"{STEP}{step}", old=old, new=new, old_seen_at=at(after), seen_at=at(by))


def took(of: TaskExecution, *changes: Transition) -> str:
    return spells_of(of, changes)["a"].took


def test_a_duration_lies_between_two_bounds() -> None:
    assert took(execution(), change("", Phase.RUNNING, 0, 2), change(Phase.RUNNING, Phase.SUCCEEDED, 60, 62)) == (
        "58 s to 1 min 2 s"
    )


def test_bounds_that_read_alike_are_one() -> None:
    changes = change("", Phase.RUNNING, 0, 2), change(Phase.RUNNING, Phase.FAILED, 7300, 7302)
    assert took(execution(), *changes) == "2 h 1 min"


def test_a_step_seen_only_at_its_end_took_at_most_the_time_between_two_looks() -> None:
    assert took(execution(), change("", Phase.SUCCEEDED, 10, 14)) == "at most 4 s"


def test_what_ona_tells_of_the_whole_narrows_it() -> None:
    changes = change("", Phase.RUNNING, 0, 10), change(Phase.RUNNING, Phase.SUCCEEDED, 60, 70)
    assert took(execution(started=10, ended=60), *changes) == "50 s"


def test_times_of_another_clock_that_contradict_what_was_seen_count_for_nothing() -> None:
    changes = change("", Phase.RUNNING, 0, 10), change(Phase.RUNNING, Phase.SUCCEEDED, 60, 70)
    assert took(execution(started=900, ended=5), *changes) == "50 s to 1 min 10 s"


def test_a_step_that_ran_when_it_was_first_seen_began_after_its_execution() -> None:
    ended = change(Phase.RUNNING, Phase.SUCCEEDED, 60, 60)
    assert took(execution(first_seen=20, started=10), ended) == "40 s to 50 s"
    assert took(execution(first_seen=20), ended) == ""


def test_a_step_that_still_runs_took_nothing_yet() -> None:
    spell = spells_of(execution(), [change("", Phase.RUNNING, 0, 2)])["a"]
    assert (spell.took, spell.began and spell.began.by) == ("", at(2))


def document(seconds: float, version: int, *steps: object) -> AutomationObservation:
    status = {"statusVersion": str(version), "phase": Phase.RUNNING, "steps": list(steps)}
    metadata = {"taskId": str(ONE), "environmentId": str(ONE)}
    raw = msgspec.json.encode({"id": str(ONE), "metadata": metadata, "status": status})
    return AutomationObservation(at(seconds), read_execution(raw))


def noted() -> list[tuple[str, str, str, datetime | None, datetime]]:
    return list(Transition.objects.order_by("id").values_list("field", "old", "new", "old_seen_at", "seen_at"))


@pytest.mark.django_db
def test_the_sync_notes_each_change_of_a_steps_phase_once() -> None:
    a, b = {"id": "a", "phase": Phase.RUNNING}, {"id": "b", "phase": Phase.RUNNING}
    observe(EXECUTION_KIND, [document(0, 1)])
    observe(EXECUTION_KIND, [document(2, 2, a)])
    observe(EXECUTION_KIND, [document(4, 3, a | {"phase": Phase.SUCCEEDED}, b)])
    observe(EXECUTION_KIND, [document(4, 3, a | {"phase": Phase.SUCCEEDED}, b), document(3, 2, a)])
    assert sorted(noted()) == [
        ("step:a", "", Phase.RUNNING, at(0), at(2)),
        ("step:a", Phase.RUNNING, Phase.SUCCEEDED, at(2), at(4)),
        ("step:b", "", Phase.RUNNING, at(2), at(4)),
    ]
    assert events(ONE) == []


@pytest.mark.django_db
def test_steps_without_an_id_are_passed_over() -> None:
    observe(EXECUTION_KIND, [document(0, 1)])
    observe(EXECUTION_KIND, [document(2, 2, {"phase": Phase.RUNNING})])
    assert noted() == []
    assert TaskExecution.objects.get().status_version == 2
