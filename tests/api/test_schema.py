"""The OpenAPI document: valid, whole, as committed, and shown without any other host."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.urls import get_resolver
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.validation import validate_schema

from portal.api.docs import COMMITTED, generate
from tests.api.documented import document
from tests.api.promises import broken, promises, recorded
from tests.support import factories
from tests.web.test_permissions import url_names

VERBS = {"get", "post"}


def operations(document: Any) -> Iterator[tuple[str, Any]]:
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            yield f"{verb} {path}", operation


def resolved(document: Any, part: Any) -> Any:
    return document["components"]["responses"][part["$ref"].rpartition("/")[2]] if "$ref" in part else part


def test_the_document_is_valid_whole_and_as_committed() -> None:
    with GENERATOR_STATS.silence():
        written = generate()
    assert (len(GENERATOR_STATS._warn_cache), len(GENERATOR_STATS._error_cache)) == (0, 0)
    assert written == COMMITTED.read_bytes(), "run: make openapi.yaml"
    validate_schema(document())
    assert document()["openapi"].startswith("3.1")
    for name, schema in document()["components"]["schemas"].items():
        if name.endswith("Row"):
            assert schema["properties"], name
            assert all("type" in each for each in schema["properties"].values()), name
    for name, operation in operations(document()):
        assert operation["summary"], name
        named = [each["name"] for each in operation.get("parameters", []) if each["in"] == "path" and each["required"]]
        assert sorted(named) == sorted(re.findall(r"{(\w+)}", name)), name
        assert re.search(r"\nRoles: \w", operation["description"]), name
        answers = {status: resolved(document(), answer) for status, answer in operation["responses"].items()}
        assert {"401", "403", "429", "503"} <= set(answers), name
        for status, answer in answers.items():
            for kind, content in answer["content"].items():
                assert (kind == "application/problem+json") == (status >= "400"), (name, status)
                assert content["examples"], (name, status)
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        assert not body or body["examples"], name


def test_every_address_of_the_api_is_in_the_document() -> None:
    found = {re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", f"/api/v1/{pattern.pattern}")
             for name, pattern in url_names(get_resolver()) if name.startswith("api:")}  # fmt: skip
    assert found - {"/api/v1/openapi.yaml"} == {re.sub(r"\{id\}", "{pk}", path) for path in document()["paths"]}


def test_what_the_api_promised_is_kept_until_its_version_rises() -> None:
    now = promises(document())
    assert broken(recorded(), now) == []
    assert now == recorded(), "run: make openapi.yaml, which records what is new"


def test_each_kind_of_breaking_change_is_told() -> None:
    body = {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}, "b": {"enum": ["x", "y"]}}}
    row = {"type": "object", "properties": {"id": {"type": "string"}, "tags": {"type": "array", "items": body}}}
    before: Any = {
        "info": {"version": "1"},
        "paths": {
            "/rows/": {
                "get": {
                    "parameters": [{"in": "query", "name": "q", "schema": {"type": "string"}}],
                    "responses": {"200": {"content": {"json": {"schema": {"$ref": "#/components/schemas/Row"}}}}},
                },
                "post": {"requestBody": {"content": {"json": {"schema": body}}}, "responses": {}},
            }
        },
        "components": {"schemas": {"Row": row}},
    }
    changes: dict[str, Callable[[Any, Any, Any], object]] = {
        "get /rows/ takes query q: string": lambda path, body, row: path["get"]["parameters"].clear(),
        "get /rows/ requires query q": lambda path, body, row: path["get"]["parameters"][0].update(required=True),
        "get /rows/ requires query z": lambda path, body, row: path["get"]["parameters"].append(
            {"in": "query", "name": "z", "schema": {}, "required": True}
        ),
        "get /rows/ answers 200 json: Row": lambda path, body, row: path["get"]["responses"].clear(),
        "post /rows/": lambda path, body, row: path.pop("post"),
        "post /rows/ takes json.b = y": lambda path, body, row: body["properties"]["b"]["enum"].remove("y"),
        "post /rows/ requires b": lambda path, body, row: body["required"].append("b"),
        "Row.id: string": lambda path, body, row: row["properties"].pop("id"),
        "Row.tags[].a: string": lambda path, body, row: row["properties"]["tags"]["items"]["properties"].update(
            a={"type": "integer"}
        ),
    }
    assert broken(promises(before), promises(before)) == []
    for told, change in changes.items():
        after = deepcopy(before)
        path = after["paths"]["/rows/"]
        change(path, path["post"]["requestBody"]["content"]["json"]["schema"], after["components"]["schemas"]["Row"])
        assert told in broken(promises(before), promises(after)), told
        after["info"]["version"] = "2"
        assert broken(promises(before), promises(after)) == [], told
    added = deepcopy(before)
    added["paths"]["/more/"] = added["paths"]["/rows/"]
    assert broken(promises(before), promises(added)) == [], "what is new breaks nothing"


@pytest.mark.django_db
def test_the_documentation_is_shown_by_the_portals_own_files() -> None:
    client = factories.client("Viewer")
    page = client.get("/api/docs/")
    assert page.status_code == 200
    assert "unsafe" not in page["Content-Security-Policy"]
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", page.content.decode())
    for file in re.findall(r'(?:src|href)="/static/(drf_spectacular_sidecar/[^"]+)"', page.content.decode()):
        assert finders.find(file), file
    assert client.get("/api/v1/openapi.yaml").content == COMMITTED.read_bytes()
