"""Transitions: changes of environments seen between two observations."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models
from django.db.models import F, Q

from environments.models.environment import Environment, Phase


class Field(models.TextChoices):
    """The field that a transition is about."""

    PHASE = "phase", "phase"
    MACHINE = "machine_phase", "machine"
    CONTENT = "content_phase", "content"
    DEVCONTAINER = "devcontainer_phase", "devcontainer"
    AUTOMATIONS = "automations_phase", "automations file"
    SECRETS = "secrets_in_sync", "secrets"
    FAILURE = "failure", "failure"
    ARCHIVED = "archived_at", "archived"
    LOCKDOWN = "lockdown_at", "lockdown"
    GONE = "gone_at", "gone"


# What the change log shows. Machine, content and devcontainer change along with the phase: it would be full of them.
TELLING = (Field.PHASE, Field.FAILURE, Field.ARCHIVED, Field.LOCKDOWN, Field.GONE)


class TransitionQuerySet(models.QuerySet["Transition"]):
    def telling(self) -> Self:
        """Those of the change log."""
        return self.filter(field__in=TELLING)

    def of(self, environment: Environment) -> Self:
        return self.filter(environment=environment).order_by("-seen_at", "-id")


class Transition(models.Model):
    """A change between two observations of one environment: it happened after `old_seen_at`, by `seen_at`.

    Values are as in Ona's answers: raw enum values, texts, RFC 3339 times, true and false; empty means absent. The
    first observation of an environment has no earlier state: `old_seen_at` is NULL.
    """

    id = models.BigAutoField(primary_key=True)
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, db_index=False)
    field = models.TextField(choices=Field.choices)
    old = models.TextField(blank=True)
    new = models.TextField(blank=True)
    old_seen_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField()

    objects = TransitionQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            # the transitions of one environment, newest first: environments.detail.views
            models.Index(F("environment"), F("seen_at").desc(), F("id").desc(), name="transition_of_environment"),
            # lockdowns set, moved and cleared, newest first: environments.audit.lockdown_history
            models.Index(
                F("seen_at").desc(), F("id").desc(), name="transition_of_lockdown", condition=Q(field=Field.LOCKDOWN)
            ),
            # the change log, and for each of its rows the changes seen next: environments.overview.change_log
            models.Index(
                F("seen_at").desc(), F("id").desc(), name="transition_telling", condition=Q(field__in=TELLING)
            ),
            # since when an environment was stopped as of a time: migrations/0015_past.py
            models.Index(
                fields=["environment", "-seen_at", "-id"], include=["old_seen_at"], name="transition_of_stop",
                condition=Q(field=Field.PHASE, new=Phase.STOPPED) | Q(field=Field.ARCHIVED, new=""),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.field}: {self.old} → {self.new}"
