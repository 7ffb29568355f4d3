"""Sign-in by OpenID Connect: allauth's code flow, with PKCE and a nonce, and an answer that is verified as a whole."""

from __future__ import annotations

from typing import Any

from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialLogin, SocialToken
from allauth.socialaccount.providers.base import AuthProcess
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from portal.accounts.oidc.id_tokens import SignInRefused, nonce_of, read_id_token
from portal.identity_providers import IdentityProvider


class Exchange(OpenIDConnectOAuth2Adapter):
    """What is requested from the provider and believed of its answer."""

    code_verifier = ""

    @property
    def openid_config(self) -> dict[str, Any]:
        """The provider's own description; it has to name the issuer that is configured."""
        found: dict[str, Any] = super().openid_config
        if found.get("issuer") != _configured(self.provider_id).issuer:
            raise SignInRefused("The provider describes itself as another issuer than the one that is configured.")
        return found

    def get_callback_url(self, request: HttpRequest, app: Any) -> str:
        """Where the provider leads back to."""
        return request.build_absolute_uri(reverse("accounts:provider-callback", args=[self.provider_id]))

    def get_access_token_data(
        self, request: HttpRequest, app: Any, client: Any, pkce_code_verifier: str | None = None
    ) -> Any:
        """Exchange the code, and remember by which verifier: the nonce follows from it."""
        self.code_verifier = pkce_code_verifier or ""
        return super().get_access_token_data(request, app, client, pkce_code_verifier)

    def complete_login(self, request: HttpRequest, app: Any, token: SocialToken, **kwargs: Any) -> SocialLogin:
        """The person that the answer names, whose e-mail address is verified and in a domain of the provider's."""
        configured, config = _configured(self.provider_id), self.openid_config
        claims = read_id_token(
            str(kwargs["response"].get("id_token", "")),
            self._get(config["jwks_uri"]),
            issuer=configured.issuer,
            client_id=configured.client_id,
            nonce=nonce_of(self.code_verifier),
        )
        claims = self._with_userinfo(claims, token.token)
        _require_known_address(claims, configured)
        names = ("sub", "email", "email_verified", "name", "preferred_username", configured.groups_claim)
        told = {name: claims[name] for name in names if name in claims}
        return self.get_provider().sociallogin_from_response(request, told)

    def _with_userinfo(self, claims: dict[str, Any], access_token: str) -> dict[str, Any]:
        """Some providers name groups there only. What is signed counts for more; both are to be about one person."""
        address = self.openid_config.get("userinfo_endpoint")
        if not address:
            return claims
        more = self._get(address, Authorization=f"Bearer {access_token}")
        if more.get("sub") != claims["sub"]:
            raise SignInRefused("The provider's two answers are about different people.")
        return more | claims

    def _get(self, address: str, **headers: str) -> dict[str, Any]:
        with get_adapter().get_requests_session() as session:
            answer = session.get(address, headers=headers)
            answer.raise_for_status()
        found = answer.json()
        return found if isinstance(found, dict) else {}


class Provider(OpenIDConnectProvider):
    """One of settings.IDENTITY_PROVIDERS."""

    oauth2_adapter_class = Exchange

    def get_pkce_params(self) -> dict[str, str]:
        """With the nonce: both are in the address that leads to the provider, and new each time."""
        params: dict[str, str] = super().get_pkce_params()
        return params | {"nonce": nonce_of(params["code_verifier"])}

    def get_redirect_from_request_kwargs(self, request: HttpRequest) -> dict[str, Any]:
        """Of the request only where to go afterwards, and whether the provider asks again: scope, process and
        parameters are not the visitor's to choose."""
        asked = super().get_redirect_from_request_kwargs(request)
        params = {"prompt": "login", "max_age": "0"} if "again" in request.GET else {}
        return {"next_url": asked.get("next_url"), "process": AuthProcess.LOGIN, "auth_params": params}


def _configured(provider_id: str) -> IdentityProvider:
    found: IdentityProvider = settings.IDENTITY_PROVIDERS[provider_id]
    return found


def _require_known_address(claims: dict[str, Any], configured: IdentityProvider) -> None:
    email = str(claims.get("email") or "")
    if not email or claims.get("email_verified") is not True:
        raise SignInRefused(f"{configured.name} has not verified your e-mail address. Verify it there, then sign in.")
    if email.rpartition("@")[2].lower() not in {domain.lower() for domain in configured.domains}:
        raise SignInRefused(f"Only addresses of {', '.join(configured.domains)} may sign in by {configured.name}.")
