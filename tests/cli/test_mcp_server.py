"""The MCP server, with the package's own client: its tools read and plan, and nothing else is ever sent."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import anyio
import httpx
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.urls import reverse
from django.utils import timezone
from mcp import Client
from portalctl.api import Api
from portalctl.main import mcp as command
from portalctl.mcp_server import NotSent, endpoints_of, reading_only, server_of

from automations.models import Batch
from portal.accounts.tokens import changes
from portal.ledger.models import Operation
from portal.lists.registry import API_ONLY, LISTS
from portal.sandbox.server import Sandbox
from portal.sandbox.world import World
from tests.api.documented import document
from tests.cli.wire import Losing
from tests.environments.actions.test_acting import known
from tests.support import factories
from tests.support.audits import swept

URL = "http://localhost"
HOSTILE = "../environments/0199c5a0-5d5b-7c5e-9d6b-3b1f0c2a4e11/actions/stop/?x=1#"


@pytest.fixture
def sandbox(connect: Callable[..., Any]) -> Iterator[Sandbox]:
    with connect(World(environments=3, seed=11)) as server:
        yield server


class Recording(Losing):
    """The portal in this process, with every request that reached it."""

    def __init__(self, sent: list[httpx.Request]) -> None:
        super().__init__()
        self._sent = sent

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """In a thread of the server's, which leaves its connection to the database to nobody."""
        self._sent.append(request)
        try:
            return super().handle_request(request)
        finally:
            connection.close()


def ask(api: Api, *calls: tuple[str, dict[str, Any]]) -> list[tuple[bool, Any]]:
    """What the tools answer: whether it is an error, and the text as JSON where it is some."""
    answers = []

    async def talk() -> None:
        async with Client(server_of(api, document())) as client:
            for name, arguments in calls:
                answer = await client.call_tool(name, arguments)
                answers.append((answer.is_error, _read(answer.content[0].text)))

    with ThreadPoolExecutor(1) as apart:  # a browser's tests leave a loop running in this thread
        apart.submit(anyio.run, talk).result()
    return answers


def _read(text: str) -> Any:
    return json.loads(text) if text.startswith("{") else text


@pytest.mark.django_db(transaction=True)
def test_an_assistant_reads_lists_now_and_then_and_plans_a_batch_that_a_person_starts(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    environment = known(sandbox)
    long_ago = timezone.now() - timedelta(days=9)
    factories.environment(name="old-otter", first_seen_at=long_ago, created_at=long_ago)
    swept(timezone.now() - timedelta(days=2), timezone.now() - timedelta(hours=25))
    owner = User.objects.create_superuser("root")
    _, secret = changes.create_token(owner=owner, actor=owner, name="mcp", role="Operator", days=1, is_read_only=True)
    assert secret is not None
    sent: list[httpx.Request] = []
    api = Api(URL, secret.reveal(), guard=reading_only(URL), transport=Recording(sent), sleep=lambda _: None)
    before = Operation.objects.count()
    yesterday = f"{timezone.now() - timedelta(days=1):%Y-%m-%dT%H:%MZ}"
    first = {"phase": ["running"], "fields": "name", "page_size": 1, "sort": "name"}
    with caplog.at_level(logging.DEBUG):
        listed, then, one, wrong, unknown, planned, failed = ask(
            api,
            ("environments_list_list", first),
            ("environments_list_list", {"as_of": yesterday, "fields": "name"}),
            ("environments_list_read", {"id": str(environment.pk)}),
            ("environments_list_list", {"phase": ["flying"]}),
            ("environments_list_list", {"phse": ["running"]}),
            ("batch_plan", {"action": "environment.stop", "query": "phase=running"}),
            ("environment_stop", {"environment_id": str(environment.pk), "reason": "x"}),
        )  # fmt: skip
    assert len(listed[1]["results"]) == 1
    following = first | {"cursor": listed[1]["next"]}
    ((is_error, more),) = ask(api, ("environments_list_list", following))
    assert not is_error
    assert more["results"] != listed[1]["results"]
    assert then == (False, {**then[1], "results": [{"name": "old-otter"}]})
    assert not one[0], one
    assert one[1]["id"] == str(environment.pk)
    assert (wrong[0], wrong[1]["errors"][0]["parameter"]) == (True, "phase")
    assert unknown == (True, "There are no arguments phse.")
    assert len(planned[1]["environments"]) == 2
    assert planned[1]["page"].startswith(f"http://testserver{reverse('automations:batch-new')}?action=environment.stop")
    assert failed == (True, "There is no tool environment_stop.")
    assert (Operation.objects.count(), Batch.objects.exists()) == (before, False)
    assert {request.method for request in sent} == {"GET", "POST"}
    assert secret.reveal() not in caplog.text


def test_no_tool_sends_anything_but_get_and_the_plan() -> None:
    sent: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={"results": []})

    api = Api(URL, "portal_x", guard=reading_only(URL), transport=httpx.MockTransport(handle))
    endpoints = endpoints_of(document())
    ask(api, *((name, dict.fromkeys(each.properties, HOSTILE)) for name, each in endpoints.items()))
    assert len(sent) == len(endpoints)
    posted = [request.url.path for request in sent if request.method != "GET"]
    assert posted == ["/api/v1/batches/actions/plan/"]
    for method, path in (
        ("POST", "batches/actions/start/"), ("POST", "batches/actions/plan/?x=1"), ("PUT", "batches/actions/plan/"),
        ("POST", "environments/1/actions/stop/"), ("DELETE", "environments/1/"), ("PATCH", "environments/1/"),
    ):  # fmt: skip
        with pytest.raises(NotSent), api.reading(method, path):
            pass
    assert len(sent) == len(endpoints)


def test_every_list_has_its_tool_and_every_tool_says_that_it_reads() -> None:
    endpoints = endpoints_of(document())
    found = {f"{each.page_url.replace(':', '_').replace('-', '_')}_list" for each in (LISTS | API_ONLY).values()}
    assert found <= set(endpoints)
    assert not [name for name in endpoints if "export" in name or name.endswith("_log")]
    assert all(each.tool(name).annotations.read_only_hint for name, each in endpoints.items())  # type: ignore[union-attr]


def test_without_a_portal_it_ends_with_a_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    for url, token, status in (("", "portal_canary", 2), ("http://example.com", "portal_canary", 2),
                               ("http://127.0.0.1:9", "portal_canary", 4), (URL, "", 2)):  # fmt: skip
        monkeypatch.setenv("PORTAL_URL", url)
        monkeypatch.setenv("PORTAL_TOKEN", token)
        with pytest.raises(SystemExit) as ended:
            command()
        assert ended.value.code == status, url
    said = capsys.readouterr()
    assert "PORTAL_URL" in said.err
    assert "portal_canary" not in said.out + said.err
