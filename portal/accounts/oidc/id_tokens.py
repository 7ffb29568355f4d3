"""ID tokens of OpenID Connect: nothing in one is believed before its signature is verified."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import jwt
from allauth.socialaccount.providers.oauth2.client import OAuth2Error

# By keys that only the provider has: neither "none" nor an HMAC with what is public.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
REQUIRED = ["iss", "sub", "aud", "exp", "iat", "nonce"]
LEEWAY = 60  # seconds that the two clocks may differ


class SignInRefused(OAuth2Error):
    """Why nobody is signed in, for the person who tried."""


def nonce_of(code_verifier: str) -> str:
    """The nonce of a sign-in, by the verifier of PKCE: only that session has it, and the nonce does not reveal it."""
    return hmac.new(code_verifier.encode(), b"nonce", hashlib.sha256).hexdigest()


def read_id_token(token: str, keys: dict[str, Any], *, issuer: str, client_id: str, nonce: str) -> dict[str, Any]:
    """The claims of a token that this provider signed for this portal and this sign-in. Raises SignInRefused."""
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            _key_of(token, keys),
            algorithms=ALGORITHMS,
            issuer=issuer,
            audience=client_id,
            leeway=LEEWAY,
            options={"require": REQUIRED},
        )
    except jwt.ExpiredSignatureError as error:
        raise SignInRefused("The provider's answer had expired. Sign in again.") from error
    except jwt.InvalidAudienceError as error:
        raise SignInRefused("The provider's answer was made for another application than this portal.") from error
    except (jwt.PyJWTError, TypeError, ValueError) as error:
        raise SignInRefused("The provider's answer could not be verified: its signature or issuer is wrong.") from error
    if not hmac.compare_digest(str(claims["nonce"]).encode(), nonce.encode()):
        raise SignInRefused("The provider's answer belongs to another sign-in. Sign in again.")
    if claims.get("azp", client_id) != client_id:
        raise SignInRefused("The provider's answer was made for another application than this portal.")
    return claims


def _key_of(token: str, keys: dict[str, Any]) -> jwt.PyJWK:
    """The key that the token names, or the only one there is."""
    known, wanted = jwt.PyJWKSet.from_dict(keys).keys, jwt.get_unverified_header(token).get("kid")
    fitting = [key for key in known if wanted is None or key.key_id == wanted]
    if len(fitting) != 1:
        raise jwt.InvalidKeyError("The token names no key of the provider.")
    return fitting[0]
