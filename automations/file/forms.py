"""The form of the automations file: pasted or uploaded, checked, previewed, applied."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile

from automations.file_format.problems import Unreadable
from automations.file_format.read import LARGEST, TOO_LARGE, Reading, decode, read
from environments.actions.forms.base import ActionForm

NOTHING = "Paste a file, or choose one of at most 256 KiB."


class FileForm(ActionForm):
    """The file's `text`, or an upload that replaces it. `shown` is the digest of the preview that was shown."""

    not_content = ActionForm.not_content | {"shown"}
    # not a CharField, which would strip, and reject characters without saying where
    text = forms.Field(
        label="Automations file",
        required=False,
        widget=forms.Textarea(attrs={"rows": 20, "wrap": "off", "spellcheck": "false", "autocomplete": "off"}),
        help_text="YAML with services, tasks or both. At most 256 KiB.",
    )
    upload = forms.FileField(
        label="Or upload a file",
        required=False,
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": ".yaml,.yml,.txt"}),
        help_text="Text in UTF-8. Replaces the text above.",
    )
    shown = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["reason"].label = "Reason"  # checking needs no reason, but the next step is applying

    def clean_upload(self) -> str | None:
        """The text of the uploaded file; None if there is none."""
        file: UploadedFile[Any] | None = self.cleaned_data["upload"]
        if file is None:
            return None
        if (file.size or 0) > LARGEST:
            raise ValidationError(TOO_LARGE)
        try:
            return decode(file.read())
        except Unreadable as error:
            where = f"{error.problem.where}: " if error.problem.line else ""
            raise ValidationError(f"{where}{error.problem.reason}") from None

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        uploaded = cleaned.get("upload")
        if uploaded is not None:
            self.replace(text=uploaded)
            cleaned["text"] = uploaded
        if not (cleaned.get("text") or "").strip() and "upload" not in self.errors:
            self.add_error("text", NOTHING)
        return cleaned

    @cached_property
    def reading(self) -> Reading:
        """The parsed text or its problems; requires a valid form."""
        return read(self.cleaned_data["text"])
