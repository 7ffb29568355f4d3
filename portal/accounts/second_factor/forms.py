"""The forms of second factors."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import generate_totp_secret
from django import forms
from django.contrib.auth.models import User

from portal.accounts.second_factor.adapter import PURPOSE
from portal.accounts.second_factor.codes import counter_of, use_code
from portal.ona.documents.tokens import Secret
from portal.web.encryption import NotDecrypted, decrypt, encrypt

WRONG = "Wrong code, or one that was used before. An app shows a new code every 30 seconds, by the clock of its device."
SET_UP_WITHIN = 15 * 60  # seconds
CODE = {"autocomplete": "one-time-code", "autocapitalize": "off", "spellcheck": "false", "class": "form-control"}


class CodeForm(forms.Form):
    """A code of somebody who has a second factor; a right one is used up by that, and is of `factor`."""

    code = forms.CharField(max_length=40, widget=forms.TextInput(attrs=CODE), error_messages={"required": WRONG})
    factor: Authenticator

    def __init__(self, data: Any = None, *, user: User) -> None:
        super().__init__(data, label_suffix="")
        self.user = user

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        found = use_code(self.user, code)
        if found is None:
            raise forms.ValidationError(WRONG)
        self.factor = found
        return code


class AppForm(forms.Form):
    """A new authenticator app: its first code shows that it has the secret.

    The secret is in the form alone, `sealed` for this person: nothing of it is stored until then. `counter` is the half
    minute of the code.
    """

    code = forms.CharField(
        max_length=40,
        widget=forms.TextInput(attrs=CODE | {"inputmode": "numeric"}),
        error_messages={"required": "Enter the code that the app shows."},
    )
    counter: int

    def __init__(self, data: Any = None, *, user: User) -> None:
        super().__init__(data, label_suffix="")
        self.user = user
        self.secret = self._sent() or generate_totp_secret()
        self.sealed = encrypt(Secret(f"{user.pk} {self.secret}"), PURPOSE)

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        counter = counter_of(self.secret, code)
        if counter is None:
            raise forms.ValidationError(WRONG)
        self.counter = counter
        return code

    def _sent(self) -> str:
        """The secret that this person was shown a moment ago; a form that is older or another's begins again."""
        try:
            sent = decrypt(self.data.get("sealed", ""), PURPOSE, max_age=SET_UP_WITHIN)
        except NotDecrypted:
            return ""
        pk, _, secret = sent.reveal().partition(" ")
        return secret if pk == str(self.user.pk) else ""
