"""The form that begins a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError

from automations.batches.asking import AT_ONCE
from automations.batches.choosing import ACTIONS, MOST
from environments.actions.catalogue import Action
from environments.forms.base import ActionForm

NOTHING = "Tick at least one environment."
NOT_OURS = "What was ticked makes no sense: open the form again."


class Targets(forms.Field):
    """Ids of tasks or services, from tick boxes that the template draws."""

    widget = forms.MultipleHiddenInput

    def clean(self, value: Any) -> Sequence[UUID]:
        texts = list(dict.fromkeys(value or ()))
        if not texts:
            raise ValidationError(NOTHING)
        if len(texts) > MOST:
            raise ValidationError(f"A batch takes at most {MOST} environments.")
        try:
            return [UUID(text) for text in texts]
        except ValueError:
            raise ValidationError(NOT_OURS) from None


class BatchForm(ActionForm):
    """What is asked for stands in hidden fields: it was chosen, and shown, before."""

    action = forms.ChoiceField(choices=[(name, name) for name in ACTIONS], widget=forms.HiddenInput)
    reference = forms.CharField(max_length=128, widget=forms.HiddenInput)
    chosen_from = forms.CharField(max_length=4000, required=False, widget=forms.HiddenInput)
    again_of = forms.UUIDField(required=False, widget=forms.HiddenInput)
    target = Targets()
    at_once = forms.IntegerField(
        min_value=1,
        max_value=AT_ONCE,
        initial=10,
        label="At the same time",
        help_text=f"In how many environments it may be under way at once: 1 to {AT_ONCE}.",
    )
    stop_after = forms.IntegerField(
        min_value=1,
        max_value=MOST,
        required=False,
        initial=5,
        label="Stop after failures",
        help_text="After so many failures nothing more is started; what is under way goes on. Empty: never.",
    )

    def __init__(self, data: Any = None, *, initial: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, needs_reason=True, initial={**(initial or {})})

    @property
    def ticked(self) -> set[str] | None:
        """The ids as they were sent; None where nothing was sent yet, and everything is ticked."""
        return set(self["target"].value() or ()) if self.is_bound else None

    @property
    def chosen_action(self) -> Action:
        return ACTIONS[self.cleaned_data["action"]]
