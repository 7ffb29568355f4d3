"""News for open pages: another token after any change, nothing for those who may not see it, and hardly any cost."""

from __future__ import annotations

import http.client
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.db import OperationalError, connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.task import ThreadedTaskDispatcher

from automations.models import Service, TaskExecution
from environments.models import Environment, Phase, SyncRun
from environments.models.overview import OverviewPart
from environments.sync import looked_at
from portal import server as web
from portal.ledger.models import Outcome
from portal.lists.registry import LISTS
from portal.live import shortcut, tokens
from portal.live.topics import TOPICS
from tests.support import automation_factories, factories
from tests.support.operations import operation

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(tokens, "LOOK_SECONDS", 0.0)
    tokens.tokens._allowed.clear()
    yield
    looked_at._broker().delete(looked_at.KEY)


def ask(client: Client, about: str, seen: str = "") -> tuple[int, str]:
    answer = client.get("/live/", {"about": about, "seen": seen})
    return answer.status_code, answer.content.decode()


def test_every_page_gets_another_token_after_any_change_of_what_it_shows() -> None:
    viewer, environment = factories.client(), factories.environment(phase=Phase.RUNNING)
    service, task = automation_factories.service(environment), automation_factories.task(environment)
    execution = automation_factories.execution(task)
    asked = operation(environment_id=environment.pk, is_open=True)
    now, of_environment, of_execution = timezone.now(), f"environment/{environment.pk}", f"execution/{execution.pk}"
    changes: dict[str, tuple[tuple[str, ...], Callable[[], Any]]] = {
        "a row": (
            ("environments:list", of_environment),
            lambda: Environment.objects.filter(pk=environment.pk).update(changed_at=timezone.now()),
        ),
        "an operation": (
            ("operations:list", of_environment, "overview"),
            lambda: type(asked).objects.filter(pk=asked.pk).update(outcome=Outcome.UNKNOWN),
        ),
        "a service": (
            (of_environment,),
            lambda: Service.objects.filter(pk=service.pk).update(changed_at=timezone.now()),
        ),
        "an execution": (
            (of_environment, of_execution, "automations:list"),
            lambda: TaskExecution.objects.filter(pk=execution.pk).update(changed_at=timezone.now()),
        ),
        "figures": (("overview",), lambda: OverviewPart.objects.create(name="counts", at=now, data={})),
        "a sync": (
            ("overview", "sync"),
            lambda: SyncRun.objects.create(kind="environments", state="failed", started_at=now, finished_at=now),
        ),
    }
    for what, (topics, change) in changes.items():
        before = {about: ask(viewer, about)[1] for about in topics}
        assert {ask(viewer, about, token) for about, token in before.items()} == {(204, "")}, what
        change()
        for about, token in before.items():
            status, now_told = ask(viewer, about, token)
            assert (status, now_told != token) == (200, True), f"{what}: {about}"
    assert {str(environment.pk), looked_at.OVERVIEW} <= set(looked_at.names()), "the watcher knows what is looked at"


def test_every_list_that_has_news_can_be_asked_and_others_cannot() -> None:
    viewer = factories.client("Admin")
    for name, listing in LISTS.items():
        expected = 200 if listing.change_token and not listing.poll_seconds else 404
        assert ask(viewer, name)[0] == expected, name
    for about in ("", "nothing", "environment/x", f"execution/{uuid.uuid4()}"):
        assert ask(viewer, about)[0] == 404, about
    assert {ask(factories.client(""), about)[0] for about in ("overview", "environment/x")} == {403}


