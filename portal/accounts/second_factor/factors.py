"""Who has a second factor, and who needs one."""

from __future__ import annotations

from typing import Final

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import QuerySet

APP, CODES = Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES
KINDS: Final = {str(APP): "authenticator app"}
ADMIN = "Admin"


def factors_of(user: User) -> QuerySet[Authenticator]:
    """The oldest first. Recovery codes are no factor of their own."""
    found: QuerySet[Authenticator] = Authenticator.objects.filter(user_id=user.pk, type__in=KINDS)
    return found.order_by("created_at", "pk")


def has_factor(user: User) -> bool:
    """Whether signing in here asks for one."""
    return factors_of(user).exists()


def is_required_of(user: User) -> bool:
    """Whether one of the person's roles needs it (PORTAL_SECOND_FACTOR_ROLES); superusers count as Admins."""
    roles = settings.SECOND_FACTOR_ROLES
    return (user.is_superuser and ADMIN in roles) or user.groups.filter(name__in=roles).exists()
