"""Make a token of the portal's API."""

from __future__ import annotations

import uuid
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from portal.accounts.roles import ROLES
from portal.accounts.tokens import changes
from portal.accounts.tokens.forms import TokenForm
from portal.ledger.models import Origin


class Command(BaseCommand):
    """As the page "API tokens" does, for whoever may run commands here."""

    help = "Make a token of the portal's API and print it, this once. The ledger records that it was made."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whose it is and what it may do."""
        parser.add_argument("name", help="what it is for, such as the script or system that has it")
        parser.add_argument("--owner", required=True, metavar="USERNAME", help="the active user that it stands for")
        parser.add_argument("--role", required=True, choices=list(ROLES), help="at most the owner's own")
        parser.add_argument("--read-only", action="store_true", help="it changes nothing")
        parser.add_argument(
            "--days", default=str(changes.DEFAULT_DAYS), help=f"how long it is valid (90; at most {changes.MAX_DAYS})"
        )

    def handle(self, *_args: Any, owner: str, **options: Any) -> None:
        """The token is the only line on standard output."""
        user = User.objects.filter(username=owner, is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active user {owner}.")
        sent = options | {"is_read_only": options["read_only"], "operation_id": uuid.uuid4()}
        form = TokenForm(sent, owner=user)
        if not form.is_valid():
            raise CommandError(" ".join(f"{name}: {texts.as_text()}" for name, texts in form.errors.items()))
        try:
            token, secret = changes.create_token(
                owner=user, **form.values, **form.request_context(user) | {"origin": Origin.COMMAND}
            )
        except changes.TokenNotMade as reason:
            raise CommandError(str(reason)) from None
        if secret is None:
            raise CommandError("It was made before.")
        self.stderr.write(f"{token}, role {token.role}, until {token.expires_at:%Y-%m-%d %H:%M} UTC:")
        self.stdout.write(secret.reveal())
