"""Secrets as SecretService lists them: name, scope and mount. Values are never read or stored."""

from typing import Any
from uuid import UUID

import msgspec

from .directory import Whole
from .environments import Subject
from .pages import Listing
from .values import Head, Reader, Timestamp


class SecretScope(Head, frozen=True):
    """SecretScope: one of the four."""

    organization_id: UUID | None = None
    project_id: UUID | None = None
    user_id: UUID | None = None
    service_account_id: UUID | None = None


class CredentialProxy(Head, frozen=True):
    """Secret.CredentialProxy: outgoing requests to these hosts get the value in this header."""

    target_hosts: list[str] = []
    header: str = ""


class OidcJFrog(Head, frozen=True):
    """Secret.Source.OidcJFrog: the value is exchanged at this host."""

    host: str = ""
    provider_name: str = ""


class SecretSource(Head, frozen=True):
    """Secret.Source: where the value comes from; verbatim if typed by somebody."""

    verbatim: bool = False
    oidc_jfrog: OidcJFrog | None = msgspec.field(name="oidcJfrog", default=None)


_SCOPES = ("organization", "project", "user", "service_account")


class SecretDocument(Whole, frozen=True, kw_only=True):
    """One secret; `updated_at` is when its value was last set. At most one of the four mounts is set."""

    id: UUID
    name: str = ""
    created_at: Timestamp | None = None
    updated_at: Timestamp | None = None
    creator: Subject = Subject()
    file_path: str = ""
    environment_variable: bool = False
    container_registry_basic_auth_host: str = ""
    api_only: bool = False
    scope: SecretScope = SecretScope()
    project_id: UUID | None = None
    credential_proxy: CredentialProxy | None = None
    source: SecretSource | None = None

    @property
    def scope_kind(self) -> str:
        """The kind of scope: organization, project, user or service_account; "" for newer kinds."""
        named = next((kind for kind in _SCOPES if getattr(self.scope, f"{kind}_id")), "")
        return named or ("project" if self.project_id else "")

    @property
    def scope_id(self) -> UUID | None:
        """The id of the scope."""
        found: UUID | None = getattr(self.scope, f"{self.scope_kind}_id") if self.scope_kind else None
        return found or self.project_id

    @property
    def mount_kind(self) -> str:
        """The mount: file, environment_variable, container_registry or api_only; "" for newer kinds."""
        if self.file_path:
            return "file"
        if self.container_registry_basic_auth_host:
            return "container_registry"
        return "environment_variable" if self.environment_variable else "api_only" if self.api_only else ""

    @property
    def mount_target(self) -> str:
        """The file's path, the registry's host, or the variable, which has the secret's name; else ""."""
        variable = self.name if self.environment_variable else ""
        return self.file_path or self.container_registry_basic_auth_host or variable


_reader = Reader(SecretDocument)
_fields = msgspec.json.Decoder(dict[str, Any])


def read_secret(raw: bytes | msgspec.Raw) -> SecretDocument:
    """Parse the secret in `raw`, without its value; MsgspecError without an id."""
    came = bytes(raw)
    document = _reader.read(came)
    msgspec.structs.force_setattr(document, "raw", _without_value(came))
    return document


def _without_value(raw: bytes) -> bytes:
    if b"alue" not in raw and b"\\u" not in raw:
        return raw
    fields = _fields.decode(raw)
    kept = {name: field for name, field in fields.items() if name.lower() not in ("value", "secretvalue")}
    return raw if len(kept) == len(fields) else msgspec.json.encode(kept)


SECRETS = Listing("secrets", msgspec.Raw, read_secret)
