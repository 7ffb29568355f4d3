"""The log and the support bundle of an environment itself, handed on by the portal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from automations.logs import access
from environments.models import Environment
from portal.sandbox.logs import LogScript
from portal.sandbox.server import Sandbox, running
from portal.sandbox.world import World
from tests.browser import fleet
from tests.support import factories

pytestmark = pytest.mark.django_db
URLS = {"logs": "https://a--logs.env.acme.example/logs", "supportBundle": "https://a--ops.env.acme.example/b"}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    access.TOKENS.forget()
    with running(World(environments=20, seed=11)) as sandbox, fleet.connected(sandbox):
        sandbox.logs.warming = 0
        yield sandbox
    assert access.SLOTS.taken == 0
    access.TOKENS.forget()


def up(sandbox: Sandbox, **columns: Any) -> Environment:
    """One that runs in the sandbox, as a row of the portal with addresses that lead nowhere: they may have changed."""
    bodies = (entry.document() for entry in sandbox.world.environments.entries.values())
    document = next(body for body in bodies if body["status"].get("phase") == "ENVIRONMENT_PHASE_RUNNING")
    return factories.environment(**{"id": document["id"], "status": {"environmentUrls": URLS}} | columns)


def read(answer: Any) -> bytes:
    assert answer.status_code == 200, answer.content
    return b"".join(answer.streaming_content)


def test_the_log_of_an_environment_is_read_at_the_address_that_ona_reports_now(sandbox: Sandbox) -> None:
    made, client = up(sandbox), factories.client("Operator")
    page = client.get(f"/environments/{made.pk}/log/").content.decode()
    assert f'data-log="/environments/{made.pk}/log/stream"' in page
    assert "▶ devcontainer" in read(client.get(f"/environments/{made.pk}/log/stream")).decode()
    # a file is handed on as it is, whatever its bytes
    body = bytes(range(256)) * 40
    sandbox.logs.scripts[str(made.pk)] = LogScript(body)
    bundle = client.get(f"/environments/{made.pk}/support-bundle")
    assert bundle["Content-Type"] == "application/octet-stream"
    assert bundle["X-Content-Type-Options"] == "nosniff"
    assert bundle["Content-Disposition"].startswith('attachment; filename="')
    assert read(bundle) == body
    assert factories.client("Viewer").get(f"/environments/{made.pk}/log/stream").status_code == 403


def test_no_token_is_made_for_an_address_that_is_not_allowed(sandbox: Sandbox, settings: Any) -> None:
    made, client = up(sandbox), factories.client("Operator")
    sandbox.logs.origin = ""  # the sandbox's own addresses, of another host than the recorded ones
    for part in ("log/stream", "support-bundle"):
        answer = client.get(f"/environments/{made.pk}/{part}")
        assert answer.status_code == 502, part
        assert b"is not a host that logs may come from" in answer.content, part
    assert sandbox.requests["EnvironmentService/CreateEnvironmentLogsToken"] == 0


def test_what_has_no_machine_has_no_log_and_says_why(sandbox: Sandbox) -> None:
    made, client = up(sandbox, phase="ENVIRONMENT_PHASE_STOPPED"), factories.client("Operator")
    answer = client.get(f"/environments/{made.pk}/log/stream")
    assert (answer.status_code, b"which is stopped" in answer.content) == (404, True)
    assert b"which is stopped" in client.get(f"/environments/{made.pk}/log/").content
    assert sandbox.requests["EnvironmentService/GetEnvironment"] == 0
