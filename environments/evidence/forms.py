"""The form of an evidence pack."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone

from environments.actions.forms.base import LONGEST_REASON
from environments.as_of.context import AsOf
from environments.evidence.build import PARTS, PackRequest
from portal.web.formatting import sentence

PERIODS = {"1": "1 day", "7": "7 days", "30": "30 days", "90": "90 days", "365": "a year", "3650": "ten years"}
CONTROL, CHOICE = {"class": "form-control"}, {"class": "form-select"}


class EvidenceForm(forms.Form):
    """The time, the period before it, the contents, and the reason."""

    as_of = forms.CharField(
        label="Time (UTC)",
        required=False,
        max_length=60,
        widget=forms.TextInput(attrs=CONTROL | {"placeholder": "YYYY-MM-DD HH:MM", "autocomplete": "off"}),
        help_text="Leave empty for now.",
    )
    days = forms.ChoiceField(
        label="Period",
        choices=[(days, f"{words} before it") for days, words in PERIODS.items()],
        initial="30",
        widget=forms.Select(attrs=CHOICE),
        help_text="Changes, operations and Ona's log of this period.",
    )
    parts = forms.MultipleChoiceField(
        label="Contents",
        choices=list(PARTS.items()),
        initial=list(PARTS),
        widget=forms.CheckboxSelectMultiple,
        help_text="The policies and the gaps in observation are always included.",
        error_messages={"required": "Choose at least one."},
    )
    reason = forms.CharField(
        max_length=LONGEST_REASON,
        widget=forms.Textarea(attrs=CONTROL | {"rows": 2}),
        help_text="Recorded in the pack and the ledger, with your name.",
        error_messages={"required": "Enter a reason: it is recorded in the ledger."},
    )

    def __init__(self, data: Any = None, **options: Any) -> None:
        super().__init__(data, label_suffix="", **options)

    def clean_as_of(self) -> datetime | None:
        """The time; None for now."""
        as_of = AsOf.read(self.cleaned_data["as_of"])
        if as_of.problem:
            raise forms.ValidationError(f"{sentence(as_of.problem.message)}.")
        return as_of.at

    def pack_request(self) -> PackRequest:
        """The request for a pack; requires a valid form."""
        moment: datetime | None = self.cleaned_data["as_of"]
        period = timedelta(days=int(self.cleaned_data["days"]))
        return PackRequest((moment or timezone.now()) - period, moment, tuple(self.cleaned_data["parts"]))
