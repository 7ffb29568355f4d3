"""Answers held against the OpenAPI document: nothing undocumented is answered."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import jsonschema
import yaml

from portal.api.docs import COMMITTED


@cache
def document() -> Any:
    return yaml.safe_load(COMMITTED.read_bytes())


@cache
def _paths() -> list[tuple[re.Pattern[str], Any]]:
    """Addresses without arguments first, as they are resolved."""
    paths = sorted(document()["paths"].items(), key=lambda item: item[0].count("{"))
    return [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), operations) for path, operations in paths]


def check(answer: Any) -> None:
    """Fails unless the answer's status, type and content are those that the document has for its request."""
    request = answer.request
    operations = next(found for path, found in _paths() if path.fullmatch(request["PATH_INFO"]))
    responses = operations[request["REQUEST_METHOD"].lower()]["responses"]
    assert str(answer.status_code) in responses, f"{answer.status_code} of {request['PATH_INFO']} is undocumented"
    response = responses[str(answer.status_code)]
    if "$ref" in response:
        response = document()["components"]["responses"][response["$ref"].rpartition("/")[2]]
    kind = answer["Content-Type"].partition(";")[0]
    assert kind in response["content"], f"{kind} of {request['PATH_INFO']} is undocumented"
    if kind.endswith("json") and not answer.streaming:
        schema = {**response["content"][kind]["schema"], "components": document()["components"]}
        jsonschema.validate(answer.json(), schema, jsonschema.Draft202012Validator)
