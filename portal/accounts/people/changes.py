"""Inviting people, changing their roles, deactivating and reactivating them. Each change and its entry in the access
log are one transaction.

Nobody gives a role above their own, nobody changes whose rights are above their own, and one admin always remains.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from portal.accounts.access_signals import record_account, record_roles
from portal.accounts.models import ApiToken, BrowserSession, Person
from portal.accounts.second_factor.changes import NotChanged, remove_all_factors
from portal.accounts.sign_in_links import make_token
from portal.accounts.tokens.changes import revoke_token
from portal.accounts.tokens.permissions import is_person, roles_within

MANAGE = "accounts.manage_people"
ADMIN = "Admin"
LINK_VALID = timedelta(days=1)
# "people": changes of roles come one after another, each until it has committed
LOCK = int.from_bytes(b"people", "big")


def invite_person(*, actor: User, username: str, email: str, role: str) -> Person:
    """Make an account without a password, whose person signs in by a link. PermissionDenied, NotChanged."""
    _check_role(actor, role)
    with _one_admin_remains():
        if User.objects.filter(username__iexact=username).exists():
            raise NotChanged(f"There is an account named {username} already.")
        person = Person(username=username, email=email)
        person.set_unusable_password()
        person.save()
        record_account(None, person, actor=actor)
        _set_role(actor, person, role)
    return person


def change_role(*, actor: User, person: Person, role: str) -> None:
    """Give the person this role and no other. PermissionDenied, NotChanged."""
    _check_role(actor, role)
    with _one_admin_remains():
        _check_person(actor, person)
        _set_role(actor, person, role)


def deactivate_person(*, actor: User, person: Person) -> None:
    """End the person's sessions and tokens at once, and let them in no more. PermissionDenied, NotChanged."""
    if actor.pk == person.pk:
        raise NotChanged("You cannot deactivate yourself: ask another admin.")
    with _one_admin_remains():
        _set_active(actor, person, is_active=False)
        BrowserSession.objects.filter(user=person).end()  # else they would go on once the person is reactivated
    # refused from now on, as their owner is deactivated; revoked, so that they do not return with the owner
    for token in ApiToken.objects.filter(owner_id=person.pk).unended(timezone.now()):
        revoke_token(token=token, actor=actor)


def reactivate_person(*, actor: User, person: Person) -> None:
    """Let the person in again, with the role and the password of before. PermissionDenied, NotChanged."""
    with _one_admin_remains():
        _set_active(actor, person, is_active=True)


@transaction.atomic
def reset_factors(*, actor: User, person: Person) -> None:
    """Remove the second factors that the person has lost, and end all sessions. PermissionDenied, NotChanged."""
    if actor.pk == person.pk:
        raise NotChanged("You remove your own second factor on its page, in the account menu.")
    _check_person(actor, person)
    remove_all_factors(actor=actor, person=person)
    BrowserSession.objects.filter(user=person).end()


def make_link(*, actor: User, person: Person) -> str:
    """The token of a link that signs the person in once. PermissionDenied, NotChanged."""
    _check_person(actor, person)
    if not person.is_active:
        raise NotChanged("A deactivated person cannot sign in: reactivate them first.")
    return make_token(person, valid_for=LINK_VALID)


def admins() -> Q:
    """Who can manage people."""
    in_group = User.objects.filter(groups__name=ADMIN).values("pk")
    return Q(is_active=True) & (Q(is_superuser=True) | Q(pk__in=in_group))


def is_above(person: User, actor: User) -> bool:
    """Whether a person, deactivated or not, has a right that the actor has not."""
    if actor.is_superuser:
        return False
    held = Permission.objects.filter(Q(group__user=person) | Q(user=person))
    names = {f"{app}.{code}" for app, code in held.values_list("content_type__app_label", "codename")}
    return person.is_superuser or not actor.get_all_permissions().issuperset(names)


@contextmanager
def _one_admin_remains() -> Iterator[None]:
    """A transaction that is undone if no admin is left after it.

    The lock comes first, so that two admins who deactivate each other see what the other did.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        yield
        if not User.objects.filter(admins()).exists():
            raise NotChanged("This is the last admin. Make somebody else an admin first.")


def _check_person(actor: User, person: Person) -> None:
    _check_actor(actor)
    if is_above(person, actor):
        raise PermissionDenied(f"{person.get_username()} has rights that you do not have.")


def _check_role(actor: User, role: str) -> None:
    _check_actor(actor)
    if role not in roles_within(actor):
        raise PermissionDenied(f"You cannot give the role {role}: it is above your own.")


def _check_actor(actor: User) -> None:
    if not is_person(actor) or not actor.has_perm(MANAGE):
        raise PermissionDenied("People are managed by admins, not with tokens.")


def _set_role(actor: User, person: Person, role: str) -> None:
    """By the table itself: as a change of `groups`, one role for another would be two entries of the access log."""
    held, before = User.groups.through.objects.filter(user_id=person.pk), set(_roles(person))
    if before == {role}:
        return
    held.delete()
    User.groups.through.objects.create(user_id=person.pk, group_id=Group.objects.get(name=role).pk)
    record_roles(person, "roles", before, {role}, actor=actor)


def _roles(person: Person) -> list[str]:
    return list(person.groups.values_list("name", flat=True))


def _set_active(actor: User, person: Person, *, is_active: bool) -> None:
    _check_person(actor, person)
    was = User.objects.get(pk=person.pk)
    changed = User.objects.filter(pk=person.pk, is_active=not is_active).update(is_active=is_active)
    person.refresh_from_db()
    if changed:
        record_account(was, person, actor=actor)
