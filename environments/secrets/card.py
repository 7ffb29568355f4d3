"""The secrets of one environment as its page shows them: what its document says, with what the cache knows besides."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models.functions import Upper

from environments.detail.fields import Document
from environments.detail.mounted_secrets import API_ONLY, MOUNTS, REGISTRY, MountedSecret, Proxy, mounted_secrets
from environments.models import Environment, Secret
from environments.models.secret import Mount
from environments.secrets.reach import secrets_for

MOST_WAITING = 50
FIELDS = {Mount.VARIABLE: "environmentVariable", Mount.FILE: "filePath", Mount.REGISTRY: REGISTRY}
IN_SYNC = {
    True: "The running container has the values they have now.",
    False: "The running container does not have the values they have now: it takes them when it is started or built "
    "again.",
    None: "Whether the running container has their newest values is unknown.",
}


@dataclass(frozen=True, slots=True)
class Row:
    """`mounted` is as the environment's document tells, `known` as the cache of secrets; one of them may be missing."""

    name: str
    id: str
    mounts: list[tuple[str, str]]
    scope: str
    mounted: MountedSecret | None
    known: Secret | None

    @property
    def proxy(self) -> Proxy | None:
        """The hosts that get the value from outside of the environment, and in which header."""
        if self.mounted:
            return self.mounted.proxy
        known = self.known
        return Proxy(known.proxy_hosts, known.proxy_header) if known and known.proxy_hosts else None

    @property
    def can_change(self) -> bool:
        """Whether there is something at Ona that can be given a value, or be deleted."""
        return self.known is not None and self.known.gone_at is None and self.known.scope is not None


def context(environment: Environment, document: Document) -> dict[str, Any]:
    """What the card shows; three queries at most."""
    mounted = mounted_secrets(document)
    known = {str(secret.pk): secret for secret in Secret.objects.filter(pk__in=_ids(mounted)).defer("document")}
    waiting = secrets_for(environment).exclude(pk__in=known).defer("document").order_by(Upper("name"), "pk")
    found = list(waiting[: MOST_WAITING + 1])
    rows = [_mounted(secret, known.get(secret.id.lower())) for secret in mounted]
    return {
        "secrets": rows + [_waiting(secret) for secret in found[:MOST_WAITING]],
        "has_more_secrets": len(found) > MOST_WAITING,
        "secrets_in_sync": IN_SYNC[environment.secrets_in_sync] if mounted else "",
        "secrets_out_of_sync": environment.secrets_in_sync is False,
    }


def _ids(mounted: Iterable[MountedSecret]) -> list[UUID]:
    found = []
    for secret in mounted:
        try:
            found.append(UUID(secret.id))
        except ValueError:
            continue
    return found


def _mounted(secret: MountedSecret, known: Secret | None) -> Row:
    return Row(secret.name, secret.id, secret.mounts, secret.scope, secret, known)


def _waiting(secret: Secret) -> Row:
    """One whose scope takes the environment in, but that it does not have yet."""
    field = FIELDS.get(Mount(secret.mount_kind)) if secret.mount_kind in Mount.values else None
    mounts = [(MOUNTS[field], secret.mount_target)] if field else []
    if secret.mount_kind == Mount.API_ONLY:
        mounts = [(API_ONLY, "")]
    return Row(secret.name, str(secret.pk), mounts, secret.get_scope_kind_display(), None, secret)
