"""The organization as it was known at a past moment."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from html import unescape
from urllib.parse import urlencode

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import ProgrammingError, connection, transaction
from django.test import Client
from django.utils import timezone

from environments.as_of import past, views
from environments.as_of.clock import at as clock_at
from environments.as_of.context import AsOf, observed
from environments.list.search_keys import lockdown
from environments.models import Environment, Field, Past, Phase
from environments.models.past import SPANS
from environments.policies.verdict import Facts, with_stops
from portal.directory.models import Organization
from tests.support import audits, factories

pytestmark = pytest.mark.django_db
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
def now() -> datetime:
    now = timezone.now()
    audits.swept(*(now - hours * HOUR for hours in range(20 * 24, -1, -1)))
    return now


@pytest.fixture
def viewer() -> Client:
    return factories.client("Viewer")


def then(moment: datetime) -> dict:
    """The environments as known then, by name."""
    with AsOf(moment).reading():
        return {row.name: row for row in with_stops(Environment.objects.present())}


def page(client: Client, url: str, moment: datetime | str, **query: object) -> str:
    text = moment if isinstance(moment, str) else moment.isoformat()
    response = client.get(f"{url}?{urlencode({'as_of': text} | query, doseq=True)}")
    assert response.status_code == 200
    return response.content.decode()


def test_phase_failure_lockdown_archiving_and_deletion_are_as_they_were_known(now):
    row = factories.environment(name="otter", first_seen_at=now - 10 * DAY, phase=Phase.STOPPED, failure="",
                                archived_at=now - DAY, lockdown_at=None, gone_at=now - HOUR)  # fmt: skip
    audits.moved(row, Field.FAILURE, "", "no image", by=now - 8 * DAY)
    audits.moved(row, Field.FAILURE, "no image", "", by=now - 7 * DAY)
    audits.stopped(row, now - 6 * DAY)
    audits.moved(row, Field.LOCKDOWN, now + 5 * DAY, now + 9 * DAY, by=now - 4 * DAY)
    audits.moved(row, Field.LOCKDOWN, now + 9 * DAY, None, by=now - 3 * DAY)
    audits.moved(row, Field.ARCHIVED, None, now - DAY, by=now - DAY)
    audits.moved(row, Field.GONE, None, now - HOUR, by=now - HOUR)
    assert then(now - 11 * DAY) == {}
    first = then(now - 9 * DAY)["otter"]
    assert (first.phase, first.failure, first.has_failure) == (Phase.RUNNING, "", False)
    assert (first.lockdown_at, first.archived_at) == (now + 5 * DAY, None)
    assert then(now - 7.5 * DAY)["otter"].has_failure
    later = then(now - 3.5 * DAY)["otter"]
    assert (later.phase, later.has_failure, later.lockdown_at) == (Phase.STOPPED, False, now + 9 * DAY)
    last = then(now - 2 * HOUR)["otter"]
    assert (last.lockdown_at, last.archived_at) == (None, now - DAY)
    assert then(now) == {}
    with AsOf(now).reading():
        assert Environment.objects.get().gone_at == now - HOUR


def test_a_stop_that_came_later_is_not_known_and_an_earlier_one_is(now):
    row = factories.environment(name="otter", first_seen_at=now - 10 * DAY, phase=Phase.STOPPED)
    audits.stopped(row, now - 8 * DAY)
    audits.moved(row, Field.PHASE, Phase.STOPPED, Phase.RUNNING, by=now - 5 * DAY)
    audits.stopped(row, now - 2 * DAY)
    for moment, by in ((now, now - 2 * DAY), (now - 3 * DAY, now - 8 * DAY), (now - 8 * DAY, now - 8 * DAY)):
        assert then(moment)["otter"].stop_seen_at == by
    factories.environment(name="seal", first_seen_at=now - 10 * DAY, phase=Phase.STOPPED)
    assert Facts.of(then(now - 9 * DAY)["seal"]).stop == (None, now - 10 * DAY)


def test_a_use_that_came_later_is_not_known(now):
    factories.environment(name="otter", first_seen_at=now - 10 * DAY, created_at=now - 11 * DAY,
                          last_started_at=now - 6 * DAY, active_at=now - 5 * DAY)  # fmt: skip
    assert then(now - 4 * DAY)["otter"].last_used_at == now - 5 * DAY
    assert then(now - 7 * DAY)["otter"].last_used_at is None


def test_every_filter_and_count_of_the_list_is_as_of_then(now, viewer):
    row = factories.environment(name="otter", first_seen_at=now - 10 * DAY, phase=Phase.STOPPED)
    audits.stopped(row, now - 6 * DAY)
    factories.environment(name="later", first_seen_at=now - DAY)
    url = "/environments/"
    assert f"e{row.pk.hex}" in page(viewer, url, now - 7 * DAY, phase="running")
    assert f"e{row.pk.hex}" not in page(viewer, url, now - 5 * DAY, phase="running")
    everything = page(viewer, url, now - 5 * DAY, facets="yes")
    assert "as recorded then" in everything
    assert "later" not in everything.partition("<tbody>")[2]
    assert 'hx-get="/environments/changes/' not in everything
    assert f"as_of={(now - 5 * DAY).strftime('%Y-%m-%dT%H')}" in everything
    lockdown = page(viewer, url, now - 7 * DAY, q="lockdown:<7d")
    assert "Nothing matches" in lockdown


def test_lockdowns_are_past_or_ahead_as_seen_from_the_moment(now, viewer):
    row = factories.environment(first_seen_at=now - 10 * DAY, lockdown_at=now - DAY)
    assert "Nothing matches" in page(viewer, "/environments/", now - 2 * DAY, lockdown="past")
    assert str(row.pk) in page(viewer, "/environments/", now - 2 * DAY, lockdown="7d")
    assert str(row.pk) in page(viewer, "/audit/lockdown/", now - 5 * DAY, status="7d")
    assert str(row.pk) in page(viewer, "/audit/lockdown/", now - HOUR, status="running")


MOMENTS = [
    ("soon", "takes a time in UTC"),
    ("2026-13-01", "takes a time in UTC"),
    ("0001-01-01T00:00+23:59", "takes a time in UTC"),
    ("9999-12-31T23:59Z", "this time lies in the future"),
    ("2001-01-01", "No records before"),
]


@pytest.mark.parametrize("url", ["/environments/", "/audit/", "/audit/lockdown/", "/audit/archive/"])
@pytest.mark.parametrize(("text", "said"), MOMENTS)
def test_of_a_moment_that_cannot_be_shown_nothing_is_shown(now, viewer, url, text, said):
    """Not today's rows, figures or files either: under an address of the past they would pass for those of then."""
    row = factories.environment(name="of-today", first_seen_at=now - DAY)
    answer = viewer.get(url, {"as_of": text, "q": "otter"})
    html = answer.content.decode()
    assert said in html
    for told in ("as recorded then", "of-today", str(row.pk), "<table", "env-figure", "export/", "facet"):
        assert told not in html, told
    assert f'href="{url}?q=otter">Show now' in html
    assert ("Show earliest available" in html) == (said == "No records before")
    export = factories.client("Auditor").get(f"{url}export/", {"as_of": text, "format": "csv"})
    assert url == "/audit/" or (export.status_code == 400 and "Content-Disposition" not in export)
    fragment = viewer.get(url, {"as_of": text}, headers={"HX-Request": "true"})
    assert fragment["HX-Redirect"]
    assert fragment.content == b""


