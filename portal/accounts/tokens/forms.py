"""The form of a new token."""

from __future__ import annotations

import json
import uuid
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.utils.crypto import salted_hmac

from portal.accounts.forms import ViewForm
from portal.accounts.models import LONGEST_NAME
from portal.accounts.tokens.changes import DEFAULT_DAYS, MAX_DAYS
from portal.accounts.tokens.permissions import roles_within
from portal.ledger.models import Origin
from portal.ledger.recording import RequestContext

SALT = "portal.accounts.tokens.forms"
DAYS = f"A token is valid for 1 to {MAX_DAYS} days."


class TokenForm(forms.Form):
    """Name, role, expiry; the id of the operation, so that a form sent twice makes one token."""

    name = forms.CharField(
        max_length=LONGEST_NAME,
        help_text="What it is for, such as the script or system that uses it.",
        error_messages={"required": "Enter a name."},
        widget=forms.TextInput(attrs={"autocomplete": "off", "class": "form-control"}),
    )
    role = forms.ChoiceField(
        help_text="At most your own. If you lose that role, the token stops working.",
        widget=forms.Select(attrs={"class": "form-select"}),
    )
    days = forms.IntegerField(
        label="Valid for (days)",
        initial=DEFAULT_DAYS,
        min_value=1,
        max_value=MAX_DAYS,
        help_text=f"At most {MAX_DAYS}. It stops working then; create a new one in time.",
        error_messages={"required": DAYS, "invalid": DAYS, "min_value": DAYS, "max_value": DAYS},
        widget=forms.TextInput(attrs={"autocomplete": "off", "class": "form-control", "inputmode": "numeric"}),
    )
    is_read_only = forms.BooleanField(
        label="Read-only: it cannot change anything",
        required=False,
        widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
    )
    operation_id = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, data: Any, *, owner: User) -> None:
        super().__init__(data, auto_id="token-%s", label_suffix="", initial={"operation_id": uuid.uuid4()})
        self.fields["role"].choices = [(role, role) for role in roles_within(owner)]  # type: ignore[attr-defined]

    clean_name = ViewForm.clean_name

    def request_context(self, actor: User) -> RequestContext:
        """Who requests it, and under which id; for a valid form."""
        sent = {name: str(value) for name, value in self.cleaned_data.items() if name != "operation_id"}
        return {
            "actor": actor,
            "origin": Origin.PAGE,
            "operation_id": self.cleaned_data["operation_id"],
            "content": salted_hmac(SALT, json.dumps(sent), algorithm="sha256").hexdigest(),
        }

    @property
    def values(self) -> dict[str, Any]:
        """What the token is to have."""
        return {name: self.cleaned_data[name] for name in ("name", "role", "days", "is_read_only")}

    def tried(self) -> None:
        """Give a form that is shown again the id of another operation."""
        self.data = {name: self.data[name] for name in self.data} | {"operation_id": str(uuid.uuid4())}
