"""Digits without end, wherever a number, or anything else, is taken from outside: refused, and never an error."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from environments.models import Environment
from tests.support import factories
from tests.support.profiles import THOROUGH, some
from tests.web.test_permissions import SUPERUSER, TABLE, URLS, address, client_of

ROOT = Path(__file__).parents[2]
LONG = "9" * 5000  # Python reads 4,300 digits at most
BIG = "9" * 19  # beyond a bigint


@pytest.fixture
def environment(db: None) -> Environment:
    return factories.environment()


def parameters() -> set[str]:
    """Every name that some view, filter or form reads from a query or a form, by the source."""
    rooms = (ROOT / name for name in ("portal", "environments", "automations"))
    source = "".join(path.read_text() for room in rooms for path in room.rglob("*.py") if "sandbox" not in path.parts)
    return set(re.findall(r'(?:GET|POST|data|params|query)(?:\.get(?:list)?\(|\[)"([a-z_-]+)"', source))


def test_no_number_of_an_address_or_a_form_is_too_long(environment: Environment) -> None:
    client = client_of(SUPERUSER)
    client.raise_request_exception = False
    names, failed = parameters(), []
    assert {"page", "size", "before", "skip", "view", "port"} <= names
    for name, pattern in some(sorted(URLS.items())):
        if name in ("ready", "accounts:sign-out"):
            continue
        path, given = address(name, pattern, environment), dict(TABLE[name].data)
        for digits in (LONG, BIG) if THOROUGH else (LONG,):
            shown = client.get(path, dict.fromkeys(names, digits) | given)
            page = b"".join(shown).decode()
            fields = re.findall(r'name="([\w.-]+)"', page)
            sent = client.post(path, dict.fromkeys([*fields, "view"], digits) | given)
            answers = {"get": shown.status_code, "post": sent.status_code}
            failed += [f"{method} {name} {digits[:20]}" for method, status in answers.items() if status in (500, 503)]
    assert "\n".join(failed) == ""


def test_an_address_of_digits_alone_is_a_page_that_is_not_found(environment: Environment) -> None:
    client = client_of(SUPERUSER)
    for digits in (LONG, BIG):
        for path in (f"/accounts/views/{digits}/", f"/admin/auth/user/{digits}/change/", f"/environments/{digits}/"):
            assert client.get(path, follow=True).status_code == 404 or "admin" in path, path
        assert client.get("/admin/auth/user/", {"p": digits, "e": digits}, follow=True).status_code == 200