def test_the_earliest_moment_on_offer_can_be_shown(now, viewer):
    factories.environment(name="first", first_seen_at=now - 10 * DAY)
    html = viewer.get("/environments/", {"as_of": "2001-01-01"}).content.decode()
    address = unescape(re.findall(r'href="([^"]*)">Show earliest available', html)[0])
    assert "as recorded then" in viewer.get(address).content.decode()


def test_pages_of_now_alone_say_so_under_an_address_of_the_past(now, viewer):
    row = factories.environment(first_seen_at=now - 10 * DAY)
    for url in ("/", "/operations/", "/automations/", f"/environments/{row.pk}/", "/secrets/"):
        html = viewer.get(url, {"as_of": (now - DAY).isoformat()}).content.decode()
        assert "Not recorded over time" in html, url
        assert f'href="{url}?">Show now' in html, url


def test_every_time_of_a_page_of_the_past_is_absolute(now, viewer):
    """Cells, templates and frame: "2 d ago" would be counted from now. Colours and marks are as of the moment."""
    factories.environment(first_seen_at=now - 10 * DAY, lockdown_at=now - 2 * DAY, archived_at=now - 4 * DAY,
                          phase=Phase.STOPPED, created_at=now - 9 * DAY)  # fmt: skip
    audits.policies(ago=9 * DAY, delete=3)
    for url in ("/environments/", "/audit/", "/audit/lockdown/", "/audit/archive/", "/audit/lockdown/changes/"):
        for moment in (now - 3 * DAY, now - HOUR):
            html = page(viewer, url, moment)
            shown = re.findall(r"<time[^>]*>([^<]*)</time>", html)
            assert not [text for text in shown if not text.endswith("UTC")], url
            assert not re.search(r">[^<]*\b\d+ (d|h|min|s) ago", html), url
    listed = page(viewer, "/environments/", now - 2.5 * DAY, lockdown="24h")
    due = f"{now - 2 * DAY:%Y-%m-%d %H:%M} UTC"
    assert re.search(rf'class="tone-red"><time[^>]*>{due}', listed)


