"""The card of secrets on an environment's page: its document, completed from the cache of secrets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models.functions import Upper

from environments.detail.mounted_secrets import (
    API_ONLY,
    MOUNTS,
    REGISTRY,
    CredentialProxy,
    MountedSecret,
    mounted_secrets,
)
from environments.documents.json_part import Document
from environments.models import Environment, Secret
from environments.models.secret import Mount
from environments.secrets.reach import secrets_for

MAX_NOT_MOUNTED = 50
FIELDS = {Mount.VARIABLE: "environmentVariable", Mount.FILE: "filePath", Mount.REGISTRY: REGISTRY}
IN_SYNC = {
    True: "The running container has their current values.",
    False: "The running container has older values. It gets the current ones when it is restarted or rebuilt.",
    None: "Whether the running container has their current values is unknown.",
}


@dataclass(frozen=True, slots=True)
class SecretRow:
    """A row of the card: `mounted` from the environment's document, `recorded` from the cache; one may be missing."""

    name: str
    id: str
    mounts: list[tuple[str, str]]
    scope: str
    mounted: MountedSecret | None
    recorded: Secret | None

    @property
    def proxy(self) -> CredentialProxy | None:
        """The credential proxy of the secret."""
        if self.mounted:
            return self.mounted.proxy
        recorded = self.recorded
        return (
            CredentialProxy(recorded.proxy_hosts, recorded.proxy_header) if recorded and recorded.proxy_hosts else None
        )

    @property
    def can_change(self) -> bool:
        """Whether the secret exists at Ona, so that it can be updated or deleted."""
        return self.recorded is not None and self.recorded.gone_at is None and self.recorded.scope is not None


def context(environment: Environment, document: Document) -> dict[str, Any]:
    """The context of the card; at most three queries."""
    mounted = mounted_secrets(document)
    recorded = {
        str(secret.pk): secret for secret in Secret.objects.filter(pk__in=_secret_ids(mounted)).defer("document")
    }
    not_mounted = secrets_for(environment).exclude(pk__in=recorded).defer("document").order_by(Upper("name"), "pk")
    extra = list(not_mounted[: MAX_NOT_MOUNTED + 1])
    rows = [_mounted_row(secret, recorded.get(secret.id.lower())) for secret in mounted]
    return {
        "secrets": rows + [_not_mounted_row(secret) for secret in extra[:MAX_NOT_MOUNTED]],
        "has_more_secrets": len(extra) > MAX_NOT_MOUNTED,
        "secrets_in_sync": IN_SYNC[environment.secrets_in_sync] if mounted else "",
        "secrets_out_of_sync": environment.secrets_in_sync is False,
    }


def _secret_ids(mounted: Iterable[MountedSecret]) -> list[UUID]:
    found = []
    for secret in mounted:
        try:
            found.append(UUID(secret.id))
        except ValueError:
            continue
    return found


def _mounted_row(secret: MountedSecret, recorded: Secret | None) -> SecretRow:
    return SecretRow(secret.name, secret.id, secret.mounts, secret.scope, secret, recorded)


def _not_mounted_row(secret: Secret) -> SecretRow:
    """A secret whose scope includes the environment, but that is not mounted in it yet."""
    field = FIELDS.get(Mount(secret.mount_kind)) if secret.mount_kind in Mount.values else None
    mounts = [(MOUNTS[field], secret.mount_target)] if field else []
    if secret.mount_kind == Mount.API_ONLY:
        mounts = [(API_ONLY, "")]
    return SecretRow(secret.name, str(secret.pk), mounts, secret.get_scope_kind_display(), None, secret)
