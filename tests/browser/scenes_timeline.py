"""Scenes of the timeline of one environment and of its versions. See `scenes`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page

from environments.models import Environment, Field, Phase, Sighting, SpecificationVersion, SyncRun, Transition
from tests.support import operations

if TYPE_CHECKING:
    from tests.browser.scenes import Scene

MINUTE = timedelta(minutes=1)
LIVED = timedelta(hours=5)
# minutes ago, what it is about, and the values before and after
STORY: tuple[tuple[int, Field, str, str], ...] = (
    (280, Field.PHASE, Phase.CREATING, Phase.STARTING),
    (280, Field.MACHINE, "PHASE_CREATING", "PHASE_STARTING"),
    (277, Field.MACHINE, "PHASE_STARTING", "PHASE_RUNNING"),
    (276, Field.CONTENT, "CONTENT_PHASE_INITIALIZING", "CONTENT_PHASE_READY"),
    (272, Field.DEVCONTAINER, "PHASE_CREATING", "PHASE_RUNNING"),
    (272, Field.SECRETS, "", "true"),
    (271, Field.AUTOMATIONS, "CONTENT_PHASE_INITIALIZING", "CONTENT_PHASE_READY"),
    (271, Field.PHASE, Phase.STARTING, Phase.RUNNING),
    (100, Field.LOCKDOWN, "2026-12-01T12:00:00.000000Z", "2026-12-24T12:00:00.000000Z"),
    (70, Field.DEVCONTAINER, "PHASE_RUNNING", "PHASE_FAILED"),
    (70, Field.FAILURE, "", "devcontainer: build failed: exit status 1 <script>alert(1)</script>"),
    (64, Field.DEVCONTAINER, "PHASE_FAILED", "PHASE_RUNNING"),
    (64, Field.FAILURE, "devcontainer: build failed", ""),
    (20, Field.SECRETS, "true", "false"),
    (9, Field.PHASE, Phase.RUNNING, Phase.STOPPING),
    (6, Field.MACHINE, "PHASE_RUNNING", "PHASE_STOPPED"),
    (5, Field.PHASE, Phase.STOPPING, Phase.STOPPED),
)
OUTAGE = range(130, 175)  # minutes ago


def timelines(scene: type[Scene]) -> Iterator[Scene]:
    """A morning with a failure and an outage: whole, in part, a state selected; versions; and one that is gone."""
    environment = Environment.objects.present().filter(name__startswith="<script>").order_by("id")[0]
    page, specification = lived(environment), reverse("environments:specification", args=[environment.pk])
    stopped = Transition.objects.filter(environment=environment, field=Field.PHASE).latest("id")
    edited = SpecificationVersion.objects.of(environment)[0]
    yield scene("timeline", page)
    yield scene("timeline-hour", f"{page}?zoom=hour", then=_in_words)
    yield scene("timeline-of-a-week", f"{page}?zoom=week&lane=devcontainer")
    yield scene("timeline-chosen", f"{page}?transition=e{stopped.pk}")
    yield scene("timeline-chosen-version", f"{page}?transition=v{edited.pk}")
    yield scene("timeline-chosen-first", f"{page}?transition=eenvironment")
    yield scene("timeline-searched", f"{page}?zoom=day&q=devcontainer+running")
    yield scene("timeline-searched-in-vain", f"{page}?zoom=day&q=%3Cscript%3Enowhere")
    yield scene("timeline-nothing-in-it", f"{page}?zoom=hour&to=2020-01-01T00:00:00Z")
    yield scene("specification", f"{specification}")
    yield scene("specification-never-seen", f"{specification}?from=1&to=999999")
    gone = Environment.objects.filter(gone_at__isnull=False)[0]
    yield scene("timeline-of-one-that-is-gone", reverse("environments:timeline", args=[gone.pk]))


def lived(environment: Environment) -> str:
    """Give an environment a past of five hours, swept every minute but for an outage; the address of its timeline."""
    now = timezone.now()
    Environment.objects.filter(pk=environment.pk).update(
        first_seen_at=now - LIVED, created_at=now - LIVED - 20 * MINUTE, changed_at=now
    )
    Sighting.objects.filter(environment=environment).update(seen_at=now)
    minutes = [number for number in range(int(LIVED / MINUTE) + 1) if number not in OUTAGE]
    SyncRun.objects.bulk_create(_run(now - number * MINUTE) for number in minutes)
    Transition.objects.filter(environment=environment).delete()
    Transition.objects.bulk_create(
        Transition(
            environment=environment, field=field, old=old, new=new, seen_at=now - number * MINUTE,
            old_seen_at=now - (number + 1) * MINUTE,
        )
        for number, field, old, new in STORY
    )  # fmt: skip
    _edited(environment, now)
    return reverse("environments:timeline", args=[environment.pk])


def _run(moment: datetime) -> SyncRun:
    return SyncRun(kind=SyncRun.Kind.ENVIRONMENTS, state="succeeded", started_at=moment, finished_at=moment)


def _edited(environment: Environment, now: datetime) -> None:
    """Versions more: the first, one from outside, one that somebody asked for here; and a stop after them."""
    newest = int(environment.spec_version)
    SpecificationVersion.objects.create(
        environment=environment, spec_version=newest - 100, spec=environment.spec, seen_at=now - LIVED
    )
    about: dict[str, Any] = {
        "target_id": environment.pk, "target_name": environment.name, "environment_id": environment.pk,
    }  # fmt: skip
    changes = ((120, {"admission": "ADMISSION_LEVEL_EVERYONE"}), (60, {"timeout": {"disconnected": "10800s"}}))
    spec = dict(environment.spec)
    for number, (minutes, change) in enumerate(changes, newest + 1):
        spec = spec | change
        SpecificationVersion.objects.create(
            environment=environment, spec_version=number, spec=spec, seen_at=now - minutes * MINUTE,
            old_seen_at=now - (minutes + 1) * MINUTE,
        )  # fmt: skip
    operations.operation(
        "environment.edit_timeout", ago=60 * MINUTE + timedelta(seconds=1), reason="The nightly build takes longer",
        before={"specVersion": str(newest + 1)}, after={"specVersion": str(newest + 2)}, **about,
    )  # fmt: skip
    operations.operation("environment.stop", ago=10 * MINUTE, reason="Nobody uses it", **about)


def _in_words(page: Page) -> None:
    page.locator(".tl-words summary").click()
