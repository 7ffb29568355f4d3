"""What goes over the wire, and what comes of the answers."""

import copy
import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from portal.ona import OnaClient, OnaError, errors
from portal.ona.errors import BY_CODE
from portal.ona.http_errors import retry_after

from .conftest import BEGINNING, TOKEN, Clock, MakeClient

ID = "07e03a28-65a5-4d98-b532-8ea67b188048"


def refusal(code: str, status: int = 400, **headers: str) -> httpx.Response:
    return httpx.Response(
        status, json={"code": code, "message": f"it is {code}", "details": [{"a": 1}]}, headers=headers
    )


def test_a_call_is_a_connect_post_with_the_token_and_a_time_limit(client_over: MakeClient) -> None:
    seen: list[httpx.Request] = []

    def ona(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"environment": {"id": ID}})

    with client_over(ona, timeout=12.5) as client:
        observation = client.get_environment(UUID(ID))
    assert observation.document.id == UUID(ID)
    assert observation.sent_at == BEGINNING
    assert str(seen[0].url) == "https://ona.example/api/gitpod.v1.EnvironmentService/GetEnvironment"
    assert seen[0].method == "POST"
    assert json.loads(seen[0].content) == {"environmentId": ID}
    headers = seen[0].headers
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert headers["content-type"] == "application/json"
    assert headers["connect-protocol-version"] == "1"
    assert headers["connect-timeout-ms"] == "12500"
    assert "gzip" in headers["accept-encoding"]


def test_cookies_of_a_proxy_are_not_sent_back(client_over: MakeClient) -> None:
    cookies: list[str | None] = []

    def ona(request: httpx.Request) -> httpx.Response:
        cookies.append(request.headers.get("cookie"))
        return httpx.Response(200, json={"environment": {"id": ID}}, headers={"set-cookie": "session=1; Path=/"})

    client = client_over(ona)
    client.get_environment(ID)
    client.get_environment(ID)
    assert cookies == [None, None]


def test_compressed_answers_are_read_and_counted_as_they_came(client_over: MakeClient) -> None:
    body = gzip.compress(json.dumps({"environment": {"id": ID}}).encode())
    client = client_over(lambda _: httpx.Response(200, content=body, headers={"content-encoding": "gzip"}))
    assert client.get_environment(ID).document.id == UUID(ID)
    assert (client.stats.requests, client.stats.retries) == (1, 0)


def test_lists_ask_for_archived_environments_too_unless_told_otherwise(client_over: MakeClient) -> None:
    asked: list[dict[str, Any]] = []

    def ona(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content))
        return httpx.Response(200, json={})

    client = client_over(ona)
    client.list_environments(count=True)
    client.list_environments(filter={"archivalStatus": "ARCHIVAL_STATUS_ACTIVE"}, page_size=7, token="t")
    assert asked == [
        {
            "filter": {"archivalStatus": "ARCHIVAL_STATUS_ALL"},
            "count": {"include": True},
            "pagination": {"pageSize": 100},
        },
        {"filter": {"archivalStatus": "ARCHIVAL_STATUS_ACTIVE"}, "pagination": {"pageSize": 7, "token": "t"}},
    ]


def test_pages_follow_each_other_until_there_is_no_token(client_over: MakeClient) -> None:
    def ona(request: httpx.Request) -> httpx.Response:
        token = json.loads(request.content)["pagination"].get("token", "")
        following = {"": "a", "a": "b", "b": ""}[token]
        runner = {"runnerId": str(uuid4())}
        return httpx.Response(200, json={"runners": [runner], "pagination": {"nextToken": following}})

    assert len(list(client_over(ona).runner_pages())) == 3


def endless(circle: str) -> Callable[[httpx.Request], httpx.Response]:
    """An upstream whose list never ends; of each kind of list, by the field of its answer, there is an item."""
    numbers = count()
    fields = ("environments", "environmentClasses", "services", "tasks", "taskExecutions", "secrets", "members",
              "projects", "runners", "entries")  # fmt: skip

    def ona(request: httpx.Request) -> httpx.Response:
        number = next(numbers)
        id_ = str(UUID(int=number % 2 if circle == "the same pages again" else number))
        whole = dict.fromkeys(("id", "runnerId", "userId", "environmentId"), id_)
        item = {**whole, "metadata": {"environmentId": ID, "taskId": ID}}
        items = {} if circle == "empty pages" else {field: [item] for field in fields}
        token = str(number % 3) if circle == "tokens in a circle" else f"fresh-{number}"
        return httpx.Response(200, json={**items, "pagination": {"nextToken": token}})

    return ona


