"""The whole OpenAPI document by schemathesis: what it generates is answered as documented, whoever asks.

`make test` tries a few cases of some operations, others in each run; `make fuzz` PORTAL_FUZZ cases of each.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from django.conf import LazySettings
from django.core import signals
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.urls import resolve
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as how
from schemathesis.checks import load_all_checks
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.openapi.checks import MissingHeaderNotRejected, RejectedPositiveData

from environments.models import Environment
from portal.accounts.roles import ROLES
from portal.sandbox.server import Sandbox
from portal.sandbox.world import World
from tests.api.documented import document
from tests.api.test_downloads import headers
from tests.environments.actions.test_acting import known
from tests.support.databases import undone
from tests.support.profiles import some
from tests.web.test_permissions import URLS, address

pytestmark = pytest.mark.django_db
MORE = int(os.environ.get("PORTAL_FUZZ", "0"))
CONVERTER = re.compile(r"<(?:\w+:)?(\w+)>")
load_all_checks()


@pytest.fixture
def sandbox(connect: Callable[..., Any]) -> Iterator[Sandbox]:
    with connect(World(environments=3, seed=11)) as server:
        yield server


@pytest.fixture
def schema(settings: LazySettings) -> Iterator[Any]:
    """The document, asked of the portal in this thread: its requests share the test's transaction."""
    settings.API_TOKEN_REQUESTS = settings.API_FAILURES = 10**9
    for signal in (signals.request_started, signals.request_finished):
        signal.disconnect(close_old_connections)
    loaded = schemathesis.openapi.from_dict(document())
    loaded.app = whole(get_wsgi_application())
    yield loaded
    for signal in (signals.request_started, signals.request_finished):
        signal.connect(close_old_connections)


def whole(application: Any) -> Any:
    """Reads and closes each answer, as a server does."""

    def answer(environ: Any, start_response: Any) -> list[bytes]:
        body = application(environ, start_response)
        try:
            return [b"".join(body)]
        finally:
            body.close()

    return answer


def test_whatever_is_generated_from_the_document_is_answered_as_documented(sandbox: Sandbox, schema: Any) -> None:
    visitors = [{}, *(headers(role) for role in ROLES)]
    wrong: list[str] = []
    operations = [each.ok() for each in schema.get_all_operations()]
    for operation in operations if MORE else some(operations):
        with undone():
            ids = ids_of(operation.path, known(sandbox))
            for case in cases(schema, operation, ids):
                wrong += complaints(case, random.choice(visitors))
    assert not wrong, "\n\n".join(wrong[:20])


def ids_of(path: str, environment: Environment) -> dict[str, str]:
    """Of something that there is, for an operation's path."""
    for name, pattern in URLS.items():
        own = "/api/v1/" + CONVERTER.sub(r"{\1}", str(pattern.pattern)).replace("{pk}", "{id}")
        if name.startswith("api:") and own == path:
            found = resolve(address(name, pattern, environment)).kwargs
            return {key.replace("pk", "id"): str(value) for key, value in found.items()}
    raise LookupError(path)


def cases(schema: Any, operation: Any, ids: dict[str, str]) -> list[Any]:
    """Right and wrong ones, mostly of things that there are."""
    modes = list(GenerationMode)
    generation = schema.config.generation_for(operation=operation)
    found = list(schema.iter_coverage_cases(operation, generation_modes=modes, generation_config=generation))
    found = random.sample(found, min(MORE or 2, len(found)))
    for case in found:
        if case.path_parameters and random.random() < 0.9:
            case.path_parameters = dict(ids)
    for mode in modes:

        @how(
            max_examples=MORE or 1, database=None, deadline=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck), derandomize=False,
        )  # fmt: skip
        @given(operation.as_strategy(generation_mode=mode, path_parameters=ids))
        def generate(case: Any) -> None:
            found.append(case)

        generate()
    return found


def complaints(case: Any, visitor: dict[str, str]) -> Iterator[str]:
    """What is not as documented in the answer to it."""
    asked = visitor | {"Accept-Encoding": "identity"}
    response = case.call(headers=asked)
    try:
        case.validate_response(response, headers=asked)
    except FailureGroup as group:
        for each in group.exceptions:
            if isinstance(each, MissingHeaderNotRejected) and response.status_code == 428:
                continue  # which is what If-Match is refused with
            if isinstance(each, RejectedPositiveData) and knows_more(response):
                continue
            said = f"{response.status_code} {type(each).__name__} {each}"
            yield f"{case.operation.label}: {said}\n{case.as_curl_command()}"


def knows_more(response: Any) -> bool:
    """Whether what fits the schema is refused for what no schema says, and the answer tells what that is."""
    told = {400: "errors", 422: "errors", 412: "theirs"}.get(response.status_code, "")
    return bool(told) and told in response.json()
