"""Jobs, and their results in pieces.

Results are in Postgres, not on a volume: the web server and the workers may be on different machines and share nothing
else; a result appears with its job's end, or not at all; and it is deleted, backed up and protected as everything else.
"""

from __future__ import annotations

import uuid
from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from portal.accounts.models import ApiToken

SEE, OVERSEE = "jobs.view_job", "jobs.oversee_jobs"
MAX_ATTEMPTS = 3


class JobState(models.TextChoices):
    WAITING = "waiting", "waiting"
    RUNNING = "running", "in progress"
    SUCCEEDED = "succeeded", "succeeded"
    FAILED = "failed", "failed"
    CANCELLED = "cancelled", "cancelled"


OPEN = (JobState.WAITING, JobState.RUNNING)


class JobQuerySet(models.QuerySet["Job"]):
    """Jobs by condition."""

    def seen_by(self, user: Any) -> Self:
        """A person's own; all for those who oversee them."""
        return self if user.has_perm(OVERSEE) else self.filter(owner_id=user.pk)

    def open(self) -> Self:
        """Those that have not ended."""
        return self.filter(state__in=OPEN)

    def running(self) -> Self:
        """Those that a worker runs."""
        return self.filter(state=JobState.RUNNING, lease_until__gt=Now())

    def abandoned(self) -> Self:
        """Those whose worker ended, or lost the database, before the job had ended."""
        return self.filter(state=JobState.RUNNING, lease_until__lte=Now())

    def claimable(self) -> Self:
        """Those that a worker may begin."""
        waiting = self.filter(state=JobState.WAITING) | self.abandoned()
        return waiting.filter(cancelled_at=None, attempts__lt=MAX_ATTEMPTS)

    def held(self, job: Job) -> Self:
        """The job, as long as the lease by which it was begun is the newest."""
        return self.filter(pk=job.pk, lease=job.lease, state=JobState.RUNNING)


class Job(models.Model):
    """One job. `arguments` say what its kind is to do, `words` the same to people; neither has secrets.

    `token` is the token of the portal that it was requested with: the job may do what that may. `lease` is of the
    attempt that runs it, until `lease_until`, by the database's clock. `done` of `total` rows or entries are `step`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.TextField()
    words = models.TextField()
    arguments = models.JSONField(default=dict)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    token = models.ForeignKey(ApiToken, models.CASCADE, null=True, related_name="+")
    # of the request; NULL and empty if unknown
    address = models.GenericIPAddressField(null=True)
    browser = models.TextField(blank=True)
    state = models.TextField(choices=JobState.choices, default=JobState.WAITING)
    requested_at = models.DateTimeField()
    began_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    lease = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    cancelled_at = models.DateTimeField(null=True)
    cancelled_by = models.TextField(blank=True)
    step = models.TextField(blank=True)
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0)
    # why it failed
    why = models.TextField(blank=True)
    # the result; `expires_at` stays when it has been deleted
    file_name = models.TextField(blank=True)
    media_type = models.TextField(blank=True)
    size = models.BigIntegerField(null=True)
    expires_at = models.DateTimeField(null=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        permissions = [("oversee_jobs", "Can see and cancel the jobs of others")]
        indexes: ClassVar = [
            # the list of jobs, newest first, in both directions
            models.Index(F("requested_at").desc(), F("id").desc(), name="job_newest"),
            # the same of one person, and how many of theirs are open: portal.jobs.start
            models.Index(F("owner"), F("requested_at").desc(), F("id").desc(), name="job_of_owner"),
            # what waits or runs: portal.jobs.queue
            models.Index(fields=["requested_at"], name="job_open", condition=Q(state__in=("waiting", "running"))),
            # whether anything changed: the list's change token
            models.Index(fields=["changed_at"], name="job_changed"),
        ]

    def __str__(self) -> str:
        return self.words

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return self.state in OPEN


class JobPiece(models.Model):
    """A piece of a job's result; they are numbered from 0."""

    job = models.ForeignKey(Job, models.CASCADE, related_name="pieces")
    number = models.PositiveIntegerField()
    content = models.BinaryField()

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["job", "number"], name="jobpiece_number")]

    def __str__(self) -> str:
        return f"piece {self.number} of {self.job_id}"
