"""The form of a service (CreateService, UpdateService)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Self, cast

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from automations.actions.definitions import DEFAULT_ROLE, ROLES, Values, creation_of, update_of
from automations.actions.forms.definition import AREA, SPEC, DefinitionForm
from automations.models import Service, ServicePhase
from environments.actions.forms.base import CAUTION, ActionForm
from environments.actions.forms.durations import read_duration, write_duration
from environments.documents.json_part import as_duration
from portal.ona.documents.values import duration_text

LONGEST = timedelta(hours=24)


class ServiceForm(DefinitionForm):
    spec_fields = ("start", "ready", "stop", "timeout", *SPEC)
    lines_of_text = ("start", "ready", "stop")
    order = ("reference", "name", "description", "role", "triggers", *spec_fields)
    role = forms.ChoiceField(initial=DEFAULT_ROLE)
    start = forms.CharField(
        label="Start command",
        strip=False,
        widget=forms.Textarea(attrs=AREA),
        error_messages={"required": "Enter the command that starts the service."},
    )
    ready = forms.CharField(
        label="Ready command",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs=AREA),
        help_text="Run repeatedly until it succeeds; the service is then ready.",
    )
    stop = forms.CharField(label="Stop command", required=False, strip=False, widget=forms.Textarea(attrs=AREA))
    timeout = forms.CharField(
        label="Readiness timeout",
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs=CAUTION),
        help_text="How long it may take to become ready, such as 90s, 5m or 1h, at most 24 h. A number without a unit "
        "means minutes; leave empty for the default.",
    )

    def _prepare(self) -> None:
        role = self.seen.get("role", DEFAULT_ROLE)
        cast(forms.ChoiceField, self.fields["role"]).choices = list((ROLES | {role: ROLES.get(role, role)}).items())
        super()._prepare()

    def must_be_closed(self) -> bool:
        """Ona changes the specification of stopped services only."""
        return isinstance(self.subject, Service) and self.subject.phase != ServicePhase.STOPPED

    def shown(self, values: Values) -> dict[str, Any]:
        after = as_duration(values["timeout"])
        return super().shown(values) | {"timeout": write_duration(after) if after else ""}

    def clean_start(self) -> str:
        """More than blanks."""
        text: str = self.cleaned_data["start"]
        if not text.strip():
            raise ValidationError("Enter the command that starts the service.")
        return text

    def clean_timeout(self) -> str:
        """As Ona writes it; as it was where nothing else was typed."""
        text = self.cleaned_data["timeout"]
        before = self.seen.get("timeout", "0s")
        was = as_duration(before) or timedelta(0)
        try:
            after = read_duration(text) if text.strip() else timedelta(0)
        except ValueError as why:
            raise ValidationError(str(why)) from None
        if after > LONGEST:
            raise ValidationError("At most 24 hours.")
        return before if after == was else duration_text(after)

    def mine(self) -> Values:
        return super().mine() | {"role": self.cleaned_data["role"], "timeout": self.cleaned_data["timeout"]}

    def arguments(self) -> dict[str, Any]:
        if self.subject:
            return {**update_of(self.seen, self.mine(), self.env()), "unless": self.refuse_conflict}
        return creation_of(self.cleaned_data["reference"], self.mine(), self.env())


class ForceForm(ActionForm):
    """One that is not stopped is deleted only by force."""

    force = forms.BooleanField(
        label="Delete it even if it is not stopped", required=False,
        help_text="It is ended at once, without its stop command.",
    )  # fmt: skip

    @classmethod
    def of(cls, request: HttpRequest, subject: Service, **options: Any) -> Self:
        form = super().of(request, subject, **options)
        if subject.phase == ServicePhase.STOPPED:
            form.fields["force"].widget = forms.HiddenInput()
        return form

    def arguments(self) -> dict[str, Any]:
        return {"force": self.cleaned_data["force"]}
