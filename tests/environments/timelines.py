"""Environments with a past, and what their timelines say."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from environments.models import Environment, Field, SyncRun, Transition
from tests import factories

MINUTE = timedelta(minutes=1)


def known_for(span: timedelta, **columns: Any) -> Environment:
    """An environment that was first seen so long ago and has been swept every minute since."""
    now = timezone.now()
    made = factories.environment(**{"first_seen_at": now - span, "created_at": now - span - MINUTE} | columns)
    minutes = range(int(span / MINUTE) + 1)
    swept([made.first_seen_at + number * MINUTE for number in minutes])
    return made


def swept(moments: Sequence[datetime]) -> None:
    SyncRun.objects.bulk_create(
        SyncRun(kind="environments", state="succeeded", started_at=moment, finished_at=moment) for moment in moments
    )


def changed(environment: Environment, field: Field, old: str, new: str, *, minutes_ago: float) -> Transition:
    """A transition seen so many minutes ago, a minute after the look before."""
    seen_at = timezone.now() - timedelta(minutes=minutes_ago)
    return Transition.objects.create(
        environment=environment, field=field, old=old, new=new, old_seen_at=seen_at - MINUTE, seen_at=seen_at
    )


def page(client: Client, environment: Environment, **query: str) -> str:
    answer = client.get(reverse("environments:timeline", args=[environment.pk]), query)
    assert answer.status_code == 200
    return answer.content.decode()


def words(text: str) -> str:
    """The content of a page without tags and runs of blanks."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html.unescape(text[text.index('<main id="main"') :])))


def labels(text: str) -> list[str]:
    """What bars and marks are called."""
    return [html.unescape(label) for label in re.findall(r'aria-label="([A-Z][^"]+)"', text)]


def bars(text: str, lane: str) -> list[str]:
    return [label for label in labels(text) if label.startswith(f"{lane}: ")]