@pytest.mark.parametrize("circle", ["tokens in a circle", "the same pages again", "empty pages"])
def test_a_list_that_never_ends_is_an_error_of_every_listing(client_over: MakeClient, circle: str) -> None:
    listings = [name for name in dir(OnaClient) if name.endswith("_pages")]
    assert len(listings) >= 10
    for name in listings:
        pages = getattr(client_over(endless(circle)), name)(*[ID] * (name == "member_pages"))
        with pytest.raises(errors.EndlessListing) as raised:
            list(islice(pages, 200))
        assert raised.value.rpc, name
        assert "its pages repeat" in raised.value.for_people(), name


def test_a_page_token_refused_midway_is_the_lists_error(client_over: MakeClient) -> None:
    def ona(request: httpx.Request) -> httpx.Response:
        if b"token" in request.content:
            return refusal("invalid_argument")
        return httpx.Response(200, json={"pagination": {"nextToken": "old"}})

    with pytest.raises(errors.InvalidArgument):
        list(client_over(ona).task_pages())


def test_filters_of_automations_hold_only_what_is_given(client_over: MakeClient) -> None:
    asked: list[dict[str, Any]] = []

    def ona(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content)["filter"])
        return httpx.Response(200, json={})

    client = client_over(ona)
    list(client.service_pages())
    list(client.execution_pages([UUID(ID)], ["TASK_EXECUTION_PHASE_RUNNING"]))
    assert asked == [{}, {"environmentIds": [ID], "phases": ["TASK_EXECUTION_PHASE_RUNNING"]}]


def test_writes_send_what_they_are_given_and_nothing_else(client_over: MakeClient) -> None:
    asked: list[tuple[str, dict[str, Any]]] = []

    def ona(request: httpx.Request) -> httpx.Response:
        asked.append((request.url.path.rpartition("/")[2], json.loads(request.content)))
        return httpx.Response(200, json={"environment": {"id": ID}, "accessToken": "granted", "allowed": True})

    client = client_over(ona)
    client.start_environment(ID)
    client.update_environment(ID, spec={"timeout": {"disconnected": "0s"}})
    client.delete_environment(ID)
    client.delete_environment(ID, force=True)
    client.mark_environment_active(ID, source="portal", timestamp=datetime(2026, 11, 22, tzinfo=UTC))
    client.create_environment_from_project(ID, name="n")
    granted = client.create_port_access_token(ID, 3000)
    assert client.allow_port_access(ID, 3000)
    assert granted.reveal() == "granted"
    assert "granted" not in f"{granted!r}{granted}"
    about = {"environmentId": ID}
    assert asked == [
        ("StartEnvironment", about),
        ("UpdateEnvironment", {**about, "spec": {"timeout": {"disconnected": "0s"}}}),
        ("DeleteEnvironment", about),
        ("DeleteEnvironment", {**about, "force": True}),
        (
            "MarkEnvironmentActive",
            {**about, "activitySignal": {"source": "portal", "timestamp": "2026-11-22T00:00:00Z"}},
        ),
        ("CreateEnvironmentFromProject", {"projectId": ID, "name": "n"}),
        ("CreatePortAccessToken", {**about, "port": 3000}),
        ("AllowPortAccess", {**about, "port": 3000}),
    ]


@pytest.mark.parametrize("code", BY_CODE)
def test_each_code_has_its_error_with_all_that_ona_said(code: str, client_over: MakeClient) -> None:
    client = client_over(lambda _: refusal(code, **{"x-request-id": "req-7"}))
    with pytest.raises(BY_CODE[code]) as caught:
        client.start_environment(ID)
    error = caught.value
    assert (error.code, error.rpc) == (code, "EnvironmentService/StartEnvironment")
    assert (error.request_id, error.http_status, error.details) == ("req-7", 400, [{"a": 1}])
    assert f"it is {code}" in str(error)
    assert f"it is {code}" in error.for_people()
    assert str(copy.copy(error)) == str(error)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.NotOna),
        (401, errors.NotOna),
        (403, errors.NotOna),
        (404, errors.NotOna),
        (429, errors.ResourceExhausted),
        (502, errors.Unavailable),
        (503, errors.Unavailable),
        (504, errors.Unavailable),
        (500, errors.Unknown),
        (418, errors.NotOna),
        (302, errors.NotOna),
    ],
)
def test_what_is_not_connects_own_error_goes_by_http_status(
    status: int, kind: type[OnaError], client_over: MakeClient
) -> None:
    page = "<h1>Bad\x00\x1b[31m gateway</h1>" + "x" * 5000
    client = client_over(lambda _: httpx.Response(status, html=page, headers={"location": "https://elsewhere.example"}))
    with pytest.raises(kind) as caught:
        client.start_environment(ID)
    assert f"HTTP {status} with text/html: <h1>Bad" in caught.value.message
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 300


