"""Whose address counts."""

from __future__ import annotations

import pytest
from django.test import RequestFactory, override_settings

from portal.web.network import browser_words, client_address


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


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0", "Firefox 132 on Linux"),
        ("Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/128.0.0.0 Safari/537.36", "Chrome 128 on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0", "Edge 130 on Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/17.5 Safari/605.1.15", "Safari 17 on macOS"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Safari/604.1", "Safari 17 on iOS"),
        ("Mozilla/5.0 (Linux; Android 14) Chrome/130.0.0.0 Mobile Safari/537.36", "Chrome 130 on Android"),
        ("curl/8.5.0", "curl/8.5.0"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_client_is_called_by_its_name_and_system(agent: str, words: str) -> None:
    assert browser_words(agent) == words
