"""Codes: of an authenticator app (TOTP), and recovery codes. Each is accepted once."""

from __future__ import annotations

import structlog
from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from allauth.mfa.utils import decrypt
from django.contrib.auth.models import User
from django.db import transaction

from portal.accounts.second_factor.factors import APP, CODES
from portal.web.encryption import NotDecrypted

log = structlog.get_logger(__name__)


def counter_of(secret: str, code: str) -> int | None:
    """The half minute whose code this is, of the present one and its neighbours; None if it is none of theirs."""
    counters = yield_hotp_counters_from_time()
    codes = ((each, format_hotp_value(hotp_value(secret, each))) for each in counters)
    return next((each for each, right in codes if compare_user_code(actual=code, expected=right)), None)


@transaction.atomic
def use_code(user: User, code: str) -> Authenticator | None:
    """What the code is of; None if it is wrong or was used before."""
    rows = Authenticator.objects.select_for_update().filter(user_id=user.pk, type__in=(APP, CODES)).order_by("type")
    return next((row for row in rows if _accepts(row, code)), None)


def _accepts(row: Authenticator, code: str) -> bool:
    try:
        accepted = _uses(row, code) if row.type == APP else RecoveryCodes(row).validate_code(code)
    except NotDecrypted:
        log.warning("second_factor_unreadable", user_id=row.user_id, hint="PORTAL_OLD_SECRET_KEYS lacks a former key")
        return False
    if accepted:
        row.record_usage()
    return accepted


def _uses(row: Authenticator, code: str) -> bool:
    counter = counter_of(decrypt(row.data["secret"]), code)
    if counter is None or counter <= row.data["counter"]:
        return False
    row.data["counter"] = counter
    row.save(update_fields=["data"])
    return True
