"""A timeline of thousands of changes."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from environments.models import Environment, Field, Transition
from tests.environments.timeline.timelines import MINUTE, page, swept
from tests.support import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer() -> Client:
    return factories.client()


def busy(transitions: int) -> Environment:
    """A week with so many transitions, evenly spread over all that has a lane."""
    now = timezone.now()
    environment = factories.environment(first_seen_at=now - timedelta(days=6.9), created_at=now - timedelta(days=8))
    span = timedelta(days=6.9)
    swept([now - span * (n / 9936) for n in range(9937)])
    fields = [field for field in Field if field not in (Field.GONE, Field.ARCHIVED, Field.LOCKDOWN)]
    Transition.objects.bulk_create(
        Transition(
            environment=environment, field=fields[n % len(fields)], old=_value(fields[n % len(fields)], n),
            new=_value(fields[n % len(fields)], n + 1),
            seen_at=now - span * ((transitions - n) / transitions),
            old_seen_at=now - span * ((transitions - n) / transitions) - MINUTE,
        )
        for n in range(transitions)
    )  # fmt: skip
    return environment


def _value(field: Field, n: int) -> str:
    return str(n % 2 == 0).lower() if field == Field.SECRETS else f"PHASE_{n % 5}"


def test_5000_transitions_take_as_many_queries_as_5(viewer: Client) -> None:
    few, many = busy(5), busy(5000)
    for query in ({"zoom": "week"}, {"zoom": "all"}, {"zoom": "hour"}, {"lane": "machine"}, {"q": "machine"}):
        counts = []
        for environment in (few, many):
            chosen = Transition.objects.filter(environment=environment).latest("seen_at")
            with CaptureQueriesContext(connection) as queries:
                page(viewer, environment, transition=f"e{chosen.pk}", **query)
            counts.append(len(queries))
        assert counts[0] == counts[1] <= 45, query


def test_5000_transitions_are_drawn_with_no_more_shapes_than_can_be_told_apart(viewer: Client) -> None:
    environment = busy(5000)
    text = page(viewer, environment, zoom="week")
    assert 200 < text.count("<rect") < 2500
    began = time.process_time()
    page(viewer, environment, zoom="week")
    assert time.process_time() - began < 0.5  # a tenth of a second where nothing else is going on
