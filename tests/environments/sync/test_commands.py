from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings

from environments.management.sync_command import IN_PROGRESS
from environments.models import Environment, SyncRun
from environments.sync.job import SYNCING
from environments.tasks import sync_environments
from portal.directory import connection as ona_connection
from portal.sandbox.server import Sandbox, running
from portal.sandbox.world import World

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sandbox(settings: Settings) -> Iterator[Sandbox]:
    with running(World(environments=40, seed=10)) as server:
        settings.ONA_API_KEY, settings.ONA_BASE_URL = server.token, server.base_url
        ona_connection._client.cache_clear()
        yield server
    ona_connection._client.cache_clear()


def run(command: str, *arguments: str) -> str:
    out = StringIO()
    call_command(command, *arguments, stdout=out)
    return out.getvalue()


def test_each_sync_command_reports_what_it_did(sandbox: Sandbox) -> None:
    assert "entries listed" in run("sync_directory")
    assert run("sync_environments").startswith("40 environments listed")
    assert "automations listed" in run("sync_automations")
    assert "automations listed" in run("sync_automations", "--running")
    assert Environment.objects.count() == 40


def test_a_failed_sync_ends_with_the_reason(sandbox: Sandbox) -> None:
    sandbox.faults.inject("error503", times=50, rpc="ListEnvironments")
    with pytest.raises(CommandError, match="unavailable"):
        run("sync_environments")


def test_a_second_sync_of_the_kind_does_not_start(sandbox: Sandbox) -> None:
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute("SELECT pg_advisory_lock(%s, hashtext('environments'))", [SYNCING])
        with pytest.raises(CommandError, match="in progress") as refused:
            run("sync_environments")
    assert refused.value.returncode == IN_PROGRESS
    assert not SyncRun.objects.exists()


def test_an_invalid_base_url_is_a_failed_run(settings: Settings) -> None:
    settings.ONA_BASE_URL = "http://ona.example/api"
    ona_connection._client.cache_clear()
    sync_environments()
    failed = SyncRun.objects.get()
    assert (failed.state, failed.error_code) == (SyncRun.State.FAILED, "configuration")
    assert "https" in failed.error
    ona_connection._client.cache_clear()


def test_check_ona_explains_the_token(sandbox: Sandbox) -> None:
    told = run("check_ona")
    assert "environments: 40, archived ones included" in told
    assert sandbox.token not in told


def test_check_ona_fails_if_the_portal_cannot_work(sandbox: Sandbox, settings: Settings) -> None:
    settings.ONA_API_KEY = "wrong"
    ona_connection._client.cache_clear()
    with pytest.raises(CommandError, match="cannot work with this token"):
        run("check_ona")


def test_the_readme_gives_check_ona_its_token_and_names_whose_token_can_write(settings: Settings) -> None:
    connecting = Path(settings.BASE_DIR, "README.md").read_text().partition("manage check_ona`")
    assert connecting[0].endswith("`ONA_API_KEY=… .venv/bin/python -m portal.local ")
    assert "use the personal access token of an" in connecting[0]
    assert "says so if it is a service account's" in connecting[2][:200]
