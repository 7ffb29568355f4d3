"""`/audit/what-if/` and the environments behind its answers."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from environments.models import Phase
from tests.environments.audit.audit_pages import DAY, HOUR, WHAT_IF, get
from tests.support import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer() -> Client:
    return factories.client("Viewer")


def test_what_if_tells_whom_another_policy_would_hit_and_when(viewer):
    now = timezone.now()
    factories.environment(name="old", created_at=now - 30 * DAY, unpushed_commits=1, timeout=timedelta(0),
                          active_at=now - DAY)  # fmt: skip
    factories.environment(name="young", created_at=now - 5 * DAY + HOUR, phase=Phase.STOPPED)
    factories.environment(name="unknown", created_at=None, active_at=None, last_started_at=None, phase="")
    factories.environment(name="shelved", created_at=now - 30 * DAY, archived_at=now, phase=Phase.STOPPED)
    factories.environment(name="dated", created_at=now - HOUR, lockdown_at=now + 2 * DAY)
    page = get(viewer, WHAT_IF, lifetime=5)
    assert ">shelved<" not in page
    assert "Not counted: 1 archived, which cannot be started while it is archived." in page
    bars = re.findall(r'aria-label="([^":]*): (\d+) present, (\d+) proposed"', page)
    assert bars == [("at once", "0", "1"), ("within 24 h", "0", "2"), ("within 7 days", "1", "3"),
                    ("within 30 days", "1", "3")]  # fmt: skip
    numbers = re.findall(r'env-count">(\d+)</span>\s*<span>([^<]*)</span>', page)
    assert {what: int(count) for count, what in numbers} == {
        "at once, 1 with unpushed work": 1, "within 24 h, 1 with unpushed work": 2,
        "within 7 days, 1 with unpushed work": 3, "within 30 days, 1 with unpushed work": 3,
        "in all, of 1 of which the time is unknown": 4,
    }  # fmt: skip
    assert page.index("old") < page.index("young")
    assert ">old<" in get(viewer, WHAT_IF, timeout=8)
    assert ">young<" in get(viewer, WHAT_IF, archive=1)
    assert ">shelved<" in get(viewer, WHAT_IF, delete=7)
    assert "less than or equal to 30" in get(viewer, WHAT_IF, archive=99, lifetime="x")
    assert "Enter at least one value" in get(viewer, WHAT_IF)


def test_everything_that_another_policy_would_hit_is_listed_page_by_page_and_filtered(viewer):
    now = timezone.now()
    for number in range(60):
        factories.environment(
            name=f"e{number:02}", created_at=now - 30 * DAY + number * HOUR, owner_name="Ann" if number % 2 else "Bo"
        )
    factories.environment(name="late", created_at=now - HOUR, owner_name="Ann")
    factories.environment(name="unknown", created_at=None, owner_name="Cy")
    links = re.findall(r'href="([^"]*/environments/[?][^"]*)"', get(viewer, WHAT_IF, lifetime=14))
    at_once, every = (html.unescape(link) for link in (links[0], links[-1]))

    def listed(address: str) -> list[str]:
        found: list[str] = []
        while address:
            page = viewer.get(address).content.decode()
            found += re.findall(r'/environments/[0-9a-f-]{36}/"><bdi>([^<]*)</bdi>', page)
            following = re.search(r'rel="next"\s+id="next-page"\s+href="([^"]*)"', page)
            address = f"{WHAT_IF}environments/{html.unescape(following[1])}" if following else ""
        return found

    names_of = [f"e{number:02}" for number in range(60)]
    assert listed(every) == [*names_of, "late", "unknown"]
    assert listed(at_once) == names_of
    assert listed(f"{every}&q=owner:ann&sort=-when") == ["late", *names_of[1::2][::-1]]
    assert listed(f"{every}&q=owner:cy&within=30d") == []
    said = viewer.get(f"{every}&within=soon&q=fase:x").content.decode()
    assert "When: takes now, 24h" in said
    assert "unknown word fase:" in said


@pytest.mark.parametrize("query", ["", "question=lifetime", "question=planet&value=3", "question=archive&value=99"])
def test_a_question_without_sense_is_asked_again(viewer, query):
    answer = viewer.get(f"{WHAT_IF}environments/?{query}")
    assert answer.status_code == 302
    assert answer["Location"].startswith(WHAT_IF)
