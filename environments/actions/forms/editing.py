"""What the forms of all parts of a specification share: what they were made from, and how a conflict is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from django import forms
from django.core import signing
from django.core.exceptions import ValidationError
from django.http import HttpRequest, QueryDict

from environments.actions import specification_parts as parts
from environments.actions.forms.base import ActionForm
from environments.actions.forms.made_from import UNREADABLE, Difference, compared
from environments.actions.specification_parts import Seen
from environments.actions.specification_policies import organization_of
from environments.models import Environment, Phase
from portal.accounts.kept_forms import sent
from portal.directory.models import Organization
from portal.ledger.models import Operation
from portal.ledger.recording import plain

SALT = "environments.actions.forms.editing"
UNCHANGED = "Nothing is changed yet: this is how Ona has it."


class EditForm(ActionForm):
    """A form about one part; it carries, signed, what it was made from, so that nobody's change is overwritten unseen.

    `values` reads the part of an environment, and `texts` writes its values in words, one for each line of a conflict.
    """

    values: ClassVar[parts.Values]
    reason_needed: ClassVar[str] = ""  # when one is required, for the label: "to add keys"
    not_content = ActionForm.not_content | {"seen_spec_version", "seen_values"}
    seen_spec_version = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    seen_values = forms.CharField(widget=forms.HiddenInput)

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        environment: Environment,
        organization: Organization | None = None,
        typed: QueryDict | None = None,
        **options: Any,
    ) -> None:
        """`data` is to be looked at; `typed` is only shown again as it is."""
        self.environment, self.organization = environment, organization
        seen = self._carried(typed if data is None else data)
        self.is_readable, self.seen = seen is not None, seen or Seen.of(environment, type(self).values)
        initial = self.initial_values() | (_typed(typed) if typed else {}) | self._carry()
        super().__init__(data, initial=initial, **options)
        if self.reason_needed:
            self.fields["reason"].label = f"Reason (required {self.reason_needed})"
        self.prepare()
        if data is not None and not self.is_readable:
            self.replace(**self._carry())

    @classmethod
    def of(cls, request: HttpRequest, subject: Environment, **options: Any) -> Self:
        """Where more rows are requested, it is not looked at yet."""
        fields = sent(request)
        only_more = fields is not None and "more" in fields
        data, typed = (None, fields) if only_more else (fields, None)
        return cls(data, typed=typed, environment=subject, organization=organization_of(subject), **options)

    def initial_values(self) -> dict[str, Any]:
        """What the fields show of `seen`."""
        return {}

    def prepare(self) -> None:
        """Fill in what depends on the environment: choices, notes."""

    def mine(self) -> Mapping[str, Any]:
        """The values as they shall be, comparable with `seen`; for a valid form."""
        raise NotImplementedError

    def arguments(self) -> dict[str, Any]:
        return {**self.edit(), "seen": self.seen}

    def edit(self) -> Mapping[str, Any]:
        """The same as arguments of the function that edits the part; for a valid form."""
        return self.mine()

    @staticmethod
    def texts(values: Mapping[str, Any]) -> dict[str, str]:
        """The values in words, by their labels."""
        raise NotImplementedError

    def notes(self) -> Sequence[str]:
        """What to know before saving, policies above all."""
        return ()

    def needs_reason(self) -> bool:
        """Whether what is typed destroys something or lets somebody in; for a form whose fields are valid."""
        return False

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.is_readable:
            raise ValidationError(UNREADABLE)
        if not self.errors and self.needs_reason() and not cleaned.get("reason"):
            self.add_error("reason", self.fields["reason"].error_messages["required"])
        if not self.errors and self._is_same():
            raise ValidationError(UNCHANGED)
        return cleaned

    def _is_same(self) -> bool:
        mine = plain(self.mine())
        return bool(mine == {name: plain(self.seen.values.get(name)) for name in mine})

    def differences(self, operation: Operation) -> list[Difference]:
        """The lines of a conflict, which an operation tells that ended in one."""
        return compared(self.texts(values) for values in (self.seen.values, operation.before, operation.after))

    def rebase(self, operation: Operation) -> None:
        """Show it again over what Ona has after a conflict: saved as it stands, it makes that what was typed."""
        self.seen = Seen.of(self.environment, type(self).values)
        self.replace(**self._carry())

    def _carry(self) -> dict[str, Any]:
        """The hidden fields that tell `seen`."""
        signed = signing.dumps(plain(self.seen.values), salt=self._salt(), compress=True)
        return {"seen_spec_version": self.seen.version, "seen_values": signed}

    def _carried(self, data: QueryDict | None) -> Seen | None:
        """What the form was made from; None where it does not tell, or not for this part of this environment."""
        if data is None:
            return None
        try:
            version = int(data.get("seen_spec_version", ""))
            return Seen(version, signing.loads(data.get("seen_values", ""), salt=self._salt()))
        except (ValueError, signing.BadSignature):
            return None

    def _salt(self) -> str:
        return f"{SALT}.{type(self).__name__}.{self.environment.pk}"

    @property
    def is_stopped(self) -> bool:
        """Whether what is saved has to wait for the next start."""
        return self.environment.phase == Phase.STOPPED


def _typed(data: QueryDict) -> dict[str, Any]:
    return {name: data.get(name) for name in ("operation_id", "reason") if name in data}


def kept(typed: str, old: str) -> str:
    """What was typed without the blanks around it; what was there, to the letter, where that is the same."""
    return old if typed.strip() == old.strip() else typed.strip()
