"""What is shown of a bar or a mark that was selected in a timeline."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from automations.models import Service
from environments.models import Field, Phase, SpecificationVersion, Transition
from environments.timeline.transitions_source import STATES
from tests.environments.timeline.timelines import (
    MINUTE,
    changed,
    chosen_in,
    known_for,
    page,
    service_changed,
    versions_of,
    words,
)
from tests.support import automation_factories, factories, operations

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer() -> Client:
    return factories.client()


def test_a_bar_leads_to_what_changed_field_by_field_and_to_what_was_asked_for_shortly_before(viewer: Client) -> None:
    environment = known_for(timedelta(minutes=50), phase=Phase.STOPPED, machine_phase="PHASE_STOPPED")
    changed(environment, Field.MACHINE, "PHASE_RUNNING", "PHASE_STOPPED", minutes_ago=4)
    row = changed(environment, Field.PHASE, Phase.RUNNING, Phase.STOPPED, minutes_ago=3)
    together = Transition.objects.create(
        environment=environment, field=Field.FAILURE, old="", new="out of memory", seen_at=row.seen_at,
        old_seen_at=row.old_seen_at,
    )  # fmt: skip
    operations.operation("environment.stop", environment_id=environment.pk, reason="cost")
    text = page(viewer, environment)
    address = re.search(rf'href="([^"]*transition=e{row.pk}#chosen)"', text)
    assert address
    chosen = words(
        viewer.get(reverse("environments:timeline", args=[environment.pk]) + html.unescape(address[1])).content.decode()
    )
    assert "Environment became stopped" in chosen
    assert "phase changed running stopped" in chosen
    assert "failure added absent out of memory" in chosen
    assert "machine unchanged stopped stopped" in chosen
    assert "Stop environment , ann" in chosen
    assert words(page(viewer, environment, transition=f"e{together.pk}")).count("out of memory") >= 2


def test_a_bar_shows_the_specification_before_and_after_it_field_by_field(viewer: Client) -> None:
    environment = known_for(timedelta(minutes=50))
    row = changed(environment, Field.PHASE, Phase.RUNNING, Phase.STOPPED, minutes_ago=20)
    versions_of(environment, 30)
    SpecificationVersion.objects.create(
        environment=environment, spec_version=3, spec={"specVersion": "3", "ports": [{"port": 9}]}, seen_at=row.seen_at,
        old_seen_at=row.old_seen_at,
    )  # fmt: skip
    text = page(viewer, environment, transition=f"e{row.pk}")
    chosen = chosen_in(text)
    assert "Specification version 2 before, version 3 after" in chosen
    assert "spec.admission removed owner only absent" in chosen
    assert "spec.ports[2].port removed 2 absent" in chosen
    assert "spec.ports[9].port added absent 9" in chosen
    assert "specVersion" not in chosen
    assert f'{reverse("environments:specification", args=[environment.pk])}?from=2&amp;to=3"' in text
    assert "The rest of Ona's status and metadata of then is not stored." in chosen


def test_a_bar_without_a_new_version_shows_the_one_that_held_then_and_leads_to_it(viewer: Client) -> None:
    environment = known_for(timedelta(minutes=50))
    _, second, _ = versions_of(environment, 30, 10)
    row = changed(environment, Field.PHASE, Phase.RUNNING, Phase.STOPPED, minutes_ago=20)
    text = page(viewer, environment, transition=f"e{row.pk}")
    assert "Specification version 2, before and after" in chosen_in(text)
    assert "spec.ports[2].port unchanged 2 2" in chosen_in(text)
    assert f"transition=v{second.pk}#chosen" in text


def test_a_bar_of_the_time_before_versions_were_kept_says_so(viewer: Client) -> None:
    environment = known_for(timedelta(minutes=50))
    row = changed(environment, Field.PHASE, Phase.RUNNING, Phase.STOPPED, minutes_ago=20)
    chosen = chosen_in(page(viewer, environment, transition=f"e{row.pk}"))
    assert "No version of it was seen by then" in chosen
    assert "spec." not in chosen
    SpecificationVersion.objects.create(environment=environment, spec_version=7, spec={"a": "b"}, seen_at=row.seen_at)
    chosen = chosen_in(page(viewer, environment, transition=f"e{row.pk}"))
    assert "Specification version 7, the first recorded" in chosen
    assert "spec.a" not in chosen, "it is not known to have come then"


@pytest.mark.parametrize(
    ("lane", "title"),
    [("Environment", "Environment as first observed: stopped"), ("Secrets", "Secrets as first observed: in sync")],
)
def test_what_was_seen_first_is_opened_too_and_shows_everything_seen_then(
    viewer: Client, lane: str, title: str
) -> None:
    environment = known_for(timedelta(minutes=50), phase=Phase.RUNNING, secrets_in_sync=True)
    versions_of(environment, 30)
    changed(environment, Field.PHASE, Phase.STOPPED, Phase.RUNNING, minutes_ago=20)
    text = page(viewer, environment)
    address = re.search(rf'id="bar-e{lane.lower()}-\d+" class="tl-link" href="([^"]+)"', text)
    assert address
    text = viewer.get(
        reverse("environments:timeline", args=[environment.pk]) + html.unescape(address[1])
    ).content.decode()
    chosen = chosen_in(text)
    assert title in words(text)
    assert "; nothing was observed before. When it began is unknown." in chosen
    assert "phase stopped " in chosen
    assert "secrets true " in chosen
    assert "spec.ports[1].port 1 " in chosen
    assert "Specification version 1 " in chosen
    assert "The specification then: 2 fields" in chosen
    assert "added" not in chosen
    assert text.count('aria-current="true"><title>') == 1, "one bar of all that began with it"


def test_every_state_of_an_environment_that_never_changed_can_be_opened(viewer: Client) -> None:
    environment = known_for(timedelta(minutes=50), created_at=None, last_started_at=None, active_at=None)
    automation_factories.service(environment, first_seen_at=environment.first_seen_at)
    text = page(viewer, environment)
    assert len(set(re.findall(r'id="(bar-[^"]+)" class="tl-link"', text))) == len(STATES) + 1
    assert '<g role="img"' not in text


def test_the_first_state_of_a_service_shows_what_was_seen_then(viewer: Client) -> None:
    environment = known_for(timedelta(minutes=50))
    service_changed(environment, 3)
    service = Service.objects.get()
    text = page(viewer, environment, transition=f"a{service.pk}")
    assert "Service Web as first observed: running" in words(text)
    assert "phase running " in chosen_in(text)
    other = known_for(timedelta(minutes=50))
    assert "as first observed" not in words(page(viewer, other, transition=f"a{service.pk}"))


def test_the_first_version_shows_the_whole_of_it(viewer: Client) -> None:
    environment = known_for(timedelta(minutes=50))
    (first,) = versions_of(environment)
    chosen = chosen_in(page(viewer, environment, transition=f"v{first.pk}"))
    assert "Specification version 1, the first recorded" in words(page(viewer, environment, transition=f"v{first.pk}"))
    assert "admission owner only" in chosen


def test_a_version_leads_to_its_difference_from_the_one_before(viewer: Client) -> None:
    environment, now = known_for(timedelta(minutes=50)), timezone.now()
    for number, minutes in ((1, 40), (2, 20)):
        SpecificationVersion.objects.create(
            environment=environment, spec_version=number, spec={"timeout": {"disconnected": f"{number * 1800}s"}},
            seen_at=now - minutes * MINUTE, old_seen_at=now - (minutes + 1) * MINUTE,
        )  # fmt: skip
    newest = SpecificationVersion.objects.get(spec_version=2)
    text = words(page(viewer, environment, transition=f"v{newest.pk}"))
    assert "Specification version 2, compared with version 1" in text
    assert "timeout.disconnected changed 1800s" in text
    assert "Made outside the portal" in text


def test_a_bar_of_a_service_opens_what_changed_with_it(viewer: Client) -> None:
    environment = known_for(timedelta(minutes=50))
    (key,) = service_changed(environment, 1)
    text = page(viewer, environment, zoom="hour")
    assert f"transition={key}#chosen" in text
    chosen = words(page(viewer, environment, transition=key))
    assert "Service Web became stopped" in chosen
    assert "phase changed running stopped" in chosen
