"""Rows of the lists that the REST API alone has."""

from __future__ import annotations

import uuid
from typing import Any

from django.utils import timezone

from environments.models import Environment, SpecificationVersion, Transition
from portal.directory.models import Organization, PolicyVersion
from portal.lists.registry import API_ONLY
from tests.support import automation_factories, factories


def make(name: str, environment: Environment) -> Any:
    """A row of the list of this name; of `environment`, if it is of one."""
    now = timezone.now()
    seen = {"first_seen_at": now, "seen_at": now}
    match name:
        case "environment-services":
            return automation_factories.service(environment)
        case "environment-tasks":
            return automation_factories.task(environment)
        case "environment-specification-versions":
            return SpecificationVersion.objects.create(
                environment=environment, spec_version=1, spec={"ports": []}, seen_at=now
            )
        case "environment-transitions":
            return Transition.objects.create(environment=environment, field="phase", seen_at=now)
        case "saved-views":
            return factories.saved_view(name)
        case "policy-versions":
            owner = Organization.objects.create(id=uuid.uuid4(), name="Acme", **seen)
            return PolicyVersion.objects.create(organization=owner, seen_at=now, policies={"max": 1})
    return API_ONLY[name].model._default_manager.create(id=uuid.uuid4(), name=f"one of {name}", **seen)
