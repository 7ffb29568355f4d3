"""The forms of start, stop, keep awake, archive, unarchive, delete, rename and lockdown."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Self

from django import forms
from django.http import HttpRequest
from django.utils import timezone

from environments.actions.forms.base import ActionForm
from environments.actions.forms.limits import SOONEST_LOCKDOWN
from environments.models import Environment

LONGEST_NAME = 128  # UpdateEnvironmentRequest.Metadata.name
EXACT, CLEAR = "exact", "clear"
PRESETS = {"1": "in 1 day", "7": "in 7 days", "14": "in 14 days", "30": "in 30 days", "90": "in 90 days"}


PASSED = "This time has passed. Ona takes times at least a minute in the future."


class MomentField(forms.DateTimeField):
    """A time in UTC, to the minute."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
            input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"],
            error_messages={
                "required": "Say when.",
                "invalid": "Write a time such as 2026-12-31 18:00; it is read as UTC.",
            },
            **options,
        )


class DeleteForm(ActionForm):
    force = forms.BooleanField(
        required=False,
        label="Force: skip the graceful stop",
        help_text="For environments that hang. What runs is cut off and can be damaged.",
    )

    def arguments(self) -> dict[str, Any]:
        return {"force": self.cleaned_data["force"]}


class RenameForm(ActionForm):
    name = forms.CharField(max_length=LONGEST_NAME)

    @classmethod
    def of(cls, request: HttpRequest, subject: Environment, **options: Any) -> Self:
        return super().of(request, subject, initial={"name": subject.name}, **options)

    def arguments(self) -> dict[str, Any]:
        return {"name": self.cleaned_data["name"]}


class LockdownForm(ActionForm):
    when = forms.ChoiceField(
        label="Lock down",
        choices=[*PRESETS.items(), (EXACT, "at an exact time"), (CLEAR, "never: clear the lockdown")],
        widget=forms.RadioSelect,
        initial="7",
    )
    at = MomentField(label="Time in UTC", required=False, help_text="For “at an exact time”.")

    def clean(self) -> dict[str, Any]:
        """The exact time is there where it is asked for, and lies ahead."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("when") == EXACT and "at" in cleaned:
            if cleaned["at"] is None:
                self.add_error("at", "Say when.")
            elif cleaned["at"] < timezone.now() + SOONEST_LOCKDOWN:
                self.add_error("at", PASSED)
        return cleaned

    def arguments(self) -> dict[str, Any]:
        """When it is to be locked down; None to clear it."""
        when = self.cleaned_data["when"]
        if when == CLEAR:
            return {"at": None}
        return {"at": self.cleaned_data["at"] if when == EXACT else timezone.now() + timedelta(days=int(when))}
