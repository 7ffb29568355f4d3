"""What a page does not understand of its address is told: by lists in their own way, by every other page above it."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.http import HttpRequest, QueryDict
from django.urls import URLPattern, URLResolver, get_resolver

from portal.lists.parameters import ROOMS, ignored
from tests.environments.timeline.timelines import MINUTE, known_for
from tests.support import factories

# They report it themselves: the plan of a batch, and the list behind an answer of the simulation.
BY_THEMSELVES = {"batch_new", "audit_hits"}


def views(patterns: list[Any]) -> Iterator[Any]:
    for each in patterns:
        if isinstance(each, URLResolver):
            yield from views(each.url_patterns)
        elif isinstance(each, URLPattern):
            yield each.callback


def test_every_view_of_ours_finds_a_parameter_that_it_does_not_have() -> None:
    found = [view for view in views(get_resolver().url_patterns) if view.__module__.startswith(ROOMS)]
    own = [view for view in found if not hasattr(view, "listing") and not hasattr(view, "view_class")]
    assert len(own) > 60
    for view in own:
        asked = SimpleNamespace(
            resolver_match=SimpleNamespace(func=view), method="GET", GET=QueryDict("nonsense=1&seen=x"),
            user=SimpleNamespace(is_authenticated=True, has_perms=lambda names: True),
        )  # fmt: skip
        told = ignored(cast("HttpRequest", asked))
        assert [each.typed for each in told] == ["nonsense=1"] * (view.__name__ not in BY_THEMSELVES), view


@pytest.mark.django_db
def test_a_page_says_what_it_ignores_and_nothing_about_what_it_takes() -> None:
    admin, environment = factories.client("Admin"), known_for(50 * MINUTE)
    here = f"/environments/{environment.pk}/"
    for path, wrong, words in (
        (f"{here}timeline/", "zom=day", "there is no filter zom. Did you mean zoom?"),
        (f"{here}timeline/", "zoom=decade", "Zoom: takes hour, day, week"),
        (f"{here}timeline/", "lane=kitchen", "Lane: takes "),
        (f"{here}timeline/specification/", "below=x", "takes the number of a version"),
        (here, "tab=contents", "Did you mean content?"),
        ("/", "period=wek", "Did you mean week?"),
        ("/overview/running-time/", "owner=ann", "Owner: takes"),
        (f"{here}lockdown/", "days=7", "there is no filter days"),
    ):
        page = admin.get(f"{path}?{wrong}").content.decode()
        assert f"<code>{wrong}</code> was not understood, and is ignored: " in page, (path, wrong)
        assert words in page, (path, wrong)
    for address in (
        f"{here}timeline/?zoom=day&lane=environment&q=stop", f"{here}timeline/specification/?from=1&to=2",
        f"{here}?tab=content", "/?period=week&by=phase&top=running+time", "/overview/running-time/?owner=none",
        "/environments/new/?url=https://example.com/x", f"{here}lockdown/?when=7",
    ):  # fmt: skip
        answer = admin.get(address)
        assert answer.status_code == 200, address
        assert b"was not understood" not in answer.content, address
