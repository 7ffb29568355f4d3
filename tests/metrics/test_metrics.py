"""`/metrics`: who may read it, what it says, and that the alerts and the dashboard name what there is."""

from __future__ import annotations

import base64
import json
import re
import time
import uuid
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from automations.models import ExecutionPhase
from environments.models import Phase, SyncRun
from environments.models.overview import Snapshot
from environments.overview.counts import count_all, store_snapshot
from portal.celery import note_when_sent
from portal.directory.call_counts import CALLS, CallCounts, call_counts
from portal.directory.connection import ona
from portal.directory.models import Project
from portal.heartbeat import Part, beat
from portal.ledger.chain.kept_verifications import verify_and_keep
from portal.ledger.models import Outcome, Verification
from portal.metrics import collector, views
from portal.ona import OnaError
from portal.sandbox.world import World
from tests.support import factories
from tests.support.automation_factories import execution, task
from tests.support.databases import undone
from tests.support.operations import operation

pytestmark = pytest.mark.django_db
DOCUMENTS = Path(__file__).resolve().parents[2] / "docs/operating"
TOKEN = "a-token-of-monitoring"
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture(autouse=True)
def broker(settings: LazySettings) -> Iterator[redis.Redis]:
    """Emptied of what is counted, and metrics that are open."""
    settings.METRICS_TOKEN = TOKEN
    views.registry.cache_clear()
    with redis.Redis.from_url(settings.REDIS_URL) as found:
        keys = [*found.scan_iter(f"{CALLS}*"), "celery", *(part.key for part in Part)]
        found.delete(*keys)
        yield found
        found.delete(*keys, *found.scan_iter(f"{CALLS}*"))
    views.registry.cache_clear()


def scrape(token: str = TOKEN, **options: Any) -> Any:
    return Client(**options).get("/metrics", headers={"Authorization": f"Bearer {token}"} if token else {})


def samples() -> Samples:
    answer = scrape()
    assert answer.status_code == 200
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


def of(found: Samples, name: str, **labels: str) -> float | None:
    return found.get((f"portal_{name}", tuple(sorted(labels.items()))))


def names(found: Samples) -> set[str]:
    return {name for name, _ in found}


def run(kind: SyncRun.Kind, state: str = "succeeded", *, ago: float = 10, seconds: float = 2) -> SyncRun:
    began = timezone.now() - timedelta(seconds=ago)
    ended = began + timedelta(seconds=seconds)
    return SyncRun.objects.create(kind=kind, state=state, started_at=began, finished_at=ended, requests=1)


def test_it_is_closed_without_a_token_and_takes_that_token_alone(settings: LazySettings) -> None:
    assert scrape().status_code == 200
    assert scrape()["Content-Type"].startswith("text/plain; version=0.0.4")
    for wrong in ("", "x", TOKEN[:-1], f"{TOKEN}x", "é"):
        answer = scrape(wrong)
        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer realm="metrics"'), wrong
    assert Client().get("/metrics", headers={"Authorization": f"Basic {TOKEN}"}).status_code == 401
    assert Client().post("/metrics").status_code in (403, 405)
    settings.METRICS_ON_LOOPBACK = True
    assert scrape("").status_code == 401, "a token that is set is asked of everybody"
    settings.METRICS_TOKEN = ""
    assert scrape("").status_code == 200
    assert scrape("", REMOTE_ADDR="::1").status_code == 200
    assert scrape("", REMOTE_ADDR="192.0.2.1").status_code == 404
    for header in ("X-Forwarded-For", "Forwarded", "Via"):
        assert Client(headers={header: "127.0.0.1"}).get("/metrics").status_code == 404, header
    settings.BEHIND_PROXY = True
    assert scrape("").status_code == 404, "behind a proxy on this host every visitor is loopback"
    settings.BEHIND_PROXY = settings.METRICS_ON_LOOPBACK = False
    assert scrape("").status_code == 404
    assert scrape("").status_code == factories.client("Admin").get("/metrics").status_code


def test_what_was_not_observed_is_absent(settings: LazySettings) -> None:
    settings.ONA_API_KEY = "opaque"
    found = names(samples())
    assert found.isdisjoint(
        f"portal_{name}"
        for name in (
            "sync_last_success_timestamp_seconds", "environments", "environments_flagged", "environments_running",
            "operations_oldest_open_timestamp_seconds", "ledger_chain_holds", "ona_token_days_left",
            "ledger_chain_verified_timestamp_seconds", "ona_call_seconds_count", "heartbeat_age_seconds",
        )
    )  # fmt: skip
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    lost = found - names(samples())
    assert lost == {
        "portal_queue_messages",
        "portal_queue_oldest_message_seconds",
        "portal_ona_request_budget_used_ratio",
    }


