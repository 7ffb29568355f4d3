"""The page of the sync."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from environments.models import SyncRun
from environments.sync.freshness import freshness
from tests.support import factories

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
GOOD, FAILED, SKIPPED = SyncRun.State.SUCCEEDED, SyncRun.State.FAILED, SyncRun.State.SKIPPED
SWEEP = SyncRun.Kind.ENVIRONMENTS


def run(minutes_ago: float = 0, state: str = GOOD, kind: str = SWEEP, **columns: Any) -> SyncRun:
    started = timezone.now() - timedelta(minutes=minutes_ago)
    finished = None if state == SyncRun.State.RUNNING else started + timedelta(seconds=2)
    return SyncRun.objects.create(
        **{"kind": kind, "state": state, "started_at": started, "finished_at": finished} | columns
    )


def get(client: Client | None = None, **query: str) -> str:
    response = (client or factories.client()).get(reverse("sync"), query)
    assert response.status_code == 200
    return response.content.decode()


def main(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text[text.index('<main id="main"') :]))


def sweeps() -> Any:
    return freshness(SWEEP)[0]


def test_data_that_was_never_read_is_not_called_current() -> None:
    assert (sweeps().state, sweeps().age) == ("never", None)
    assert "never read" in main(get())
    assert "No run yet" in main(get())


def test_a_successful_run_makes_only_its_own_kind_current() -> None:
    run(kind=SyncRun.Kind.DIRECTORY)
    states = {kind.kind: kind.state for kind in freshness()}
    assert states.pop(SyncRun.Kind.DIRECTORY) == "fresh"
    assert set(states.values()) == {"never"}


def test_data_is_late_when_two_runs_are_overdue(settings: Any) -> None:
    run(minutes_ago=(2 * settings.SWEEP_SECONDS + 20) / 60)
    assert not sweeps().late
    SyncRun.objects.update(started_at=timezone.now() - timedelta(seconds=2 * settings.SWEEP_SECONDS + 40))
    assert sweeps().late


def test_a_failure_is_shown_with_advice() -> None:
    run(minutes_ago=30)
    run(
        minutes_ago=1,
        state=FAILED,
        error_code="unauthenticated",
        error="the token is <b>expired</b>",
        request_id="r-17",
    )
    text = main(get())
    assert "Ona rejects the token (wrong, expired or revoked). Set ONA_API_KEY" in text
    assert "the token is &lt;b&gt;expired&lt;/b&gt;" in text
    assert "r-17" in text


def test_an_unknown_failure_has_advice_too() -> None:
    run(state=FAILED, error_code="never_seen_before", error="what?")
    assert "check_ona" in sweeps().advice


def test_a_failure_followed_by_a_successful_run_is_not_shown() -> None:
    run(minutes_ago=2, state=FAILED, error_code="unavailable")
    run(minutes_ago=1)
    assert sweeps().failure is None


def test_running_and_skipped_runs_do_not_hide_a_failure() -> None:
    run(minutes_ago=3, state=FAILED, error_code="unavailable")
    run(minutes_ago=2, state=SKIPPED)
    run(minutes_ago=1, state=SyncRun.State.RUNNING)
    assert sweeps().failure is not None


def test_a_run_shows_everything_it_counted() -> None:
    names = ["pages", "requests", "retries", "listed", "changed", "transitions", "malformed", "missing", "gone"]
    run(**{name: 1_000 + i for i, name in enumerate(names)})
    text = main(get())
    assert [f"1,00{i}" in text for i in range(len(names))] == [True] * len(names)
    assert "2 s" in text


def test_runs_are_listed_newest_first_by_kind() -> None:
    for i in range(70):
        run(minutes_ago=70 - i, request_id=f"run-{i:02}", error_code="x", state=FAILED)
        run(minutes_ago=70 - i, kind=SyncRun.Kind.DIRECTORY)
    shown = re.findall(r"<code>(run-\d\d)</code>", get(kind=SWEEP))
    assert shown == [f"run-{i:02}" for i in range(69, 19, -1)]


def poll_of(text: str) -> str:
    (address,) = re.findall(r'hx-get="([^"]+)"\s+hx-trigger="news"', text)
    return address.replace("&amp;", "&")


def test_a_poll_answers_204_until_a_run_begins_or_ends() -> None:
    going, client = run(state=SyncRun.State.RUNNING), factories.client()
    address = poll_of(page := get(client))
    assert "data-since" in page, "how long it runs already"
    assert client.get(address, headers=HTMX).status_code == 204
    SyncRun.objects.filter(pk=going.pk).update(state=GOOD, finished_at=timezone.now())
    answer = client.get(address, headers=HTMX)
    assert answer.status_code == 200
    assert "<html" not in answer.content.decode()


def test_a_poll_brings_what_is_a_minute_older_although_nothing_ran() -> None:
    run(minutes_ago=1.5)
    client = factories.client()
    address = poll_of(get(client))
    with time_machine.travel(timezone.now() + timedelta(seconds=20)):
        assert client.get(address, headers=HTMX).status_code == 204
    with time_machine.travel(timezone.now() + timedelta(seconds=40)):
        text = client.get(address, headers=HTMX).content.decode()
    assert "2 min ago" in text.split("Data freshness", 1)[1].split("Runs", 1)[0]


def test_the_page_costs_the_same_number_of_queries_whatever_is_on_it() -> None:
    client = factories.client()
    counts = []
    run()
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            get(client)
        counts.append(len(queries))
        for i in range(60):
            run(minutes_ago=i, state=FAILED)
    assert counts[0] == counts[1] <= 16


def test_people_without_a_role_are_refused() -> None:
    assert factories.client("").get(reverse("sync")).status_code == 403
