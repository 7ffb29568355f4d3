"""What people see of the chain: the line on the operations' page, an operation's entries, the command, the schedule."""

from __future__ import annotations

import logging
import re
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.conf import settings as configured
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from portal.celery import app
from portal.ledger.chain import verify
from portal.ledger.models import Entry, Operation, Verification
from portal.ledger.tasks import verify_ledger
from tests.ledger.chain.tampering import WHOLE, Way, run, unguarded
from tests.support import factories
from tests.support.operations import operation

pytestmark = pytest.mark.django_db
URL = "/operations/"


@pytest.fixture
def viewer() -> Client:
    return factories.client("Viewer")


def seen(client: Client, url: str = URL, **options: Any) -> str:
    """The page's text, tags and surplus space left out."""
    answer = client.get(url, **options)
    assert answer.status_code == 200
    text = re.sub(r"<[^>]*>", " ", answer.content.decode())
    return re.sub(r" ([,.])", r"\1", " ".join(text.split()))


def tamper(reason: str = "another") -> None:
    with unguarded():
        Operation.objects.update(reason=reason)


def verified(ago: timedelta) -> None:
    with time_machine.travel(timezone.now() - ago):
        verify_ledger()


def command(*arguments: str) -> str:
    out = StringIO()
    call_command("verify_ledger", *arguments, stdout=out)
    return out.getvalue()


def test_the_page_tells_how_long_the_chain_is_and_when_it_was_verified(viewer: Client) -> None:
    operation()
    verified(timedelta(hours=3))
    head = verify.head()
    assert head is not None
    page = seen(viewer)
    assert "Ledger integrity: verified 3 h ago, 2 entries" in page
    assert "read 2 entries of 1 operation." in page
    assert f"Head now: {head}" in page
    assert "does not hold" not in page
    assert "long ago" not in page


def test_before_the_first_verification_the_page_says_so(viewer: Client) -> None:
    assert "Ledger integrity: empty" in seen(viewer)
    operation(is_open=True, was_sent=False)
    assert "Ledger integrity: not verified yet, 1 entry" in seen(viewer)


def test_a_verification_of_long_ago_is_told_as_such(viewer: Client) -> None:
    operation()
    verified(2 * timedelta(seconds=configured.VERIFY_SECONDS) + timedelta(minutes=1))
    assert "which is a long time ago" in seen(viewer)


def test_a_broken_chain_is_a_loud_note_that_names_what_was_found(viewer: Client) -> None:
    made = operation()
    tamper("<script>alert(1)</script>")
    verify_ledger()
    answer = viewer.get(URL).content.decode()
    assert '<div class="note note-error" role="alert">' in answer
    assert "<script>alert(1)" not in answer
    page = seen(viewer)
    assert "The ledger's chain does not hold. When it was verified just now, 1 thing was found" in page
    assert f"Operation {made.pk} (environment.stop of quiet-otter by ann): entries" in page
    assert "found broken just now" in page


def test_a_verification_that_was_rewritten_does_not_quieten_the_page(viewer: Client) -> None:
    operation()
    tamper()
    verify_ledger()
    with unguarded():
        run("UPDATE ledger_verification SET found = 0, findings = '[]'")
    page = seen(viewer)
    assert "The record of the chain's last verification was changed." in page
    assert "not verified" in page


@pytest.mark.parametrize("way", WHOLE)
def test_a_chain_that_lacks_the_head_verified_last_is_told_at_once(viewer: Client, way: Way) -> None:
    operation()
    operation()
    verify_ledger()
    way(list(Entry.objects.order_by("sequence")), 2)
    page = seen(viewer)
    assert "The ledger's chain is not the one that was verified just now." in page
    assert "Entry 4, its head at the time, is missing or has another hash" in page


def test_only_the_first_findings_are_shown_with_how_many_there_are_besides(viewer: Client) -> None:
    for _ in range(25):
        operation()
    tamper()
    verify_ledger()
    page = seen(viewer)
    assert "25 things were found" in page
    assert "5 more: manage.py verify_ledger lists them." in page


def test_news_of_the_list_do_not_carry_the_chain(viewer: Client) -> None:
    operation()
    assert "Ledger integrity" not in seen(viewer, headers={"HX-Request": "true", "HX-Target": "list"})


def test_an_operations_page_has_its_entries(viewer: Client) -> None:
    made, _ = operation(), operation()
    page = seen(viewer, f"{URL}{made.pk}/")
    for entry in Entry.objects.filter(operation_id=made.pk):
        assert f"{entry.sequence} {entry.get_kind_display()}" in page
        assert entry.hash in page
    assert Entry.objects.exclude(operation_id=made.pk).earliest("sequence").hash not in page


def test_the_command_says_what_holds() -> None:
    operation()
    head = verify.head()
    told = command(f"--head={head}", f"--head={Entry.objects.get(sequence=1).hash}")
    assert "2 entries of 1 operations were read" in told
    assert f"The head is {head}." in told
    assert "The chain holds" in told
    assert not Verification.objects.exists()


def test_the_command_says_what_does_not_hold_and_ends_with_an_error() -> None:
    made = operation()
    head = verify.head()
    tamper()
    out = StringIO()
    with pytest.raises(CommandError, match="does not hold") as raised:
        call_command("verify_ledger", "--head=" + "b" * 64, f"--head={head}", stdout=out)
    assert raised.value.returncode == 1
    assert "The chain does NOT hold: 2 findings." in out.getvalue()
    assert "- No entry has the hash bbbbbbbbbbbb…, which the head given has" in out.getvalue()
    assert f"- Operation {made.pk} (environment.stop" in out.getvalue()


def test_the_command_says_that_there_is_nothing_yet() -> None:
    assert "The chain has no entry yet." in command()


@pytest.mark.parametrize("head", ["", "abc", "z" * 64, "a" * 64 + ":", "a" * 64 + ":0", "a" * 64 + ":x", "a" * 65])
def test_a_head_that_is_none_is_not_taken(head: str) -> None:
    with pytest.raises(CommandError, match="64 hexadecimal digits"):
        command(f"--head={head}")


def test_the_command_keeps_its_result_where_asked_to(viewer: Client) -> None:
    operation()
    assert "2 entries" in command("--keep")
    assert "verified just now" in seen(viewer)
    with pytest.raises(CommandError, match="leave out --head"):
        command("--keep", "--head=" + "a" * 64)


def test_each_verification_logs_the_head(caplog: pytest.LogCaptureFixture) -> None:
    operation()
    with caplog.at_level(logging.INFO):
        verify_ledger()
        tamper()
        verify_ledger()
    good, bad = [record for record in caplog.records if "ledger chain verified" in str(record.msg)]
    assert (good.levelname, bad.levelname) == ("INFO", "ERROR")
    assert str(verify.head()) in str(good.msg)


def test_the_chain_is_verified_on_schedule() -> None:
    entry = app.conf.beat_schedule["ledger"]
    assert entry["task"] == verify_ledger.name == "portal.ledger.tasks.verify_ledger"
    assert entry["schedule"] == configured.VERIFY_SECONDS
