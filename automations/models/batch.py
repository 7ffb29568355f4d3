"""Batches: one action on many environments, with one item each."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Self

from django.db import models
from django.db.models import F, Q


class BatchQuerySet(models.QuerySet["Batch"]):
    """Questions about batches."""

    def open(self) -> Self:
        """Batches that have not ended."""
        return self.filter(closed_at=None)

    def newest_first(self) -> Self:
        return self.order_by("-asked_at", "-id")


class Batch(models.Model):
    """The progress of a batch. The ledger's operation with the same id has actor, reason and limits; those of its items
    are beneath it.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    action = models.TextField()  # of an item: task.start, environment.stop, …, see automations.batches.registry
    reference = models.TextField()  # of the task or service; empty where it is about the environments themselves
    at_once = models.IntegerField()  # how many environments are in progress at the same time
    stop_after = models.IntegerField(null=True)  # failures; NULL: never
    again_of = models.UUIDField(null=True)
    undo_of = models.UUIDField(null=True)
    look_after = models.IntegerField(null=True)  # so many first: the others wait until somebody continues; NULL: all
    begins_at = models.DateTimeField(null=True)  # nothing is requested before; until then it can be withdrawn
    continued_at = models.DateTimeField(null=True)
    continued_by = models.TextField(blank=True, default="")
    asked_at = models.DateTimeField()
    cancelled_at = models.DateTimeField(null=True)
    cancelled_by = models.TextField(blank=True, default="")
    closed_at = models.DateTimeField(null=True)
    changed_at = (
        models.DateTimeField()
    )  # when it or an item was last written; its page checks whether anything is newer
    trouble = models.TextField(blank=True, default="")  # why it cannot continue, in words

    objects = BatchQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            # the batches, newest first: automations.batches.views
            models.Index(F("asked_at").desc(), F("id").desc(), name="batch_newest"),
            # open batches: automations.batches.worker
            models.Index(F("asked_at"), name="batch_open", condition=Q(closed_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.reference}".strip()

    @property
    def starts_first(self) -> bool:
        """Whether environments that were stopped are started for its task."""
        return self.action == "task.start" and self.items.exclude(steps=[]).exists()

    @property
    def looks(self) -> bool:
        """Whether only its first items may begin."""
        return self.look_after is not None and self.continued_at is None

    def first(self) -> models.QuerySet[BatchItem]:
        """The items that begin before somebody looks."""
        return self.items.filter(pk__in=self.items.order_by("id").values("pk")[: self.look_after])


class ItemState(models.TextChoices):
    """The state of an item; the last five are final."""

    WAITING = "waiting", "waiting"
    ASKED = "asked", "requested"
    UNDER_WAY = "under_way", "in progress"
    SUCCEEDED = "succeeded", "succeeded"
    FAILED = "failed", "failed"
    STOPPED = "stopped", "stopped"
    LEFT_OUT = "left_out", "skipped"
    UNKNOWN = "unknown", "unknown"


ENDED = (ItemState.SUCCEEDED, ItemState.FAILED, ItemState.STOPPED, ItemState.LEFT_OUT, ItemState.UNKNOWN)


class BatchItem(models.Model):
    """One environment of a batch. `operation_id` is fixed before the request, so that it is made only once."""

    id = models.BigAutoField(primary_key=True)
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="items", db_index=False)
    environment_id = models.UUIDField()
    environment_name = models.TextField(blank=True, default="")
    target_id = models.UUIDField()  # of the task, service or execution, or the environment
    # what is requested of it one after the other, by name; empty: the batch's action alone
    steps = models.JSONField(default=list)
    step = models.IntegerField(default=0)
    # what came of those before the last step
    result = models.TextField(choices=ItemState.choices, blank=True, default="")
    result_why = models.TextField(blank=True, default="")
    state = models.TextField(choices=ItemState.choices, default=ItemState.WAITING)
    why = models.TextField(blank=True, default="")
    operation_id = models.UUIDField(null=True)
    execution_id = models.UUIDField(null=True)
    attempts = models.IntegerField(default=0)
    began_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            # what it is done to takes part once
            models.UniqueConstraint(fields=["batch", "target_id"], name="item_of_batch"),
        ]
        indexes: ClassVar = [
            # the items of a batch by state: automations.batches.worker, its progress
            models.Index(fields=["batch", "state", "id"], name="item_by_state"),
        ]

    def __str__(self) -> str:
        return f"{self.environment_name}: {self.state}"

    @property
    def action(self) -> str:
        """What is requested of it now, by name."""
        return self.steps[self.step] if self.steps else self.batch.action

    @property
    def has_more(self) -> bool:
        """Whether something follows on what is requested now."""
        return self.step + 1 < len(self.steps)

    @property
    def took(self) -> timedelta | None:
        """From its beginning to its end, as the portal saw them."""
        return self.ended_at - self.began_at if self.ended_at and self.began_at else None
