"""Ona's own audit log, kept beside the ledger: all of it, once, however the reading went."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configured
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.utils import timezone

from environments.models import SyncRun
from environments.sync import audit_log
from environments.sync.audit_log import OVERLAP, sync_audit_logs
from environments.sync.freshness import freshness
from environments.sync.job import exclusive_lock
from environments.tasks import sync_audit_logs as task
from portal.celery import app
from portal.ledger.models import AuditLog, AuditLogGap, Operation
from portal.ona import OnaClient
from portal.sandbox.access import MEMBER
from portal.sandbox.conditions import Condition
from portal.sandbox.faults import PROFILES
from portal.sandbox.server import TOKEN, Sandbox, running
from portal.sandbox.world import World
from tests.support import factories
from tests.support.history import lived

pytestmark = pytest.mark.django_db
GOOD, FAILED, REFUSED = SyncRun.State.SUCCEEDED, SyncRun.State.FAILED, SyncRun.State.REFUSED
KIND = SyncRun.Kind.AUDIT_LOGS
ROOT = Path(__file__).parents[3]
ANN = {"id": str(uuid.UUID(int=0xA11)), "principal": "PRINCIPAL_USER"}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """An organization in which somebody did 250 things within the last hours."""
    world = World(environments=1, seed=3)
    for number in range(250):
        note(world, f"deed {number}", timedelta(minutes=250 - number))
    with running(world) as server:
        yield server


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[OnaClient]:
    with OnaClient(sandbox.token, sandbox.base_url, requests_per_second=1000.0, attempts=1) as ona:
        yield ona


def note(world: World, action: str, ago: timedelta = timedelta(0)) -> None:
    """Something that Ann did to an environment, and that the log tells only now."""
    at = world.instant - round(ago.total_seconds() * 1_000_000)
    world.audit.note(at, ANN, "ENVIRONMENT", str(uuid.uuid4()), action)


def read(client: OnaClient, **options: Any) -> SyncRun:
    run = sync_audit_logs(client, **options)
    assert run is not None
    return run


def assert_kept(world: World) -> None:
    """The table holds exactly what Ona's log holds, as it came."""
    told = [world.audit.document(entry) for entry in world.audit.entries]
    kept = {str(entry.pk): entry for entry in AuditLog.objects.all()}
    assert set(kept) == {document["id"] for document in told}
    for document in told:
        entry = kept[document["id"]]
        assert entry.document == {name: value for name, value in document.items() if value}
        assert entry.at == datetime.fromisoformat(document["createdAt"])
        assert (entry.action, str(entry.actor_id)) == (document["action"], document["actorId"])
        assert (str(entry.subject_id), entry.subject_type) == (document["subjectId"], document["subjectType"])


def test_the_first_run_stores_the_whole_log_and_later_runs_what_is_new(sandbox: Sandbox, client: OnaClient) -> None:
    first = read(client)
    assert (first.state, first.pages, first.listed, first.changed) == (GOOD, 3, 250, 250)
    assert_kept(sandbox.world)
    assert not AuditLogGap.objects.exists()
    note(sandbox.world, "news")
    second = read(client)
    assert (second.pages, second.changed) == (1, 1)
    assert second.listed < 20, "from a little before the newest entry, not from the beginning"
    assert_kept(sandbox.world)


def test_reading_again_changes_nothing(client: OnaClient) -> None:
    read(client)
    before = list(AuditLog.objects.order_by("id").values())
    assert read(client).changed == 0
    assert list(AuditLog.objects.order_by("id").values()) == before


def test_an_entry_logged_later_than_it_is_dated_is_not_missed(sandbox: Sandbox, client: OnaClient) -> None:
    note(sandbox.world, "in time")
    read(client)
    note(sandbox.world, "late", OVERLAP - timedelta(minutes=1))
    assert read(client).changed == 1
    assert_kept(sandbox.world)


def test_a_log_out_of_order_is_stored_completely(sandbox: Sandbox, client: OnaClient) -> None:
    for number in range(150):
        note(sandbox.world, f"mixed {number}", timedelta(minutes=(number * 37) % 500))
    for _ in range(20):
        if not (read(client, max_pages=2) and AuditLogGap.objects.exists()):
            break
        read(client)
    assert_kept(sandbox.world)


def test_a_long_log_is_read_in_several_runs_newest_first(sandbox: Sandbox, client: OnaClient) -> None:
    assert read(client, max_pages=1).changed == 100
    assert set(AuditLog.objects.values_list("action", flat=True)) == {f"deed {number}" for number in range(150, 250)}
    note(sandbox.world, "meanwhile")
    assert AuditLogGap.objects.count() == 1
    read(client, max_pages=2)
    assert AuditLog.objects.filter(action="meanwhile").exists(), "what is new comes before what is old"
    for _ in range(3):
        read(client, max_pages=2)
    assert not AuditLogGap.objects.exists()
    assert_kept(sandbox.world)


def test_entries_of_the_same_instant_are_not_lost_between_runs(sandbox: Sandbox, client: OnaClient) -> None:
    for number in range(120):
        note(sandbox.world, f"at once {number}")
    read(client, max_pages=1)
    for _ in range(3):
        read(client, max_pages=5)
    assert_kept(sandbox.world)


def test_after_a_failure_in_the_middle_the_next_run_continues(sandbox: Sandbox, client: OnaClient) -> None:
    read(client, max_pages=1)
    sandbox.faults.inject("error500", times=1, rpc="ListAuditLogs")
    run = read(client)
    assert (run.state, run.error_code) == (FAILED, "internal")
    assert freshness(KIND)[0].failure is not None
    assert read(client).state == GOOD
    assert_kept(sandbox.world)


