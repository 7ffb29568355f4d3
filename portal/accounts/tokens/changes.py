"""Making and revoking tokens. Both are operations of the ledger, which names the token and never holds it."""

from __future__ import annotations

from datetime import timedelta
from typing import Unpack

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone

from portal.accounts.models import ApiToken
from portal.accounts.tokens.permissions import REVOKE, is_person, roles_within
from portal.accounts.tokens.secret import digest, generate
from portal.ledger import recording
from portal.ledger.access_log.recording import record_access
from portal.ledger.models import AccessKind, Operation, Outcome
from portal.ledger.recording import RequestContext, Target
from portal.ona.documents.tokens import Secret

CREATED, REVOKED = "api_token.create", "api_token.revoke"
DEFAULT_DAYS, MAX_DAYS = 90, 365
MAX_TOKENS = 50  # of one person that are neither revoked nor expired
MADE_WORDS = "The token was created. Nothing was sent to Ona."
REVOKED_WORDS = "The token was revoked and stopped at once. Nothing was sent to Ona."


class TokenNotMade(Exception):
    """The token cannot be made; `args[0]` says why. `field` of the form is the cause, or None."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


def create_token(
    *, owner: User, name: str, role: str, days: int, is_read_only: bool, **context: Unpack[RequestContext]
) -> tuple[ApiToken, Secret | None]:
    """Make a token of `owner`, and return it with its text; without, if the same request made it before.

    PermissionDenied if anybody but the owner requests it; TokenNotMade.
    """
    if not is_person(context["actor"]) or context["actor"].pk != owner.pk:
        raise PermissionDenied("People create tokens, and only for themselves.")
    _check(owner, role, days)
    now = timezone.now()
    prefix, secret = generate()
    token = ApiToken(
        owner=owner, name=name, role=role, is_read_only=is_read_only, prefix=prefix, digest=digest(secret.reveal()),
        created_at=now, expires_at=now + timedelta(days=days),
    )  # fmt: skip
    after = {"name": name, "role": role, "readOnly": is_read_only, "expiresAt": token.expires_at, "prefix": prefix}
    operation, is_new = recording.begin(CREATED, Target("token", None, str(token)), context, after=after)
    if not is_new:
        return _made_by(operation), None
    with transaction.atomic():  # one of them without the other would be a token that the ledger does not have
        token.save(force_insert=True)
        record_access(AccessKind.TOKEN_MADE, actor=context["actor"], subject=str(token), after=after)
        _close(operation, MADE_WORDS, target_id=token.pk)
    return token, secret


def revoke_token(*, token: ApiToken, **context: Unpack[RequestContext]) -> bool:
    """Revoke it for good; False if it was revoked before. PermissionDenied if it is another's and the actor may not."""
    actor = context["actor"]
    if not is_person(actor) or not (actor.pk == token.owner_id or actor.has_perm(REVOKE)):
        raise PermissionDenied("Only admins can revoke other people's tokens.")
    if token.revoked_at:
        return False
    before, now = {"revokedAt": None, "owner": token.owner.get_username()}, timezone.now()
    operation, _ = recording.begin(
        REVOKED, Target("token", token.pk, str(token)), context, before=before, after={"revokedAt": now}
    )
    with transaction.atomic():
        revoked = ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(
            revoked_at=now, revoked_by=actor.get_username()
        )
        if revoked:
            subject = f"{token} of {token.owner.get_username()}"
            record_access(AccessKind.TOKEN_REVOKED, actor=actor, subject=subject)
        _close(operation, REVOKED_WORDS)
    token.refresh_from_db()
    return bool(revoked)


def _check(owner: User, role: str, days: int) -> None:
    if not 1 <= days <= MAX_DAYS:
        raise TokenNotMade(f"A token is valid for 1 to {MAX_DAYS} days.", "days")
    offered = roles_within(owner)
    if role not in offered:
        raise TokenNotMade(
            f"A token cannot have more rights than your own role: {', '.join(offered) or 'you have none'}.", "role"
        )
    if ApiToken.objects.filter(owner=owner).unended(timezone.now()).count() >= MAX_TOKENS:
        raise TokenNotMade(f"You have {MAX_TOKENS} tokens, the maximum. Revoke one first.")


def _made_by(operation: Operation) -> ApiToken:
    token = ApiToken.objects.filter(pk=operation.target_id).first() if operation.target_id else None
    if token is None:
        raise TokenNotMade("This form was already sent, and no token was created. Open the form again.")
    return token


def _close(operation: Operation, words: str, **columns: object) -> None:
    """Close the row; RuntimeError, which undoes the change, if it was closed meanwhile as interrupted."""
    if not recording.close(operation, Outcome.SUCCEEDED, explanation=words, **columns):
        raise RuntimeError(f"operation {operation.pk} was closed before it was done")