def test_before_any_sweep_no_moment_is_known():
    as_of = AsOf.read("2026-01-01")
    assert as_of.at is None
    assert as_of.problem is not None
    assert as_of.problem.message == "No records yet"


@pytest.mark.parametrize(
    "text", ["2026-10-31T23:59Z", "2026-10-31T23:59", "2026-11-01T01:59 02:00", "2026-10-31 23:59"]
)
def test_a_moment_is_read_in_utc_unless_it_says_otherwise(text, monkeypatch):
    audits.swept(datetime.fromisoformat("2026-01-01T00:00Z"))
    as_of = AsOf.read(text)
    assert as_of.problem is None or "future" in as_of.problem.message
    assert as_of.at is None or as_of.at == datetime.fromisoformat("2026-10-31T23:59Z")


def test_where_no_sweep_ended_well_nothing_was_observed(settings, viewer):
    settings.SWEEP_SECONDS = 3600
    now = timezone.now()
    factories.environment(first_seen_at=now - 10 * DAY)
    audits.swept(*(now - hours * HOUR for hours in (240, 239, 238, 100, 99, 1)))
    assert not observed(now - 236 * HOUR).is_gap
    gap = observed(now - 200 * HOUR)
    assert gap.is_gap
    assert (gap.last, gap.next) == (now - 238 * HOUR, now - 100 * HOUR)
    assert not observed(now).is_gap
    for url in ("/environments/", "/audit/", "/audit/lockdown/", "/audit/archive/"):
        assert "Nothing was observed at that time" in page(viewer, url, now - 200 * HOUR)
        assert "Nothing was observed at that time" not in page(viewer, url, now - 99 * HOUR)


def test_what_is_asked_outside_is_as_of_now_again(now):
    row = factories.environment(name="otter", first_seen_at=now - 10 * DAY, phase=Phase.STOPPED)
    audits.stopped(row, now - DAY)
    with AsOf(now - 2 * DAY).reading():
        assert Environment.objects.running().count() == 1
    assert Environment.objects.running().count() == 0


def test_a_transaction_that_may_not_write_reads_the_past_alike(now):
    row = factories.environment(name="otter", first_seen_at=now - 10 * DAY, phase=Phase.STOPPED, failure="no image")
    factories.environment(name="later", first_seen_at=now - DAY)
    audits.stopped(row, now - 6 * DAY)
    audits.stopped(row, now - 2 * DAY)
    audits.moved(row, Field.FAILURE, "", "no image", by=now - 3 * DAY)

    def seen(moment: datetime) -> list[tuple[object, ...]]:
        with AsOf(moment).reading():
            rows = with_stops(Environment.objects.present()).order_by("name")
            return list(rows.values_list("name", "phase", "has_failure", "stop_seen_at", "spec_version"))

    moments = [now - 8 * DAY, now - 5 * DAY, now - HOUR]
    written = [seen(moment) for moment in moments]
    with transaction.atomic():
        connection.cursor().execute("SET TRANSACTION READ ONLY")
        assert [seen(moment) for moment in moments] == written
        transaction.set_rollback(True)
    assert [len(rows) for rows in written] == [1, 1, 2]