def test_a_page_whose_permissions_were_checked_lately_is_answered_before_django_and_without_queries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    viewer, about = factories.client(), "environments:list"
    began: list[str] = []

    def answer(seen: str, cookie: str) -> tuple[bool, str]:
        """Whether Django was not asked, and the status."""
        environ = RequestFactory(headers={"Cookie": cookie}).get("/live/", {"about": about, "seen": seen}).environ

        def django(*arguments: Any) -> Any:
            began.append("django")
            return WSGIHandler()(*arguments)

        statuses: list[str] = []
        list(shortcut.with_shortcut(django)(environ, lambda status, headers: statuses.append(status)))
        was_quick = not began
        began.clear()
        return was_quick, statuses[0][:3]

    cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in viewer.cookies.items())
    factories.environment()
    assert answer("", cookie) == (False, "200")
    token = ask(viewer, about)[1]

    def asks_for_the_snapshot_alone() -> bool:
        with CaptureQueriesContext(connection) as queries:
            assert answer(token, cookie) == (True, "204")
        return len(queries) == 1

    eventually(asks_for_the_snapshot_alone)  # unless another test's process commits at that moment
    factories.environment()
    assert shortcut.known("GET", "/live/", f"about={about}&seen=", cookie) is None, "nothing is known without a query"
    assert answer(token, cookie) == (True, "200")
    monkeypatch.setattr(tokens, "LOOK_SECONDS", 60.0)
    with CaptureQueriesContext(connection) as queries:
        known = shortcut.known("GET", "/live/", f"about={about}&seen=", cookie)
    assert (known, len(queries)) == (ask(viewer, about)[1], 0), "the web server answers it at once"
    assert shortcut.known("GET", "/live/", f"about={about}&seen=", "portal_session=another") is None
    monkeypatch.setattr(tokens, "LOOK_SECONDS", 0.0)
    assert answer(token, "portal_session=another") == (False, "302")
    monkeypatch.setattr(tokens, "ALLOWED_SECONDS", -1.0)
    tokens.tokens._allowed.clear()
    assert answer(token, cookie) == (False, "200")
    assert answer(token, cookie) == (False, "200"), "permissions are checked again after their time"
    assert TOPICS[about].permissions == LISTS[about].permissions


@contextmanager
def web_server() -> Iterator[web.Server]:
    """The portal as one process of gunicorn runs it, with one thread for pages."""
    listener = socket.create_server(("127.0.0.1", 0))
    dispatcher, connections, is_over = ThreadedTaskDispatcher(), {}, threading.Event()
    dispatcher.set_thread_count(1)
    portal = shortcut.with_shortcut(WSGIHandler())
    server = web.serve_on(portal, listener, connections, dispatcher, Adjustments(**web.ADJUSTMENTS))

    def move_bytes() -> None:
        while not is_over.is_set():
            wasyncore.loop(timeout=0.05, use_poll=True, map=connections, count=1)

    loop = threading.Thread(target=move_bytes)
    loop.start()
    try:
        yield server
    finally:
        is_over.set()
        loop.join()
        dispatcher.shutdown(timeout=1)
        wasyncore.close_all(connections)
        if server.looker:
            server.looker.join()


def eventually(holds: Callable[[], Any]) -> None:
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < 10
        time.sleep(0.02)


def test_open_pages_are_held_until_there_is_news_without_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    viewer, about, is_away = factories.client(), "environments:list", threading.Event()
    cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in viewer.cookies.items())
    topic = TOPICS[about]

    def token_or_outage(argument: str) -> str:
        if is_away.is_set():
            raise OperationalError("the database is away")
        return topic.token(argument)

    monkeypatch.setitem(TOPICS, about, replace(topic, token=token_or_outage))

    def asked(seen: str) -> http.client.HTTPConnection:
        page = http.client.HTTPConnection("127.0.0.1", int(server.effective_port), timeout=10)
        page.request(
            "GET", f"/live/?{urlencode({'about': about, 'seen': seen, 'wait': 'yes'})}", headers={"Cookie": cookie}
        )
        return page

    def answered(page: http.client.HTTPConnection) -> tuple[int, str]:
        answer = page.getresponse()
        return answer.status, answer.read().decode()

    with web_server() as server:
        status, token = answered(asked(""))
        assert (status, token) == (200, ask(viewer, about)[1])
        pages = [asked(token) for _ in range(3)]
        eventually(lambda: len(server.held) == 3)
        assert answered(asked("an older one")) == (200, token), "others are answered meanwhile"
        pages.pop().close()
        eventually(lambda: len(server.held) == 2)
        factories.environment()
        news = {answered(page) for page in pages}
        assert news == {(200, ask(viewer, about)[1])} != {(200, token)}
        assert not server.held

        monkeypatch.setattr(tokens, "HELD_SECONDS", 0.1)
        _, token = news.pop()
        assert answered(asked(token)) == (204, ""), "not without end"
        monkeypatch.setattr(tokens, "HELD_SECONDS", 60.0)
        page = asked(token)
        eventually(lambda: server.held)
        is_away.set()
        factories.environment()
        assert answered(page)[0] == 503, "the view tells what is wrong"
        is_away.clear()
        _, token = answered(asked(""))
        page = asked(token)
        eventually(lambda: server.held)
        server.release(everything=True)  # the process ends
        assert answered(page)[0] == 204
        tokens.tokens._allowed.clear()
        assert tokens.tokens.hold(cookie, about, token) is None, "permissions are to be checked"
