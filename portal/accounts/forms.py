"""Forms of the sign-in and password pages, and of saved views."""

from __future__ import annotations

import unicodedata
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_login_failed

from portal.accounts.break_glass import ELSEWHERE, may_use_password
from portal.accounts.models import LONGEST_NAME

WRONG = "Wrong name or password. Both are case-sensitive."


class SignInForm(AuthenticationForm):
    """Username and password; the error does not reveal which of the two was wrong."""

    error_messages = {"invalid_login": WRONG, "inactive": WRONG}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        as_controls(self)

    def confirm_login_allowed(self, user: User) -> None:
        """A right password of an account that may not use it is refused, recorded and counted as a wrong one."""
        super().confirm_login_allowed(user)
        if not may_use_password(user):
            names = {"username": user.get_username()}
            user_login_failed.send(sender=__name__, credentials=names, request=self.request)
            raise self.get_invalid_login_error()

    def get_invalid_login_error(self) -> forms.ValidationError:
        """The same words, whether the password was right or not."""
        words = f"{WRONG} {ELSEWHERE}" if settings.BREAK_GLASS_ACCOUNT else WRONG
        return forms.ValidationError(words, code="invalid_login")


class ConfirmForm(forms.Form):
    """The password of who is signed in."""

    password = forms.CharField(strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}))

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        as_controls(self)

    def clean_password(self) -> str:
        """Compare it."""
        password: str = self.cleaned_data["password"]
        if not self.user.check_password(password):
            raise forms.ValidationError("Wrong password. It is case-sensitive.")
        return password


class LinkForm(forms.Form):
    """The token of a one-time link, from its page."""

    token = forms.CharField(widget=forms.HiddenInput, max_length=500)


# Invisible characters that change a text: controls, line and paragraph ends, direction marks.
UNSEEN = {"Cc", "Cs", "Zl", "Zp"}
TURNING = {*"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"}
SEEN = "LNPS"  # letters, numbers, punctuation, symbols


class ViewForm(forms.Form):
    """The editable fields of a saved view."""

    name = forms.CharField(
        max_length=LONGEST_NAME,
        error_messages={
            "required": "Enter a name.",
            "max_length": f"A name has at most {LONGEST_NAME} characters; this one has %(show_value)d.",
        },
        widget=forms.TextInput(attrs={"autocomplete": "off", "class": "form-control"}),
    )
    is_shared = forms.BooleanField(
        label="Share it with everybody",
        required=False,
        widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
    )
    is_start = forms.BooleanField(
        label="Use as home page",
        required=False,
        widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"auto_id": "view-%s", "label_suffix": ""} | options)

    def clean_name(self) -> str:
        """Normalize the name, and reject characters that make it look like another."""
        name = unicodedata.normalize("NFC", self.cleaned_data["name"])
        if any(unicodedata.category(character) in UNSEEN or character in TURNING for character in name):
            raise forms.ValidationError(
                "A name cannot have line breaks, control characters or characters that change the direction of text."
            )
        if not any(unicodedata.category(character)[0] in SEEN for character in name):
            raise forms.ValidationError("Enter a name that is visible.")
        if len(name) > LONGEST_NAME:
            raise forms.ValidationError(f"A name has at most {LONGEST_NAME} characters.")
        return name


class ChangedViewForm(ViewForm):
    """It carries when the view was last changed as the form was made, so that no later change is overwritten unseen."""

    seen_at = forms.DateTimeField(widget=forms.HiddenInput, required=False)


class SavedViewForm(ViewForm):
    """With its list, by URL name, and the query after "?"."""

    list = forms.CharField(widget=forms.HiddenInput, max_length=100)
    query = forms.CharField(widget=forms.HiddenInput, max_length=20_000, required=False)


def as_controls(form: forms.BaseForm) -> None:
    """Style the form's inputs."""
    for field in form.fields.values():
        field.widget.attrs["class"] = "form-control"
