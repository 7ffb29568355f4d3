"""The shared ports of an environment, as rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from environments.actions import specification_parts as parts
from environments.actions.forms.editing import EditForm
from environments.actions.forms.limits import HIGHEST_PORT, LONGEST_PORT_NAME, LOWEST_PORT, SHORTEST_PORT_NAME
from environments.actions.specification_parts import Port
from environments.actions.specification_policies import OWN, SHARING_DISABLED, is_above_limit, openness, refused_port
from portal.directory.models import Organization
from portal.web.enum_labels import enum_label

PROTOCOLS = ("PROTOCOL_HTTP", "PROTOCOL_HTTPS")
LEVELS = (
    "ADMISSION_LEVEL_OWNER_ONLY",
    "ADMISSION_LEVEL_CREATOR_ONLY",
    "ADMISSION_LEVEL_ORGANIZATION",
    "ADMISSION_LEVEL_EVERYONE",
)
RANGE = f"A number from {LOWEST_PORT} to {HIGHEST_PORT}."
MORE = 3
Row = Mapping[str, Any]


class PortForm(forms.Form):
    """One row; `was` is the number the row had, so that changing it does not lose what else Ona keeps of the port."""

    was = forms.IntegerField(required=False, widget=forms.HiddenInput)
    port = forms.IntegerField(
        min_value=LOWEST_PORT,
        max_value=HIGHEST_PORT,
        error_messages={"required": RANGE, "invalid": RANGE, "min_value": RANGE, "max_value": RANGE},
    )
    name = forms.CharField(
        min_length=SHORTEST_PORT_NAME,
        max_length=LONGEST_PORT_NAME,
        strip=False,
        error_messages={"required": f"Give it a name of up to {LONGEST_PORT_NAME} characters."},
    )
    protocol = forms.ChoiceField(initial=PROTOCOLS[0], required=False)
    admission = forms.ChoiceField(label="Open to", initial=LEVELS[0], required=False)

    def __init__(
        self, *args: Any, seen: Sequence[Row] = (), organization: Organization | None = None, **options: Any
    ) -> None:
        self.seen = {row["port"]: row for row in seen}
        self.organization = organization
        super().__init__(*args, **options | {"empty_permitted": True, "use_required_attribute": False})
        self._offer("protocol", PROTOCOLS)
        self._offer("admission", LEVELS)
        for name in ("port", "name"):
            self.fields[name].widget.attrs["class"] = "form-control"

    def _offer(self, name: str, known: Sequence[str]) -> None:
        """What is known, and what some row has besides: a value newer than the portal is not taken away."""
        besides = {row[name] for row in self.seen.values()} - set(known)
        field = cast(forms.ChoiceField, self.fields[name])
        field.choices = [(value, self._word(value)) for value in (*known, *sorted(besides))]
        field.required = "" not in besides
        field.widget.attrs["class"] = "form-select"

    def _word(self, value: str) -> str:
        limited = " (above the organization's limit)" if is_above_limit(value, self.organization) else ""
        return f"{enum_label(value) or 'not set'}{limited}"

    def clean_name(self) -> str:
        """Blanks around a new name are dropped; one that was there stays to the letter."""
        name: str = self.cleaned_data["name"]
        old = self.seen.get(self.cleaned_data.get("was"), {}).get("name", "")
        if not name.strip() and name != old:
            raise ValidationError("A name cannot be blank.")
        return name if name == old else name.strip()

    def as_port(self) -> Port:
        """The row as it shall be; for a valid form."""
        cleaned = self.cleaned_data
        was = cleaned["was"] if cleaned["was"] != cleaned["port"] else None
        return Port(cleaned["port"], cleaned["name"], cleaned["protocol"], cleaned["admission"], was)


if TYPE_CHECKING:
    _FormSet = forms.BaseFormSet[PortForm]
else:
    _FormSet = forms.BaseFormSet  # takes no parameter when it runs


class BasePortRows(_FormSet):
    """All rows. A row left blank is none."""

    def add_fields(self, form: PortForm, index: int | None) -> None:
        super().add_fields(form, index)
        for name, label in (("port", "Port"), ("name", "Name"), ("protocol", "Protocol"), ("admission", "Open to")):
            form.fields[name].widget.attrs["aria-label"] = f"{label}, row {(index or 0) + 1}"
        remove = form.fields["DELETE"]
        remove.label = "Remove"
        remove.widget.attrs |= {"class": "form-check-input", "aria-label": f"Remove row {(index or 0) + 1}"}

    def clean(self) -> None:
        """No number twice, and nothing more open than the organization's policies have it."""
        numbers: set[int] = set()
        for form in self.filled():
            number, admission = form.cleaned_data.get("port"), form.cleaned_data.get("admission")
            if number is None:
                continue
            if number in numbers:
                form.add_error("port", f"Port {number} is listed twice.")
            numbers.add(number)
            shared = {(row["port"], row["admission"]) for row in form.seen.values()}
            if why := refused_port(number, admission or "", shared, form.organization):
                form.add_error("admission", why)

    def filled(self) -> list[PortForm]:
        """The rows that are to stay; for rows that were looked at."""
        return [form for form in self.forms if form.has_changed() and not form.cleaned_data.get("DELETE")]

    def ports(self) -> list[Port]:
        """As they shall be; for valid rows."""
        return [form.as_port() for form in self.filled()]