def test_a_moment_within_a_moment_is_the_inner_one(now):
    row = factories.environment(name="otter", first_seen_at=now - 10 * DAY, phase=Phase.STOPPED)
    audits.stopped(row, now - 2 * DAY)
    with AsOf(now - DAY).reading():
        with AsOf(now - 5 * DAY).reading():
            assert Environment.objects.running().count() == 1
        assert Environment.objects.running().count() == 0


def test_in_a_gap_time_stands_still_at_the_last_sweep(settings):
    settings.SWEEP_SECONDS = 3600
    now = timezone.now()
    factories.environment(name="otter", first_seen_at=now - 20 * DAY, lockdown_at=now - 5 * DAY)
    audits.swept(now - 9 * DAY, now - DAY)
    for moment, stands in ((now - 3 * DAY, now - 9 * DAY), (now - DAY, now - DAY)):
        with AsOf(moment).reading():
            assert clock_at() == stands
            assert Environment.objects.filter(lockdown("past", clock_at())).exists() == (stands > now - 5 * DAY)


def test_the_list_finds_what_will_be_deleted_by_the_policy_of_then(now, viewer):
    audits.policies(ago=15 * DAY, delete=7)
    audits.policies(ago=3 * DAY, after=now - 4 * DAY, delete=28)
    Organization.objects.update(delete_archived_environments_after=28 * DAY)
    row = factories.environment(first_seen_at=now - 10 * DAY, phase=Phase.STOPPED, archived_at=now - 10 * DAY)
    for moment, is_found in ((now - 5 * DAY, True), (now - 2 * DAY, False)):
        listed = page(viewer, "/environments/", moment, q="deletion:<3d")
        assert (f"e{row.pk.hex}" in listed) == is_found
    before = page(viewer, "/environments/", now - 16 * DAY, q="deletion:<9999d")
    assert "Nothing matches" in before


UNANSWERABLE = [
    {"q": "is:unacknowledged"},
    {"q": "is:not-in-sync"},
    {"q": "-is:failing,unpushed"},
    {"q": "port:8080"},
    {"flag": "unpushed"},
    {"flag": ["failing", "not-in-sync"]},
]


@pytest.mark.parametrize("query", UNANSWERABLE)
@pytest.mark.parametrize("url", ["/environments/", "/audit/lockdown/"])
def test_what_is_known_of_now_alone_is_not_asked_about_the_past(now, viewer, url, query):
    row = factories.environment(first_seen_at=now - 10 * DAY)
    said = page(viewer, url, now - DAY, **query)
    assert "available as of now" in said
    assert "was not understood" in said
    assert str(row.pk) not in said
    assert "available as of now" not in viewer.get(f"{url}?{urlencode(query, doseq=True)}").content.decode()
    export = f"{url}export/?{urlencode({'as_of': (now - DAY).isoformat(), 'format': 'csv'} | query, doseq=True)}"
    assert factories.client("Auditor").get(export).status_code == 400


def test_a_row_of_the_past_carries_no_flag_of_now(now, viewer):
    factories.environment(first_seen_at=now - 10 * DAY, unpushed_commits=2, spec_version=3, runner_spec_version=2,
                          failure="no image")  # fmt: skip
    flags = ("flag=failing", "flag=unpushed", "flag=not-in-sync")
    assert [flag in page(viewer, "/environments/", now - HOUR, facets="yes") for flag in flags] == [True, False, False]
    assert all(flag in viewer.get("/environments/").content.decode() for flag in flags)
    boxes = page(viewer, "/environments/facets/", now - HOUR)
    assert 'id="flag-failing"' in boxes
    assert 'id="flag-unpushed"' not in boxes


