"""Times in UTC as people type and read them: 2026-12-31 18:00."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django import forms

from environments.actions.forms.base import CAUTION
from environments.documents.json_part import as_time
from portal.web.formatting import duration_words

FORMATS = ["%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%MZ", "%Y-%m-%d"]
PASSED = "This time has passed. Choose a time at least a minute in the future."


class MomentField(forms.DateTimeField):
    """A time in UTC, as text: browsers write dates in the order of their own language."""

    def __init__(self, **options: Any) -> None:
        attributes = CAUTION | {"placeholder": "YYYY-MM-DD HH:MM", "inputmode": "numeric"}
        super().__init__(
            widget=forms.DateTimeInput(attrs=attributes, format=FORMATS[0]),
            input_formats=FORMATS,
            error_messages={
                "required": "Say when.",
                "invalid": "Enter a time such as 2026-12-31 18:00 (YYYY-MM-DD HH:MM); it is read as UTC.",
            },
            **options,
        )


def moment_words(value: datetime | str | None) -> str:
    """ "2026-12-31 18:00 UTC" of a time, or of one as Ona writes it; "none" for none."""
    moment = as_time(value) if isinstance(value, str) else value
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if moment else "none"


def moved_words(before: datetime | None, after: datetime) -> str:
    """How far a time moves: "82 d sooner", "7 d later"; empty where there was none, or it stays to the minute."""
    minutes = round((after - before).total_seconds() / 60) if before else 0
    if before is None or not minutes:
        return ""
    return f"{duration_words(abs(after - before))} {'later' if minutes > 0 else 'sooner'}"
