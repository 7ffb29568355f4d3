"""Setting up second factors and removing them. Each change and its entry in the access log are one transaction."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.utils import encrypt
from django.contrib.auth.models import User
from django.db import transaction

from portal.accounts.second_factor.factors import APP, CODES, KINDS, factors_of, has_factor, is_required_of
from portal.ledger.access_log.recording import record_access
from portal.ledger.models import AccessKind


class NotChanged(Exception):
    """It cannot be done; `args[0]` says why."""


@transaction.atomic
def add_app(*, user: User, secret: str, counter: int) -> list[str]:
    """Set up an authenticator app, whose code of the half minute `counter` is used by that. Returns the recovery codes
    that were made with the first factor. NotChanged.
    """
    _lock(user)
    if factors_of(user).filter(type=APP).exists():
        raise NotChanged("You have an authenticator app already: remove it first.")
    data = {"secret": encrypt(secret), "counter": counter}
    return _add(user, Authenticator(user_id=user.pk, type=APP, data=data))


@transaction.atomic
def make_recovery_codes(*, user: User) -> list[str]:
    """New codes; those of before are no longer accepted. NotChanged."""
    _lock(user)
    if not has_factor(user):
        raise NotChanged("Recovery codes stand in for a second factor: set one up first.")
    Authenticator.objects.filter(user_id=user.pk, type=CODES).delete()
    record_access(AccessKind.CODES_MADE, actor=user)
    codes: list[str] = RecoveryCodes.activate(user).generate_codes()
    return codes


@transaction.atomic
def remove_factor(*, user: User, factor: Authenticator) -> None:
    """Remove one of one's own; recovery codes go with the last. NotChanged."""
    _lock(user)
    if is_required_of(user) and not factors_of(user).exclude(pk=factor.pk).exists():
        raise NotChanged("Your role needs a second factor: set up another one before you remove this.")
    factor.delete()
    if not has_factor(user):
        Authenticator.objects.filter(user_id=user.pk).delete()
    record_access(AccessKind.FACTOR_REMOVED, actor=user, subject=user.get_username(), before=words_of(factor))


@transaction.atomic
def remove_all_factors(*, actor: User | None, person: User) -> None:
    """Remove all that somebody has lost, recovery codes too. NotChanged. The caller checks who may."""
    _lock(person)
    held = list(factors_of(person))
    if not held:
        raise NotChanged(f"{person.get_username()} has no second factor.")
    Authenticator.objects.filter(user_id=person.pk).delete()
    for factor in held:
        record_access(AccessKind.FACTOR_REMOVED, actor=actor, subject=person.get_username(), before=words_of(factor))


def words_of(factor: Authenticator) -> dict[str, str]:
    """What it is, for the access log."""
    return {"second_factor": KINDS[factor.type]}


def _add(user: User, factor: Authenticator) -> list[str]:
    is_first = not has_factor(user)
    factor.save()
    record_access(AccessKind.FACTOR_ADDED, actor=user, subject=user.get_username(), after=words_of(factor))
    return make_recovery_codes(user=user) if is_first else []


def _lock(user: User) -> None:
    """One change at a time: of two, each would see the other's factor as the one that remains."""
    User.objects.select_for_update().get(pk=user.pk)
