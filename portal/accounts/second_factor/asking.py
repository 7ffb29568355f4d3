"""Whether the second factor that somebody sent is right. Either way it is recorded."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.http import HttpRequest

from portal.accounts import throttling
from portal.accounts.second_factor.changes import words_of
from portal.accounts.second_factor.factors import CODES
from portal.accounts.second_factor.forms import CodeForm
from portal.ledger.access_log.recording import record_access
from portal.ledger.models import AccessKind

WRONG = "Wrong code, or one that was used before."


def accepts(request: HttpRequest, user: User, form: CodeForm) -> bool:
    """A wrong one counts as a wrong password does; ask `throttling.may_try` first."""
    if not form.is_valid():
        throttling.count_wrong_code(request, user)
        record_access(AccessKind.FACTOR_REFUSED, actor=user, request=request, refused_because=WRONG)
        return False
    if form.factor.type == CODES:
        record_access(AccessKind.RECOVERY_CODE_USED, actor=user, request=request)
    else:
        record_access(AccessKind.FACTOR_USED, actor=user, request=request, after=words_of(form.factor))
    return True
