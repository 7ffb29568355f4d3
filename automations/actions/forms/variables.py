"""The environment variables of a service or task, as rows. Plain values go in and never come out: see `ValueRow`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.core.exceptions import ValidationError

from automations.actions.definitions import Values, digest, secret_of
from automations.actions.merge_with_current import KEPT
from environments.actions.forms.base import CAUTION
from portal.ona.documents.tokens import Secret

PLAIN, OTHER = "", "other"
EXTRA = 3
LAST = "The last variable cannot be removed: Ona ignores an empty list. Keep one, or re-create it."


class ValueRow(forms.Form):
    """One variable. `was` is the name it had; a value left blank then stays, which nobody has to be shown for.

    What was typed is not written back into a form that is shown again: `retype` says that it is to be typed again.
    """

    was = forms.CharField(required=False, strip=False, widget=forms.HiddenInput)
    retype = forms.CharField(required=False, widget=forms.HiddenInput)
    name = forms.CharField(
        widget=forms.TextInput(attrs=CAUTION), error_messages={"required": "Enter a name for the variable."}
    )
    source = forms.ChoiceField(label="Comes from", required=False)
    value = forms.CharField(
        required=False,
        strip=False,
        widget=forms.PasswordInput(render_value=False, attrs=CAUTION | {"autocomplete": "new-password"}),
    )

    def __init__(
        self, *args: Any, seen: Sequence[Values] = (), secrets: Mapping[str, str] | None = None, **options: Any
    ) -> None:
        self.seen = {variable["name"]: variable for variable in seen}
        super().__init__(*args, **options | {"empty_permitted": True, "use_required_attribute": False})
        offered = {PLAIN: "a value", **{id_: f"secret {name}" for id_, name in (secrets or {}).items()}}
        for variable in seen:
            if "from" in variable:
                id_ = secret_of(variable["from"])
                offered.setdefault(id_ or OTHER, f"secret {id_}" if id_ else "unchanged: not supported by this portal")
        cast(forms.ChoiceField, self.fields["source"]).choices = list(offered.items())
        for name, css in (("name", "form-control"), ("source", "form-select"), ("value", "form-control")):
            self.fields[name].widget.attrs["class"] = css
        if self.must_retype:
            self.fields["value"].widget.attrs["placeholder"] = "type it again"
        elif "digest" in self._before():
            self.fields["value"].widget.attrs["placeholder"] = "kept"

    def _before(self) -> Values:
        """What the row was when the form was opened."""
        return self.seen.get(self["was"].value() or "", {})

    @property
    def must_retype(self) -> bool:
        """Whether a value was typed that the form, shown again, does not hold any more."""
        return self.is_bound and bool(self["value"].data or self["retype"].data)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.has_changed() or cleaned.get("DELETE"):
            return cleaned
        typed, source = cleaned.pop("value", None) or "", cleaned.get("source")
        self._typed = Secret(typed)
        if source != PLAIN and typed:
            raise ValidationError({"value": "It comes from a secret: leave the value blank, or choose “a value”."})
        if source == PLAIN and not typed and cleaned.get("retype"):
            raise ValidationError({"value": "Enter the value again: values are not kept in the page."})
        if source == PLAIN and not typed and "digest" not in self._before():
            raise ValidationError({"value": "Enter its value."})
        return cleaned

    def item(self) -> Values:
        """EnvironmentVariableItem, or one that keeps its value; for a valid row."""
        name, source, typed = self.cleaned_data["name"], self.cleaned_data["source"], self._typed
        if source == OTHER:
            return {"name": name, "valueFrom": self._before().get("from")}
        if source:
            return {"name": name, "valueFrom": {"secretRef": {"id": source}}}
        return {"name": name, "value": typed} if typed.reveal() else {"name": name, KEPT: self.cleaned_data["was"]}

    def comparable(self) -> Values:
        """The same as `automations.actions.definitions.values_of` reads it back."""
        item = self.item()
        if "valueFrom" in item:
            return {"name": item["name"], "from": item["valueFrom"]}
        kept = self._before().get("digest", "")
        return {"name": item["name"], "digest": digest(item["value"].reveal()) if "value" in item else kept}


if TYPE_CHECKING:
    _FormSet = forms.BaseFormSet[ValueRow]
else:
    _FormSet = forms.BaseFormSet  # takes no parameter when it runs


class BaseValueRows(_FormSet):
    """All rows. A row left blank is none."""

    def add_fields(self, form: ValueRow, index: int | None) -> None:
        super().add_fields(form, index)
        row = (index or 0) + 1
        for name, label in (("name", "Variable"), ("source", "Comes from"), ("value", "Value")):
            form.fields[name].widget.attrs["aria-label"] = f"{label}, row {row}"
        remove = form.fields["DELETE"]
        remove.label = "Remove"
        remove.widget.attrs |= {"class": "form-check-input", "aria-label": f"Remove variable {row}"}

    def clean(self) -> None:
        names: set[str] = set()
        for form in self.filled():
            name = form.cleaned_data.get("name")
            if name in names:
                form.add_error("name", f"{name} is listed twice.")
            names.add(name or "")

    def filled(self) -> list[ValueRow]:
        """The rows that are to stay; for rows that were looked at."""
        return [form for form in self.forms if form.has_changed() and not form.cleaned_data.get("DELETE")]


ValueRows = cast(
    type[BaseValueRows], forms.formset_factory(ValueRow, formset=BaseValueRows, extra=EXTRA, can_delete=True)
)


def rows_of(variables: Sequence[Values]) -> list[dict[str, str]]:
    """What the rows show: names and where values come from, never values."""
    return [
        {
            "was": variable["name"],
            "name": variable["name"],
            "source": secret_of(variable["from"]) or OTHER if "from" in variable else PLAIN,
        }
        for variable in variables
    ]
