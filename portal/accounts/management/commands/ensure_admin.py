"""Ensure that there is an administrator."""

from __future__ import annotations

import os
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from portal.accounts.access_signals import record_account, record_roles


class Command(BaseCommand):
    """Idempotent: run at every start."""

    help = (
        "Make the superuser `admin`. PORTAL_ADMIN_PASSWORD becomes its password where it is set; without it, a new "
        "`admin` has no password and signs in by a one-time link (signin_link)."
    )

    @transaction.atomic
    def handle(self, *_args: Any, **_options: Any) -> None:
        """Create or complete the user; an existing password stays unless a new one is given."""
        was = User.objects.filter(username="admin").first()
        user, created = User.objects.get_or_create(username="admin")
        user.is_active = user.is_staff = user.is_superuser = True
        password = os.environ.get("PORTAL_ADMIN_PASSWORD", "")
        if password and not user.check_password(password):
            self._judge(password, user)
            user.set_password(password)
        elif created:
            user.set_unusable_password()
        user.save()
        record_account(was, user)
        roles = set(user.groups.values_list("name", flat=True))
        if "Admin" not in roles:
            user.groups.add(Group.objects.get(name="Admin"))
            record_roles(user, "roles", roles, {*roles, "Admin"})
        self.stdout.write(f"The user admin {'is made' if created else 'is there'}.")

    def _judge(self, password: str, user: User) -> None:
        """Reject weak passwords, except on one machine (PORTAL_INSECURE_HTTP), where they only cause a warning."""
        try:
            validate_password(password, user)
        except ValidationError as error:
            text = f"PORTAL_ADMIN_PASSWORD is weak: {' '.join(error.messages)}"
            if not settings.INSECURE_HTTP:
                raise CommandError(f"{text} Choose a longer one, or leave it out and use signin_link.") from error
            self.stderr.write(self.style.WARNING(text))
