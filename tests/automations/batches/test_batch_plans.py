"""The plan of one action on many environments: where it is possible, why not elsewhere, and what would be lost."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from automations.batches import plan
from automations.batches.registry import KINDS
from environments.actions import lifecycle, metadata
from environments.actions.registry import Action
from environments.models import Environment, Phase
from portal.directory.models import Organization
from tests.support import factories
from tests.support.automation_factories import execution, task

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("action", "can", "cannot", "why"),
    [
        (lifecycle.STOP, {}, {"phase": Phase.STOPPED}, "It is not running."),
        (lifecycle.START, {"phase": Phase.STOPPED}, {}, "It is already running or starting."),
        (
            lifecycle.START,
            {"phase": Phase.STOPPED},
            {"phase": Phase.STOPPED, "archived_at": timezone.now()},
            "It is archived. Unarchive it first.",
        ),
        (lifecycle.ARCHIVE, {}, {"archived_at": timezone.now()}, "It is already archived."),
        (lifecycle.UNARCHIVE, {"archived_at": timezone.now()}, {}, "It is not archived."),
        (metadata.SET_LOCKDOWN, {}, {"phase": Phase.DELETING}, "It is being deleted."),
        (metadata.CLEAR_LOCKDOWN, {"lockdown_at": timezone.now()}, {}, "It has no lockdown."),
    ],
)
def test_a_plan_says_for_which_environments_it_is_possible_and_why_not_for_others(
    action: Action, can: dict[str, Any], cannot: dict[str, Any], why: str
) -> None:
    possible, impossible = factories.environment(**can), factories.environment(**cannot)
    choice = KINDS[action.name].choose("", Environment.objects.all())
    assert [each.environment for each in choice.candidates] == [possible]
    assert [(obstacle.why, list(obstacle.environments)) for obstacle in choice.obstacles] == [(why, [impossible])]


def test_a_plan_counts_all_that_cannot_and_names_the_first() -> None:
    now = timezone.now()
    for number in range(60):
        factories.environment(name=f"e{number:02}", phase=Phase.STOPPED, lockdown_at=now - number * DAY)
    gone = factories.environment(gone_at=now)
    choice = KINDS["environment.stop"].choose("", Environment.objects.all())
    counts = {obstacle.why: obstacle for obstacle in choice.obstacles}
    assert counts["It is not running."].count == 60
    assert [str(each) for each in counts["It is not running."].environments] == [
        f"e{number:02}" for number in range(50)
    ]
    assert list(counts["It is deleted: Ona confirmed it."].environments) == [gone]
    assert choice.left_out == 61


def test_a_strict_policy_keeps_what_is_locked_down_from_being_started() -> None:
    now = timezone.now()
    Organization.objects.create(
        id=uuid.uuid4(), name="Acme", first_seen_at=now, seen_at=now, maximum_environment_lifetime_strict=True
    )
    factories.environment(phase=Phase.STOPPED, lockdown_at=now - DAY)
    later = factories.environment(phase=Phase.STOPPED, lockdown_at=now + DAY)
    choice = KINDS["environment.start"].choose("", Environment.objects.all())
    assert [each.environment for each in choice.candidates] == [later]
    assert "locked down and the organization's policy is strict" in choice.obstacles[0].why


def test_more_than_a_batch_takes_are_the_first_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "MOST", 2)
    for name in "cab":
        factories.environment(name=name)
    choice = KINDS["environment.stop"].choose("", Environment.objects.all())
    assert [str(each.environment) for each in choice.candidates] == ["a", "b"]
    assert choice.is_more


def test_a_plan_of_what_can_lose_work_says_what_is_at_risk_in_each() -> None:
    busy = factories.environment(name="a", unpushed_commits=2, changed_files=1, git_branch="fix")
    execution(task(busy), took=None)
    clean = factories.environment(name="b", unpushed_commits=0, changed_files=0)
    unknown = factories.environment(name="c", unpushed_commits=None, changed_files=None)
    choice = KINDS["environment.stop"].choose("", Environment.objects.all())
    said = {each.environment: [loss.text for loss in each.losses] for each in choice.candidates}
    assert said[busy] == ["2 unpushed commits and 1 changed file on fix.", "Running task executions: Build."]
    assert said[clean] == []
    assert "assume there is some" in said[unknown][0]
    assert not any(
        each.losses for each in KINDS["environment.set_lockdown"].choose("", Environment.objects.all()).candidates
    )


@pytest.mark.parametrize("action", ["environment.stop", "environment.archive"])
def test_a_plan_takes_as_many_queries_for_many_as_for_few(action: str, django_assert_num_queries: Any) -> None:
    for count in (2, 20):
        for _ in range(count):
            execution(task(factories.environment()), took=None)
        with django_assert_num_queries(7):
            KINDS[action].choose("", Environment.objects.all())
