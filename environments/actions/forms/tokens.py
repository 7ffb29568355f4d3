"""The form that makes a token."""

from __future__ import annotations

from typing import Any

from environments.actions.forms.base import ActionForm
from portal.ona.documents.tokens import Secret


class TokenForm(ActionForm):
    """`made` is the token, once the form was sent and this very call made one."""

    made: Secret | None = None

    def arguments(self) -> dict[str, Any]:
        return {"hand_over": self._take}

    def _take(self, token: Secret) -> None:
        self.made = token
