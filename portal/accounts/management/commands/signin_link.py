"""Print a link that signs somebody in once."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse
from django.utils.http import urlencode

from portal.accounts.second_factor.changes import NotChanged, remove_all_factors
from portal.accounts.sign_in_links import make_token


class Command(BaseCommand):
    """For the first sign-in, and for forgotten passwords."""

    help = "Print a one-time sign-in link. Signing in by any way uses it up; running this again makes another."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The portal's URL, the user, and the validity."""
        parser.add_argument(
            "--base-url", required=True, help="address of the portal, such as https://portal.example.com"
        )
        parser.add_argument("--username", default="admin")
        parser.add_argument(
            "--reset-second-factor", action="store_true", help="remove a lost second factor: the link signs in without"
        )
        parser.add_argument("--minutes", type=int, default=15, help="how long the link is valid (15)")

    def handle(self, *_args: Any, base_url: str, username: str, minutes: int, **options: Any) -> None:
        """The link is the only line on standard output."""
        if not base_url.startswith(("https://", "http://")):
            raise CommandError("--base-url has to begin with https:// or http://")
        if not 1 <= minutes <= 24 * 60:
            raise CommandError("--minutes has to be between 1 and 1440")
        user = User.objects.filter(username=username, is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active user {username}.")
        if options["reset_second_factor"]:
            self._reset_factor(user)
        token = make_token(user, valid_for=timedelta(minutes=minutes))
        self.stdout.write(f"{base_url.rstrip('/')}{reverse('accounts:link')}?{urlencode({'token': token})}")

    def _reset_factor(self, user: User) -> None:
        try:
            remove_all_factors(actor=None, person=user)
        except NotChanged as reason:
            self.stderr.write(str(reason))
