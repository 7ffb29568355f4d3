"""Secrets of the organization: their names and scopes. Values are never stored."""

from __future__ import annotations

from typing import ClassVar, Self
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone

from environments.models.secret_scope import Scope, ScopeKind
from portal.lists.folding import Folded

NEW_LINE = Value("\n", output_field=models.TextField())


class Mount(models.TextChoices):
    """How a secret is mounted in environments, as Ona offers today."""

    VARIABLE = "environment_variable", "environment variable"
    FILE = "file", "file"
    REGISTRY = "container_registry", "container registry login"
    API_ONLY = "api_only", "not mounted, API only"


class SecretQuerySet(models.QuerySet["Secret"]):
    """Secrets by condition."""

    def present(self) -> Self:
        return self.filter(gone_at=None)

    def of_scope(self, scope: Scope) -> Self:
        return self.filter(scope_kind=scope.kind, scope_id=scope.id)

    def of_scopes(self, scopes: list[Scope]) -> Self:
        conditions = (Q(scope_kind=scope.kind, scope_id=scope.id) for scope in scopes)
        return self.filter(Q(*conditions, _connector=Q.OR)) if scopes else self.none()

    def unused(self) -> Self:
        """In no environment's specification, as of the last count."""
        return self.present().filter(uses=0)


class Secret(models.Model):
    """A secret as SecretService last listed it; written by `environments.secrets.upsert`.

    `updated_at` is when its value was last set. `uses` counts the present environments whose specification names it,
    `reach` those in its scope. Both, and the names of ids, are as of the last sync of secrets; NULL or empty before the
    first.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    name = models.TextField(blank=True, default="")
    scope_kind = models.TextField(choices=ScopeKind.choices, blank=True, default="")
    scope_id = models.UUIDField(null=True)
    mount_kind = models.TextField(choices=Mount.choices, blank=True, default="")
    mount_target = models.TextField(blank=True, default="")
    proxy_hosts = ArrayField(models.TextField(), default=list)
    proxy_header = models.TextField(blank=True, default="")
    creator_id = models.UUIDField(null=True)
    created_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField(null=True)
    document = models.JSONField(default=dict)
    # counted and looked up in the cache
    scope_name = models.TextField(blank=True, default="")
    creator_name = models.TextField(blank=True, default="")
    uses = models.IntegerField(null=True)
    reach = models.IntegerField(null=True)
    # of the cache itself
    first_seen_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    gone_at = models.DateTimeField(null=True)
    search = models.GeneratedField(
        expression=Folded(
            Concat(
                F("name"), NEW_LINE, F("mount_target"), NEW_LINE, F("scope_name"), NEW_LINE, F("creator_name"),
                NEW_LINE, F("proxy_header"), NEW_LINE, Cast("id", models.TextField()),
            )
        ),
        output_field=models.TextField(),
        db_persist=True,
    )  # fmt: skip

    objects = SecretQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            # secrets of an environment, and of a listed scope: environments.secrets.reach, environments.secrets.upsert
            models.Index(F("scope_kind"), F("scope_id"), name="secret_of_scope"),
            # whether anything is newer: environments.secrets.reach
            models.Index(F("changed_at"), name="secret_changed"),
        ]

    def __str__(self) -> str:
        return self.name or str(self.id)

    @property
    def age(self) -> str:
        """How old its value is: "months" after 90 days, "years" after 365. A scale: no policy says what is too old."""
        days = (timezone.now() - self.updated_at).days if self.updated_at else 0
        return "years" if days > 365 else "months" if days > 90 else ""

    @property
    def scope(self) -> Scope | None:
        """The scope; None if Ona names a kind that the portal does not support yet."""
        is_supported = self.scope_kind in ScopeKind.values and isinstance(self.scope_id, UUID)
        return Scope(ScopeKind(self.scope_kind), self.scope_id) if is_supported and self.scope_id else None
