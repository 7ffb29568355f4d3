"""What allauth may do with accounts of this portal (ACCOUNT_ADAPTER)."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib.auth import login
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse

from portal.accounts.second_factor.signing_in import require_factor
from portal.web.network import client_address

BACKEND = "django.contrib.auth.backends.ModelBackend"


class LocalAccounts(DefaultAccountAdapter):
    """Nobody signs up: admins make accounts, and identity providers those of their people."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_login_stages(self) -> list[str]:
        return ["portal.accounts.second_factor.signing_in.CodeStage"]

    def login(self, request: HttpRequest, user: User) -> None:
        login(request, user, backend=BACKEND)

    def post_login(self, request: HttpRequest, user: User, **options: Any) -> HttpResponse:
        answer: HttpResponse = super().post_login(request, user, **options)
        require_factor(request, user, options["signal_kwargs"])
        return answer

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_address(request) or ""

    def add_message(self, *_args: Any, **_options: Any) -> None:
        """Pages say what happened in the portal's own words."""