@pytest.mark.parametrize("profile", [name for name in PROFILES if name not in ("none", "deadstream", "slow")])
def test_faults_lose_no_entry(sandbox: Sandbox, profile: str) -> None:
    with (
        running(sandbox.world, faults=profile) as bad,
        OnaClient(bad.token, bad.base_url, requests_per_second=1000.0, timeout=1.0, attempts=2) as client,
    ):
        bad.faults.slow_seconds = 0.1
        for _ in range(40):
            if read(client).state == GOOD and not AuditLogGap.objects.exists():
                break
        assert bad.faults.injected
    assert_kept(sandbox.world)


@pytest.mark.django_db(transaction=True)
def test_a_process_killed_in_the_middle_loses_nothing(sandbox: Sandbox, client: OnaClient) -> None:
    victim = subprocess.run(
        [sys.executable, "-m", "tests.environments.audit.audit_victim"],
        cwd=ROOT, check=False, capture_output=True,
        env=os.environ | {
            "DJANGO_SETTINGS_MODULE": "portal.settings", "VICTIM_DATABASE": connection.settings_dict["NAME"],
            "VICTIM_URL": sandbox.base_url, "VICTIM_TOKEN": sandbox.token,
        },
    )  # fmt: skip
    assert victim.returncode == -9, victim.stderr.decode()
    assert 0 < AuditLog.objects.count() < 250
    note(sandbox.world, "after it")
    assert read(client).state == GOOD
    assert_kept(sandbox.world)
    dead = SyncRun.objects.filter(kind=KIND).order_by("id")[0]
    assert (dead.state, dead.error_code) == (FAILED, "interrupted")


@pytest.mark.django_db(transaction=True)
def test_only_one_run_reads_the_log_at_a_time(client: OnaClient) -> None:
    with exclusive_lock(KIND):
        assert sync_audit_logs(client) is None


def test_a_token_without_permission_makes_a_refused_run_and_no_failure(sandbox: Sandbox) -> None:
    with OnaClient(sandbox.token + MEMBER, sandbox.base_url, attempts=1) as member:
        run = read(member)
    assert (run.state, run.error_code) == (REFUSED, "permission_denied")
    (state,) = freshness(KIND)
    assert (state.failure, state.state, state.advice) == (None, "refused", "")
    page = factories.client().get("/sync/").content.decode()
    assert "The token may not read Ona&#x27;s audit log" in page
    assert "Give it more rights at Ona" not in page


def test_once_the_token_is_permitted_the_whole_log_is_read(sandbox: Sandbox, client: OnaClient) -> None:
    with OnaClient(sandbox.token + MEMBER, sandbox.base_url, attempts=1) as member:
        read(member)
    assert not AuditLog.objects.exists()
    assert read(client).state == GOOD
    assert_kept(sandbox.world)
    assert freshness(KIND)[0].state == "fresh"


def test_an_empty_log_is_a_successful_run(connect: Any) -> None:
    with connect(World(environments=0, seed=1)) as empty, OnaClient(empty.token, empty.base_url) as client:
        for _ in range(2):
            assert read(client).state == GOOD
    assert (AuditLog.objects.count(), AuditLogGap.objects.count()) == (0, 0)


def test_entries_of_the_portals_own_account_are_marked(sandbox: Sandbox, client: OnaClient) -> None:
    identifier = sandbox.world.add_environment(Condition())
    client.stop_environment(identifier)
    read(client)
    assert AuditLog.objects.get(is_own=True).subject_id == uuid.UUID(identifier)


def test_texts_that_postgres_cannot_store_are_replaced(sandbox: Sandbox, client: OnaClient) -> None:
    note(sandbox.world, "a\0b")
    read(client)
    entry = AuditLog.objects.newest_first()[0]
    assert (entry.action, entry.document["action"]) == ("a\ufffdb", "a\ufffdb")


def test_a_month_of_the_sandbox_log_is_stored_unchanged() -> None:
    world = lived(60)
    with running(world) as server, OnaClient(TOKEN, server.base_url, requests_per_second=1000.0) as client:
        assert read(client).state == GOOD
    assert_kept(world)
    assert AuditLog.objects.count() > 500


def test_the_scheduler_reads_it_every_minute_and_reading_costs_no_operation(connect: Any) -> None:
    entry = app.conf.beat_schedule["audit logs"]
    assert (entry["task"], entry["schedule"]) == (task.name, configured.AUDIT_LOG_SECONDS)
    with connect(World(environments=0, seed=1)):
        task()
    assert SyncRun.objects.get(kind=KIND).state == GOOD
    assert not Operation.objects.exists()
    assert audit_log.MAX_PAGES * 100 == 10_000


def test_commands_read_and_explain_the_log(connect: Any) -> None:
    world = World(environments=0, seed=1)
    note(world, "by hand")
    with connect(world) as server:
        told = StringIO()
        call_command("sync_audit_logs", stdout=told)
        assert "1 entries listed" in told.getvalue()
        call_command("check_ona", stdout=told)
        assert re.search(r"ok .*audit log: 1", told.getvalue())
    with connect(world, server.token + MEMBER):
        call_command("check_ona", stdout=told)
        assert "What is done outside the portal has no name here." in told.getvalue()
        with pytest.raises(CommandError, match="may not read Ona's audit log"):
            call_command("sync_audit_logs")


def test_a_newest_entry_in_the_future_is_ignored(sandbox: Sandbox, client: OnaClient) -> None:
    now = timezone.now()
    AuditLog.objects.create(id=uuid.uuid4(), at=datetime(2999, 1, 1, tzinfo=UTC), kept_at=now)
    read(client)
    assert AuditLog.objects.filter(at__lte=now).count() == 250
