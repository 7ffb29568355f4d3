"""Lists that its pages repeat, or come from a proxy: the run of every kind fails, says so, and deletes nothing."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

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


FAULTS = {"circling": "its pages repeat", "html404": "The address did not answer like Ona."}


def test_a_broken_list_fails_the_run_of_every_kind_and_deletes_nothing(sandbox: Sandbox) -> None:
    for job in (sync_directory, sync_environments, sync_secrets, all_automations):
        job(ona())
    present = {table: table.objects.present().count() for table in TABLES}
    assert all(present.values())
    client = factories.client()
    for (rpc, job), (fault, words) in product(JOBS.items(), FAULTS.items()):
        sandbox.faults.clear()
        sandbox.faults.inject(fault, times=10_000, rpc=rpc)
        run, case = job(ona()), (rpc, fault)
        assert run is not None
        assert (run.state, run.gone) == (SyncRun.State.FAILED, 0), (case, run.error)
        assert words in run.error, case
        assert run.requests < 60, case
        page = client.get(reverse("sync"), {"kind": run.kind}).content.decode()
        assert words in page, case
    assert {table: table.objects.present().count() for table in TABLES} == present
