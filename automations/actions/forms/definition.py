"""What the forms of services and tasks share: their fields, what they were made from, and how a conflict is told."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self, cast

from django import forms
from django.core import signing
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db.models.functions import Upper
from django.http import HttpRequest, QueryDict

from automations.actions import definitions
from automations.actions.definitions import DEVCONTAINER, DOCKER, MACHINE, OTHER, Values, values_of
from automations.actions.forms.variables import LAST, ValueRows, rows_of
from automations.models import Service, Task
from environments.actions.execute import Conflict
from environments.actions.forms.base import CAUTION, ActionForm
from environments.actions.forms.editing import UNCHANGED
from environments.actions.forms.made_from import UNREADABLE, Difference, compared
from environments.models import Environment
from environments.secrets.reach import secrets_for
from portal.accounts.kept_forms import sent
from portal.ledger.models import Operation
from portal.web.enum_labels import TRIGGERS

SALT = "automations.actions.forms.definition"
MOST_SECRETS = 500
REFERENCE = r"^[a-zA-Z0-9_-]{1,128}\Z"
PLACES = {
    DEVCONTAINER: "the devcontainer",
    MACHINE: "the machine, beside the devcontainer",
    DOCKER: "a container of its own, from an image",
}
AREA = CAUTION | {"wrap": "off", "rows": 3}
SPEC = ("runs_on", "image", "lines")
CONTROL = re.compile(r"[\r\n]")


class DefinitionForm(ActionForm):
    """A service or task: new in `environment`, or `subject` changed.

    It carries, signed, what it was made from, so that nobody's change is overwritten unseen. `secrets` are the names
    of those the environment can see, by id.
    """

    spec_fields: ClassVar[tuple[str, ...]] = SPEC
    order: ClassVar[tuple[str, ...]] = ()
    not_content = ActionForm.not_content | {"seen_values", "is_closed"}
    lines_of_text: ClassVar[tuple[str, ...]] = ()  # fields of several lines, named as their values
    seen_values = forms.CharField(required=False, widget=forms.HiddenInput)
    is_closed = forms.CharField(required=False, widget=forms.HiddenInput)
    reference = forms.CharField(
        max_length=128,
        validators=[RegexValidator(REFERENCE, "Letters, digits, _ and - only, at most 128.")],
        widget=forms.TextInput(attrs=CAUTION),
        help_text="Letters, digits, _ and -. Cannot be changed later; automations files refer to it.",
    )
    name = forms.CharField(error_messages={"required": "Enter a name."})
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))
    triggers = forms.MultipleChoiceField(
        label="Started by", required=False, widget=forms.CheckboxSelectMultiple, choices=list(TRIGGERS.items())
    )
    runs_on = forms.ChoiceField(label="Runs on", widget=forms.RadioSelect, initial=DEVCONTAINER)
    image = forms.CharField(label="Image", required=False, widget=forms.TextInput(attrs=CAUTION))
    lines = forms.CharField(
        label="Environment of the container",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs=AREA),
        help_text="One per line, such as POSTGRES_DB=app. Not for secrets: whoever can open this form can read it.",
    )

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        environment: Environment,
        subject: Service | Task | None = None,
        secrets: Mapping[str, str] | None = None,
        others: Sequence[Service | Task] = (),
        **options: Any,
    ) -> None:
        self.environment, self.subject, self.secrets, self.others = environment, subject, secrets or {}, others
        carried = self._carried(data)
        self.is_readable = subject is None or data is None or carried is not None
        self.seen: Values = carried or (values_of(subject) if subject else {})
        was_closed = bool(data.get("is_closed")) if data is not None else self.must_be_closed()
        hidden = self._carry() | {"is_closed": "yes" if was_closed else ""}
        initial = (self.shown(self.seen) if self.seen else {}) | hidden
        super().__init__(data, initial=initial, **options)
        self.closed = was_closed
        self._prepare()
        variables = self.seen.get("variables", [])
        self.rows = ValueRows(
            None if self.closed else data,
            prefix="variables",
            initial=rows_of(variables) if data is None or self.closed else None,
            form_kwargs={"seen": variables, "secrets": self.secrets},
        )
        if data is not None and not self.is_readable:
            self.replace(seen_values=self._carry()["seen_values"])

    @classmethod
    def of(cls, request: HttpRequest, subject: Environment | Service | Task, **options: Any) -> Self:
        """A new one in an environment, or a change of the service or task."""
        environment = subject if isinstance(subject, Environment) else subject.environment
        changed = None if isinstance(subject, Environment) else subject
        return cls(
            sent(request),
            environment=environment,
            subject=changed,
            secrets=_secrets(environment),
            others=cls.others_of(environment, changed),
            **options,
        )

    @staticmethod
    def others_of(environment: Environment, subject: Service | Task | None) -> Sequence[Service | Task]:
        """What it can run after."""
        return ()

    def _prepare(self) -> None:
        if self.subject:
            del self.fields["reference"]
        target = self.seen.get("runsOn", {}).get("target")
        places = PLACES | ({OTHER: "unchanged: not supported by this portal"} if target == OTHER else {})
        cast(forms.ChoiceField, self.fields["runs_on"]).choices = list(places.items())
        known = definitions.in_order([*TRIGGERS, *self.seen.get("triggers", [])])
        cast(forms.MultipleChoiceField, self.fields["triggers"]).choices = [
            (name, TRIGGERS.get(name, name)) for name in known
        ]
        for name in self.spec_fields if self.closed else ():
            self.fields[name].disabled = True
        self.order_fields([*self.order, "reason"])

    def must_be_closed(self) -> bool:
        """Whether only what is said of it can be changed now, not what it does."""
        return False

    def shown(self, values: Values) -> dict[str, Any]:
        """What the fields show of values."""
        runs_on = values["runsOn"]
        return values | {
            "runs_on": runs_on["target"],
            "image": runs_on["image"],
            "lines": "\n".join(runs_on["environment"]),
        }

    def mine(self) -> Values:
        """The values as they shall be, comparable with `seen`; for a valid form."""
        cleaned, seen = self.cleaned_data, self.seen
        texts = {name: _as_typed(cleaned[name], seen.get(name, "")) for name in ("description", *self.lines_of_text)}
        docker = cleaned["runs_on"] == DOCKER
        lines = [line.strip() for line in cleaned["lines"].splitlines() if line.strip()] if docker else []
        before = seen.get("runsOn", {})
        if _plain(cleaned["lines"]) == "\n".join(before.get("environment", [])):
            lines = before.get("environment", []) if docker else []
        return texts | {
            "name": _as_line(cleaned["name"], seen.get("name", "")),
            "triggers": definitions.in_order(cleaned["triggers"]),
            "runsOn": {
                "target": cleaned["runs_on"],
                "image": cleaned["image"] if docker else "",
                "environment": lines,
            },
            "variables": seen["variables"] if self.closed else [row.comparable() for row in self.rows.filled()],
        }

    def env(self) -> list[Values]:
        """The variables as they are sent."""
        return [] if self.closed else [row.item() for row in self.rows.filled()]

    def is_valid(self) -> bool:
        """Rows and the rest; both are looked at."""
        rows = self.closed or self.rows.is_valid()
        return super().is_valid() and rows

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.is_readable:
            raise ValidationError(UNREADABLE)
        if cleaned.get("runs_on") == DOCKER and not cleaned.get("image"):
            self.add_error("image", "Enter the image that the container is created from.")
        if not self.closed and self.rows.is_valid():
            if self.seen.get("variables") and not self.rows.filled():
                raise ValidationError(LAST)
            if self.subject and not self.errors and self.mine() == self.seen:
                raise ValidationError(UNCHANGED)
        elif self.closed and not self.errors and self.mine() == self.seen:
            raise ValidationError(UNCHANGED)
        return cleaned

    def refuse_conflict(self) -> None:
        """Raise Conflict where `subject`, brought up to date, is neither as it was seen nor as it shall be."""
        if self.subject and (theirs := values_of(self.subject)) not in (self.seen, self.mine()):
            raise Conflict({}, theirs, self.seen)

    def differences(self, operation: Operation) -> list[Difference]:
        """The lines of a conflict that differ."""
        names = {**self.secrets} | {str(other.pk): str(other) for other in self.others}
        theirs = values_of(self.subject) if self.subject else {}
        lines = compared(definitions.texts_of(values, names) for values in (self.seen, theirs, self.mine()))
        return [line for line in lines if line.is_theirs or line.is_mine]

    def rebase(self, operation: Operation) -> None:
        """Show it again over what Ona has after a conflict: saved as it stands, it makes that what was typed."""
        self.seen = values_of(self.subject) if self.subject else {}
        self.replace(seen_values=self._carry()["seen_values"])

    def _carry(self) -> dict[str, str]:
        return {"seen_values": signing.dumps(self.seen, salt=self._salt(), compress=True) if self.seen else ""}

    def _carried(self, data: QueryDict | None) -> Values | None:
        """What the form was made from; None where it does not tell, or of something else."""
        if data is None or self.subject is None:
            return None
        try:
            return dict(signing.loads(data.get("seen_values", ""), salt=self._salt()))
        except (ValueError, signing.BadSignature):
            return None

    def _salt(self) -> str:
        return f"{SALT}.{self.subject.pk if self.subject else ''}"


def _secrets(environment: Environment) -> dict[str, str]:
    """The secrets it can see, by id: their names, and whose they are."""
    secrets = secrets_for(environment).defer("document").order_by(Upper("name"), "pk")[:MOST_SECRETS]
    return {str(secret.pk): f"{secret} ({secret.get_scope_kind_display()})" for secret in secrets}


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _as_typed(text: str, old: str) -> str:
    """What was typed; what was there, to the letter, where a browser would have sent the same."""
    return old if _plain(text) == _plain(old) else _plain(text)


def _as_line(text: str, old: str) -> str:
    return old if text.strip() == CONTROL.sub("", old).strip() else text.strip()
