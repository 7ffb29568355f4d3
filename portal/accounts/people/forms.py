"""The forms of `/people/`."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.contrib.auth.validators import UnicodeUsernameValidator

from portal.accounts.roles import MEANINGS
from portal.accounts.tokens.permissions import roles_within


class RoleForm(forms.Form):
    """One of the roles that are not above the actor's own, each with what it may do."""

    role = forms.ChoiceField(
        widget=forms.RadioSelect, error_messages={"required": "Choose a role.", "invalid_choice": "Choose a role."}
    )

    def __init__(self, data: Any = None, *, actor: User, **options: Any) -> None:
        super().__init__(data, auto_id="person-%s", label_suffix="", **options)
        self.fields["role"].choices = [(role, role) for role in roles_within(actor)]  # type: ignore[attr-defined]

    @property
    def meanings(self) -> list[tuple[Any, str]]:
        """Each radio button with what its role may do."""
        return [(radio, MEANINGS[str(radio.data["value"])]) for radio in self["role"]]


class InviteForm(RoleForm):
    """A new person."""

    username = forms.CharField(
        max_length=150,
        validators=[UnicodeUsernameValidator()],
        help_text="Letters, digits and @ . + - _, such as an e-mail address.",
        error_messages={"required": "Enter a username."},
        widget=forms.TextInput(attrs={"autocomplete": "off", "class": "form-control"}),
    )
    email = forms.EmailField(
        label="E-mail address",
        required=False,
        help_text="Optional.",
        widget=forms.EmailInput(attrs={"autocomplete": "off", "class": "form-control"}),
    )
