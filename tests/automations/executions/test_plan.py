"""A plan with its steps' states as groups to show."""

from __future__ import annotations

from typing import Any

from automations.executions.plan import Group, Named, Step, plan_of, subjects, tally
from automations.executions.step_durations import Spell
from automations.models import ExecutionPhase as Phase


def step(id_: str, *needs: str, **more: Any) -> dict[str, Any]:
    return {"id": id_, "label": id_.capitalize(), "task": {"id": f"task-{id_}"}, "dependsOn": list(needs)} | more


def plan(*groups: list[dict[str, Any]]) -> dict[str, Any]:
    return {"plan": [{"steps": steps} for steps in groups]}


def states(**phases: str) -> dict[str, Any]:
    return {"steps": [{"id": id_, "phase": phase} for id_, phase in phases.items()]}


THREE = plan([step("deps"), step("lint")], [step("build", "deps")], [step("test", "build", "lint")])


def groups_of(spec: object, status: object, phase: str, named: dict[str, Named] | None = None) -> list[Group]:
    return plan_of(spec, status, phase, named or {}, {})


def words(groups: list[Group]) -> dict[str, str]:
    return {step.id: step.word for group in groups for step in group.steps}


def only(groups: list[Group]) -> Step:
    ((found,),) = [group.steps for group in groups]
    return found


def test_groups_stand_in_sequence_with_their_steps_together() -> None:
    groups = groups_of(THREE, {}, Phase.PENDING)
    assert [(group.number, [step.label for step in group.steps]) for group in groups] == [
        (1, ["Deps", "Lint"]),
        (2, ["Build"]),
        (3, ["Test"]),
    ]
    assert groups[2].steps[0].needs == ["Build", "Lint"]


def test_steps_that_have_not_begun_are_waiting() -> None:
    groups = groups_of(THREE, states(deps=Phase.SUCCEEDED, lint=Phase.RUNNING), Phase.RUNNING)
    assert words(groups) == {"deps": "succeeded", "lint": "running", "build": "waiting", "test": "waiting"}


def test_after_a_failure_the_others_are_not_run_even_before_the_execution_has_ended() -> None:
    groups = groups_of(THREE, states(deps=Phase.FAILED, lint=Phase.RUNNING), Phase.RUNNING)
    assert words(groups) == {"deps": "failed", "lint": "running", "build": "not run", "test": "not run"}


def test_after_the_end_what_never_began_was_not_run() -> None:
    assert set(words(groups_of(THREE, {}, Phase.STOPPED)).values()) == {"not run"}


def test_a_step_whose_phase_is_new_to_the_portal_shows_it_as_it_is_and_one_without_is_unknown() -> None:
    groups = groups_of(THREE, {"steps": [{"id": "deps", "phase": "PAUSED"}, {"id": "lint"}]}, Phase.RUNNING)
    assert (words(groups)["deps"], words(groups)["lint"]) == ("PAUSED", "unknown")


def test_failure_and_output_of_a_step_are_told() -> None:
    state = {"id": "a", "phase": Phase.FAILED, "failureMessage": "exit 2", "output": {"url": "https://x", "odd": [1]}}
    found = only(groups_of(plan([step("a")]), {"steps": [state]}, Phase.FAILED))
    assert (found.failure, found.output) == ("exit 2", [("url", "https://x"), ("odd", "")])


def test_tasks_and_services_are_named_and_linked_where_they_are_known() -> None:
    service = {"id": "s", "serviceId": "db"}
    spec = plan([step("a"), service, step("b")])
    assert subjects(spec) == ({"task-a", "task-b"}, {"db"})
    named = {"task-a": Named("Assemble", "/there/"), "db": Named("Database", "/here/")}
    (group,) = groups_of(spec, {}, Phase.PENDING, named)
    assert [(each.kind, each.label, each.name, each.url) for each in group.steps] == [
        ("task", "A", "Assemble", "/there/"),
        ("service", "Database", "Database", "/here/"),
        ("task", "B", "task-b", ""),
    ]


def test_steps_that_only_the_status_has_are_shown_beside_the_plan() -> None:
    planned, beside = groups_of(plan([step("a")]), states(a=Phase.RUNNING, stray=Phase.RUNNING), Phase.RUNNING)
    assert (planned.is_planned, beside.is_planned) == (True, False)
    assert [(each.label, each.word) for each in beside.steps] == [("stray", "running")]


def test_spells_are_those_of_their_steps() -> None:
    spell = Spell()
    (group,) = plan_of(plan([step("a"), step("b")]), {}, Phase.RUNNING, {}, {"b": spell})
    assert [each.spell for each in group.steps] == [None, spell]


def test_what_an_ended_step_took_is_unknown_where_it_was_not_seen() -> None:
    (group,) = groups_of(plan([step("a"), step("b")]), states(a=Phase.SUCCEEDED, b=Phase.RUNNING), Phase.RUNNING)
    assert [each.took for each in group.steps] == ["duration unknown", ""]


def test_odd_documents_make_no_trouble() -> None:
    for spec in (None, 7, {"plan": 7}, {"plan": [7, {"steps": 7}, {"steps": []}]}):
        assert groups_of(spec, {"steps": 7}, "") == []
    odd = {"plan": [{"steps": [7, {"id": ["x"], "label": {}, "task": 7, "dependsOn": {"a": 1}}]}]}
    assert only(groups_of(odd, {"steps": [{"output": 7}]}, "")).label == "unknown"
    assert subjects(odd) == (set(), set())


def test_the_tally_counts_what_is_how() -> None:
    groups = groups_of(THREE, states(deps=Phase.SUCCEEDED, lint=Phase.RUNNING), Phase.RUNNING)
    assert tally(groups) == "4 steps in 3 groups: 1 running, 1 succeeded, 2 waiting"
    assert tally(groups_of(plan([step("a")]), states(a="PAUSED"), "")) == "1 step in 1 group: 1 PAUSED"
    assert tally([]) == ""
