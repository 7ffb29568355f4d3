"""Destinations and messages on their pages and over the REST API: who changes what, and that no secret is shown."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command

from portal.ledger.models import AccessEntry
from portal.outbox.channels import PURPOSE
from portal.outbox.delivery import RETENTION, delete_old, deliver_to
from portal.outbox.models import Attempt, Destination, Message
from portal.web.encryption import decrypt
from tests.api.test_tokens import bearer
from tests.support import factories, outbox

from .receiver import Receiver

pytestmark = pytest.mark.django_db
NEW, LIST = "/outbox/destinations/new/", "/outbox/destinations/"
API = "/api/v1/destinations/"
OTHER = "whsec_b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXI="
WRONG = (
    ({"address": "https://10.0.0.7/"}, "address"),
    ({"address": "http://hooks.example.com/"}, "address"),
    ({"address": "someone@example.com", "kind": "e-mail"}, "address"),  # there is no server
    ({"secret": ""}, "secret"),
    ({"secret": "whsec_c2hvcnQ="}, "secret"),
    ({"secret": OTHER.removeprefix("whsec_")}, "secret"),
    ({"events": ["operation.settled", "everything"]}, "events"),
    ({"kind": "fax"}, "kind"),
    ({"name": "HOOK"}, "name"),
)


def given(receiver: Receiver) -> dict[str, Any]:
    return {
        "name": "siem", "kind": "webhook", "address": receiver.url, "secret": outbox.SECRET,
        "events": ["operation.settled"],
    }  # fmt: skip


def test_an_admin_adds_tries_changes_mutes_and_rotates_and_nobody_sees_a_secret(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    client = factories.signed_in_as(factories.user("Admin", username="ada"))
    outbox.destination(events=[])
    for wrong, field in WRONG:
        answer = client.post(NEW, given(receiver) | wrong)
        assert (answer.status_code, list(answer.context["form"].errors)) == (422, [field]), wrong
    assert client.post(NEW, given(receiver)).status_code == 302
    made = Destination.objects.get(name="siem")
    page = f"{LIST}{made.pk}/"

    def do(deed: str, **typed: Any) -> int:
        return client.post(page, {"do": deed, **typed}).status_code

    assert (do("test"), deliver_to(made.pk), receiver.got[0].event["type"]) == (302, 1, "test")
    assert (do("mute"), do("test"), deliver_to(made.pk)) == (302, 302, 0)
    assert (do("rotate", secret="guess"), do("rotate", secret=OTHER), do("nothing")) == (422, 302, 422)
    assert do("change", name="hook", address=receiver.url) == 409
    assert do("change", name="siem 2", address="https://localhost/") == 422
    assert do("change", name="siem 2", address=receiver.url, events=["environment.deleted"]) == 302
    assert (do("resume"), deliver_to(made.pk)) == (302, 1)
    receiver.got[-1].verify(OTHER)
    receiver.got[-1].verify(outbox.SECRET)

    message = Message.objects.latest("pk")
    assert client.post(f"/outbox/{message.pk}/", {"do": "replay"}).status_code == 302
    assert deliver_to(made.pk) == 1
    assert receiver.got[-1].identity == receiver.got[-2].identity
    Message.objects.update(state="dead")
    assert client.post(f"/outbox/{message.pk}/", {"do": "mute"}).status_code == 302
    assert (do("replay"), deliver_to(made.pk), len(receiver.got)) == (302, 1, 4)

    entries = AccessEntry.objects.filter(kind__in=("destination", "message")).order_by("at")
    assert {each.actor_name for each in entries} == {"ada"}
    told = [(each.subject, each.before, each.after) for each in entries]
    assert told[1:5] == [
        ("siem", {}, {"test_sent": True}), ("siem", {"state": "active"}, {"state": "muted"}),
        ("siem", {}, {"test_sent": True}), ("siem", {}, {"secret_rotated": True}),
    ]  # fmt: skip
    assert told[5] == (
        "siem 2", {"name": "siem", "events": ["operation.settled"]},
        {"name": "siem 2", "events": ["environment.deleted"]},
    )  # fmt: skip
    assert [each[0] for each in told[6:]] == ["siem 2", f"message {message.pk}", f"message {message.pk}", "siem 2"]

    shown = [client.get(url).content.decode() for url in (NEW, LIST, page, "/outbox/", f"/outbox/{message.pk}/")]
    shown += [client.get(f"/api/v1/{name}/").content.decode() for name in ("destinations", "messages", "access-log")]
    dump = io.StringIO()
    call_command("dumpdata", stdout=dump)
    for secret in (outbox.SECRET, OTHER):
        assert not [text for text in (*shown, dump.getvalue(), caplog.text) if secret.removeprefix("whsec_") in text]


def test_the_api_does_what_the_pages_do_and_auditors_only_see(receiver: Receiver) -> None:
    owner = factories.user("Admin")
    client, auditor = bearer(owner, "Admin"), factories.client("Auditor")

    def post(path: str, who: Any = client, **body: Any) -> Any:
        return who.post(f"/api/v1/{path}", json.dumps(body), content_type="application/json")

    for wrong, field in WRONG[:-1]:
        answer = post("destinations/actions/create/", **given(receiver) | wrong)
        assert answer.status_code == 422, wrong
        assert [each["pointer"] for each in answer.json()["errors"]] == [f"#/{field}"], wrong
    assert post("destinations/actions/create/", **given(receiver) | {"events": "all"}).status_code == 422
    made = post("destinations/actions/create/", **given(receiver)).json()
    assert post("destinations/actions/create/", **given(receiver)).status_code == 409
    one = f"destinations/{made['id']}/actions"
    assert post(f"{one}/change/", events=[]).json() == made | {"events": []}
    assert post(f"{one}/rotate/", secret=OTHER).status_code == 200
    row = Destination.objects.get()
    assert [decrypt(each, PURPOSE).reveal() for each in (row.secret, row.old_secret)] == [OTHER, outbox.SECRET]
    assert post(f"{one}/test/").json()["waiting"] == 1
    assert post(f"{one}/mute/").json()["state"] == "muted"
    assert post(f"{one}/resume/").json()["state"] == "active"
    assert deliver_to(made["id"]) == 1
    message = client.get("/api/v1/messages/").json()["results"][0]
    assert (message["state"], message["destination"], message["attempts"]) == ("delivered", "siem", 1)
    assert post(f"messages/{message['id']}/actions/replay/").json()["state"] == "pending"
    assert post(f"messages/{message['id']}/actions/mute/").json()["state"] == "muted"
    assert client.get("/api/v1/attempts/?result=delivered").json()["results"][0]["answer"] == "thanks"

    assert auditor.get("/api/v1/destinations/").json()["results"][0]["name"] == "siem"
    page = auditor.get(f"{LIST}{made['id']}/").content.decode()
    assert "siem" in page
    assert 'name="do"' not in page
    assert auditor.post(f"{LIST}{made['id']}/", {"do": "mute"}).status_code == 403
    assert auditor.post(f"/outbox/{message['id']}/", {"do": "replay"}).status_code == 403
    assert post(f"{one}/mute/", auditor).status_code == 403


def test_what_was_delivered_is_deleted_in_time() -> None:
    hook = outbox.destination()
    for state in Message.State.values:
        for age in (RETENTION + timedelta(days=1), timedelta(days=1)):
            told = outbox.message(hook, ago=age, state=state)
            Message.objects.filter(pk=told.pk).update(settled_at=None if state == "pending" else told.at)
            Attempt.objects.create(message=told, at=told.at)
    delete_old()
    kept = sorted(Message.objects.values_list("state", flat=True))
    assert kept == ["dead", "dead", "delivered", "muted", "pending", "pending"]
    assert Attempt.objects.count() == len(kept)
