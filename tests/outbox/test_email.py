"""E-mail, to a real server on loopback: of events, and to owners of what somebody else did to their environments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from django.conf import LazySettings

from environments.models import Environment
from environments.sync.directory import sync_directory
from portal.directory.connection import ona
from portal.ledger.models import Operation, Outcome
from portal.ledger.recording import close
from portal.local.services import free_port
from portal.outbox.delivery import deliver_to
from portal.outbox.models import Attempt, Destination, Message
from portal.sandbox.conditions import Condition
from portal.sandbox.world import World
from tests.environments.actions.test_acting import address, known, send
from tests.support import factories, outbox
from tests.support.operations import operation

pytestmark = pytest.mark.django_db
NEW = "/outbox/destinations/new/"


class Box:
    """Takes e-mail, but for nobody's."""

    def __init__(self) -> None:
        self.got: list[Any] = []
        self.answer = "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.answer == "250 OK":
            self.got.append(message_from_bytes(envelope.content, policy=default))
        return self.answer

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address.startswith("nobody"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"


@pytest.fixture
def box(settings: LazySettings) -> Iterator[Box]:
    """A server that takes the portal's e-mail."""
    made = Box()
    controller = Controller(made, hostname="127.0.0.1", port=free_port())
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_USE_TLS = "127.0.0.1", controller.port, False
    yield made
    controller.stop()


def test_e_mail_arrives_as_text_and_html_and_refusals_are_in_the_log(box: Box, settings: LazySettings) -> None:
    settings.PORTAL_URL = "https://portal.acme.example"
    typed = {"name": "ops", "kind": "e-mail", "address": "ops@acme.example", "events": ["environment.failure"]}
    assert factories.client("Admin").post(NEW, typed).status_code == 302
    ops = Destination.objects.get()
    told = outbox.message(ops, content={"name": "<b>otter</b>", "field": "failure", "old": "", "new": "disk\nfull"})
    box.answer = "451 try again later"
    assert deliver_to(ops.pk) == 1
    Message.objects.update(due_at=told.at)
    box.answer = "250 OK"
    assert deliver_to(ops.pk) == 1
    refused = outbox.message(ops, to="nobody@acme.example")
    assert deliver_to(ops.pk) == 1
    refused.refresh_from_db()
    assert refused.state == "dead", "nobody is there: it would be refused again"
    settings.EMAIL_PORT = free_port()
    outbox.message(ops)
    assert deliver_to(ops.pk) == 1
    log = Attempt.objects.order_by("at").values_list("status", "answer", "failure")
    assert list(log) == [
        (451, "try again later", ""), (250, "", ""), (550, "no such mailbox", ""),
        (None, "", "the mail server cannot be used: ConnectionRefusedError"),
    ]  # fmt: skip
    (mail,) = box.got
    assert (mail["To"], mail["Message-ID"]) == ("ops@acme.example", f"<{told.message_id}@localhost>")
    assert mail["Subject"] == "[Environment Portal] <b>otter</b>: failing"
    text, html = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))
    for part in (text, html):
        assert f"https://portal.acme.example/outbox/{told.pk}/" in part
    assert "Name: <b>otter</b>" in text
    assert "&lt;b&gt;otter&lt;/b&gt;" in html
    assert "<b>" not in html


def test_owners_are_told_who_did_what_and_why_unless_the_form_says_otherwise(
    box: Box, settings: LazySettings, connect: Callable[..., Any]
) -> None:
    ada = factories.user("Admin", username="ada")
    client = factories.signed_in_as(ada)
    with connect(World(environments=3, seed=5)) as sandbox:
        sync_directory(ona())
        owned = [known(sandbox, Condition("RUNNING")) for _ in range(4)]
        Environment.objects.update(owner_email="olga@acme.example")
        page = client.get(address(owned[0], "stop")).content.decode()
        assert "olga@acme.example is told that it was done, by whom and why." in page
        assert "quietly" not in client.get(address(owned[0], "keep-awake")).content.decode()

        assert send(client, owned[0], "stop", reason="costs <much>").status_code == 302
        assert send(client, owned[1], "stop", quietly="on").status_code == 302
        answer = client.post(
            f"/api/v1/environments/{owned[2].pk}/actions/archive/",
            {"reason": "old", "quietly": False},
            "application/json",
        )
        assert answer.status_code == 200
        ada.email = "Olga@acme.example"
        ada.save()
        assert send(client, owned[3], "stop").status_code == 302, "nobody is e-mailed what they did themselves"
        host, settings.EMAIL_HOST = settings.EMAIL_HOST, ""
        assert send(client, owned[3], "archive").status_code == 302, "there is no server"
        settings.EMAIL_HOST = host
    failed = operation(tells="olga@acme.example", outcome=Outcome.FAILED)
    late = operation(tells="late@acme.example", is_open=True)
    assert close(late, Outcome.SUCCEEDED), "as reconciliation does"

    owners = Destination.objects.get()
    assert owners.kind == "owners"
    assert deliver_to(owners.pk) == 3
    assert [(mail["To"], mail["Subject"].removeprefix("[Environment Portal] ")) for mail in box.got] == [
        ("olga@acme.example", f"Your environment {owned[0]} was stopped by ada"),
        ("olga@acme.example", f"Your environment {owned[2]} was archived by ada"),
        ("late@acme.example", "Your environment quiet-otter was stopped by ann"),
    ]
    text = box.got[0].get_body(("plain",)).get_content()
    assert "Reason: costs <much>" in text
    assert "http" not in text
    stopped = Operation.objects.get(environment_id=owned[0].pk)
    assert "olga@acme.example" in client.get(f"/operations/{stopped.pk}/").content.decode()
    assert failed.tells
    page = f"/outbox/destinations/{owners.pk}/"
    shown = client.get(page).content.decode()
    assert "each owner's own" in shown
    assert 'value="test"' not in shown
    for deed, status in (("test", 409), ("change", 422), ("rotate", 409), ("mute", 302)):
        typed = {"do": deed, "name": "x", "address": "a@acme.example", "secret": outbox.SECRET}
        assert client.post(page, typed).status_code == status, deed
    typed = {"name": "owners of Environments", "kind": "e-mail", "address": "a@acme.example"}
    assert client.post(NEW, typed).status_code == 422
