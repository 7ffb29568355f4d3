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

from automations.models import ServicePhase
from automations.models import Transition as ServiceTransition
from environments.models import Environment, Field, SpecificationVersion, SyncRun, Transition
from tests.support import automation_factories, factories

MINUTE = timedelta(minutes=1)


def known_for(span: timedelta, **columns: Any) -> Environment:
    """An environment that was first observed so long ago and has been swept every minute since."""
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


def versions_of(environment: Environment, *minutes_ago: int) -> list[SpecificationVersion]:
    """Version 1, seen at the first look, and later ones, seen so many minutes ago; each with other ports."""
    now = timezone.now()
    moments = [environment.first_seen_at, *(now - minutes * MINUTE for minutes in minutes_ago)]
    return [
        SpecificationVersion.objects.create(
            environment=environment, spec_version=number, seen_at=at, old_seen_at=at - MINUTE if number > 1 else None,
            spec={"specVersion": str(number), "admission": "ADMISSION_LEVEL_OWNER_ONLY", "ports": [{"port": number}]},
        )
        for number, at in enumerate(moments, 1)
    ]  # fmt: skip


def chosen_in(text: str) -> str:
    return words(text).split(" Close ", 1)[1].split("Changes recorded", 1)[0]


def service_changed(environment: Environment, count: int) -> list[str]:
    """So many changes of a service, one a minute; the keys of their rows."""
    service = automation_factories.service(environment, first_seen_at=environment.first_seen_at)
    now = timezone.now().replace(microsecond=0)
    made = ServiceTransition.objects.bulk_create(
        ServiceTransition(
            kind="service", subject_id=service.pk, environment_id=environment.pk, field="phase",
            old=ServicePhase.RUNNING, new=ServicePhase.STOPPED,
            old_seen_at=now - (number + 1) * MINUTE, seen_at=now - number * MINUTE,
        )
        for number in range(count)
    )  # fmt: skip
    return [f"a{each.pk}" for each in made]
