"""What allauth may do with accounts of this portal (ACCOUNT_ADAPTER)."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest

from portal.web.network import client_address


class LocalAccounts(DefaultAccountAdapter):
    """Nobody signs up: admins make accounts, and identity providers those of their people."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_address(request) or ""

    def add_message(self, *_args: Any, **_options: Any) -> None:
        """Pages say what happened in the portal's own words."""