def test_runs_of_the_sync_are_counted_from_the_first_one_on_in_every_process() -> None:
    for kind, state, ago, seconds in (
        (SyncRun.Kind.ENVIRONMENTS, "succeeded", 3 * 86_400, 400), (SyncRun.Kind.ENVIRONMENTS, "succeeded", 70, 2),
        (SyncRun.Kind.ENVIRONMENTS, "failed", 10, 1), (SyncRun.Kind.SECRETS, "refused", 10, 1),
    ):  # fmt: skip
        run(kind, state, ago=ago, seconds=seconds)
    for again in range(2):
        found = samples()
        good = {"kind": "environments", "result": "succeeded"}
        assert of(found, "sync_run_seconds_count", **good) == 2 + again
        assert of(found, "sync_run_seconds_sum", **good) == 402 + 3 * again
        assert of(found, "sync_run_seconds_bucket", **good, le="2.5") == 1
        assert of(found, "sync_run_seconds_bucket", **good, le="900") == 2 + again
        assert of(found, "sync_run_seconds_count", kind="environments", result="failed") == 1
        assert of(found, "sync_run_seconds_count", kind="secrets", result="refused") == 1
        run(SyncRun.Kind.ENVIRONMENTS, ago=5, seconds=3)
    last = of(samples(), "sync_last_success_timestamp_seconds", kind="environments")
    assert last == pytest.approx(time.time() - 5, abs=3)
    views.registry.cache_clear()  # another process
    assert of(samples(), "sync_run_seconds_count", **good) == 4


def test_environments_are_told_as_the_last_listing_counted_them_and_not_when_that_is_late() -> None:
    projects = [Project.objects.create(id=uuid.uuid4(), name=f"p{number}", **seen()) for number in range(52)]
    for project in projects:
        factories.environment(project_id=project.pk)
    factories.environment(project_id=projects[0].pk, has_failure=True, failure="boom")
    factories.environment(phase=Phase.STOPPED)
    factories.environment(phase="ENVIRONMENT_PHASE_NEW")
    store_snapshot(timezone.now(), count_all(timezone.now()))
    found = samples()
    assert of(found, "environments", phase="running") == 53
    assert of(found, "environments", phase="stopped") == 1
    assert of(found, "environments", phase="deleting") == 0
    assert of(found, "environments", phase="other") == 1
    assert of(found, "environments_flagged", flag="failing") == 1
    assert of(found, "environments_flagged", flag="never-stops") == 0
    assert of(found, "environments_running", project_id=str(projects[0].pk), project="p0") == 2
    assert of(found, "environments_running", project_id="", project="others") == 2
    assert len([name for name, _ in found if name == "portal_environments_running"]) == 51
    Snapshot.objects.update(at=timezone.now() - timedelta(minutes=3))
    assert not [name for name in names(samples()) if name.startswith("portal_environments")]


def seen() -> dict[str, datetime]:
    return {"first_seen_at": timezone.now(), "seen_at": timezone.now()}


def test_executions_operations_and_the_chain_are_told_by_outcome() -> None:
    build = task(factories.environment())
    for phase in (ExecutionPhase.FAILED, ExecutionPhase.FAILED, ExecutionPhase.RUNNING):
        execution(build, phase=phase)
    operation(outcome=Outcome.FAILED)
    operation(outcome=Outcome.SUCCEEDED)
    opened = operation(is_open=True)
    verify_and_keep()
    found = samples()
    assert of(found, "executions_total", outcome="failed") == 2
    assert of(found, "executions_total", outcome="succeeded") == 0
    assert of(found, "executions_in_progress", phase="running") == 1
    assert of(found, "operations_total", action=opened.action, outcome="failed") == 1
    assert of(found, "operations_open", outcome="pending") == 1
    assert of(found, "operations_oldest_open_timestamp_seconds") == pytest.approx(opened.asked_at.timestamp())
    assert of(found, "ledger_chain_holds") == 1
    assert of(found, "ledger_chain_verified_timestamp_seconds") == pytest.approx(time.time(), abs=5)
    assert (of(found, "ledger_entries_total") or 0) > 2
    with undone():
        Verification.objects.create(
            started_at=timezone.now(), finished_at=timezone.now(), entries=1, operations=1, head_sequence=0, found=0,
            seal="forged",
        )  # fmt: skip
        assert of(samples(), "ledger_chain_holds") == 0


def test_calls_to_ona_are_counted_by_rpc_and_code_for_all_processes(connect: Any, settings: LazySettings) -> None:
    with connect(World(environments=3, seed=1)):
        ona().list_environments()
        ona().list_environments()
        with pytest.raises(OnaError):
            ona().get_environment(uuid.uuid4())
    CallCounts(settings.REDIS_URL).count("EnvironmentService/ListEnvironments", "ok", 400)  # another process
    found = samples()
    good = {"rpc": "EnvironmentService/ListEnvironments", "code": "ok"}
    assert of(found, "ona_call_seconds_count", **good) == 3
    assert of(found, "ona_call_seconds_bucket", **good, le="30") == 2
    assert (of(found, "ona_call_seconds_sum", **good) or 0) > 400
    assert of(found, "ona_call_seconds_count", rpc="EnvironmentService/GetEnvironment", code="not_found") == 1
    settings.ONA_REQUESTS_PER_SECOND = 2.0
    assert of(found, "ona_request_budget_used_ratio") in (0, pytest.approx(4 / 60 / 2)), "the minute before"
    assert call_counts(settings.REDIS_URL).last_minute() in (0, 4)


