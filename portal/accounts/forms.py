"""Forms of the sign-in and password pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm

WRONG = "This name and password do not belong together. Both are case-sensitive."


class SignInForm(AuthenticationForm):
    """Username and password; the answer to a wrong pair does not tell which of the two was wrong."""

    error_messages = {"invalid_login": WRONG, "inactive": WRONG}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        as_controls(self)


class LinkForm(forms.Form):
    """The token of a one-time link, as the page carries it."""

    token = forms.CharField(widget=forms.HiddenInput, max_length=500)


def as_controls(form: forms.BaseForm) -> None:
    """Give the form's inputs the look of the portal's."""
    for field in form.fields.values():
        field.widget.attrs["class"] = "form-control"
