"""Two versions of a specification to hold against each other, by their numbers."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import QueryDict

from environments.models import Environment, SpecificationVersion
from environments.timeline import specification_versions

NAMES = {"from": "From version", "to": "To version"}


class ComparisonForm(forms.Form):
    """`pair` are the two versions once the form is valid: both were seen."""

    def __init__(self, data: QueryDict | None = None, *, environment: Environment, **options: Any) -> None:
        super().__init__(data, label_suffix="", **options)
        self.environment = environment
        self.pair: tuple[SpecificationVersion, SpecificationVersion] | None = None
        for name, label in NAMES.items():
            field = forms.CharField(label=label, error_messages={"required": "Say which version."})
            # not of type number: that would forget what is none, and round what is large
            field.widget.attrs |= {"class": "form-control", "inputmode": "numeric", "autocomplete": "off", "size": "8"}
            self.fields[name] = field

    def clean(self) -> None:
        """An error beside each that is no number, or that of a version never seen."""
        numbers = {name: specification_versions.version_number(text) for name, text in self.cleaned_data.items()}
        known = specification_versions.numbered(
            self.environment, [number for number in numbers.values() if number is not None]
        )
        for name, number in numbers.items():
            if number is None:
                self.add_error(name, "A version is a whole number, such as 12.")
            elif number not in known:
                seen = specification_versions.seen_between(self.environment)
                self.add_error(name, f"Version {number} was never seen by the portal.{seen}")
        if not self.errors:
            self.pair = known[numbers["from"] or 0], known[numbers["to"] or 0]
