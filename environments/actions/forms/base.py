"""What the form of every action has: an id that makes sending it twice request it once, a reason, and the name typed
where it cannot be undone."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, Self

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import HttpRequest, QueryDict

from portal.ledger.models import Operation
from portal.ledger.recording import RequestContext

LONGEST_REASON = 1000
# for fields whose text is not prose
CAUTION = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}


class ActionForm(forms.Form):
    """`operation_id` is new with each form shown, and again after a failure, so that the next try is one of its own.

    `name_of` is that whose name has to be typed.
    """

    operation_id = forms.UUIDField(widget=forms.HiddenInput)
    reason = forms.CharField(
        max_length=LONGEST_REASON,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Kept in the ledger with your name.",
    )

    def __init__(
        self, data: Any = None, *, needs_reason: bool = False, name_of: Model | None = None, **options: Any
    ) -> None:
        options["initial"] = {"operation_id": uuid.uuid4(), **options.get("initial", {})}
        options.setdefault("label_suffix", "")
        super().__init__(data, **options)
        self.name_of = name_of
        if name_of:
            label = f"Type the {name_of._meta.verbose_name}'s name"
            self.fields["typed_name"] = forms.CharField(label=label, widget=forms.TextInput(attrs=CAUTION))
        self.fields["reason"].required = needs_reason
        self.fields["reason"].label = "Reason" if needs_reason else "Reason (optional)"
        self.fields["reason"].error_messages["required"] = "Say why: the reason is kept in the ledger."
        for field in self.fields.values():
            if css_class := _css_class(field.widget):
                field.widget.attrs.setdefault("class", css_class)
        others = [name for name in self.fields if name not in ("typed_name", "reason")]
        self.order_fields(["typed_name", *others, "reason"])

    @classmethod
    def of(cls, request: HttpRequest, subject: Any, **options: Any) -> Self:
        """The form about `subject` that a request opens or sends."""
        is_sent = request.method == "POST"
        return cls(request.POST if is_sent else None, files=request.FILES if is_sent else None, **options)

    def clean_typed_name(self) -> str:
        """Blanks around it are forgiven, nothing else."""
        typed: str = self.cleaned_data["typed_name"]
        if typed.strip() != str(self.name_of).strip():
            raise ValidationError(f"This is not its name. Type: {self.name_of}")
        return typed

    def arguments(self) -> dict[str, Any]:
        """What the action's function is given besides its subject; for a valid form."""
        return {}

    def differences(self, operation: Operation) -> Sequence[Any]:
        """The lines of a conflict, which an operation tells that ended in one."""
        return ()

    def rebase(self, operation: Operation) -> None:
        """Show it again over what Ona has after a conflict: saved as it stands, it makes that what was typed."""

    def tried(self) -> None:
        """Give a form that is shown again the id of another operation."""
        self.replace(operation_id=str(uuid.uuid4()))

    def replace(self, **fields: Any) -> None:
        """Have the form shown with other values than were sent; a list is one of several values."""
        data = QueryDict(mutable=True)
        data.update(self.data)
        for name, value in fields.items():
            data.setlist(self.add_prefix(name), value if isinstance(value, list) else [str(value)])
        self.data = data

    def request_context(self, actor: Any) -> RequestContext:
        """Who requests it, why, and under which id; for a valid form."""
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