def test_words_are_looked_for_in_the_failures_of_then(now, viewer):
    row = factories.environment(name="otter", first_seen_at=now - 10 * DAY, failure="disk is full")
    audits.moved(row, Field.FAILURE, "no such image", "disk is full", by=now - 2 * DAY)
    for word, is_found in (("image", True), ("disk", False), ("OTT", True), (str(row.pk)[:13], True), ("-disk", True)):
        assert (f"e{row.pk.hex}" in page(viewer, "/environments/", now - 3 * DAY, q=word)) == is_found, word
    assert f"e{row.pk.hex}" in page(viewer, "/environments/", now - 3 * DAY, q="name:ott")


def test_the_bar_of_the_past_says_of_unpushed_work_that_it_is_as_now(now, viewer):
    audits.policies(lifetime=7, strict=True)
    factories.environment(first_seen_at=now - 10 * DAY, lockdown_at=now + DAY, unpushed_commits=2)
    said = page(viewer, "/audit/lockdown/", now - DAY)
    assert "2 commits, files unknown: 2 d left" in said
    assert "work as now, time as of then" in said
    assert "timeout, single ports, unpushed work" in said
    assert "as of then" not in viewer.get("/audit/lockdown/").content.decode()


def test_a_range_that_is_not_as_recorded_is_named_and_made_again(now, capsys):
    row = factories.environment(first_seen_at=now - 10 * DAY, phase=Phase.STOPPED)
    audits.stopped(row, now - 6 * DAY)
    audits.moved(row, Field.FAILURE, "no image", "", by=now - 2 * DAY)
    call_command("check_past")
    first, second, last = Past.objects.order_by("valid_until")
    assert (first.valid_from, first.valid_until, second.valid_until) == (
        row.first_seen_at,
        second.valid_from,
        last.valid_from,
    )
    Past.objects.filter(pk=first.pk).update(phase=Phase.CREATING)
    second.delete()
    Past.objects.filter(pk=last.pk).update(valid_from=now - 3 * DAY)
    with pytest.raises(CommandError, match="3 ranges differ"):
        call_command("check_past")
    said = capsys.readouterr().out
    for each in (first, second, last):
        assert f"{row.pk} until {each.valid_until:%Y-%m-%d %H:%M:%S.%f}" in said
    call_command("check_past", rebuild=True)
    assert list(past.differing()) == []
    assert Past.objects.count() == 3


def test_a_range_of_any_length_is_read_at_its_ends_and_not_beyond(now):
    """Ranges are looked for by how long they are: from a second to years."""
    lengths = [timedelta(hours=hours) for hours in SPANS]
    lengths += [length + timedelta(microseconds=1) for length in lengths] + [timedelta(seconds=1)]
    row = factories.environment(name="otter", first_seen_at=now - 40 * 365 * DAY, phase=Phase.STOPPED)
    at = row.first_seen_at
    for number, length in enumerate(lengths):
        at += length
        audits.moved(row, Field.FAILURE, str(number), str(number + 1), by=at)
    Environment.objects.update(failure=str(len(lengths)))
    past.rebuild()
    at = row.first_seen_at
    with pytest.raises(Environment.DoesNotExist), views.in_front_of_now(at - timedelta(microseconds=1)):
        Environment.objects.get()
    for number, length in enumerate([*lengths, timedelta(microseconds=1)]):
        for moment in (at, at + length - timedelta(microseconds=1)):
            with views.in_front_of_now(moment):
                assert Environment.objects.get().failure == str(number), length
        at += length


def test_while_the_views_are_missing_the_tables_of_now_do_not_answer(now):
    views.drop(plan=["a migration"])
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE environments_past RENAME TO other")
        views.make()  # after migrating back
        cursor.execute("ALTER TABLE other RENAME TO environments_past")
    with pytest.raises(ProgrammingError), transaction.atomic():
        then(now - DAY)
    views.make()
    assert then(now - DAY) == {}


@pytest.mark.parametrize("statement", ["DELETE FROM", "TRUNCATE"])
def test_what_is_deleted_from_the_database_has_no_past(now, statement):
    environment = factories.environment(first_seen_at=now - 2 * DAY)
    assert Past.objects.filter(environment_id=environment.pk).exists()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"{statement} environments_environment{' CASCADE' if statement == 'TRUNCATE' else ''}")
    assert not Past.objects.exists()
