"""The words of the search that the overview's lines lead to."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.http import QueryDict
from django.utils import timezone

from environments.list.list import ENVIRONMENTS
from environments.models import Phase
from portal.directory.models import Organization, PolicyVersion
from portal.lists.query import read_query
from tests.support import factories

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def organization(delete_after: timedelta | None) -> None:
    now = timezone.now()
    policies = {"delete_archived_environments_after": delete_after}
    made = Organization.objects.create(id=factories.ORGANIZATION, first_seen_at=now, seen_at=now, **policies)
    PolicyVersion.objects.create(organization=made, seen_at=now, **policies)


def found(query: str) -> set[str]:
    """Names of the environments that the list finds."""
    state = read_query(ENVIRONMENTS, QueryDict(urlencode({"q": query})))
    assert state.problems == ()
    return {row.name for row in state.rows()}


def archived() -> None:
    now = timezone.now()
    factories.environment(name="active", phase=Phase.STOPPED)
    for days in (1, 5, 9):
        factories.environment(name=f"archived-{days}", phase=Phase.STOPPED, archived_at=now - days * DAY)


def test_deletion_follows_the_policy_of_the_organization() -> None:
    organization(7 * DAY)
    archived()
    assert found("deletion:<3d") == {"archived-5", "archived-9"}  # in two days, and overdue
    assert found("deletion:>3d") == {"archived-1"}
    assert found("deletion:none") == {"active"}
    assert found("-deletion:<3d") == {"active", "archived-1"}


@pytest.mark.parametrize("never", [None, timedelta(0)])
def test_where_the_policy_deletes_nothing_no_deletion_is_found(never: timedelta | None) -> None:
    organization(never)
    archived()
    assert found("deletion:<9999d") == set()
    assert len(found("deletion:none")) == len(found("-deletion:<3d")) == 4


def test_before_the_policies_are_read_no_deletion_is_claimed() -> None:
    archived()
    assert found("deletion:<9999d") == set()


def test_nonsense_about_deletion_is_explained() -> None:
    (problem,) = read_query(ENVIRONMENTS, QueryDict("q=deletion:soon")).problems
    assert problem.message == "deletion: takes <3d, >3d or none"


def test_what_no_runner_took_up_is_found_unless_it_is_stopped_and_stays_so() -> None:
    behind = {"spec_version": 3, "runner_spec_version": 2}
    factories.environment(name="starting", phase=Phase.STARTING, **behind)
    factories.environment(name="asked to start", phase=Phase.STOPPED, desired_phase=Phase.RUNNING, **behind)
    factories.environment(name="stopped", phase=Phase.STOPPED, desired_phase=Phase.STOPPED, **behind)
    factories.environment(name="archived", phase=Phase.STOPPED, archived_at=timezone.now(), **behind)
    factories.environment(name="confirmed")
    assert found("is:unacknowledged") == {"starting", "asked to start"}


def test_only_running_ones_can_run_with_old_secrets() -> None:
    factories.environment(name="old", secrets_in_sync=False)
    factories.environment(name="stopped", phase=Phase.STOPPED, secrets_in_sync=False)
    factories.environment(name="unknown", secrets_in_sync=None)
    assert found("is:secrets-not-in-sync") == {"old"}
