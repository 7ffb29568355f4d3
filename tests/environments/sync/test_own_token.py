"""The portal's own token: one that only reads, one that ends, one of several, one that is replaced while it runs."""

from __future__ import annotations

import uuid
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from environments.models import Environment, Phase, SyncRun
from environments.sync.directory import sync_directory
from environments.tasks import sync_environments
from portal.directory.connection import current_token, ona, ona_now
from portal.directory.models import OwnToken
from portal.directory.own_token import READ_ONLY, own_token
from portal.health import Checks
from portal.ledger.models import Operation
from portal.metrics.collector import PortalCollector
from portal.ona import errors
from portal.sandbox import access
from portal.sandbox.documents import micros
from portal.sandbox.server import Sandbox
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)
SHOWN = "The portal&#x27;s token is read-only"
BATCH = "/operations/batches/new/?action=environment.stop&q=phase:running"


@pytest.fixture
def token_file(sandbox: Sandbox, settings: Settings, tmp_path: Path) -> Path:
    """The portal reads its token from a file; it is the one with all rights."""
    settings.ONA_TOKEN_FILE, settings.ONA_API_KEY = str(tmp_path / "token"), ""
    (tmp_path / "token").write_text(f"{sandbox.token}\n")
    return tmp_path / "token"


def page(client: Client, url: str) -> str:
    return client.get(url).content.decode()


def checked() -> str:
    out = StringIO()
    call_command("check_ona", stdout=out)
    return out.getvalue()


def gauge(name: str) -> float | None:
    found = [each.value for family in PortalCollector().collect() for each in family.samples if each.name == name]
    return found[0] if found else None


def test_whose_the_token_is_and_what_it_may_is_read_with_the_directory(sandbox: Sandbox, token_file: Path) -> None:
    for suffix, kind, owner, is_read_only, rights in (
        ("", "user", sandbox.world.organization.members[0]["fullName"], False, "those of its owner"),
        (
            access.READ_ONLY,
            "user",
            sandbox.world.organization.members[1]["fullName"],
            True,
            "read-only: nothing can be",
        ),
        (access.SERVICE, "service account", "environment-portal", None, "requires a personal access token"),
    ):
        token_file.write_text(sandbox.token + suffix)
        sync_directory(ona())
        stored = OwnToken.objects.get()
        assert (stored.kind, stored.owner, stored.is_read_only, stored.is_certain) == (kind, owner, is_read_only, True)
        assert sandbox.token not in repr(vars(stored)), suffix
        shown = page(factories.client("Viewer"), "/sync/")
        assert owner in shown, suffix
        assert rights in shown, suffix
        assert "expires in 59 days" in shown, suffix
        assert (READ_ONLY in checked()) == (is_read_only is True), suffix
        assert gauge("portal_ona_token_read_only") == (None if is_read_only is None else float(is_read_only))
    sandbox.faults.inject("html502", times=9, rpc="ServiceAccountService")
    sync_directory(ona_now())
    unread = own_token()
    assert (unread.word, unread.expires_at, unread.text) == ("ok", None, "does not say when it expires")


def test_a_read_only_token_makes_a_read_only_portal_that_says_why(ona_read: Sandbox, settings: Settings) -> None:
    admin, environment = factories.client("Admin"), Environment.objects.filter(phase=Phase.RUNNING).earliest("id")
    stop = f"/environments/{environment.pk}/stop/"
    urls = (f"/environments/{environment.pk}/", stop, "/environments/", "/secrets/", "/audit/lockdown/", BATCH)
    settings.ONA_API_KEY += access.READ_ONLY
    for is_read_only in (False, True):
        if is_read_only:
            sync_environments(if_due=True)  # the first that notices another token
            sent = sum(ona_read.requests.values())
        for url in urls:
            html = page(admin, url)
            told = html.count("everything is shown, and nothing can be changed at Ona")
            assert (told, f"{SHOWN}: Ona refuses" in html) == (is_read_only, is_read_only), (url, is_read_only)
    assert '<button type="submit"\n            class="btn btn-danger" disabled>' in page(admin, stop)
    assert "nothing can be changed" not in page(factories.client("Viewer"), "/"), "who may change nothing anyway"
    form = admin.post(stop, {"operation_id": uuid.uuid4(), "reason": "night"})
    assert f"{SHOWN}: Ona refuses every change." in form.content.decode()
    chosen = {"action": "environment.stop", "query": "phase=running"}
    for address, body in (
        (f"environments/{environment.pk}/actions/stop/", {"reason": "night"}),
        ("batches/actions/plan/", chosen), ("batches/actions/start/", chosen | {"reason": "night"}),
    ):  # fmt: skip
        answer = admin.post(f"/api/v1/{address}", body, content_type="application/json")
        assert READ_ONLY in answer.content.decode(), address
    assert (sum(ona_read.requests.values()), Operation.objects.count()) == (sent, 0), "nothing was sent or begun"