PortRows = cast(type[BasePortRows], forms.formset_factory(PortForm, formset=BasePortRows, extra=1, can_delete=True))


def typed_rows(data: Mapping[str, Any], prefix: str) -> list[dict[str, Any]]:
    """What stands in the rows of a form that was sent, looked at or not; blank ones are left out."""
    total = str(data.get(f"{prefix}-TOTAL_FORMS", ""))
    count = min(int(total[:9]), 1000) if total.isascii() and total.isdigit() else 0
    names = (*PortForm.base_fields, "DELETE")
    rows = ({name: data.get(f"{prefix}-{index}-{name}", "") for name in names} for index in range(count))
    return [row for row in rows if any(str(row[name]).strip() for name in ("was", "port", "name"))]


def admission_field() -> forms.ChoiceField:
    """To whom the ports of many environments are open at most."""
    levels = ("ADMISSION_LEVEL_CREATOR_ONLY", "ADMISSION_LEVEL_ORGANIZATION")
    return forms.ChoiceField(label="Open to at most", choices=[(level, enum_label(level)) for level in levels])


class PortsForm(EditForm):
    values = parts.ports
    reason_needed = "to open a port wider"

    def __init__(self, data: QueryDict | None = None, *, typed: QueryDict | None = None, **options: Any) -> None:
        super().__init__(data, typed=typed, **options)
        rows = typed_rows(typed, "ports") if typed else [{**row, "was": row["port"]} for row in self._seen_rows()]
        self.rows = PortRows(
            data,
            prefix="ports",
            initial=rows if data is None else None,
            form_kwargs={"seen": self._seen_rows(), "organization": self.organization},
        )
        self.rows.extra = MORE if typed else 1

    def _seen_rows(self) -> Sequence[Mapping[str, Any]]:
        return cast(Sequence[Mapping[str, Any]], self.seen.values["ports"])

    def is_valid(self) -> bool:
        """Rows and the rest; both are looked at."""
        rows = self.rows.is_valid()
        return super().is_valid() and rows

    def clean(self) -> dict[str, Any]:
        """A list that is empty cannot be told to Ona."""
        if self.rows.is_valid() and self._seen_rows() and not self.rows.filled():
            raise ValidationError(parts.LAST_PORT)
        return super().clean() if self.rows.is_valid() else self.cleaned_data

    def needs_reason(self) -> bool:
        """Wider than it was; a new port is wider than its owner's own, and a level newer than the list than any."""
        was = {row["port"]: openness(row["admission"]) for row in self._seen_rows()}
        return any(openness(port.admission) > was.get(port.was or port.port, OWN) for port in self.rows.ports())

    def mine(self) -> Mapping[str, Any]:
        return {"ports": parts.in_order(port.values() for port in self.rows.ports())}

    def edit(self) -> Mapping[str, Any]:
        return {"ports": self.rows.ports()}

    @staticmethod
    def texts(values: Mapping[str, Any]) -> dict[str, str]:
        return {
            f"Port {row['port']}": f"{row['name']} · {enum_label(row['protocol']) or 'protocol not set'} · "
            f"{enum_label(row['admission']) or 'admission not set'}"
            for row in values["ports"]
        }

    def notes(self) -> Sequence[str]:
        if self.organization is None:
            return ["The organization's policies are not known yet; Ona checks them."]
        level = enum_label(self.organization.max_port_admission_level)
        limit = f"Policy limit: {level}. Existing wider access is kept."
        return [*([SHARING_DISABLED] if self.organization.port_sharing_disabled else []), *([limit] if level else [])]
