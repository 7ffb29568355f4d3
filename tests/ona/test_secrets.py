"""Secrets: their values go out with a call and are found nowhere else."""

import base64
import io
import json
import logging
import pickle
import traceback
from typing import Any
from uuid import uuid4

import httpx
import pytest

from portal.ona import OnaClient, errors
from portal.ona.documents import Secret, SecretDocument, read_secret
from portal.ona.errors import OnaError

from .conftest import MakeClient

ID = "07e03a28-65a5-4d98-b532-8ea67b188048"
SCOPE = {"projectId": "182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e"}
CANARY = 'canary <p&ss> "q"\n\tsecond\\line é'
FORMS = {
    "as it is": CANARY,
    "in one line": " ".join(CANARY.split()),
    "escaped": json.dumps(CANARY)[1:-1],
    "escaped, not in ASCII": json.dumps(CANARY, ensure_ascii=False)[1:-1],
    "escaped for HTML": json.dumps(CANARY)
    .replace("<", "\\u003c")
    .replace(">", "\\u003e")
    .replace("&", "\\u0026")[1:-1],
    "base64": base64.b64encode(CANARY.encode()).decode(),
    "base64 for URLs": base64.urlsafe_b64encode(CANARY.encode()).decode().rstrip("="),
}
CALLS = {
    "create": lambda client, value: client.create_secret(
        "CANARY", value, scope=SCOPE, mount={"environmentVariable": True}
    ),
    "update": lambda client, value: client.update_secret_value(ID, value),
}


def told(error: OnaError) -> str:
    """Everything a log, a page or a debugger could take from an error, the locals of its frames included."""
    everything = traceback.TracebackException.from_exception(error, capture_locals=True)
    frames = [line for line in everything.format() if "/tests/" not in line.partition("\n")[0]]
    return "".join([str(error), repr(error), error.for_people(), repr(error.__dict__), *frames])


def caught(client: OnaClient, call: str, value: str) -> OnaError:
    with pytest.raises(OnaError) as info:
        CALLS[call](client, Secret(value))
    return info.value


def test_what_is_sent_is_the_value_and_where_it_goes(client_over: MakeClient) -> None:
    asked: list[tuple[str, dict[str, Any]]] = []

    def ona(request: httpx.Request) -> httpx.Response:
        asked.append((request.url.path.rpartition(".")[2], json.loads(request.content)))
        return httpx.Response(200, json={"secret": {"id": ID, "name": "CANARY"}})

    client = client_over(ona)
    proxy = {"targetHosts": ["api.example"], "header": "X-Key"}
    created = client.create_secret("CANARY", Secret(CANARY), scope=SCOPE, mount={"filePath": "/a"})
    client.create_secret("CANARY", Secret(""), scope=SCOPE, mount={"apiOnly": True}, credential_proxy=proxy)
    client.update_secret_value(ID, Secret("new"))
    client.delete_secret(ID)
    assert created.name == "CANARY"
    assert asked == [
        ("SecretService/CreateSecret", {"name": "CANARY", "value": CANARY, "scope": SCOPE, "filePath": "/a"}),
        (
            "SecretService/CreateSecret",
            {"name": "CANARY", "value": "", "scope": SCOPE, "apiOnly": True, "credentialProxy": proxy},
        ),
        ("SecretService/UpdateSecretValue", {"secretId": ID, "value": "new"}),
        ("SecretService/DeleteSecret", {"secretId": ID}),
    ]


def test_lists_are_of_one_scope_or_of_all(client_over: MakeClient) -> None:
    asked: list[dict[str, Any]] = []

    def ona(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content))
        following = "" if "token" in asked[-1]["pagination"] else "more"
        return httpx.Response(200, json={"secrets": [{"id": str(uuid4())}], "pagination": {"nextToken": following}})

    client = client_over(ona)
    assert [len(page.items) for page in client.secret_pages()] == [1, 1]
    list(client.secret_pages(SCOPE))
    assert ["filter" in each for each in asked] == [False, False, True, True]
    assert asked[-1] == {"filter": {"scope": SCOPE}, "pagination": {"pageSize": 100, "token": "more"}}


