"""The access log: what is recorded of whom, that it stays, and that the chain tells of whatever is done to it."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.signals import request_finished
from django.db import IntegrityError, close_old_connections, transaction
from django.test import Client, RequestFactory
from django.urls import reverse

from portal.accounts.sign_in_links import make_token
from portal.exports.download import PLACES
from portal.ledger.access_log.recording import LAST_REFUSAL, MAX_REFUSALS, record_access
from portal.ledger.chain import verify as chain_verify
from portal.ledger.models import AccessEntry, AccessKind
from portal.web.network import answering
from tests.ledger.chain.tampering import run, undone, unguarded
from tests.support import factories
from tests.support.operations import operation

pytestmark = pytest.mark.django_db
BROWSER = "Mozilla/5.0 (test)"


def newest() -> AccessEntry:
    found = AccessEntry.objects.newest_first().first()
    assert found
    return found


def test_signing_in_and_out_wrong_names_and_lockouts_are_recorded_with_address_and_browser() -> None:
    who, client, url = factories.user("Viewer"), Client(headers={"user-agent": BROWSER}), reverse("accounts:sign-in")
    for name, password, why in (
        ("x" * 149 + "-long-name", "any", "There is no account of this name."),
        (who.username, "wrong", "Wrong password."),
    ):
        client.post(url, {"username": name[:150], "password": password})
        entry = newest()
        assert (entry.kind, entry.outcome, entry.why) == ("refused-sign-in", "refused", why)
        assert (entry.actor_id, entry.actor_name) == (None, name[:150])
        assert (entry.address, entry.browser) == ("127.0.0.1", BROWSER)
    for _ in range(7):
        client.post(url, {"username": who.username, "password": "wrong"})
    kinds = list(AccessEntry.objects.newest_first().values_list("kind", flat=True))
    assert kinds.count("lockout") == 1
    assert kinds.count("refused-sign-in") <= 7, "attempts while locked out are recorded once a minute"
    other = factories.user("Viewer")
    client.post(url, {"username": other.username, "password": factories.PASSWORD})
    assert (newest().kind, newest().actor_id) == ("sign-in", other.pk)
    client.post(reverse("accounts:sign-out"))
    assert (newest().kind, newest().actor_name) == ("sign-out", other.username)
    stored = str(list(AccessEntry.objects.values()))
    assert factories.PASSWORD not in stored
    assert "'wrong'" not in stored


def test_the_address_is_the_proxys_word_only_behind_one(settings: object) -> None:
    request = RequestFactory().get(
        "/", headers={"x-forwarded-for": "198.51.100.7, 203.0.113.9", "user-agent": "x" * 999}
    )
    for behind, address in ((False, "127.0.0.1"), (True, "203.0.113.9")):
        settings.BEHIND_PROXY = behind  # type: ignore[attr-defined]
        entry = record_access(AccessKind.SIGNED_IN, actor=factories.user(), request=request)
        assert entry
        assert entry.address == address
    assert len(entry.browser) == 300


def test_refusals_and_downloads_are_recorded_whichever_view_answers() -> None:
    client = factories.client("Viewer")
    for _ in range(2):
        assert client.get("/operations/export/?format=csv", headers={"HX-Request": "true"}).status_code == 403
    assert [(e.kind, e.subject) for e in AccessEntry.objects.all()] == [("refused", "GET /operations/export/")]
    url = reverse("automations:file-download", args=[factories.environment().pk])
    assert client.get(f"{url}?a=b").status_code == 200
    assert (newest().kind, newest().subject, newest().outcome) == ("download", f"{url}?a=b", "allowed")


def test_refusals_are_bounded_whatever_is_tried_and_a_token_typed_as_a_name_is_not_kept() -> None:
    typed, client = f"portal_abcd1234_{'z' * 52}", Client()
    for number in range(MAX_REFUSALS + 5):
        client.post(reverse("accounts:sign-in"), {"username": f"{typed} {number}", "password": "wrong"})
    refused = AccessEntry.objects.filter(kind="refused-sign-in").order_by("at")
    assert len(refused) == MAX_REFUSALS
    assert [LAST_REFUSAL in each.why for each in refused] == [False] * (MAX_REFUSALS - 1) + [True]
    assert refused[0].actor_name == "portal_abcd1234_[not kept] 0"
    elsewhere = Client(REMOTE_ADDR="192.0.2.7")
    elsewhere.post(reverse("accounts:sign-in"), {"username": "ann", "password": "wrong"})
    assert (newest().actor_name, newest().address) == ("ann", "192.0.2.7")
    for _ in range(2):  # once a minute
        Client(REMOTE_ADDR="192.0.2.8").get("/api/v1/environments/", headers={"authorization": f"Bearer {typed}"})
    (told,) = AccessEntry.objects.filter(address="192.0.2.8")
    assert (told.actor_name, told.subject, told.kind) == ("portal_abcd1234", "GET /api/v1/environments/", "refused")
    assert told.why == "The portal has no such token."


def test_a_download_that_cannot_be_recorded_is_not_sent_and_gives_its_place_back() -> None:
    client = factories.client("Auditor")
    client.raise_request_exception = False
    request_finished.disconnect(close_old_connections)  # it would end the transaction of this test
    try:
        with transaction.atomic():
            run("ALTER TABLE ledger_accessentry ADD CONSTRAINT full_disk CHECK (false) NOT VALID")
            answer = client.get("/operations/export/?format=csv")
            transaction.set_rollback(True)
    finally:
        request_finished.connect(close_old_connections)
    assert answer.status_code == 500
    assert PLACES.taken == 0


def test_entries_stay_and_the_chain_tells_what_a_superuser_of_the_database_does() -> None:
    operation()
    entry = record_access(AccessKind.SIGNED_IN, actor=factories.user("Viewer"))
    assert entry
    record_access(AccessKind.REFUSED, typed_name="eve", refused_because="no", once_within=timedelta(minutes=1))
    assert chain_verify.verify().findings == []
    assert chain_verify.verify().operations == 1
    about = f"WHERE id = '{entry.pk}'"
    for statement in ("DELETE FROM ledger_accessentry", "UPDATE ledger_accessentry SET why = 'x'"):
        with pytest.raises(IntegrityError), transaction.atomic():
            run(f"{statement} {about}")
    for way, words in (
        (f"DELETE FROM ledger_accessentry {about}", "is missing"),
        (f"UPDATE ledger_accessentry SET actor_name = 'eve' {about}", "its actor_name was"),
        (f"INSERT INTO ledger_accessentry (id, at, kind, outcome, actor_name, token, browser, subject, why, before,"
         f" after) SELECT gen_random_uuid(), at, kind, outcome, actor_name, token, browser, subject, why, before, after"
         f" FROM ledger_accessentry {about}", "is in no entry"),
        (f"DELETE FROM ledger_entry WHERE operation_id = '{entry.pk}'", "missing"),
    ):  # fmt: skip
        with undone(), unguarded():
            run(way)
            assert words in " ".join(chain_verify.verify().findings), way
    with unguarded():
        run(f"SELECT ledger_append('{entry.pk}', 'changed', '{{\"after\": {{}}}}')")
    assert "had closed it" in " ".join(chain_verify.verify().findings)


def test_links_tokens_accounts_and_roles_are_recorded_with_what_changed_and_no_secret() -> None:
    admin, who = factories.user("Admin"), factories.user("Viewer")
    client = factories.signed_in_as(admin)
    made = client.post(
        reverse("accounts:token-new"), {"name": "night", "role": "Viewer", "days": "9", "operation_id": uuid.uuid4()}
    )
    secret = made.context["secret"].reveal()
    for _ in range(2):
        assert client.get("/api/v1/operations/", headers={"Authorization": f"Bearer {secret}"}).status_code == 200
    token = made.context["token"]
    client.post(reverse("accounts:token-revoke", args=[token.pk]))
    link = make_token(who, valid_for=timedelta(minutes=5))
    for _ in range(2):
        Client().post(reverse("accounts:link"), {"token": link})
    entries = list(AccessEntry.objects.order_by("at"))
    assert [(each.kind, each.actor_name) for each in entries] == [
        ("token-made", admin.username), ("token-used", admin.username), ("token-revoked", admin.username),
        ("link-made", ""), ("sign-in", who.username), ("link-used", who.username), ("refused-sign-in", ""),
    ]  # fmt: skip
    assert entries[1].token == str(token)
    stored = str(list(AccessEntry.objects.values()))
    assert secret not in stored
    assert link not in stored


@pytest.mark.parametrize("by", ["save", "set", "other side", "rights of a role"])
def test_whatever_a_request_changes_of_an_account_is_recorded_by_whichever_way(by: str) -> None:
    admin, who = factories.user("Admin"), factories.user("Viewer")
    request = RequestFactory().get("/")
    request.user = admin
    group = Group.objects.get(name="Operator")
    with answering(request):
        if by == "save":
            who.is_active, who.password = False, "another"
            who.save()
            expected = ("account", who.username, {"is_active": True}, {"is_active": False, "password_changed": True})
        elif by == "set":
            who.user_permissions.set(Permission.objects.filter(codename="view_group"))
            expected = ("roles", who.username, {"permissions": []}, {"permissions": ["auth.view_group"]})
        elif by == "other side":
            group.user_set.add(who)
            expected = ("roles", who.username, {"roles": ["Viewer"]}, {"roles": ["Operator", "Viewer"]})
        else:
            pairs = group.permissions.values_list("content_type__app_label", "codename")
            before = sorted(f"{app}.{codename}" for app, codename in pairs)
            group.permissions.clear()
            expected = ("roles", "role Operator", {"permissions": before}, {"permissions": []})
    entry = newest()
    assert (entry.kind, entry.subject, entry.before, entry.after) == expected
    assert (entry.actor_id, entry.address) == (admin.pk, "127.0.0.1")
