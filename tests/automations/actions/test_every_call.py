"""Every call of EnvironmentAutomationService is reached from a page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from gitpod.v1 import environment_automation_pb2

from automations.models import Service, Task, TaskExecution
from automations.sync.observe import sync_automations
from portal.directory.connection import ona
from portal.sandbox.server import Sandbox
from portal.sandbox.world import World
from tests.automations.environment_tab import tab
from tests.automations.environment_tab.tab import made, send, url
from tests.support import factories

SERVICE = "EnvironmentAutomationService"
FILE = "tasks:\n  docs:\n    name: Docs\n    command: make docs\n"
pytestmark = pytest.mark.django_db


def test_every_call_is_reached_from_a_page(connect: Callable[..., Any]) -> None:
    with connect(World(environments=2, seed=11)) as sandbox:
        tour(sandbox)
        methods = environment_automation_pb2.DESCRIPTOR.services_by_name[SERVICE].methods
        assert len(methods) == 17
        assert [method.name for method in methods if not sandbox.requests[f"{SERVICE}/{method.name}"]] == []


def tour(sandbox: Sandbox) -> None:
    """What an admin does on the tab of one environment, and on the page of an execution."""
    admin, environment = factories.client("Admin"), tab.environment(sandbox)
    why = {"reason": "to see it work"}
    assert tab.saved(send(admin, tab.new("service", environment), reference="db", name="Db", start="run", **why))
    database: Service = made(Service, "db")
    assert tab.saved(send(admin, url("edit", database), name="Database", **why))
    for verb in ("start", "stop"):
        assert tab.saved(send(admin, url(verb, database), **why))
        sandbox.world.advance(timedelta(minutes=5))
    assert tab.saved(send(admin, url("delete", database), **why))
    assert tab.saved(send(admin, tab.new("task", environment), reference="build", name="Build", command="make", **why))
    build: Task = made(Task, "build")
    assert tab.saved(send(admin, url("edit", build), command="make all", **why))
    assert tab.saved(send(admin, url("start", build)))
    stop = reverse("automations:execution-stop", args=[TaskExecution.objects.get().pk])
    assert send(admin, stop, **why).status_code == 302
    assert tab.saved(send(admin, url("delete", build), **why))
    file = reverse("automations:file", args=[environment.pk])
    preview = send(admin, file, text=FILE, check="1")
    assert send(admin, file, preview, apply="1", **why).status_code == 302
    sync_automations(ona(), everything=True)