@pytest.mark.parametrize("call", CALLS)
def test_a_write_is_not_repeated_after_an_answer_was_lost(call: str, client_over: MakeClient) -> None:
    def ona(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("reset")

    client = client_over(ona)
    assert caught(client, call, CANARY).outcome_unknown
    assert client.stats.requests == 1


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("form", FORMS)
def test_an_error_that_echoes_the_value_does_not_tell_it(form: str, call: str, client_over: MakeClient) -> None:
    echo = FORMS[form]
    said = {
        "code": "invalid_argument",
        "message": f"value: {echo} is not good",
        "details": [{"debug": {"got": [echo]}, "value": base64.b64encode(f"\n\x09{CANARY}!".encode()).decode()}],
    }
    for answer in (
        httpx.Response(400, json=said),
        httpx.Response(400, content=json.dumps(said).replace("canary", "\\u0063anary").encode()),
        httpx.Response(502, html=f"<h1>{echo}</h1>"),
        httpx.Response(400, json={"error": echo}),
        httpx.Response(200, content=f"<p>{echo}".encode(), headers={"content-type": "text/html"}),
    ):
        text = told(caught(client_over(lambda _, answer=answer: answer), call, CANARY))
        assert "canary" not in text
        assert "second" not in text
        assert base64.b64encode(CANARY.encode()).decode()[3:20] not in text
        assert base64.b64encode(f"\n\x09{CANARY}".encode()).decode()[6:30] not in text


@pytest.mark.parametrize("value", ["e", "code", "message", '"', "{", "7", "[secret]", " "])
def test_a_value_that_could_be_part_of_the_answer_leaves_its_code_readable(value: str, client_over: MakeClient) -> None:
    answer = httpx.Response(409, json={"code": "already_exists", "message": f"name taken: {value}", "details": [7]})
    error = caught(client_over(lambda _: answer), "create", value)
    assert isinstance(error, errors.AlreadyExists)


def test_a_failure_of_the_wire_tells_nothing_either(client_over: MakeClient) -> None:
    def ona(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(f"could not send {request.url}")

    text = told(caught(client_over(ona, attempts=2), "create", CANARY))
    assert "second" not in text


def test_a_value_that_is_no_text_is_refused_before_it_is_sent(client_over: MakeClient) -> None:
    client = client_over(lambda _: httpx.Response(200, json={}))
    error = caught(client, "update", "canary\ud800second")
    assert isinstance(error, errors.InvalidArgument)
    assert client.stats.requests == 0
    assert "second" not in told(error)


def test_no_log_and_no_repr_holds_a_value(client_over: MakeClient) -> None:
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        client = client_over(lambda _: httpx.Response(200, json={"secret": {"id": ID, "value": CANARY}}))
        document = client.create_secret("NAME", Secret(CANARY), scope=SCOPE, mount={"apiOnly": True})
        caught(client_over(lambda _: httpx.Response(500, text=CANARY)), "update", CANARY)
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    secret = Secret(CANARY)
    for text in (log.getvalue(), repr(document), repr(secret), str(secret), f"{secret}", repr(client)):
        assert "second" not in text
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def document(**fields: Any) -> SecretDocument:
    return read_secret(json.dumps({"id": ID, **fields}).encode())


def test_a_value_ona_should_not_have_sent_is_dropped_and_the_rest_kept() -> None:
    raw = json.loads(document(name="N", value="canary", newField=[1, {"a": "é"}]).raw)
    assert raw == {"id": ID, "name": "N", "newField": [1, {"a": "é"}]}
    assert b"canary" not in read_secret(b'{"id": "%s", "v\\u0061lue": "canary"}' % ID.encode()).storable
    untouched = b'{"id" : "%s", "source":{"verbatim":true}}' % ID.encode()
    assert read_secret(untouched).raw == untouched


@pytest.mark.parametrize(
    ("fields", "mount", "target"),
    [
        ({"filePath": "/run/key"}, "file", "/run/key"),
        ({"environmentVariable": True}, "environment_variable", "NAME"),
        ({"containerRegistryBasicAuthHost": "ghcr.io"}, "container_registry", "ghcr.io"),
        ({"apiOnly": True}, "api_only", ""),
        ({"newerMount": "x"}, "", ""),
    ],
)
def test_a_document_tells_how_the_secret_is_mounted(fields: dict[str, Any], mount: str, target: str) -> None:
    read = document(name="NAME", **fields)
    assert (read.mount_kind, read.mount_target) == (mount, target)


def test_a_document_tells_whose_the_secret_is() -> None:
    for kind in ("organization", "project", "user", "serviceAccount"):
        read = document(scope={f"{kind}Id": ID})
        assert read.scope_kind.replace("_", "") == kind.lower()
        assert str(read.scope_id) == ID
    assert (document(projectId=ID).scope_kind, str(document(projectId=ID).scope_id)) == ("project", ID)
    assert (document().scope_kind, document().scope_id) == ("", None)


def test_a_document_tells_its_proxy_source_and_times() -> None:
    read = document(
        credentialProxy={"targetHosts": ["a.example", "b.example"], "header": "X-Key"},
        source={"oidcJfrog": {"host": "jfrog.example", "providerName": "p"}},
        createdAt="2026-01-02T03:04:05.123456789Z",
        updatedAt="2026-02-02T03:04:05Z",
        creator={"id": ID, "principal": "PRINCIPAL_USER"},
    )
    assert read.credential_proxy
    assert (read.credential_proxy.target_hosts, read.credential_proxy.header) == (["a.example", "b.example"], "X-Key")
    assert read.source
    assert read.source.oidc_jfrog
    assert read.source.oidc_jfrog.host == "jfrog.example"
    assert read.created_at
    assert read.updated_at
    assert read.created_at < read.updated_at
    assert str(read.creator.id) == ID
