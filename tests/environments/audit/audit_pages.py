"""Pages of the audits as tests read them, and one environment of each kind."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from urllib.parse import urlencode

from django.test import Client
from django.utils import timezone

from environments.models import Environment, Phase
from tests.support import factories

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
LOCKDOWN, ARCHIVE, WHAT_IF = "/audit/lockdown/", "/audit/archive/", "/audit/what-if/"


def get(client: Client, url: str, **query: object) -> str:
    response = client.get(f"{url}?{urlencode(query, doseq=True)}")
    assert response.status_code == 200
    return response.content.decode()


def names(page: str) -> list[str]:
    """Of the lines, in order."""
    return [html.unescape(name) for name in re.findall(r'class="list-name">\s*<a[^>]*>\s*<bdi>([^<]*)</bdi>', page)]


def counts(page: str) -> dict[str, int]:
    found = re.findall(r'env-count">([\d,]+)</span>\s*<span class="tone-\w+">([^<]*)</span>', page)
    return {label: int(number.replace(",", "")) for number, label in found}


def some() -> dict[str, Environment]:
    """One environment of each kind, by what it is."""
    now = timezone.now()
    made = {
        "running past": {"lockdown_at": now - DAY},
        "past": {"lockdown_at": now - DAY, "phase": Phase.STOPPED},
        "today": {"lockdown_at": now + HOUR},
        "soon": {"lockdown_at": now + 3 * DAY, "unpushed_commits": 2, "changed_files": 1},
        "next month": {"lockdown_at": now + 20 * DAY},
        "later": {"lockdown_at": now + 99 * DAY},
        "free": {"created_at": now - DAY},
        "gone": {"gone_at": now - DAY},
        "archived": {"phase": Phase.STOPPED, "archived_at": now - DAY, "unpushed_commits": 1, "changed_files": 0},
        "left over": {"phase": Phase.STOPPED, "archived_at": now - 20 * DAY},
        "forgotten": {"phase": Phase.STOPPED, "first_seen_at": now - 9 * DAY, "active_at": None,
                      "last_started_at": now - 9 * DAY},
    }  # fmt: skip
    return {name: factories.environment(name=name, **columns) for name, columns in made.items()}
