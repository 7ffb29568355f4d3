"""Scopes of secrets: organization, project, person, service account."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db import models


class ScopeKind(models.TextChoices):
    """The kinds of SecretScope."""

    ORGANIZATION = "organization", "organization"
    PROJECT = "project", "project"
    USER = "user", "person"
    SERVICE_ACCOUNT = "service_account", "service account"


FIELDS = {
    ScopeKind.ORGANIZATION: "organizationId",
    ScopeKind.PROJECT: "projectId",
    ScopeKind.USER: "userId",
    ScopeKind.SERVICE_ACCOUNT: "serviceAccountId",
}


@dataclass(frozen=True, slots=True)
class Scope:
    """One scope. `str()` is its form in forms and URLs: "project:<id>"."""

    kind: ScopeKind
    id: UUID

    def __str__(self) -> str:
        return f"{self.kind.value}:{self.id}"

    @property
    def message(self) -> dict[str, str]:
        """The SecretScope of the vendor's contract."""
        return {FIELDS[self.kind]: str(self.id)}

    @classmethod
    def of_message(cls, message: dict[str, str]) -> Scope:
        """The scope of a SecretScope; ValueError if it has none."""
        for kind, field in FIELDS.items():
            if field in message:
                return cls(kind, UUID(message[field]))
        raise ValueError(f"no scope: {message}")

    @classmethod
    def read(cls, text: str) -> Scope:
        """Parse what `str()` returns; ValueError for other texts."""
        kind, _, identity = text.partition(":")
        return cls(ScopeKind(kind), UUID(identity))
