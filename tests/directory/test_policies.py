"""Each change of the organization's policies is kept with the times between which it came."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from portal.directory.models import Organization, PolicyVersion
from portal.directory.sync import observe_organization
from portal.ona.documents.directory import read_organization, read_policies

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
ID = "018f3c5a-0000-4000-8000-00000000000a"


def read(seen_at: datetime, **policies: object) -> PolicyVersion | None:
    organization = read_organization(json.dumps({"id": ID, "name": "Acme"}).encode())
    return observe_organization(organization, read_policies(json.dumps(policies).encode()), seen_at)


def test_the_first_reading_is_the_first_version_without_a_predecessor():
    version = read(NOW, maximumEnvironmentLifetime="604800s", maximumEnvironmentLifetimeStrict=True)
    assert version is not None
    assert (version.old_seen_at, version.seen_at) == (None, NOW)
    assert version.maximum_environment_lifetime == timedelta(days=7)
    assert version.maximum_environment_lifetime_strict
    assert Organization.objects.get().maximum_environment_lifetime == timedelta(days=7)


def test_a_change_lies_between_the_last_reading_of_the_old_and_the_first_of_the_new_version():
    read(NOW, archiveEnvironmentsAfter="259200s")
    assert read(NOW + HOUR, archiveEnvironmentsAfter="259200s") is None
    version = read(NOW + 2 * HOUR, archiveEnvironmentsAfter="432000s")
    assert version is not None
    assert (version.old_seen_at, version.seen_at) == (NOW + HOUR, NOW + 2 * HOUR)
    assert PolicyVersion.objects.count() == 2
    assert Organization.objects.get().policies_seen_at == NOW + 2 * HOUR


def test_a_policy_without_a_column_is_a_change_too():
    read(NOW, membersRequireProjects=True)
    version = read(NOW + HOUR, membersRequireProjects=False)
    assert version is not None
    assert version.policies == {"membersRequireProjects": False}