def test_the_days_that_are_left_are_shown_from_a_fortnight_before_the_end(
    ona_read: Sandbox, settings: Settings
) -> None:
    viewer, issued = factories.client("Viewer"), ona_read.access.issued[""]
    for days, word, text, tone in (
        (15, "ok", "", ""), (13.5, "expiring", "Token expires in 13 days", "tone-amber"),
        (1.5, "expiring", "Token expires in 1 day", "tone-red"), (0.5, "expiring", "Token expires today", "tone-red"),
    ):  # fmt: skip
        ends_at = timezone.now() + timedelta(days=days)
        issued.expires_at = micros(ends_at)
        sync_directory(ona())
        _, _, chip = page(viewer, "/environments/").partition("topbar-token ")
        assert (chip.startswith(tone), text in chip) == (True, True), days
        assert bool(chip) == bool(text), days
        report = Checks().report()
        assert (report["ready"], report["token"]["state"]) == (report["ready"], word)
        assert gauge("portal_ona_token_days_left") == pytest.approx(days, abs=0.01)
        assert ("FAIL expiry" in checked()) == (word != "ok"), days
    OwnToken.objects.update(expires_at=timezone.now() - timedelta(days=2))
    issued.expires_at = micros(timezone.now() - timedelta(days=2))
    sync_environments()
    html = page(viewer, "/environments/")
    assert "<strong>The portal&#x27;s token for Ona has expired.</strong> Ona rejects the token" in html
    assert "topbar-token" not in html, "once is enough"
    with pytest.raises(CommandError):
        checked()
    report = Checks().report()
    assert report["token"] == {"state": "expired", "days_left": -2.0, "read_only": False}
    assert gauge("portal_ona_token_days_left") == pytest.approx(-2, abs=0.01)


def test_a_token_is_replaced_without_a_restart(sandbox: Sandbox, token_file: Path) -> None:
    client, now = ona(), ona_now()
    sync_environments()
    assert own_token().is_read_only is False
    token_file.write_text(f"{sandbox.token}{access.READ_ONLY}")
    subjects = {each.get_authenticated_identity().subject.id for each in (client, now)}
    assert subjects == {uuid.UUID(sandbox.world.organization.members[1]["userId"])}, "clients that are there already"
    assert own_token().stored is None, "what is known of the other token is not believed of this one"
    sync_environments(if_due=True)
    assert own_token().is_read_only
    for unusable in ("", "two words", "\n"):
        token_file.write_text(unusable)
        assert current_token() == f"{sandbox.token}{access.READ_ONLY}", "until it is written"
    token_file.unlink()
    assert client.get_authenticated_identity().subject.id
    token_file.write_text("wrong")
    with pytest.raises(errors.Unauthenticated) as refused:
        client.get_authenticated_identity()
    assert "PORTAL_ONA_TOKEN_FILE" in refused.value.for_people()
    sync_environments()
    assert "Ona rejects the token" in page(factories.client("Viewer"), "/")
    token_file.write_text(sandbox.token)
    sync_environments()
    assert SyncRun.objects.latest("pk").state == SyncRun.State.SUCCEEDED
    assert "Ona rejects the token" not in page(factories.client("Viewer"), "/")


def test_of_several_tokens_the_one_in_use_is_told_by_its_use(sandbox: Sandbox) -> None:
    reading, member = sandbox.access.issued[access.READ_ONLY], sandbox.access.issued[access.MEMBER]
    for each in (reading, member):
        each.caller = sandbox.access.issued[""].caller
    member.expires_at = micros(timezone.now() + timedelta(days=3))
    sync_directory(ona())
    first = own_token()
    assert (first.text, first.is_probable) == ("expires in 59 days", False)
    member.last_used = micros(timezone.now())
    sync_directory(ona())
    second = own_token()
    assert (second.text, second.is_probable) == ("expires in 2 days", True)
    assert "this is the first of them to expire" in page(factories.client("Viewer"), "/sync/")
