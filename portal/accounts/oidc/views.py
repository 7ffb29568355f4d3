"""To an identity provider, and back from it."""

from __future__ import annotations

from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponseBase
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET
from requests import RequestException

from portal.accounts.oidc.id_tokens import SignInRefused
from portal.accounts.oidc.provider import Exchange


@login_not_required
@never_cache
@require_GET
def to_provider(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    """Lead to the provider's sign-in."""
    return _answer(OAuth2LoginView, request, provider_id)


@login_not_required
@never_cache
@require_GET
def from_provider(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    """The provider's answer: sign in whom it names, or refuse with a sentence."""
    return _answer(OAuth2CallbackView, request, provider_id)


def _answer(
    view: type[OAuth2LoginView] | type[OAuth2CallbackView], request: HttpRequest, provider_id: str
) -> HttpResponseBase:
    exchange = Exchange(request, provider_id)
    try:
        answer: HttpResponseBase = view.adapter_view(exchange)(request)
    except SocialApp.DoesNotExist:
        raise Http404("There is no such identity provider.") from None
    except (SignInRefused, RequestException, ValueError, KeyError) as error:  # not what a provider answers
        answer = render_authentication_error(request, exchange.get_provider(), exception=error)
    return answer
