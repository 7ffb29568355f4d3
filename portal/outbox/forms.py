"""The forms of destinations."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from portal.ona.documents.tokens import Secret
from portal.ona.log_errors import ForeignHost
from portal.outbox.channels import allowed_hosts
from portal.outbox.events import EVENTS
from portal.outbox.models import Destination

PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64  # bytes, as the specification has it
NO_SERVER = "This portal sends no e-mail: no server is named in PORTAL_EMAIL_HOST."
IDS: dict[str, Any] = {"auto_id": "destination-%s", "label_suffix": ""}
CONTROL = {"autocomplete": "off", "class": "form-control"}


def read_secret(text: str) -> Secret:
    """A webhook's secret; ValidationError says what one is."""
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(PREFIX) or not SHORTEST <= len(key) <= LONGEST:
        raise ValidationError(f"A secret is {PREFIX} and {SHORTEST} to {LONGEST} bytes in base64.")
    return Secret(text)


def read_address(kind: str, text: str) -> str:
    """An address that can be sent to; ValidationError says why it cannot be."""
    if kind == Destination.Kind.OWNERS:
        raise ValidationError("Each owner has an address of their own: this destination can only be muted.")
    if kind == Destination.Kind.EMAIL:
        if not settings.EMAIL_HOST:
            raise ValidationError(NO_SERVER)
        validate_email(text)
        return text
    try:
        return allowed_hosts().source(text).url
    except ForeignHost as reason:
        raise ValidationError(f"The portal cannot send there: {reason}.") from None


class SecretForm(forms.Form):
    """A new secret of a webhook."""

    secret = forms.CharField(
        max_length=200,
        help_text="whsec_ and random bytes in base64, as <code>echo whsec_$(openssl rand -base64 32)</code> makes it. "
        "Give the receiver the same: it is never shown.",
        error_messages={"required": "Enter a secret."},
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "class": "form-control"}),
    )

    def __init__(self, data: Any = None, **options: Any) -> None:
        super().__init__(data, **IDS | options)

    def clean_secret(self) -> Secret | None:
        text = self.cleaned_data["secret"]
        return read_secret(text) if text else None


class DestinationForm(forms.Form):
    """What of a destination of this kind can be changed."""

    name = forms.CharField(
        max_length=100, error_messages={"required": "Enter a name."}, widget=forms.TextInput(attrs=CONTROL)
    )
    address = forms.CharField(
        max_length=2000,
        help_text="A URL such as https://hooks.example.com/portal, or an e-mail address. Everybody who sees "
        "destinations sees it: put no secret in it.",
        error_messages={"required": "Enter an address."},
        widget=forms.TextInput(attrs=CONTROL),
    )
    events = forms.MultipleChoiceField(
        choices=[(kind, words.capitalize()) for kind, words in EVENTS.items()],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": "There is no event %(value)s."},
    )

    def __init__(self, data: Any = None, *, of_kind: str = "", **options: Any) -> None:
        super().__init__(data, **IDS | options)
        self.of_kind = of_kind

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        kind = self.of_kind or cleaned.get("kind")
        if kind and "address" in cleaned:
            try:
                cleaned["address"] = read_address(kind, cleaned["address"])
            except ValidationError as reason:
                self.add_error("address", reason)
        return cleaned


class NewDestinationForm(DestinationForm, SecretForm):
    """A new destination; webhooks need a secret, e-mail has none."""

    kind = forms.ChoiceField(
        choices=[(kind.value, kind.label) for kind in (Destination.Kind.WEBHOOK, Destination.Kind.EMAIL)],
        initial=Destination.Kind.WEBHOOK,
        widget=forms.RadioSelect,
        error_messages={"required": "Choose a kind.", "invalid_choice": "Choose a kind."},
    )
    field_order = ("name", "kind", "address", "secret", "events")

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        self.fields["secret"].required = False

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        is_webhook = cleaned.get("kind") == Destination.Kind.WEBHOOK
        if is_webhook and not cleaned.get("secret") and "secret" not in self.errors:
            self.add_error("secret", "A webhook is signed: enter a secret.")
        return cleaned if is_webhook else cleaned | {"secret": None}
