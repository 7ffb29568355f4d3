"""The timeline of an environment as a file: the rows of its list."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from environments.models import Environment, Field, Phase
from environments.timeline import list as timeline_list
from environments.timeline import query as timeline_query
from environments.timeline.operations_source import OPERATIONS
from environments.timeline.transitions_source import TRANSITIONS
from tests.environments.timeline.timelines import MINUTE, changed, known_for, page
from tests.support import factories, operations
from tests.support.audit_entries import entry
from tests.support.exports import read, taken

pytestmark = pytest.mark.django_db


@pytest.fixture
def auditor() -> Client:
    return factories.client("Auditor")


def address(environment: Environment, query: str = "zoom=all") -> str:
    return f"{reverse('environments:timeline-export', args=[environment.pk])}?{query}"


def lived() -> Environment:
    """One that started half an hour ago, was stopped by somebody, and was touched at Ona."""
    environment = known_for(timedelta(minutes=50))
    changed(environment, Field.PHASE, Phase.STARTING, Phase.RUNNING, minutes_ago=30)
    changed(environment, Field.FAILURE, "", "=no space left", minutes_ago=20)
    operations.operation("environment.stop", environment_id=environment.pk, reason="cost", ago=10 * MINUTE)
    entry(subject_id=environment.pk, ago=5 * MINUTE)
    return environment


def test_rows_are_those_of_the_list_in_its_order_with_who_and_why(auditor: Client) -> None:
    environment = lived()
    file = read(auditor, address(environment))
    listed = page(auditor, environment, zoom="all").split("Happened between", 1)[1]
    shown = [" ".join(text.split()) for text in re.findall(r'<td><a href="[^"]+"><bdi>([^<]+)</bdi>', listed)]
    assert [what[0].upper() + what[1:] for what in file.column("what")] == shown
    assert len(shown) == 4
    first = file.rows[-1]
    assert (first["lane"], first["old"], first["new"]) == ("environment", "starting", "running")
    assert first["old_seen_at"] < first["seen_at"]
    asked = next(row for row in file.rows if row["lane"] == "operations")
    assert (asked["who"], asked["why"]) == ("ann", "cost")


def test_the_head_says_whose_and_of_which_period_and_lane(auditor: Client) -> None:
    environment = lived()
    file = read(auditor, address(environment, "zoom=hour&lane=environment"))
    assert file.column("lane") == ["environment"] * 2
    assert file.head["filters"] == ["Lane: Environment"]
    assert (file.head["environment_id"], file.head["rows"]) == (str(environment.pk), 2)
    assert file.head["from"] < file.head["until"]
    assert file.head["observation"]["gaps_looked_for_since"] == file.head["from"]


def test_the_words_that_are_looked_for_narrow_the_file(auditor: Client) -> None:
    environment = lived()
    file = read(auditor, address(environment, "zoom=all&q=cost"))
    assert file.column("why") == ["cost"]
    assert (file.head["filters"], file.head["rows"]) == (["cost"], 1)


def test_what_a_spreadsheet_would_calculate_is_text(auditor: Client) -> None:
    assert b",'=no space left," in taken(auditor, address(lived()), "csv")


@pytest.mark.parametrize("size", [1, 2, 7, 30, 31])
def test_pieces_of_any_size_hold_each_row_once(size: int) -> None:
    environment = known_for(timedelta(minutes=50))
    for number in range(15):
        changed(environment, Field.PHASE, "", str(number), minutes_ago=20)
        operations.operation("environment.stop", environment_id=environment.pk, ago=20 * MINUTE)
    view = timeline_query.read_view(QueryDict("zoom=all"), environment, timezone.now())
    found = [
        row.key
        for piece in timeline_list.read_entries(environment, view, [TRANSITIONS, OPERATIONS], size)
        for row in piece
    ]
    assert len(found) == len(set(found)) == 30


def test_what_a_person_may_not_see_is_not_in_their_file() -> None:
    auditor = factories.user("Auditor")
    client, environment = Client(), lived()
    client.force_login(auditor)
    assert "operations" in read(client, address(environment)).column("lane")
    auditor.groups.clear()
    auditor.user_permissions.set(
        Permission.objects.filter(codename__in=["view_environment", "export_environment", "view_transition"])
    )
    assert set(read(client, address(environment)).column("lane")) == {"environment"}


def test_the_number_of_queries_does_not_grow_with_the_rows(auditor: Client) -> None:
    def queries(environment: Environment) -> int:
        with CaptureQueriesContext(connection) as captured:
            taken(auditor, address(environment), "json")
        return len(captured)

    few, many = lived(), lived()
    for number in range(60):
        changed(many, Field.PHASE, str(number), str(number + 1), minutes_ago=number / 2)
    assert queries(many) == queries(few)


def test_a_query_that_is_understood_by_half_is_refused(auditor: Client) -> None:
    environment = lived()
    good = "zoom=day&to=2026-01-31T18:00:00Z&lane=operations&q=stop"
    assert taken(auditor, address(environment, good), "csv")
    for bad in ("zoom=bogus", "to=garbage", "lane=bogus", "zom=day", "before=x", f"q={'a' * 201}"):
        answer = auditor.get(address(environment, f"{bad}&format=csv"))
        assert answer.status_code == 400, bad
        assert bad.partition("=")[0] in answer.content.decode(), bad
    changes = reverse("audit:lockdown-changes-export")
    for bad in ("status=bogus", "sort=bogus", "group=bogus", "phse=running"):
        assert auditor.get(f"{changes}?{bad}&format=csv").status_code == 400, bad