def test_json_without_a_code_of_connects_goes_by_http_status(client_over: MakeClient) -> None:
    for code in ({}, {"code": 7}, {"code": "newer"}):
        answer = httpx.Response(403, json={**code, "message": "Forbidden"})
        with pytest.raises(errors.NotOna, match="Forbidden"):
            client_over(lambda _, answer=answer: answer).get_environment(ID)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"environment":', b'{"environment":{"id":"x"}}', b"[]", b"\xff" * 9]
)
def test_an_answer_of_the_wrong_shape_is_malformed(body: bytes, client_over: MakeClient) -> None:
    client = client_over(lambda _: httpx.Response(200, content=body, headers={"content-type": "text/html"}))
    with pytest.raises(errors.MalformedAnswer) as caught:
        client.get_environment(ID)
    assert client.stats.requests == 5
    assert caught.value.outcome_unknown


def test_an_answer_larger_than_the_client_takes_is_refused(client_over: MakeClient) -> None:
    def endless() -> Any:
        while True:
            yield b" " * 2**22

    client = client_over(lambda _: httpx.Response(200, content=endless()), attempts=1)
    with pytest.raises(errors.MalformedAnswer, match="larger than"):
        client.get_environment(ID)


def test_an_answer_that_dribbles_past_the_time_limit_is_given_up(client_over: MakeClient, clock: Clock) -> None:
    def dribble() -> Any:
        while True:
            clock.seconds += 1
            yield b" "

    client = client_over(lambda _: httpx.Response(200, content=dribble()), attempts=1, timeout=30.0)
    with pytest.raises(errors.Unreachable, match="30 s"):
        client.get_environment(ID)
    assert clock.seconds <= 1032


@pytest.mark.parametrize(
    "base_url",
    [
        "http://app.ona.com/api",
        "ftp://127.0.0.1/",
        "https://ann:canary-token-5f1c0d@ona.example/",
        "https://canary-token-5f1c0d@ona.example/",
        "https://ona.example/?token=canary-token-5f1c0d",
        "https://ona.example:canary-token-5f1c0d/",
        "https://[canary-token-5f1c0d/",
        "https://ona.example\r\nx: canary-token-5f1c0d",
        "http://localhost.example/",
        "http://127.0.0.1.example/",
        "",
        "ona.example",
    ],
)
def test_a_base_url_the_token_must_not_travel_to_is_refused_without_quoting_it(base_url: str) -> None:
    with pytest.raises(ValueError) as caught:
        OnaClient(TOKEN, base_url)
    assert "canary" not in str(caught.value)
    assert "base URL" in str(caught.value)


@pytest.mark.parametrize(
    "base_url",
    ["https://ona.example", "http://localhost:1/api/", "http://127.8.9.1:1", "http://[::1]:1/", "https://10.0.0.1/api"],
)
def test_https_anywhere_and_http_on_this_machine_will_do(base_url: str) -> None:
    with OnaClient(TOKEN, base_url) as client:
        assert base_url.rstrip("/") in repr(client)


@pytest.mark.parametrize("token", ["", "  ", "canary token", "canary\x00", "canary\nX: y", "canaryé"])
def test_a_token_no_header_can_carry_is_refused_without_quoting_it(token: str) -> None:
    with pytest.raises(ValueError) as caught:
        OnaClient(token)
    assert "canary" not in str(caught.value)
    assert "ONA_API_KEY" in str(caught.value)


def test_a_retry_after_is_read_in_both_forms() -> None:
    now = datetime(2026, 11, 22, 12, 0, 0, 400_000, tzinfo=UTC)
    date = "Sun, 22 Nov 2026 12:00:10 GMT"
    assert retry_after("7", "", now) == 7
    assert retry_after(" 0 ", "", now) == 0
    assert retry_after(date, "", now) == 10
    assert retry_after(date, "Sun, 22 Nov 2026 11:59:00 GMT", now) == 70
    assert retry_after(date, "", now + timedelta(hours=1)) == 0
    for nonsense in ("", "soon", "-1", "1.5", "²", "Sun, 99 Nov 2026 12:00:10 GMT"):
        assert retry_after(nonsense, "", now) is None
