"""What is sent, in which order, and what becomes of it when receivers fail."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.utils import timezone
from standardwebhooks.webhooks import WebhookVerificationError

from environments.models import Environment, Field
from portal.ledger.models import Entry
from portal.ona.documents.tokens import Secret
from portal.outbox.channels import PURPOSE
from portal.outbox.delivery import GIVE_UP_AFTER, deliver_to
from portal.outbox.models import OPENS_AFTER, Attempt, Destination, Message
from portal.web.encryption import encrypt
from tests.support import audits, factories
from tests.support.databases import undone
from tests.support.operations import operation
from tests.support.outbox import SECRET
from tests.support.outbox import destination as webhook

from .conftest import let_pass
from .receiver import CLOSE, OK, SILENT, Receiver

pytestmark = pytest.mark.django_db
OTHER = "whsec_b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXI="
SOON, DAY = timedelta(minutes=1), timedelta(days=1)


def change(environment: Environment, new: str) -> None:
    audits.moved(environment, Field.FAILURE, "", new, by=timezone.now())


def news(receiver: Receiver) -> list[str]:
    """What the requests told that were accepted."""
    return [each.event["data"]["new"] for each in receiver.got if each.answered == OK]


def test_events_are_written_with_what_they_are_about_and_signed_with_every_valid_secret(receiver: Receiver) -> None:
    environment = factories.environment(name="otter")
    hook = webhook(receiver.url)
    webhook("https://other.example/", name="other", events=["environment.deleted"])
    done = operation(environment_id=environment.pk)
    change(environment, "no space left")
    audits.moved(environment, Field.CONTENT, "", "ready", by=timezone.now())  # nobody can choose it
    with undone():
        change(environment, "never")
    assert deliver_to(hook.pk) == 2
    first, second = receiver.got
    assert (first.event["type"], second.event["type"]) == ("operation.settled", "environment.failure")
    told, closed = first.event["data"], Entry.objects.filter(operation_id=done.pk).latest("sequence")
    assert (told["id"], told["outcome"]) == (str(done.pk), "succeeded")
    assert told["chain"] == {"sequence": closed.sequence, "hash": closed.hash}
    assert (second.event["data"]["name"], second.event["data"]["new"]) == ("otter", "no space left")
    first.verify(SECRET)
    with pytest.raises(WebhookVerificationError):
        first.verify(OTHER)

    hook.old_secret, hook.secret = hook.secret, encrypt(Secret(OTHER), PURPOSE)
    hook.old_secret_until = timezone.now() + DAY
    hook.save()
    for day in range(2):
        change(environment, f"day {day}")
        assert deliver_to(hook.pk) == 1
        receiver.got[-1].verify(OTHER)
        let_pass(2 * DAY)
    receiver.got[-2].verify(SECRET)
    with pytest.raises(WebhookVerificationError):
        receiver.got[-1].verify(SECRET)
    stored = json.dumps(list(Destination.objects.values()), default=str)
    assert SECRET not in stored
    assert OTHER not in stored


def test_what_fails_is_sent_again_in_order_and_holds_up_its_environment_alone(receiver: Receiver) -> None:
    otter, fox = factories.environment(), factories.environment()
    hook = webhook(receiver.url)
    receiver.text = "x" * 5_000
    for number, trouble in enumerate(
        (500, CLOSE, SILENT, (302, {"Location": receiver.url}), (429, {"Retry-After": "90"}))
    ):
        change(otter, f"{number} first")
        change(otter, f"{number} then")
        change(fox, f"{number} beside")
        receiver.script.append(trouble)
        before = len(receiver.got)
        deliver_to(hook.pk)
        is_asked_to_wait = isinstance(trouble, tuple) and trouble[0] == 429
        assert news(receiver)[-1].endswith("then" if is_asked_to_wait else "beside"), trouble
        assert not deliver_to(hook.pk), trouble
        let_pass(SOON)
        assert deliver_to(hook.pk) == (0 if is_asked_to_wait else 2), trouble
        let_pass(SOON)
        deliver_to(hook.pk)
        rest = [each for each in receiver.got[before:] if each.answered == OK]
        told = [each.event["data"]["new"] for each in rest]
        assert sorted(told, key=lambda each: each.endswith("beside")) == [
            f"{number} {of}" for of in ("first", "then", "beside")
        ]
        tried = [each.identity for each in receiver.got[before:] if each.event["data"]["new"].endswith("first")]
        assert len(tried) == 2, trouble
        assert len(set(tried)) == 1, trouble
    assert not Message.objects.pending().exists()
    log = list(Attempt.objects.order_by("at").values_list("status", "failure", "answer"))
    assert log[0] == (500, "", "x" * 1_024)
    assert {failure.partition(" ")[2] for _, failure, _ in log if failure} == {
        "connection to 127.0.0.1 was lost before it answered", "did not answer within 0.5 s",
    }  # fmt: skip


def test_a_receiver_that_is_down_opens_the_circuit_and_one_that_is_gone_is_disabled(
    receiver: Receiver, settings: LazySettings
) -> None:
    settings.WEBHOOK_ORIGINS.append("http://127.0.0.1:9")
    hook = webhook("http://127.0.0.1:9/hook")
    environments = [factories.environment() for _ in range(OPENS_AFTER + 3)]
    for each in environments:
        change(each, str(each.pk))
    assert deliver_to(hook.pk) == OPENS_AFTER
    for hours in range(4):  # closed again by one message that arrives, however long the others were to wait
        assert not deliver_to(hook.pk)
        let_pass(timedelta(hours=1))
        if hours < 3:
            assert deliver_to(hook.pk) == 1
    assert set(Attempt.objects.values_list("failure", flat=True)) == {"127.0.0.1 cannot be reached"}
    Destination.objects.update(address=receiver.url)
    assert deliver_to(hook.pk) == len(environments)
    hook.refresh_from_db()
    assert (hook.failures, hook.lease, set(news(receiver))) == (0, None, {str(each.pk) for each in environments})

    receiver.script.append(410)
    change(environments[0], "the last")
    change(environments[1], "beside")
    assert deliver_to(hook.pk) == 1
    let_pass(DAY)
    assert not deliver_to(hook.pk)
    hook.refresh_from_db()
    assert hook.state == Destination.State.DISABLED
    assert Message.objects.pending().count() == 2


def test_a_message_is_given_up_after_days_and_the_next_one_goes_on(receiver: Receiver) -> None:
    hook, otter = webhook(receiver.url), factories.environment()
    change(otter, "poison")
    change(otter, "next")
    receiver.script.extend([500] * 3)
    assert [deliver_to(hook.pk), let_pass(DAY), deliver_to(hook.pk), let_pass(GIVE_UP_AFTER), deliver_to(hook.pk)] == [
        1, None, 1, None, 2
    ]  # fmt: skip
    assert list(Message.objects.order_by("pk").values_list("state", flat=True)) == ["dead", "delivered"]
    assert news(receiver) == ["next"]


def test_addresses_inside_are_never_called(receiver: Receiver) -> None:
    """The rest is the guard of logs, which tests/ona/test_logs.py tries."""
    inside = ("https://127.0.0.1/", "https://localhost/", "http://example.com/", "https://[::1]/", "https://10.0.0.7/",
              "https://a@example.com/", "https://169.254.169.254/latest/", "https://example.com:8443/")  # fmt: skip
    for url in (*inside, receiver.url.replace("127.0.0.1", "localhost")):
        hook = webhook(url, name=url)
        change(factories.environment(), "x")
        assert deliver_to(hook.pk) == 1, url
        assert Attempt.objects.filter(message__destination=hook).get().failure, url
        hook.delete()
    assert not receiver.got
