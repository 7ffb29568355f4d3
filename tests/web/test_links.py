"""Only plain https addresses become links."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from django.template import Context, Template
from hypothesis import given
from hypothesis import strategies as st

from portal.web.links import https_url


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com:8443/a/b?c=d&e=%20f#g",
        "https://3000--0190.eu.gitpod.dev/",
        "https://[2001:db8::1]/",
        "https://example.com/ü",
        "HTTPS://example.com/",
    ],
)
def test_https_addresses_are_links(url: str) -> None:
    assert https_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "http://example.com",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java\nscript:alert(1)",
        " https://example.com",
        "https://example.com ",
        "https:/example.com",
        "https:example.com",
        "https://",
        "https:///path",
        "//example.com",
        "/environments/",
        "data:text/html,x",
        "https://user:secret@example.com",
        "https://github.com@evil.example",
        "https://good.example\\@evil.example",
        "https://exa\tmple.com",
        "https://exa\u202emple.com",
        "https://exa\x00mple.com",
        "https://example.com:99999",
        "https://example.com:port",
        "https://[::1",
        'https://example.com/"onmouseover="x',
        "https://example.com/<script>",
        "https://%65xample.com",
    ],
)
def test_other_addresses_are_not(url: str | None) -> None:
    assert https_url(url) is None


@given(st.text() | st.from_regex(r"\A[a-z]{0,10}:?/{0,3}[^/]{0,10}@?[a-z.]{0,10}.{0,10}\Z"))
def test_nothing_but_https_ever_passes(url: str) -> None:
    passed = https_url(url)
    if passed is not None:
        assert passed.lower().startswith("https://")
        assert urlsplit(passed).username is None
        assert not any(ord(c) < 33 or c in "<>\"'\\" for c in passed)


@given(st.text(), st.text())
def test_a_hostile_address_or_text_never_leaves_its_place(url: str, text: str) -> None:
    rendered = Template("{% load portal %}{% safe_link url text %}").render(Context({"url": url, "text": text}))
    inside = rendered
    if rendered.startswith('<a href="https://'):
        assert rendered.endswith("</a>")
        assert 'target="_blank" rel="noopener noreferrer">' in rendered
        inside = rendered.removesuffix("</a>").partition(">")[2]
    assert "<" not in inside
