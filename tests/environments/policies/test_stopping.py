"""When environments that are up stop by themselves: one answer for the page, the list, the search and the file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from environments.actions.forms.limits import LONGEST_DURATION
from environments.models import Environment, Phase
from environments.policies import stopping
from tests.support import factories, operations
from tests.support.exports import read

pytestmark = pytest.mark.django_db
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def fleet() -> dict[str, Environment]:
    now = timezone.now()
    used = {"active_at": now - 10 * MINUTE, "last_started_at": now - 9 * HOUR}
    return {
        name: factories.environment(name=name, **used | columns)
        for name, columns in {
            "soon": {"timeout": HOUR},
            "today": {"timeout": 8 * HOUR},
            "later": {"timeout": 40 * HOUR},
            "overdue": {"timeout": HOUR / 2, "active_at": now - 2 * HOUR},
            "never": {"timeout": timedelta(0)},
            "unknown": {"timeout": None},
            "stopped": {"timeout": HOUR, "phase": Phase.STOPPED},
            "deleted": {"timeout": HOUR, "gone_at": now},
        }.items()
    }


def test_the_page_the_list_the_search_and_the_file_agree_on_when_each_stops() -> None:
    made, now, client = fleet(), timezone.now(), factories.client("Admin")
    verdicts = {name: stopping.find_stop(row, now) for name, row in made.items()}
    assert {name for name, stop in verdicts.items() if stop is None} == {"stopped", "deleted"}
    for name, stop in verdicts.items():
        if stop:
            assert stop.status == name
            assert (stop.at is None) == (name in ("never", "unknown")), name
    searched = {
        "stops:<2h": {"soon", "overdue"}, "stops:>2h": {"today", "later"}, "stops:never": {"never"},
        "stops:unknown": {"unknown"}, "stops:overdue": {"overdue"}, "stops:<2d": {"soon", "today", "later", "overdue"},
    }  # fmt: skip
    for query, names in searched.items():
        for address in ("/environments/", "/environments/running/"):
            found = client.get(address, {"q": query}).context["page"].rows
            assert {row.name for row in found} == names, (address, query)
    for word, names in {"soon": {"soon"}, "today": {"soon", "today"}, "never": {"never"}}.items():
        found = client.get("/environments/running/", {"stops": word}).context["page"].rows
        assert {row.name for row in found} == names, word
    assert "takes &lt;2h" in client.get("/environments/", {"q": "stops:soon-ish"}).content.decode()
    page = client.get("/environments/running/")
    order = ["overdue", "soon", "today", "later"]
    assert [row.name for row in page.context["page"].rows][:4] == order
    assert "overdue" in client.get(f"/environments/{made['overdue'].pk}/").content.decode()
    rows = {row["name"]: row for row in read(client, "/environments/running/export/").rows}
    assert {name for name, row in rows.items() if row["stops_at"]} == set(order)


def test_odd_times_of_onas_make_no_page_fail() -> None:
    now, far = timezone.now(), datetime(9999, 12, 31, 23, 59, tzinfo=UTC)
    odd = {
        "endless": {"timeout": LONGEST_DURATION, "active_at": now},
        "used in the far future": {"timeout": HOUR, "active_at": far},
        "used in the year 1": {"timeout": HOUR, "active_at": datetime(1, 1, 1, tzinfo=UTC), "last_started_at": None},
    }
    made = {name: factories.environment(name=name, **columns) for name, columns in odd.items()}
    client = factories.client("Admin")
    searched: dict[str, set[str]] = {
        "stops:never": {"endless"},
        "stops:unknown": {"used in the far future"},
        "stops:overdue": {"used in the year 1"},
        "stops:>1h": set(),
    }
    for query, names in searched.items():
        found = client.get("/environments/running/", {"q": query}).context["page"].rows
        assert {row.name for row in found} == names, query
    for name, row in made.items():
        assert client.get(f"/environments/{row.pk}/").status_code == 200, name
        assert client.get(f"/environments/{row.pk}/edit/timeout/").status_code == 200, name
    assert len(read(client, "/environments/running/export/").rows) == len(made)


def test_the_page_says_who_started_it_what_keeps_it_awake_and_when_it_stops() -> None:
    now = timezone.now()
    signal = {"activitySignal": {"source": "vscode", "timestamp": (now - 5 * MINUTE).isoformat()}}
    made = factories.environment(
        timeout=HOUR, active_at=now - 5 * MINUTE, last_started_at=now - 3 * HOUR, status=signal,
        created_at=now - timedelta(days=3),
    )  # fmt: skip
    operations.operation("environment.start", ago=3 * HOUR, environment_id=made.pk, actor_name="ann")
    client = factories.client()
    html = client.get(f"/environments/{made.pk}/").content.decode()
    card = html.partition("Why it runs, and when it stops")[2].partition("</section>")[0]
    for words in (
        "in 54 min",
        "1 h after it was last used",
        "Kept awake by",
        "vscode",
        "by ann through the portal",
    ):
        assert words in card, words
    listed = client.get("/environments/running/").content.decode()
    assert "by ann through the portal" in listed
    assert "in 54 min" in listed


def test_the_form_of_the_timeout_says_when_each_choice_would_stop_it() -> None:
    now = timezone.now()
    made = factories.environment(
        timeout=HOUR, active_at=now - 45 * MINUTE, last_started_at=now - 3 * HOUR,
        spec={"timeout": {"disconnected": "3600s"}},
    )  # fmt: skip
    client = factories.client("Admin")
    html = client.get(f"/environments/{made.pk}/edit/timeout/").content.decode()
    assert "30 min without use: at once, it was last used 45 min ago" in html
    at = f"{now + 75 * MINUTE:%Y-%m-%d %H:%M} UTC"
    assert f"2 h without use: stops {at} unless it is used again, 1 h later" in html
    Environment.objects.filter(pk=made.pk).update(phase=Phase.STOPPED)
    stopped = client.get(f"/environments/{made.pk}/edit/timeout/").content.decode()
    assert "unless it is used again" not in stopped
