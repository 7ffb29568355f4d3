"""Why an environment failed, on its page: which part, since when and which start, who else, and where its log is."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from environments.models import Environment, Field, Phase, Transition
from tests.support import audit_entries, factories, operations

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
LOGS = {"logs": "https://x--logs.env.acme.example/logs"}


def failing(message: str, part: str = "devcontainer", **columns: Any) -> Environment:
    status = {part: {"phase": "PHASE_FAILED", "failureMessage": message}, "environmentUrls": LOGS}
    return factories.environment(failure=message, status=status, **columns)


def banner(environment: Environment, role: str = "Operator") -> str:
    page = factories.client(role).get(f"/environments/{environment.pk}/").content.decode()
    return page.partition('<section id="failure"')[2].partition("</section>")[0]


def told(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", html))


def test_the_banner_says_what_failed_since_when_and_in_which_start() -> None:
    now = timezone.now()
    made = failing("no image 1234567", last_started_at=now - 9 * MINUTE, created_at=now - timedelta(days=3))
    Transition.objects.create(
        environment=made, field=Field.FAILURE, new=made.failure, old_seen_at=now - 8 * MINUTE, seen_at=now - 7 * MINUTE
    )
    words = told(banner(made))
    assert "Devcontainer failed" in words
    assert "no image 1234567" in words
    between = f"happened between {now - 8 * MINUTE:%Y-%m-%d %H:%M:%S} UTC and {now - 7 * MINUTE:%Y-%m-%d %H:%M:%S} UTC"
    assert f"Recorded 7 min ago ({between})" in words
    assert f"Start of {now - 9 * MINUTE:%Y-%m-%d %H:%M:%S} UTC" in words
    assert " by " not in words.partition("Start of")[2], "nobody is known"
    ann = audit_entries.person("Ann")
    audit_entries.entry("start environment", ago=9 * MINUTE, subject_id=made.pk, actor_id=ann.pk)
    assert "probably by Ann, outside the portal" in told(banner(made))
    operations.operation("environment.start", ago=9 * MINUTE, environment_id=made.pk, actor_name="bo")
    assert "by bo through the portal" in told(banner(made))


def test_others_that_fail_alike_are_counted_and_linked_to_exactly() -> None:
    day = timedelta(days=1)
    made = failing("no image 1")
    alike = {failing("no image 2").pk, failing("no image 3", phase=Phase.STOPPED, last_started_at=None).pk}
    failing("no image 4", archived_at=timezone.now() - day)
    failing("no image 5", gone_at=timezone.now())
    failing("another thing")
    html = banner(made)
    assert "2 others fail like this" in told(html)
    (url,) = re.findall(r'href="([^"]+failure=[^"]+)"', html)
    rows = factories.client().get(url.replace("&amp;", "&")).context["page"].rows
    assert {row.pk for row in rows} == alike
    assert "No other fails like this" in told(banner(failing("unique")))


def test_the_log_is_offered_while_there_is_a_machine_and_else_once_why_not() -> None:
    running = banner(failing("no image"))
    assert re.search(r'href="/environments/[^"]+/log/">View log', running)
    assert "Support bundle" not in running, "its runner reported no address of one"
    cases = {
        "which is stopped. Neither Ona nor the portal stores it": {"phase": Phase.STOPPED},
        "its runner has not reported an address": {"status": {"machine": {"failureMessage": "no capacity"}}},
    }
    for words, columns in cases.items():
        made = failing("no capacity")
        Environment.objects.filter(pk=made.pk).update(**columns)
        html = banner(made)
        assert told(html).count(words) == 1, words
        assert "View log" not in html, words
    # the page of one that does not fail leads there too; the bare address, which needs a token, is no link
    healthy = factories.environment(status={"environmentUrls": LOGS})
    page = factories.client("Operator").get(f"/environments/{healthy.pk}/").content.decode()
    assert f'href="/environments/{healthy.pk}/log/"' in page
    assert 'href="https://x--logs' not in page
    viewer = banner(failing("no image"), "Viewer")
    assert "Your roles do not let you read its log" in viewer
    assert "/log/" not in viewer
    stopped = failing("no image", phase=Phase.STOPPED, last_started_at=timezone.now() - timedelta(days=9))
    assert "Devcontainer failed at the last start" in banner(stopped)
    assert banner(factories.environment()) == ""


def test_the_list_tells_the_message_if_it_is_asked_for_failures() -> None:
    failing("no image <1>")
    client = factories.client()
    line = '<div class="list-failure" title="no image &lt;1&gt;"><bdi>no image &lt;1&gt;</bdi></div>'
    for query in ("flag=failing", "q=is:FAILING,failed", "q=no+is:failing"):
        assert line in client.get(f"/environments/?{query}").content.decode(), query
    for query in ("", "q=image", "q=-is:failed"):
        assert "list-failure" not in client.get(f"/environments/?{query}").content.decode(), query
