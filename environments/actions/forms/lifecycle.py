"""The forms of start, stop, keep awake, archive, unarchive, delete, rename and lockdown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Self, cast

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import HttpRequest
from django.utils import timezone

from environments.actions.forms.base import ActionForm
from environments.actions.forms.limits import SOONEST_LOCKDOWN
from environments.actions.forms.made_from import MadeFrom
from environments.actions.forms.moments import PASSED, MomentField, moment_words, moved_words
from environments.documents.json_part import as_time
from environments.models import Environment
from portal.ledger.models import Operation

LONGEST_NAME = 128  # UpdateEnvironmentRequest.Metadata.name
EXACT, CLEAR = "exact", "clear"
PRESETS = {"1": "in 1 day", "7": "in 7 days", "14": "in 14 days", "30": "in 30 days", "90": "in 90 days"}
EXTENSIONS = {"+7": 7, "+14": 14, "+30": 30}  # days on the present lockdown
FARTHEST = datetime(9999, 11, 1, tzinfo=UTC)  # which can still be extended: no time is after the year 9999


class DeleteForm(ActionForm):
    force = forms.BooleanField(
        required=False,
        label="Force: skip the graceful stop",
        help_text="For environments that hang. Running processes are cut off, and their files can be damaged.",
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
    """Each choice says which lockdown it sets, and how far that is from the present one."""

    when = forms.ChoiceField(
        label="Lock down", widget=forms.RadioSelect, initial="7", error_messages={"required": "Choose one."}
    )
    at = MomentField(label="Time in UTC", required=False)

    def __init__(self, data: Any = None, *, present: datetime | None = None, **options: Any) -> None:
        super().__init__(data, **options)
        self.present, self.now = present, timezone.now()
        cast(forms.ChoiceField, self.fields["when"]).choices = self._choices()

    @classmethod
    def of(cls, request: HttpRequest, subject: Environment, **options: Any) -> Self:
        """What a request to see the result has chosen is chosen."""
        present = subject.lockdown_at
        chosen = {name: request.GET[name] for name in ("when", "at") if name in request.GET}
        initial = ({"when": "+7"} if present and present < FARTHEST else {}) | chosen
        return super().of(request, subject, present=present, initial=initial, **options)

    def _choices(self) -> list[tuple[str, str]]:
        later = [(name, f"{days} days later") for name, days in EXTENSIONS.items() if self._can_be_later]
        timed = [(name, f"{words}: {self._result(self._moment(name))}") for name, words in (*later, *PRESETS.items())]
        return [*timed, (EXACT, "at an exact time"), (CLEAR, "never: clear the lockdown")]

    @property
    def _can_be_later(self) -> bool:
        return self.present is not None and self.present < FARTHEST

    def _moment(self, when: str) -> datetime:
        """Of a choice by days."""
        if when in EXTENSIONS and self.present:
            return self.present + timedelta(days=EXTENSIONS[when])
        return self.now + timedelta(days=int(when))

    def _result(self, moment: datetime) -> str:
        moved = moved_words(self.present, moment)
        return f"{moment_words(moment)}{f', {moved}' if moved else ''}"

    @property
    def result(self) -> str:
        """What the lockdown becomes by what is chosen so far, in words; empty where that is not a time yet."""
        was = f" (was {moment_words(self.present)})" if self.present else ""
        when = str(self["when"].value() or "")
        if when == CLEAR:
            return f"No lockdown{was}."
        try:
            moment = self.fields["at"].clean(self["at"].value()) if when == EXACT else self._moment(when)
        except (ValidationError, ValueError, OverflowError):
            return ""
        return f"New lockdown: {moment:%A} {self._result(moment)}{was}." if moment else ""

    def clean(self) -> dict[str, Any]:
        """The time is there and lies ahead."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        when = cleaned.get("when")
        if when in (None, CLEAR) or (when == EXACT and "at" not in cleaned):
            return cleaned
        field, at = ("at", cleaned["at"]) if when == EXACT else ("when", self._moment(when))
        if at is None:
            self.add_error(field, "Say when.")
        elif at < timezone.now() + SOONEST_LOCKDOWN:
            self.add_error(field, PASSED)
        return cleaned

    def compare(self, source: MadeFrom, subject: Model) -> None:
        """Days later are counted from the lockdown that the form showed."""
        super().compare(source, subject)
        if self.made_from_values is not None:
            self.present = as_time(self.made_from_values["lockdownAt"])

    def rebase(self, operation: Operation) -> None:
        """What was chosen by days stays the time that it was."""
        super().rebase(operation)
        mine = as_time(operation.after["lockdownAt"])
        self.present = as_time(operation.before["lockdownAt"])
        cast(forms.ChoiceField, self.fields["when"]).choices = self._choices()
        self.replace(**({"when": EXACT, "at": f"{mine:%Y-%m-%d %H:%M:%S}"} if mine else {"when": CLEAR}))

    def arguments(self) -> dict[str, Any]:
        """When it is to be locked down; None to clear it."""
        when = self.cleaned_data["when"]
        if when == CLEAR:
            return {"at": None}
        return {"at": self.cleaned_data["at"] if when == EXACT else self._moment(when)}
