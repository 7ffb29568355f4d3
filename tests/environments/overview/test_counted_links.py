"""A count that is a link leads to exactly as many rows, on every page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from django.http import QueryDict
from django.test import Client
from django.urls import resolve, reverse
from django.utils import timezone

from automations.sync.observe import sync_automations
from environments.models import Environment, Phase
from environments.overview.refresh import refresh_parts
from environments.secrets.sync import sync_secrets
from portal.directory.connection import ona
from portal.directory.models import Member, Project, Runner
from portal.sandbox.server import Sandbox
from tests.support import factories
from tests.support.profiles import drawn

pytestmark = pytest.mark.django_db
LINK = re.compile(r"<a\b[^>]*?\bhref=\"([^\"]*)\"[^>]*>(.*?)</a>", re.DOTALL)
NUMBER = re.compile(r"^([0-9][0-9,]*)(?= (?!%)|$)|(?<= )([0-9][0-9,]*)$")
OTHER = re.compile(r"[?&](size|page|sort|as_of)=")  # of these the number is none of rows
PAGES = (
    "/", "/?top=running+time&by=project", "/environments/", "/audit/", "/audit/lockdown/", "/audit/archive/",
    "/audit/what-if/?lifetime=14&archive_after=1", "/secrets/", "/automations/", "/automations/tasks/",
    "/automations/services/", "/operations/batches/", "/operations/", "/operations/stream/", "/sync/",
    "/overview/changes/", "/overview/starts/", "/overview/running-time/",
)  # fmt: skip


def counted_links(page: str, here: str) -> Iterator[tuple[int, str]]:
    """The number that begins or ends a link's words, and where that leads; percentages are none."""
    for href, inside in LINK.findall(page):
        words = " ".join(unescape(re.sub(r"<[^>]*>", " ", inside)).split())
        url = urljoin(here, unescape(href))
        if (found := NUMBER.search(words)) and "%" not in words and not OTHER.search(url):
            yield int((found[1] or found[2]).replace(",", "")), url


def is_list(url: str) -> bool:
    match = resolve(urlsplit(url).path)
    return getattr(match.func, "listing", None) is not None or match.view_name in ("audit:lockdown", "audit:archive")


def rows_at(client: Client, url: str) -> int:
    """How many rows the list at an address has."""
    context: Any = client.get(url).context
    assert not context["problems"], url
    return int(getattr(context["total"], "count", context["total"]))


def remarkable(now: Any) -> None:
    """What is counted seldom: kinds of failure that contain one another, ports, people who left."""
    long_ago = {"last_started_at": now - timedelta(days=9), "phase": Phase.STOPPED}
    for failure, number in {
        "build failed": 3,
        "build failed: no disk": 2,
        "12": 1,
        "build failed: no disk 7": 2,
    }.items():
        for place in range(number):
            factories.environment(failure=failure, **(long_ago if place else {}))
    factories.environment(failure="build failed", archived_at=now, **long_ago)
    factories.environment(failure="build failed", gone_at=now)
    for columns in ({}, long_ago, long_ago | {"archived_at": now}, {"gone_at": now}):
        factories.environment(open_to_everyone=True, timeout=timedelta(0), **columns)
    running = Environment.objects.running()
    for model, column, changes in (
        (Member, "creator_id", {"gone_at": now}),
        (Member, "creator_id", {"status": "USER_STATUS_SUSPENDED"}),
        (Project, "project_id", {"gone_at": now}),
        (Runner, "runner_id", {"gone_at": now}),
        (Runner, "runner_id", {"phase": "RUNNER_PHASE_DEGRADED"}),
    ):
        used = running.values_list(column, flat=True)
        entry = model.objects.filter(pk__in=list(used), gone_at=None).exclude(**changes).order_by("pk").first()
        if entry:
            model.objects.filter(pk=entry.pk).update(**changes)


def test_every_count_leads_to_exactly_as_many_rows(ona_read: Sandbox) -> None:
    sync_automations(ona(), everything=True)
    now = timezone.now()
    remarkable(now)
    sync_secrets(ona())
    refresh_parts(now, everything=True)
    admin, wrong, links = factories.client("Admin"), [], set()
    for page in PAGES:
        content = admin.get(page, follow=True).content.decode()
        for count, url in counted_links(content, page):
            if not is_list(url):
                continue
            links.add(url)
            if drawn() and (rows := rows_at(admin, url)) != count:
                wrong.append(f"{page}: {count} leads to {rows} at {url}")
    assert not wrong, "\n".join(wrong)
    assert len(links) > 40
    queries = " ".join(str(QueryDict(urlsplit(url).query).get("q")) for url in links)
    for word in ("is:failed", "is:opens", "owner:left", "project:deleted", "runner:degraded"):
        assert word in queries, word
    assert any("failure=" in url for url in links)


def test_the_alerts_are_what_somebody_waits_for(client: Client) -> None:
    now = timezone.now()
    remarkable(now)
    viewer, names = factories.client("Viewer"), {}
    for word in ("failing", "failed", "open", "opens"):
        names[word] = viewer.get(reverse("environments:list"), {"flag": word}).context["total"].count
    # of those with a failure four started just now; of the open ones one runs and one is stopped
    assert names == {"failing": 4, "failed": 4, "open": 1, "opens": 1}
