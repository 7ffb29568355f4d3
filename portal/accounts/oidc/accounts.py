"""Whose account a verified sign-in opens, and the role that the groups of the provider give (SOCIALACCOUNT_ADAPTER)."""

from __future__ import annotations

from typing import Any

import structlog
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.http import HttpRequest
from django.shortcuts import render

from portal.accounts.oidc.id_tokens import SignInRefused
from portal.accounts.oidc.provider import Provider
from portal.accounts.roles import ROLES
from portal.identity_providers import IdentityProvider
from portal.ledger.access_log.recording import REPEATED, record_access
from portal.ledger.models import AccessKind

log = structlog.get_logger(__name__)
UNKNOWN = "The provider could not be reached, or did not answer as expected. Try again; nothing was changed."
CANCELLED = "You did not sign in at the provider."
NOT_ASKED = "This answer does not belong to a sign-in that was begun here in the last ten minutes. Sign in again."
INACTIVE = "Your account is deactivated. An admin of this portal can reactivate it."


class ProviderAccounts(DefaultSocialAccountAdapter):
    """Accounts are made at the first sign-in, for whoever the provider lets in."""

    def get_app(self, request: HttpRequest, provider: str, client_id: str | None = None) -> SocialApp:
        """The provider of that id, from the settings alone: a row in a table makes none."""
        found = settings.IDENTITY_PROVIDERS.get(provider)
        if found is None:
            raise SocialApp.DoesNotExist
        return SocialApp(
            provider=Provider.id,
            provider_id=found.id,
            name=found.name,
            client_id=found.client_id,
            secret=found.client_secret,
            settings={"server_url": found.issuer, "oauth_pkce_enabled": True, "scope": list(found.scopes)},
        )

    def get_provider(self, request: HttpRequest, provider: str, client_id: str | None = None) -> Provider:
        return Provider(request, app=self.get_app(request, provider))

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return True

    def authenticate_by_email(self, sociallogin: SocialLogin) -> tuple[User, str] | None:
        """The one account that admins made for this address, unless it is a superuser's or another provider's.

        The provider has verified the address. Its owner cannot have typed it here: only admins write addresses.
        """
        email = sociallogin.email_addresses[0].email
        found = list(User.objects.filter(email__iexact=email)[:2])
        if len(found) != 1:
            return None
        if found[0].is_superuser or SocialAccount.objects.filter(user=found[0]).exists():
            raise SignInRefused("Another account has your e-mail address. Ask an admin of this portal.")
        return found[0], email

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Give a known person the role of their groups, and take those that the groups no longer give."""
        user = sociallogin.user
        if not isinstance(user, User) or user.pk is None:
            return
        if not user.is_active:
            raise SignInRefused(INACTIVE)
        set_role(user, sociallogin)

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> User:
        """A new account, with the role of its groups."""
        with transaction.atomic():
            user: User = super().save_user(request, sociallogin, form)
            set_role(user, sociallogin)
        log.info("account_made_at_sign_in", user_id=user.pk, provider=sociallogin.account.provider)
        return user

    def on_authentication_error(
        self, request: HttpRequest, provider: Provider, error: Any = None, exception: Any = None, **_context: Any
    ) -> None:
        """Every refusal is one page with a sentence."""
        said = str(exception) if isinstance(exception, SignInRefused) else UNKNOWN
        if exception is None:
            said = CANCELLED if error == "cancelled" else NOT_ASKED
        log.warning("sign_in_by_provider_refused", provider=provider.app.provider_id, reason=said)
        record_access(
            AccessKind.REFUSED_SIGN_IN, request=request, subject=f"identity provider {provider.app.provider_id}",
            refused_because=said, once_within=REPEATED,
        )  # fmt: skip
        raise ImmediateHttpResponse(render(request, "accounts/provider_refused.html", {"means": said}, status=403))


def provider_of(user: User) -> IdentityProvider | None:
    """The identity provider that the user signs in by."""
    ids = SocialAccount.objects.filter(user=user).values_list("provider", flat=True)
    return next((settings.IDENTITY_PROVIDERS[each] for each in ids if each in settings.IDENTITY_PROVIDERS), None)


@transaction.atomic
def set_role(user: User, sociallogin: SocialLogin) -> None:
    """Roles are the provider's for whoever signs in by it: a group that is taken away takes its role with it."""
    configured = settings.IDENTITY_PROVIDERS[sociallogin.account.provider]
    groups = sociallogin.account.extra_data.get(configured.groups_claim)
    names = {groups} if isinstance(groups, str) else set(groups or ())
    wanted = {role for group, role in configured.roles.items() if group in names}
    had = set(user.groups.filter(name__in=ROLES).values_list("name", flat=True))
    if wanted != had:
        user.groups.remove(*Group.objects.filter(name__in=had - wanted))
        user.groups.add(*Group.objects.filter(name__in=wanted))
        log.info("role_set_by_provider", user_id=user.pk, before=sorted(had), after=sorted(wanted))
