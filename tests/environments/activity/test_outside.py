"""What Ona's audit log says of changes made outside the portal: in timelines, of specifications, and of lockdowns."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from environments.activity import attribution
from environments.audit import lockdown_history
from environments.models import Environment, Field, SpecificationVersion, Transition
from environments.sync.audit_log import sync_audit_logs
from environments.timeline import specification_versions
from portal.ledger.models import AuditLog
from portal.ona import OnaClient
from portal.sandbox.server import TOKEN, running
from portal.sandbox.world import World
from tests.support import factories, operations
from tests.support.audit_entries import entry, own, person
from tests.support.history import lived, replay

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def viewer() -> Client:
    return factories.client()


@pytest.fixture
def otter() -> Environment:
    return factories.environment(name="calm-otter")


def get(client: Client, name: str, environment: Environment, **query: str) -> str:
    answer = client.get(reverse(f"environments:{name}", args=[environment.pk]), query)
    assert answer.status_code == 200
    return answer.content.decode()


def text(page: str) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page[page.index('<main id="main"') :])))


def version(environment: Environment, number: int, *, between: tuple[int, int] | None) -> SpecificationVersion:
    """A version that was seen so many minutes ago, after a look so many minutes ago."""
    now = timezone.now()
    after, by = between or (60, 60)
    return SpecificationVersion.objects.create(
        environment=environment,
        spec_version=number,
        spec={"specVersion": str(number), "timeout": {"disconnected": f"{number}00s"}},
        old_seen_at=now - after * MINUTE if between else None,
        seen_at=now - by * MINUTE,
    )


def moved(environment: Environment, *, old: str, new: str, between: tuple[int, int] = (20, 10)) -> Transition:
    now = timezone.now()
    return Transition.objects.create(
        environment=environment, field=Field.LOCKDOWN, old=old, new=new,
        old_seen_at=now - between[0] * MINUTE, seen_at=now - between[1] * MINUTE,
    )  # fmt: skip


def test_the_timeline_shows_what_was_done_outside_the_portal_and_by_whom(viewer: Client, otter: Environment) -> None:
    ann = person("Ann Lee")
    entry("stop environment", actor_id=ann.pk, subject_id=otter.pk, ago=10 * MINUTE)
    entry("stop environment", actor_id=ann.pk, ago=10 * MINUTE)  # another's
    page = get(viewer, "timeline", otter)
    assert text(page).count("Stop environment, by Ann Lee, outside the portal") >= 1
    assert "Outside the portal" in text(get(viewer, "timeline", otter, lane="outside"))
    assert f"{reverse('operations:stream')}?environment={otter.pk}" in page
    assert text(get(viewer, "timeline", otter, lane="outside")).count("Stop environment") >= 1


def test_what_is_an_operations_own_is_not_shown_a_second_time(viewer: Client, otter: Environment) -> None:
    asked = operations.operation(target_id=otter.pk, environment_id=otter.pk)
    own("stop environment", subject_id=otter.pk, at=asked.sent_at, operation_id=asked.pk)
    assert "outside the portal" not in text(get(viewer, "timeline", otter, lane="outside"))


def test_what_the_portals_own_account_did_is_not_called_outside(viewer: Client, otter: Environment) -> None:
    own("create environment logs token", subject_id=otter.pk)
    shown = text(get(viewer, "timeline", otter, lane="outside"))
    assert "by the account of the portal's own token, with no matching operation (Ona's audit log)" in shown


def test_the_list_of_the_timeline_pages_across_entries(viewer: Client, otter: Environment) -> None:
    Environment.objects.filter(pk=otter.pk).update(first_seen_at=timezone.now() - timedelta(days=3))
    told = {f"deed {number}" for number in range(70)}
    for number in range(70):
        entry(f"deed {number}", subject_id=otter.pk, ago=(number + 1) * MINUTE)
    page = get(viewer, "timeline", otter, zoom="all")
    older = re.search(r'href="(\?[^"]*before=[^"]*)"', page)
    assert older
    rest = viewer.get(reverse("environments:timeline", args=[otter.pk]) + unescape(older[1])).content.decode()
    listed = [set(re.findall(r"<bdi>Deed (\d+)</bdi>", each)) for each in (page, rest)]
    assert not listed[0] & listed[1]
    assert {f"deed {number}" for number in listed[0] | listed[1]} == told


def test_hostile_words_stay_words(viewer: Client, otter: Environment) -> None:
    evil = "<script>alert(1)</script>"
    entry(evil, actor_id=person(evil).pk, subject_id=otter.pk)
    version(otter, 1, between=None)
    version(otter, 2, between=(20, 1))
    for page in (get(viewer, "timeline", otter), get(viewer, "specification", otter)):
        assert evil not in page
        assert "&lt;script&gt;" in page.lower()


def test_a_version_from_outside_gets_the_name_that_onas_log_has_for_it(viewer: Client, otter: Environment) -> None:
    version(otter, 1, between=None)
    version(otter, 2, between=(20, 10))
    entry("update environment: spec.timeout", actor_id=person("Ann Lee").pk, subject_id=otter.pk, ago=15 * MINUTE)
    newest, first = specification_versions.list_versions(otter, 10)[0]
    assert newest.origin.words == "outside the portal, probably by Ann Lee (Ona's audit log)"
    assert first.origin.words == specification_versions.FIRST
    assert "Outside the portal, probably by Ann Lee" in text(get(viewer, "specification", otter))
    assert "probably by Ann Lee" in text(get(viewer, "timeline", otter))


@pytest.mark.parametrize(
    ("action", "minutes_ago", "columns"),
    [
        ("update environment: metadata.name", 15, {}),
        ("mark environment active", 15, {}),
        ("create environment access token", 15, {"kind": attribution.CREDENTIAL}),
        ("update environment: spec.timeout", 30, {}),
        ("update environment: spec.timeout", 5, {}),
        ("update environment: spec.timeout", 15, {"subject_id": UUID(int=1)}),
        ("update environment: spec.timeout", 15, {"operation_id": UUID(int=1)}),
    ],
)
def test_what_cannot_have_made_a_version_gives_it_no_name(
    otter: Environment, action: str, minutes_ago: int, columns: dict[str, Any]
) -> None:
    version(otter, 1, between=None)
    version(otter, 2, between=(20, 10))
    entry(action, **{"subject_id": otter.pk, "ago": minutes_ago * MINUTE} | columns)
    assert specification_versions.list_versions(otter, 10)[0][0].origin.words == specification_versions.OUTSIDE


def test_of_several_who_may_have_made_it_all_are_named(otter: Environment) -> None:
    version(otter, 1, between=None)
    version(otter, 2, between=(20, 10))
    for name in ("Ann Lee", "Bo Ek"):
        entry("update environment: spec.ports", actor_id=person(name).pk, subject_id=otter.pk, ago=15 * MINUTE)
    words = specification_versions.list_versions(otter, 10)[0][0].origin.words
    assert re.fullmatch(
        r"outside the portal, perhaps by (Ann Lee or Bo Ek|Bo Ek or Ann Lee) \(Ona's audit log\)", words
    )


def test_who_moved_or_cleared_a_lockdown_outside_gets_a_name(otter: Environment) -> None:
    moved(otter, old="2026-01-01T00:00:00Z", new="2027-01-01T00:00:00Z", between=(60, 50))
    moved(otter, old="2027-01-01T00:00:00Z", new="")
    ann = person("Ann Lee")
    entry("update environment: metadata.lockdownAt", actor_id=ann.pk, subject_id=otter.pk, ago=15 * MINUTE)
    entry("stop environment", actor_id=person("Bo Ek").pk, subject_id=otter.pk, ago=55 * MINUTE)
    found, _ = lockdown_history.changes(Environment.objects.all(), timezone.now())
    assert [each.who for each in found] == [
        f"{lockdown_history.OUTSIDE}, probably by Ann Lee (Ona's audit log)",
        lockdown_history.OUTSIDE,
    ]
    cleared = lockdown_history.newest([otter.pk], timezone.now())[otter.pk]
    assert cleared.what == "cleared"
    assert cleared.who == f"{lockdown_history.OUTSIDE}, probably by Ann Lee (Ona's audit log)"


@pytest.mark.parametrize(
    ("action", "lockdown", "specification"),
    [
        ("update environment: metadata.lockdownAt", True, False),
        ("update environment: metadata.name, spec.timeout", False, True),
        ("environment updated", True, True),
        ("EnvironmentLockdownCleared", True, True),
        ("start environment", False, True),
        ("", False, True),
        ("unarchive environment", False, True),
    ],
)
def test_words_of_the_log_tell_what_they_may_have_changed(action: str, lockdown: bool, specification: bool) -> None:
    told = entry(action)
    assert attribution.changes_lockdown(told) is lockdown
    assert AuditLog.objects.filter(attribution.LOCKDOWNS).exists() >= lockdown
    assert attribution.changes_specification(told) is specification


def test_versions_of_a_past_are_named_by_those_who_made_them_and_by_nobody_else() -> None:
    world = lived(20, 8)
    replay(world, every=timedelta(minutes=10))
    with running(world) as server, OnaClient(TOKEN, server.base_url, requests_per_second=1000.0) as client:
        sync_audit_logs(client)
    assert AuditLog.objects.count() == len(world.audit.entries)
    told = 0
    for environment in Environment.objects.all():
        for each in specification_versions.list_versions(environment, 100)[0]:
            if each.row.old_seen_at is None:
                continue
            actors = may_have_made(world, environment.pk, each.row.old_seen_at, each.row.seen_at)
            assert set(re.findall(r"[0-9a-f-]{36}", each.origin.words)) == actors
            told += bool(actors)
    assert told > 20


def may_have_made(world: World, environment_id: UUID, after: datetime, by: datetime) -> set[str]:
    """Who, by the stand-in's own log, did something to an environment's specification between two looks."""
    return {
        entry.actor
        for entry in world.audit.entries
        if entry.subject == str(environment_id)
        and "metadata." not in entry.action
        and after - attribution.SKEW <= datetime.fromtimestamp(entry.at / 1e6, UTC) <= by + attribution.SKEW
    }
