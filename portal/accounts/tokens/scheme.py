"""How the OpenAPI document describes tokens; it registers itself when it is loaded."""

from __future__ import annotations

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # it has no types
    """A bearer token."""

    target_class = "portal.accounts.tokens.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        """As OpenAPI has it."""
        return {"type": "http", "scheme": "bearer", "description": "A token from the page API tokens: portal_…"}
