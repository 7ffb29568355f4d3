"""How a message leaves: as a webhook by the Standard Webhooks specification, or as e-mail."""

from __future__ import annotations

import json
import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import timezone
from standardwebhooks import Webhook as Signer

from portal.ona.documents.tokens import Secret
from portal.ona.documents.values import timestamp_text
from portal.ona.log_errors import ForeignHost
from portal.ona.log_hosts import AllowList, public_hosts
from portal.ona.webhooks import LONGEST_ANSWER, NotAnswered, Webhook
from portal.outbox.events import NOTICE
from portal.outbox.models import Destination, Message
from portal.outbox.words import facts_of, subject_of
from portal.web.encryption import NotDecrypted, decrypt

PURPOSE = "secrets of webhooks"
GONE = 410
TAKEN, PERMANENT = 250, 500  # SMTP: the server has it; it refuses for good, from this number on
LONGEST_SUBJECT = 200  # characters


@dataclass(frozen=True, slots=True)
class Sent:
    """How an attempt ended: the status that was answered, or why there was no answer."""

    status: int | None = None
    answer: str = ""
    failure: str = ""
    retry_after: timedelta | None = None
    is_final: bool = False  # nobody is there: it would be refused again

    @property
    def is_delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """Whether the receiver wants no more, ever."""
        return self.status == GONE


class Channel(Protocol):
    """Sends messages to one destination, over one connection where it can."""

    def send(self, message: Message) -> Sent: ...


class WebhookChannel:
    """Signed with every secret that is valid now."""

    def __init__(self, webhook: Webhook, signers: list[Signer]) -> None:
        self._webhook, self._signers = webhook, signers

    def send(self, message: Message) -> Sent:
        """Never raises: whatever happens is how the attempt ended."""
        body, at, identity = body_of(message), timezone.now(), str(message.message_id)
        headers = {
            "content-type": "application/json",
            "webhook-id": identity,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": " ".join(each.sign(identity, at, body) for each in self._signers),
        }
        try:
            answer = self._webhook.post(body.encode(), headers, seconds=settings.OUTBOX_TIMEOUT_SECONDS)
        except (NotAnswered, ForeignHost) as error:
            return Sent(failure=str(error))
        wait = None if answer.retry_after is None else timedelta(seconds=answer.retry_after)
        return Sent(answer.status, answer.text.replace("\0", "\ufffd"), retry_after=wait)


class NoChannel:
    """A destination that cannot be sent anything as it is."""

    def __init__(self, why: str) -> None:
        self._why = why

    def send(self, message: Message) -> Sent:
        """Fail with the reason."""
        return Sent(failure=self._why)


class EmailChannel:
    """Plain text and HTML, through the server of the settings."""

    def __init__(self, address: str) -> None:
        self._address = address

    def send(self, message: Message) -> Sent:
        """Never raises: whatever happens is how the attempt ended."""
        try:
            self._mail(message).send()
        except smtplib.SMTPRecipientsRefused as error:
            status, answer = next(iter(error.recipients.values()))
            return replace(_refused(status, answer), is_final=status >= PERMANENT)
        except smtplib.SMTPResponseException as error:
            return _refused(error.smtp_code, error.smtp_error)
        except (smtplib.SMTPException, OSError) as error:
            return Sent(failure=f"the mail server cannot be used: {type(error).__name__}")
        return Sent(TAKEN)

    def _mail(self, message: Message) -> EmailMultiAlternatives:
        context = {"message": message, "subject": subject_of(message), "facts": list(facts_of(message))}
        is_linked = settings.PORTAL_URL and message.kind != NOTICE  # an owner may have no account here
        context["url"] = f"{settings.PORTAL_URL}/outbox/{message.pk}/" if is_linked else ""
        host = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].strip(" >")
        mail = EmailMultiAlternatives(
            f"[Environment Portal] {context['subject']}"[:LONGEST_SUBJECT],
            render_to_string("outbox/email.txt", context),
            to=[message.to or self._address],
            headers={"Message-ID": f"<{message.message_id}@{host}>", "Auto-Submitted": "auto-generated"},
        )
        mail.attach_alternative(render_to_string("outbox/email.html", context), "text/html")
        return mail


def _refused(status: int, answer: bytes | str) -> Sent:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return Sent(status, text.replace("\0", "\ufffd")[:LONGEST_ANSWER])


@contextmanager
def channel_to(destination: Destination) -> Iterator[Channel]:
    """The channel to it, closed in the end."""
    if destination.kind in (Destination.Kind.EMAIL, Destination.Kind.OWNERS):
        yield EmailChannel(destination.address)
        return
    try:
        webhook = Webhook(destination.address, allowed_hosts())
        signers = [Signer(secret.reveal()) for secret in _secrets(destination)]
    except ForeignHost as error:
        yield NoChannel(str(error))
    except NotDecrypted:
        yield NoChannel("its secret cannot be read with the portal's secret key: rotate it")
    else:
        with webhook:
            yield WebhookChannel(webhook, signers)


def allowed_hosts() -> AllowList:
    """Where webhooks may be sent."""
    return public_hosts(settings.WEBHOOK_ORIGINS)


def body_of(message: Message) -> str:
    """The body of a webhook: the same text each time it is sent."""
    told = {"type": message.kind, "timestamp": timestamp_text(message.at), "data": message.content}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def _secrets(destination: Destination) -> Iterator[Secret]:
    yield decrypt(destination.secret, PURPOSE)
    if destination.old_secret_until and destination.old_secret_until > timezone.now():
        yield decrypt(destination.old_secret, PURPOSE)
