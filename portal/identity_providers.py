"""The company's identity providers (OpenID Connect), as one file names them: PORTAL_IDENTITY_PROVIDERS."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec

Role = Literal["Viewer", "Operator", "Admin", "Auditor"]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]


class IdentityProvider(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One provider; `roles` of its groups, and the `domains` of e-mail addresses that may sign in by it."""

    id: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{1,40}$")]
    name: Name
    issuer: str
    client_id: Name
    domains: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    roles: Mapping[str, Role]
    client_secret: str = ""  # none: a public client, which PKCE alone protects
    groups_claim: Name = "groups"
    scopes: tuple[str, ...] = ("openid", "profile", "email")

    def __post_init__(self) -> None:
        address = urlsplit(self.issuer)
        if address.scheme != "https" and address.hostname not in ("127.0.0.1", "localhost"):
            raise ValueError(f"The issuer of {self.id} has to begin with https://")


class _File(msgspec.Struct, forbid_unknown_fields=True):
    provider: list[IdentityProvider] = []


def read_identity_providers(path: str) -> dict[str, IdentityProvider]:
    """The providers of a TOML file by their ids; none without a file.

    Raises msgspec.ValidationError, which names the field, for anything that is missing, unknown or of another kind.
    """
    if not path:
        return {}
    listed = msgspec.toml.decode(Path(path).read_bytes(), type=_File).provider
    providers = {each.id: each for each in listed}
    if len(providers) < len(listed):
        raise ValueError("Two identity providers have the same id.")
    return providers
