"""What the form of every action has: an id that makes sending it twice request it once, a reason, and the name typed
where it cannot be undone."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, ClassVar, Self

from django import forms
from django.core.exceptions import ValidationError
from django.core.signing import BadSignature
from django.db.models import Model
from django.http import HttpRequest, QueryDict
from django.utils.crypto import salted_hmac

from environments.actions.forms import made_from
from environments.actions.forms.made_from import Difference, MadeFrom
from portal.accounts.kept_forms import sent
from portal.ledger.models import Operation
from portal.ledger.recording import RequestContext

SALT = "environments.actions.forms.content"
LONGEST_REASON = 1000
NOT_ACCEPTED, SENT_WITH_OTHER_CONTENT = 422, 409
# for fields whose text is not prose
CAUTION = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}


class ActionForm(forms.Form):
    """`operation_id` is new with each form shown, and again after a failure, so that the next try is one of its own.

    `name_of` is that whose name has to be typed. `owner` is the address of the owner whom the action tells: empty for
    nobody, None if it tells none. `not_content` names what is sent besides what a person typed or chose.
    """

    not_content: ClassVar[frozenset[str]] = frozenset({"csrfmiddlewaretoken", "operation_id", "made_from"})
    refusal = NOT_ACCEPTED  # the status of an answer that shows the form again
    operation_id = forms.UUIDField(widget=forms.HiddenInput)
    reason = forms.CharField(
        max_length=LONGEST_REASON,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Recorded in the ledger with your name.",
    )

    def __init__(
        self,
        data: Any = None,
        *,
        needs_reason: bool = False,
        name_of: Model | None = None,
        owner: str | None = None,
        **options: Any,
    ) -> None:
        options["initial"] = {"operation_id": uuid.uuid4(), **options.get("initial", {})}
        options.setdefault("label_suffix", "")
        super().__init__(data, **options)
        self.name_of, self.owner = name_of, owner
        if name_of:
            label = f"Type the {name_of._meta.verbose_name}'s name"
            self.fields["typed_name"] = forms.CharField(label=label, widget=forms.TextInput(attrs=CAUTION))
        if owner is not None:
            self.fields["quietly"] = quietly(f"{owner} is told that it was done, by whom and why." if owner else "")
        self.fields["reason"].required = needs_reason
        self.fields["reason"].label = "Reason" if needs_reason else "Reason (optional)"
        self.fields["reason"].error_messages["required"] = "Enter a reason: it is recorded in the ledger."
        for field in self.fields.values():
            if css_class := _css_class(field.widget):
                field.widget.attrs.setdefault("class", css_class)
        others = [name for name in self.fields if name not in ("typed_name", "reason", "quietly")]
        self.order_fields(["typed_name", *others, "reason", "quietly"])

    @classmethod
    def of(cls, request: HttpRequest, subject: Any, **options: Any) -> Self:
        """The form about `subject` that a request opens or sends."""
        files = request.FILES if request.method == "POST" else None
        return cls(sent(request), files=files, **options)

    def visible_fields(self) -> list[forms.BoundField]:
        """Without what makes no difference: an owner whom nobody would tell."""
        return [field for field in super().visible_fields() if field.name != "quietly" or self.owner]

    def clean_typed_name(self) -> str:
        """Blanks around it are forgiven, nothing else."""
        typed: str = self.cleaned_data["typed_name"]
        if typed.strip() != str(self.name_of).strip():
            raise ValidationError(f"This is not its name. Type: {self.name_of}")
        return typed

    def arguments(self) -> dict[str, Any]:
        """What the action's function is given besides its subject; for a valid form."""
        return {}

    _made_from: MadeFrom | None = None
    _is_unreadable = False
    made_from_values: made_from.Values | None = None  # what it was made from; None where it does not tell

    def compare(self, source: MadeFrom, subject: Model) -> None:
        """Have the form carry what it is made from, or read what it was made from."""
        self._made_from, self._subject = source, subject
        field = forms.CharField(required=False, widget=forms.HiddenInput, initial=source.sign(subject))
        self.fields["made_from"] = field
        if sent := self.is_bound and self["made_from"].data:
            try:
                self.made_from_values = made_from.read(sent, subject)
            except BadSignature:
                self.replace(made_from=source.sign(subject))
                self._is_unreadable = True

    def clean(self) -> dict[str, Any]:
        """It is not sent where nobody can tell what it would overwrite."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self._is_unreadable:
            self.add_error(None, made_from.UNREADABLE)
        return cleaned

    def differences(self, operation: Operation) -> Sequence[Difference]:
        """The lines of a conflict, which an operation tells that ended in one."""
        if self._made_from is None or self.made_from_values is None:
            return ()
        sides = (self.made_from_values, operation.before, operation.after)
        return made_from.compared(map(self._made_from.words, sides))

    def rebase(self, operation: Operation) -> None:
        """Show it again over what Ona has after a conflict: saved as it stands, it makes that what was typed."""
        if self.made_from_values is not None:
            theirs = {name: operation.before.get(name) for name in self.made_from_values}
            self.replace(made_from=made_from.sign(theirs, self._subject))

    def refuse_content(self, why: str) -> None:
        """Show it again as it was sent: its next try is an operation of its own."""
        self.add_error(None, why)
        self.refusal = SENT_WITH_OTHER_CONTENT
        self.tried()

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
            "content": self.content_digest(),
            "made_from": self.made_from_values,
            "tells": "" if self.cleaned_data.get("quietly") else self.owner or "",
        }

    def content_digest(self) -> str:
        """Tells one content from another and nothing else about it, secrets included."""
        data = dict(self.data.lists()) if isinstance(self.data, QueryDict) else dict(self.data)
        sent = {name: data[name] for name in sorted(set(data) - self.not_content)}
        sent |= {name: [_digest(file)] for name, file in sorted(self.files.items())}
        return salted_hmac(SALT, json.dumps(sent, default=str), algorithm="sha256").hexdigest()


def quietly(help_text: str = "") -> forms.BooleanField:
    """The field of actions that tell the owner."""
    return forms.BooleanField(label="Do not e-mail the owner", required=False, help_text=help_text)


def _digest(file: Any) -> str:
    file.seek(0)
    return sha256(file.read()).hexdigest()


def _css_class(widget: forms.Widget) -> str:
    match widget:
        case forms.RadioSelect() | forms.CheckboxSelectMultiple() | forms.HiddenInput():
            return ""
        case forms.CheckboxInput():
            return "form-check-input"
        case forms.Select():
            return "form-select"
    return "form-control"