def test_the_queue_tells_how_long_its_oldest_message_waits(broker: redis.Redis) -> None:
    assert (of(samples(), "queue_messages"), of(samples(), "queue_oldest_message_seconds")) == (0, 0)
    headers: dict[str, object] = {}
    note_when_sent(headers)
    for sent_at in (time.time() - 100, headers["sent_at"]):
        broker.lpush("celery", json.dumps({"headers": {"sent_at": sent_at}}))
    beat(Part.WORKER)
    found = samples()
    assert of(found, "queue_messages") == 2
    assert of(found, "queue_oldest_message_seconds") == pytest.approx(100, abs=5)
    assert of(found, "heartbeat_age_seconds", part="worker") == pytest.approx(0, abs=5)
    assert of(found, "heartbeat_age_seconds", part="scheduler") is None
    broker.rpush("celery", b"nonsense")
    assert of(samples(), "queue_oldest_message_seconds") is None


def test_the_portals_own_token_tells_its_days_or_nobody_does(settings: LazySettings) -> None:
    now = timezone.now()

    def days(token: str, day: date | None = None) -> float | None:
        settings.ONA_API_KEY, settings.ONA_API_KEY_EXPIRES = token, day
        return of(samples(), "ona_token_days_left")

    def web_token(told: Any) -> str:
        return f"x.{base64.urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip('=')}.y"

    assert 9 < (days("opaque", now.date() + timedelta(days=10)) or 0) <= 10
    assert days(web_token({"exp": now.timestamp() + 86_400})) == pytest.approx(1, abs=0.01)
    for unknown in (
        "opaque",
        "",
        "a.b.c",
        "é.é.é",
        web_token({}),
        web_token([]),
        web_token({"exp": "x"}),
        web_token({"exp": 1e30}),
    ):
        assert days(unknown) is None, unknown


def test_a_scrape_costs_as_much_for_any_organization() -> None:
    costs = []
    for number in (1, 20):
        for _ in range(number):
            factories.environment(project_id=Project.objects.create(id=uuid.uuid4(), name="p", **seen()).pk)
            run(SyncRun.Kind.ENVIRONMENTS)
        store_snapshot(timezone.now(), count_all(timezone.now()))
        with CaptureQueriesContext(connection) as asked:
            samples()
        costs.append(len(asked))
    assert costs[0] == costs[1] < 16


# --- the alerts and the dashboard


def expressions() -> Iterator[tuple[str, str]]:
    for group in yaml.safe_load((DOCUMENTS / "alerts.yaml").read_text())["groups"]:
        assert set(group) == {"name", "rules"}
        for rule in group["rules"]:
            assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}, rule
            assert re.fullmatch(r"Portal[A-Za-z]+", rule["alert"])
            assert rule["labels"]["severity"] in {"info", "warning", "critical"}, rule
            assert set(rule["annotations"]) == {"summary", "description"}, rule
            assert re.fullmatch(r"\d+[smh]", rule.get("for", "0s")), rule
            yield rule["alert"], rule["expr"]
    dashboard = json.loads((DOCUMENTS / "dashboard.json").read_text())
    assert {"title", "uid", "schemaVersion", "panels", "templating", "time"} <= set(dashboard)
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    for panel in dashboard["panels"]:
        assert {"type", "title", "gridPos", "targets", "datasource"} <= set(panel), panel
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24, panel
        yield from ((panel["title"], target["expr"]) for target in panel["targets"])


def exported() -> dict[str, set[str]]:
    """Every name that can be in an expression, with its labels."""
    found: dict[str, set[str]] = {}
    for family in collector.PortalCollector().collect():
        labels = set(family._labelnames)  # type: ignore[attr-defined]
        parts = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}.get(family.type, ("",))
        found |= {f"{family.name}{part}": labels | ({"le"} if part == "_bucket" else set()) for part in parts}
    return found


def test_alerts_and_dashboard_name_metrics_and_labels_that_are_exported() -> None:
    known, used = exported(), set()
    for title, expression in expressions():
        asked = re.findall(r"(portal_\w+)(?:\{([^}]*)\})?", expression)
        assert asked or "up{" in expression, title
        for name, matchers in asked:
            assert name in known, f"{title}: {name}"
            assert set(re.findall(r"(\w+)=", matchers)) <= known[name], f"{title}: {name}"
            used.add(name)
        assert all(expression.count(left) == expression.count(right) for left, right in ("()", "{}", "[]")), title
    page = (DOCUMENTS / "metrics.md").read_text()
    told = set(re.findall(r"`(portal_\w+)`", page))
    families = {re.sub(r"(_seconds)_(bucket|count|sum)$", r"\1", name) for name in known}
    assert told == families, "docs/operating/metrics.md lists each metric"
    assert len(used) > 15
