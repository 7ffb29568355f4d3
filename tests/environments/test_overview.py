"""The counts of the fleet."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from environments.models import Phase
from environments.state import read_state
from tests import factories

pytestmark = pytest.mark.django_db


def fleet() -> None:
    now = timezone.now()
    factories.environment(phase=Phase.RUNNING, failure="boom", spec_version=3, runner_spec_version=2)
    factories.environment(phase=Phase.STOPPED, archived_at=now, unpushed_commits=2, changed_files=0)
    factories.environment(phase=Phase.STOPPED, lockdown_at=now - timedelta(hours=1))
    factories.environment(phase=Phase.RUNNING, lockdown_at=now + timedelta(hours=3), open_to_everyone=True)
    factories.environment(phase=Phase.RUNNING, lockdown_at=now + timedelta(days=3), timeout=timedelta(0))
    factories.environment(phase="ENVIRONMENT_PHASE_NEWER")
    factories.environment(phase=Phase.RUNNING, gone_at=now, failure="boom")


def figures() -> dict[str, tuple[int, str]]:
    """Counts and addresses by their words."""
    text = factories.client().get(reverse("overview")).content.decode()
    found = re.findall(r'class="env-figure[^"]*"\s+href="([^"]*)">(.*?)</a>', text, re.S)
    read = {}
    for address, inside in found:
        count, *words = re.sub(r"<[^>]+>", " ", inside).split()
        read[" ".join(words)] = (int(count), address.replace("&amp;", "&"))
    return read


def test_the_questions_are_counted_without_those_gone() -> None:
    fleet()
    assert {words: count for words, (count, _) in figures().items()} == {
        "in all": 6,
        "running": 3,
        "stopped": 2,
        "ENVIRONMENT_PHASE_NEWER": 1,
        "failing": 1,
        "locked down": 1,
        "locked down within 24 hours": 1,
        "locked down within 7 days": 2,
        "with unpushed work": 1,
        "open to everyone": 1,
        "never stop": 1,
        "not in sync": 1,
        "archived": 1,
    }


def test_every_count_leads_to_the_list_of_what_it_counts() -> None:
    fleet()
    for words, (count, address) in figures().items():
        parts = urlsplit(address)
        assert parts.path == reverse("environments:list")
        state = read_state(QueryDict(parts.query))
        assert state.problems == (), words
        assert state.filters.qs.count() == count, words
        assert parse_qs(parts.query).keys() <= {"q"}


def test_before_the_first_sweep_it_says_so() -> None:
    text = factories.client().get(reverse("overview")).content.decode()
    assert "The first sweep has not ended yet" in text


def test_it_costs_the_same_number_of_queries_whatever_there_is() -> None:
    client, counts = factories.client(), []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            assert client.get(reverse("overview")).status_code == 200
        counts.append(len(queries))
        fleet()
    assert counts[0] == counts[1] <= 10


def test_those_without_a_role_are_refused() -> None:
    assert factories.client("").get(reverse("overview")).status_code == 403
