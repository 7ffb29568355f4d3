"""Whose address counts."""

from __future__ import annotations

import pytest
from django.test import RequestFactory, override_settings

from portal.web.network import client_address


def address(forwarded: str | None, remote: str = "10.0.0.1") -> str | None:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    return client_address(RequestFactory().get("/", headers=headers, REMOTE_ADDR=remote))


def test_without_a_proxy_the_header_is_not_believed() -> None:
    with override_settings(BEHIND_PROXY=False):
        assert address("1.2.3.4") == "10.0.0.1"


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        ("1.2.3.4", "1.2.3.4"),
        ("9.9.9.9, 1.2.3.4", "1.2.3.4"),
        ("2001:db8::1", "2001:db8::1"),
        (None, "10.0.0.1"),
        ("", "10.0.0.1"),
        ("nonsense", None),
    ],
)
def test_behind_a_proxy_only_what_the_proxy_itself_wrote_counts(forwarded: str | None, expected: str | None) -> None:
    with override_settings(BEHIND_PROXY=True):
        assert address(forwarded) == expected


def test_a_unix_socket_has_no_address() -> None:
    with override_settings(BEHIND_PROXY=False):
        assert address(None, remote="") is None
