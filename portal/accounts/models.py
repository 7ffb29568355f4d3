"""What belongs to a person: saved views, the start view, kept forms, and tokens of the portal's API."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar, NoReturn, Self
from urllib.parse import parse_qsl, urlencode

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import Exists, ExpressionWrapper, OuterRef, Q
from django.db.models.functions import Upper
from django.urls import reverse

from portal.accounts.roles import ROLES
from portal.lists.registry import SAVABLE

LONGEST_NAME = 80
LONGEST_QUERY = 4_000


class Person(User):
    """A user as `/people/` shows and changes it."""

    class Meta:
        proxy = True
        verbose_name_plural = "people"
        default_permissions = ()
        permissions = [
            ("see_people", "Can see people, their roles and last sign-in"),
            ("manage_people", "Can invite and deactivate people and change their roles"),
        ]


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    """Saved views by condition."""

    def seen_by(self, user: Any) -> SavedViewQuerySet:
        """A person's own views and the shared ones."""
        return self.filter(Q(owner=user) | Q(is_shared=True))

    def for_list(self, user: Any) -> SavedViewQuerySet:
        """Own views first, by name; each with its owner, and `is_start`: whether `user` starts with it."""
        starts = Start.objects.filter(user=user, view=OuterRef("pk"))
        own_first = ExpressionWrapper(Q(owner=user), models.BooleanField()).desc()
        told = self.select_related("owner").annotate(is_start=Exists(starts))
        return told.order_by(own_first, Upper("name"), "pk")


class SavedView(models.Model):
    """A saved view. `query` is the list's canonical query, without "?"; the list parses it again when opened."""

    owner = models.ForeignKey(User, models.CASCADE, related_name="+")
    name = models.CharField(max_length=LONGEST_NAME)
    url_name = models.CharField(max_length=100)
    query = models.CharField(max_length=LONGEST_QUERY, blank=True)
    is_shared = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        permissions = [("unshare_savedview", "Can take away what others share")]
        constraints = [models.UniqueConstraint(fields=["owner", "name"], name="savedview_name")]
        indexes = [
            # the menu of a list: its shared views
            models.Index(fields=["url_name"], condition=Q(is_shared=True), name="savedview_shared"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def label(self) -> str:
        """The name of the list; empty if it no longer exists."""
        return SAVABLE[self.url_name].label if self.url_name in SAVABLE else ""

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The query by parameter and value."""
        return parse_qsl(self.query, keep_blank_values=True)

    @property
    def url(self) -> str:
        """The URL of the list with these filters, always within the portal."""
        return f"{reverse(self.url_name)}?{urlencode(self.pairs)}" if self.pairs else reverse(self.url_name)

    def is_of(self, query: str) -> bool:
        """Whether `query` is equivalent, in any order."""
        return sorted(self.pairs) == sorted(parse_qsl(query, keep_blank_values=True))

    def is_open_to(self, user: User) -> bool:
        """Whether `user` may see this view and open its list."""
        if self.owner_id != user.pk and not self.is_shared:
            return False
        return self.url_name in SAVABLE and user.has_perms(SAVABLE[self.url_name].permissions)


class Start(models.Model):
    """A person's start view; `name` is that of a view that was deleted."""

    user = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="+")
    view = models.ForeignKey(SavedView, models.SET_NULL, null=True, related_name="starts")
    name = models.CharField(max_length=LONGEST_NAME)
    chosen_at = models.DateTimeField(auto_now=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.name


class KeptForm(models.Model):
    """A form that was sent by somebody signed out, encrypted (portal.accounts.kept_forms); at most an hour old.

    `digest` is that of the cookie that reads it.
    """

    digest = models.CharField(max_length=64, primary_key=True)
    content = models.BinaryField()
    at = models.DateTimeField()

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"a form sent at {self.at:%Y-%m-%d %H:%M:%S}"


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    """Tokens by condition."""

    def unended(self, now: datetime) -> Self:
        """Neither revoked nor expired."""
        return self.filter(revoked_at=None, expires_at__gt=now)


class ApiToken(models.Model):
    """A token of the portal's API (portal.accounts.tokens): what it may do, and a digest by which it is found.

    `prefix` is its beginning, by which people tell it from others; the rest is stored nowhere.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(User, models.CASCADE, related_name="+")
    name = models.CharField(max_length=LONGEST_NAME)
    role = models.CharField(max_length=20, choices=[(role, role) for role in ROLES])
    is_read_only = models.BooleanField(default=False)
    prefix = models.CharField(max_length=20)
    digest = models.CharField(max_length=64, unique=True)  # SHA-256, in hexadecimal
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    # written at most once a minute
    last_used_at = models.DateTimeField(null=True)
    last_used_from = models.GenericIPAddressField(null=True)
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.CharField(max_length=150, blank=True)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        permissions = [("revoke_apitoken", "Can see and revoke the tokens of others")]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"


class TokenUser(User):
    """The owner of a token in a request that the token authenticates: with the token's permissions and no others.

    It passes for a User wherever permissions are checked and operations are recorded. It is never written.
    """

    class Meta:
        proxy = True
        default_permissions = ()

    token: ApiToken
    of_role: frozenset[str] = frozenset()
    allowed: frozenset[str] = frozenset()  # those of the role; of a read-only token those that change nothing

    @property
    def token_words(self) -> str:
        """The token, for the ledger."""
        return str(self.token)

    @property
    def standing(self) -> str:
        """The role that the token has, for refusals."""
        return f"{self.token.role}, by a {'read-only ' if self.token.is_read_only else ''}token"

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        return perm in self.allowed

    def has_perms(self, perm_list: Iterable[str], obj: Any = None) -> bool:
        return self.allowed.issuperset(perm_list)

    def may_plan(self, perm: str) -> bool:
        """Whether its role may; a plan changes nothing, so that a read-only token may plan what it cannot do."""
        return perm in self.of_role

    def has_module_perms(self, app_label: str) -> bool:
        return any(name.startswith(f"{app_label}.") for name in self.allowed)

    def get_all_permissions(self, obj: Any = None) -> set[str]:
        return set(self.allowed)

    def save(self, *args: Any, **options: Any) -> NoReturn:
        """Nobody is changed through a token: the row in memory has not the owner's rights."""
        raise PermissionDenied("A token cannot change accounts.")
