"""Pages that lead in a circle: the run of every kind ends, fails, says so, and marks nothing as deleted."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.urls import reverse

from automations.models import Service, Task, TaskExecution
from automations.sync.observe import sync_automations
from environments.models import Environment, Secret, SyncRun
from environments.secrets.sync import sync_secrets
from environments.sync.audit_log import sync_audit_logs
from environments.sync.directory import sync_directory
from environments.sync.full_listing import sync_environments
from portal.directory.connection import ona
from portal.directory.models import EnvironmentClass, Member, Project, Runner
from portal.ona import OnaClient
from portal.sandbox.server import Sandbox
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)


def all_automations(client: OnaClient) -> SyncRun | None:
    return sync_automations(client, everything=True)


def running_automations(client: OnaClient) -> SyncRun | None:
    return sync_automations(client, everything=False)


JOBS: dict[str, Callable[[OnaClient], SyncRun | None]] = {
    "ListEnvironments": sync_environments,
    "ListMembers": sync_directory,
    "ListProjects": sync_directory,
    "ListRunners": sync_directory,
    "ListEnvironmentClasses": sync_directory,
    "ListSecrets": sync_secrets,
    "ListServices": all_automations,
    "ListTasks": running_automations,
    "ListTaskExecutions": all_automations,
    "ListAuditLogs": sync_audit_logs,
}
TABLES = (Environment, Secret, Member, Project, Runner, EnvironmentClass, Service, Task, TaskExecution)


def test_a_circle_fails_the_run_of_every_list_and_deletes_nothing(sandbox: Sandbox) -> None:
    for job in (sync_directory, sync_environments, sync_secrets, all_automations):
        job(ona())
    present = {table: table.objects.present().count() for table in TABLES}
    assert all(present.values())
    client = factories.client()
    for rpc, job in JOBS.items():
        sandbox.faults.clear()
        sandbox.faults.inject("circling", times=10_000, rpc=rpc)
        run = job(ona())
        assert run is not None
        assert (run.state, run.gone) == (SyncRun.State.FAILED, 0), (rpc, run.error)
        assert "lead in a circle" in run.error, rpc
        assert rpc in run.error, rpc
        assert run.requests < 60, rpc
        page = client.get(reverse("sync"), {"kind": run.kind}).content.decode()
        assert "lead in a circle" in page, rpc
    assert {table: table.objects.present().count() for table in TABLES} == present
