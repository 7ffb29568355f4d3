"""Ona's audit log names tasks, runs and services by id: the stream tells their names and where they are."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from environments.models import Environment
from tests.support import automation_factories as made
from tests.support import factories
from tests.support.audit_entries import entry

pytestmark = pytest.mark.django_db


@pytest.fixture
def otter() -> Environment:
    return factories.environment(name="calm-otter")


def shown(subject: Any, kind: str) -> str:
    entry("start it", subject_id=subject.pk, subject_type=f"RESOURCE_TYPE_{kind}")
    return factories.client().get(reverse("operations:stream")).content.decode()


def test_a_task_and_a_service_are_told_by_name_or_reference_with_their_environment(otter: Environment) -> None:
    assert "Build all in calm-otter" in shown(made.task(otter, name="Build all"), "TASK")
    assert "lint in calm-otter" in shown(made.task(otter, "lint", name=""), "TASK")
    assert "Web server in calm-otter" in shown(made.service(otter, name="Web server"), "SERVICE")


def test_a_run_is_told_by_the_name_of_its_task(otter: Environment) -> None:
    run = made.execution(made.task(otter, "build", name="Build all"))
    assert "Build all in calm-otter" in shown(run, "TASK_EXECUTION")
