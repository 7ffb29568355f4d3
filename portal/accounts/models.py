"""Saved views: a list with its filters under a name, private or shared; and each person's start view."""

from __future__ import annotations

from typing import Any, ClassVar, Self
from urllib.parse import parse_qsl, urlencode

from django.contrib.auth.models import User
from django.db import models
from django.db.models import Exists, ExpressionWrapper, OuterRef, Q
from django.db.models.functions import Upper
from django.urls import reverse

from portal.lists.registry import SAVABLE

LONGEST_NAME = 80
LONGEST_QUERY = 4_000


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
