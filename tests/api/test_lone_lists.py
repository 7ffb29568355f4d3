"""The lists that the REST API alone has: the directory, and what belongs to one environment."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.api.listing import address_of
from portal.directory.models import Member
from portal.lists.registry import API_ONLY
from tests.api import lone
from tests.api.documented import check
from tests.support import factories

pytestmark = pytest.mark.django_db


def test_their_rows_are_listed_and_told_one_by_one() -> None:
    client, environment, other = factories.client("Viewer"), factories.environment(), factories.environment()
    for name, listing in API_ONLY.items():
        row = lone.make(name, environment)
        url = f"/api/v1/{address_of(listing)}".replace("<uuid:environment_id>", str(environment.pk))
        with CaptureQueriesContext(connection) as captured:
            answer = client.get(url)
        check(answer)
        (listed,) = answer.json()["results"]
        assert len(captured) < 10, name
        assert listed["id"] == (row.pk if isinstance(row.pk, int) else str(row.pk)), name
        answer = client.get(f"{url}{row.pk}/")
        check(answer)
        found = answer.json()
        assert listed == {key: found[key] for key in listed}, name
        assert client.get(f"{url}?phse=x").status_code == 400, name
        assert factories.client("").get(url).status_code == 403, name
        if "environment_id" in address_of(listing):
            assert client.get(url.replace(str(environment.pk), str(other.pk))).json()["results"] == [], name
            assert client.get(f"{url.replace(str(environment.pk), str(other.pk))}{row.pk}/").status_code == 404, name
            assert client.get(url.replace(str(environment.pk), str(uuid.uuid4()))).status_code == 404, name


def test_the_directory_is_searched_by_name_and_leaves_out_what_is_deleted() -> None:
    client, now = factories.client("Viewer"), timezone.now()
    seen: dict[str, Any] = {"first_seen_at": now, "seen_at": now}
    Member.objects.create(id=uuid.uuid4(), name="Ann Lee", role="ORGANIZATION_ROLE_ADMIN", **seen)
    Member.objects.create(id=uuid.uuid4(), name="Ann Gone", gone_at=now, **seen)
    Member.objects.create(id=uuid.uuid4(), name="Bo", **seen)
    (ann,) = client.get("/api/v1/members/?q=ANN").json()["results"]
    assert (ann["name"], ann["role"]) == ("Ann Lee", "organization_role_admin")
    assert [each["name"] for each in client.get("/api/v1/members/?gone=only").json()["results"]] == ["Ann Gone"]
