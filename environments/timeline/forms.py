"""The form to compare two versions of a specification."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import QueryDict

from environments.models import Environment, SpecificationVersion
from environments.timeline import specification_versions

NAMES = {"from": "From version", "to": "To version"}


class ComparisonForm(forms.Form):
    """Once valid, `pair` holds the two versions; both were observed."""

    def __init__(self, data: QueryDict | None = None, *, environment: Environment, **options: Any) -> None:
        super().__init__(data, label_suffix="", **options)
        self.environment = environment
        self.pair: tuple[SpecificationVersion, SpecificationVersion] | None = None
        for name, label in NAMES.items():
            field = forms.CharField(label=label, error_messages={"required": "Say which version."})
            # not type=number, which discards invalid input and rounds large numbers
            field.widget.attrs |= {"class": "form-control", "inputmode": "numeric", "autocomplete": "off", "size": "8"}
            self.fields[name] = field

    def clean(self) -> None:
        """Add an error to each field that is not a number, or whose version was never observed."""
        numbers = {name: specification_versions.parse_version(text) for name, text in self.cleaned_data.items()}
        recorded = specification_versions.versions_by_number(
            self.environment, [number for number in numbers.values() if number is not None]
        )
        for name, number in numbers.items():
            if number is None:
                self.add_error(name, "A version is a whole number, such as 12.")
            elif number not in recorded:
                seen = specification_versions.describe_range(self.environment)
                self.add_error(name, f"Version {number} was not observed.{seen}")
        if not self.errors:
            self.pair = recorded[numbers["from"] or 0], recorded[numbers["to"] or 0]
