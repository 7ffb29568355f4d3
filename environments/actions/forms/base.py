"""What every form that changes something has: an id that makes sending it twice ask once, and a reason."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.http import QueryDict

from portal.ledger.recording import Asked

LONGEST_REASON = 1000


class ActionForm(forms.Form):
    """`operation_id` is new with each form shown, and again after a failure, so that the next try is one of its own."""

    operation_id = forms.UUIDField(widget=forms.HiddenInput)
    reason = forms.CharField(
        max_length=LONGEST_REASON,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Kept in the ledger with your name.",
    )

    def __init__(self, data: Any = None, *, needs_reason: bool = False, **options: Any) -> None:
        options["initial"] = {"operation_id": uuid.uuid4(), **options.get("initial", {})}
        options.setdefault("label_suffix", "")
        super().__init__(data, **options)
        self.fields["reason"].required = needs_reason
        self.fields["reason"].label = "Reason" if needs_reason else "Reason (optional)"
        self.fields["reason"].error_messages["required"] = "Say why: the reason is kept in the ledger."
        for field in self.fields.values():
            if css_class := _css_class(field.widget):
                field.widget.attrs.setdefault("class", css_class)
        self.order_fields([*(name for name in self.fields if name != "reason"), "reason"])

    def tried(self) -> None:
        """Give a form that is shown again the id of another operation."""
        again = QueryDict(mutable=True)
        again.update(self.data)
        again[self.add_prefix("operation_id")] = str(uuid.uuid4())
        self.data = again

    def asked(self, actor: Any) -> Asked:
        """Who asks, why, and under which id; for a valid form."""
        return {
            "actor": actor,
            "reason": self.cleaned_data["reason"],
            "operation_id": self.cleaned_data["operation_id"],
        }


def _css_class(widget: forms.Widget) -> str:
    match widget:
        case forms.RadioSelect() | forms.CheckboxSelectMultiple() | forms.HiddenInput():
            return ""
        case forms.CheckboxInput():
            return "form-check-input"
        case forms.Select():
            return "form-select"
    return "form-control"
