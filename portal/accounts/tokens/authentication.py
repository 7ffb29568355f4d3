"""Tokens of the portal in requests to its API: `Authorization: Bearer portal_…`."""

from __future__ import annotations

import structlog
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.request import Request

from portal.accounts.models import ApiToken, TokenUser
from portal.accounts.tokens.identify import TokenRefused, identify
from portal.api.throttling import count_failure
from portal.web.network import client_address

SCHEME = b"bearer"
REALM = 'Bearer realm="api"'
MALFORMED = "Send the token as: Authorization: Bearer portal_… (one token, without blanks)."
log = structlog.get_logger(__name__)


class TokenAuthentication(BaseAuthentication):
    """`request.user` has the permissions of the token and no others; `request.auth` is the token.

    A request without a bearer token is left to other ways of signing in. One with a wrong token is refused, whatever
    else it carries.
    """

    def authenticate(self, request: Request) -> tuple[TokenUser, ApiToken] | None:
        kind, _, text = get_authorization_header(request).partition(b" ")
        if kind.lower() != SCHEME:
            return None
        address = client_address(request._request)
        try:
            user = identify(_token(text), address)
        except TokenRefused as refusal:
            log.warning("token refused", why=refusal.code)
            count_failure(address)
            raise exceptions.AuthenticationFailed(str(refusal)) from None
        # names the token on each line that is logged of this request
        structlog.contextvars.bind_contextvars(user_id=user.pk, token=user.token.prefix)
        return user, user.token

    def authenticate_header(self, request: Request) -> str:
        """WWW-Authenticate of a 401."""
        return REALM


def _token(text: bytes) -> str:
    try:
        token = text.strip().decode("ascii")
    except UnicodeDecodeError:
        token = ""
    if not token or any(character.isspace() for character in token):
        raise TokenRefused("malformed", MALFORMED)
    return token
