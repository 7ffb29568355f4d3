"""The figures of the overview, the running time and the forecasts of the audits over the REST API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from environments.models.overview import RunningTime
from environments.overview.refresh import refresh_parts
from tests.api.documented import check
from tests.environments.audit.audit_pages import DAY, some
from tests.support import audits, factories

pytestmark = pytest.mark.django_db


def get(client: Client, address: str, status: int = 200) -> Any:
    answer = client.get(f"/api/v1/{address}")
    check(answer)
    assert answer.status_code == status, answer.content
    return answer.json()


def wrong(client: Client, address: str) -> list[str]:
    return [each["parameter"] for each in get(client, address, 400)["errors"]]


def test_the_overview_has_the_figures_of_its_page_and_the_queries_behind_them() -> None:
    client = factories.client()
    empty = get(client, "overview/")
    assert (empty["at"], empty["figures"], empty["chart"]) == (None, [], None)
    some()
    refresh_parts(timezone.now())
    told = get(client, "overview/?period=day&by=project")
    counts = {each["name"]: each["count"] for each in told["figures"]}
    assert (counts["total"], counts["archived"]) == (10, 2)
    assert {each["name"] for each in told["attention"]} >= {"failing", "past-running"}
    for each in told["figures"]:
        found = get(client, f"environments/?count=true&{each['query']}")
        assert found["count"] == each["count"], each["name"]
        assert each["before"] == {"yesterday": None, "last week": None}
    assert len(told["chart"]["slots"]) == 24
    assert {each["kind"] for each in told["freshness"]} >= {"environments", "directory"}
    assert wrong(client, "overview/?period=year&phse=x") == ["phse", "period"]


def test_running_time_is_told_by_day_of_all_or_of_one() -> None:
    client, today = factories.client(), timezone.now().date()
    owner = "0199c5a0-5d5b-7c5e-9d6b-3b1f0c2a4e11"
    for key, dimension, seconds in ((owner, "owner", 60), ("", "owner", 30), ("", "observed", 3600)):
        RunningTime.objects.create(day=today, key=key, dimension=dimension, seconds=seconds)
    for query, seconds in (("", 90), (f"?owner={owner}", 60), ("?owner=none", 30)):
        told = get(client, f"running-time/{query}")
        assert (told["seconds"], told["observed_seconds"]) == (seconds, 3600), query
        assert told["days"] == [{"day": str(today), "seconds": seconds, "observed_seconds": 3600}], query
    assert wrong(client, "running-time/?owner=ann") == ["owner"]
    assert wrong(client, f"running-time/?owner={owner}&class=none&onwer=x") == ["class", "onwer"]


def test_an_audit_is_told_in_figures_and_by_day_now_and_then() -> None:
    client = factories.client()
    audits.policies(archive=7, delete=14)
    some()
    audits.swept(timezone.now() - 3 * DAY, timezone.now())
    told = get(client, "audit/lockdown/forecast/")
    figures = {each["status"]: each["count"] for each in told["statuses"]}
    assert sum(figures.values()) == sum(1 for _ in get(client, "audit/lockdown/?page_size=100")["results"]) + 1  # gone
    assert len(told["forecast"]) == 30
    assert sum(day["locked down"] for day in told["forecast"]) == 3
    assert get(client, "audit/lockdown/forecast/?q=soon")["forecast"][3]["locked down"] == 1
    assert get(client, "audit/archive/forecast/")["policy"]
    then = (timezone.now() - DAY).strftime("%Y-%m-%dT%H:%MZ")
    assert (
        get(client, f"audit/archive/forecast/?as_of={then}")["at"] < (timezone.now() - timedelta(hours=23)).isoformat()
    )
    assert set(wrong(client, "audit/archive/forecast/?sort=when&status=due&phse=y")) == {"sort", "status"}
