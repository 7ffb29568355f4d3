"""Environments as Ona last answered, and when each was last seen."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Self, cast

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.expressions import Expression
from django.db.models.functions import Cast, Coalesce, Concat, Greatest, NullIf, Upper

from portal.lists.folding import Folded

NO_TEXT = Value("", output_field=models.TextField())
NEW_LINE = Value("\n", output_field=models.TextField())


def _expression(condition: Q) -> Expression:
    """Type a Q as an expression: Django accepts it, its stubs do not."""
    return cast(Expression, condition)


class Phase(models.TextChoices):
    """The environment phases that Ona has today; newer ones are stored and shown raw."""

    CREATING = "ENVIRONMENT_PHASE_CREATING", "creating"
    STARTING = "ENVIRONMENT_PHASE_STARTING", "starting"
    RUNNING = "ENVIRONMENT_PHASE_RUNNING", "running"
    UPDATING = "ENVIRONMENT_PHASE_UPDATING", "updating"
    STOPPING = "ENVIRONMENT_PHASE_STOPPING", "stopping"
    STOPPED = "ENVIRONMENT_PHASE_STOPPED", "stopped"
    DELETING = "ENVIRONMENT_PHASE_DELETING", "deleting"
    DELETED = "ENVIRONMENT_PHASE_DELETED", "deleted"


# The runner has not confirmed the specification it shall work by; what is stopped and stays so has nothing to confirm.
UNACKNOWLEDGED = Q(runner_spec_version__lt=F("spec_version"), archived_at__isnull=True) & (
    ~Q(phase__in=("", Phase.STOPPED, Phase.DELETED)) | Q(desired_phase=Phase.RUNNING)
)
SECRETS_NOT_IN_SYNC = Q(phase=Phase.RUNNING, secrets_in_sync__isnull=False, secrets_in_sync=False)
DEVCONTAINER_NOT_IN_SYNC = Q(phase=Phase.RUNNING, devcontainer_in_sync__isnull=False, devcontainer_in_sync=False)


class EnvironmentQuerySet(models.QuerySet["Environment"]):
    """Environments by condition."""

    def present(self) -> Self:
        return self.filter(gone_at=None)

    def running(self) -> Self:
        return self.present().filter(phase=Phase.RUNNING)

    def with_failure(self) -> Self:
        """Whose last start told of a failure; whether anybody waits for it now: `environments.models.flags`."""
        return self.present().filter(has_failure=True)

    def for_list(self) -> Self:
        """Without the documents, which lists never read."""
        return self.defer("metadata", "spec", "status")


class Environment(models.Model):
    """One environment as Ona last answered. Its three parts are ordered separately: `environments.sync.observe`.

    The columns named in `environments.sync.document_columns` are derived from their part, for lists to filter and sort
    by; the parts themselves are stored whole. Empty text means absent at Ona; NULL means unknown or not set.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    # metadata: has no version, the later observation wins
    metadata = models.JSONField(default=dict)
    metadata_digest = models.BigIntegerField(default=0)
    organization_id = models.UUIDField(null=True)
    name = models.TextField(blank=True, default="")
    creator_id = models.UUIDField(null=True)
    creator_principal = models.TextField(blank=True, default="")
    context_url = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(null=True)
    project_id = models.UUIDField(null=True)
    runner_id = models.UUIDField(null=True)
    last_started_at = models.DateTimeField(null=True)
    archived_at = models.DateTimeField(null=True)
    role = models.TextField(blank=True, default="")
    lockdown_at = models.DateTimeField(null=True)
    # spec: ordered by spec_version; versions are uint64, which numeric(20, 0) holds
    spec = models.JSONField(default=dict)
    spec_version = models.DecimalField(max_digits=20, decimal_places=0, default=0)
    desired_phase = models.TextField(blank=True, default="")
    class_id = models.UUIDField(null=True)
    spec_repository = models.TextField(blank=True, default="")
    spec_branch = models.TextField(blank=True, default="")
    timeout = models.DurationField(null=True)
    shared_ports = ArrayField(models.IntegerField(), default=list)
    open_to_everyone = models.BooleanField(default=False)
    # status: ordered by status_version
    status = models.JSONField(default=dict)
    status_version = models.DecimalField(max_digits=20, decimal_places=0, default=0)
    runner_spec_version = models.DecimalField(max_digits=20, decimal_places=0, default=0)
    phase = models.TextField(blank=True, default="")
    machine_phase = models.TextField(blank=True, default="")
    content_phase = models.TextField(blank=True, default="")
    devcontainer_phase = models.TextField(blank=True, default="")
    automations_phase = models.TextField(blank=True, default="")
    failure = models.TextField(blank=True, default="")
    warning = models.TextField(blank=True, default="")
    git_repository = models.TextField(blank=True, default="")
    git_branch = models.TextField(blank=True, default="")
    unpushed_commits = models.IntegerField(null=True)
    changed_files = models.IntegerField(null=True)
    secrets_in_sync = models.BooleanField(null=True)
    devcontainer_in_sync = models.BooleanField(null=True)
    active_at = models.DateTimeField(null=True)
    # names of the ids above, copied from the directory so that lists can search and sort by them
    owner_name = models.TextField(blank=True, default="")
    owner_email = models.TextField(blank=True, default="")
    project_name = models.TextField(blank=True, default="")
    runner_name = models.TextField(blank=True, default="")
    class_name = models.TextField(blank=True, default="")
    # of the cache itself
    first_seen_at = models.DateTimeField()
    changed_at = models.DateTimeField()  # when the row was last written; pages check whether anything is newer
    gone_at = models.DateTimeField(null=True)
    # derived from several columns
    repository = models.GeneratedField(
        expression=Coalesce(
            NullIf(F("git_repository"), NO_TEXT), NullIf(F("spec_repository"), NO_TEXT), F("context_url")
        ),
        output_field=models.TextField(),
        db_persist=True,
    )
    branch = models.GeneratedField(
        expression=Coalesce(NullIf(F("git_branch"), NO_TEXT), F("spec_branch")),
        output_field=models.TextField(),
        db_persist=True,
    )
    last_used_at = models.GeneratedField(
        expression=Coalesce(Greatest("active_at", "last_started_at"), F("created_at")),
        output_field=models.DateTimeField(null=True),
        db_persist=True,
    )
    has_failure = models.GeneratedField(
        expression=_expression(~Q(failure="")), output_field=models.BooleanField(), db_persist=True
    )
    unpushed_work = models.GeneratedField(
        expression=_expression(Q(unpushed_commits__gt=0) | Q(changed_files__gt=0)),
        output_field=models.BooleanField(null=True),
        db_persist=True,
    )
    never_stops = models.GeneratedField(
        expression=_expression(Q(timeout__isnull=False) & Q(timeout=timedelta(0))),
        output_field=models.BooleanField(),
        db_persist=True,
    )
    not_in_sync = models.GeneratedField(
        expression=_expression(UNACKNOWLEDGED | SECRETS_NOT_IN_SYNC | DEVCONTAINER_NOT_IN_SYNC),
        output_field=models.BooleanField(),
        db_persist=True,
    )
    search = models.GeneratedField(
        expression=Folded(
            Concat(
                F("name"), NEW_LINE, F("git_repository"), NEW_LINE, F("spec_repository"), NEW_LINE, F("context_url"),
                NEW_LINE, F("git_branch"), NEW_LINE, F("spec_branch"), NEW_LINE, F("owner_name"), NEW_LINE,
                F("owner_email"), NEW_LINE, F("project_name"), NEW_LINE, F("failure"), NEW_LINE,
                Cast("id", models.TextField()),
            )
        ),
        output_field=models.TextField(),
        db_persist=True,
    )  # fmt: skip

    objects = EnvironmentQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            # Every index slows down the full listing; those of the list exclude deleted rows, which only accumulate.
            # sort by last use, and idle:>30d: environments.list.views
            models.Index(F("last_used_at"), F("id"), name="environment_last_used", condition=Q(gone_at=None)),
            # sort by name: environments.list.views
            models.Index(Upper("name"), F("id"), name="environment_name", condition=Q(gone_at=None)),
            # sort by owner: environments.list.views
            models.Index(Upper("owner_name"), F("id"), name="environment_owner_name", condition=Q(gone_at=None)),
            # sort by project: environments.list.views
            models.Index(Upper("project_name"), F("id"), name="environment_project_name", condition=Q(gone_at=None)),
            # sort by class: environments.list.views
            models.Index(Upper("class_name"), F("id"), name="environment_class_name", condition=Q(gone_at=None)),
            # sort by lockdown, and lockdown:past, lockdown:<7d, which leave out deleted ones: environments.list.list
            models.Index(
                F("lockdown_at"), F("id"), include=["phase"], name="environment_lockdown", condition=Q(gone_at=None)
            ),
            # sort by creation: environments.list.views
            models.Index(F("created_at"), F("id"), name="environment_created", condition=Q(gone_at=None)),
            # environments of a person: ?owner=
            models.Index(F("creator_id"), name="environment_of_owner", condition=Q(gone_at=None)),
            # environments of a project: ?project=
            models.Index(F("project_id"), name="environment_of_project", condition=Q(gone_at=None)),
            # all other filters, their counts, and sort by phase, without reading the rows:
            # environments.list.facets, the total of environments.list.views
            models.Index(
                fields=["phase", "id"],
                include=[
                    "project_id", "creator_id", "runner_id", "class_id", "role", "created_at", "archived_at",
                    "lockdown_at", "last_used_at", "last_started_at", "has_failure", "unpushed_work",
                    "open_to_everyone", "never_stops", "not_in_sync", "gone_at",
                ],
                name="environment_facets",
                condition=Q(gone_at=None),
            ),
            # the few with an issue of any kind: ?flag=, is:failing, and their counts
            models.Index(
                fields=["last_used_at", "id"],
                include=[
                    "has_failure", "unpushed_work", "open_to_everyone", "never_stops", "not_in_sync", "phase",
                    "archived_at", "last_started_at", "created_at", "gone_at",
                ],
                name="environment_flagged",
                condition=Q(gone_at=None)
                & (
                    Q(has_failure=True)
                    | Q(unpushed_work=True)
                    | Q(open_to_everyone=True)
                    | Q(never_stops=True)
                    | Q(not_in_sync=True)
                ),
            ),
            # what is not recorded over time, for lists and counts as of a time: environments.as_of.views
            models.Index(
                fields=["id"],
                include=[
                    "project_id", "creator_id", "runner_id", "class_id", "role", "created_at", "active_at",
                    "last_started_at", "last_used_at",
                ],
                name="environment_then",
            ),
            # words of the search box, deleted environments included: portal.lists.folding.contains. The full
            # listing appends to the pending list; vacuum, not the listing, sorts it in.
            GinIndex(
                fields=["search"], opclasses=["gin_trgm_ops"], gin_pending_list_limit=65_536, name="environment_search"
            ),
            # whether anything is newer: environments.list.change_token
            models.Index(F("changed_at"), name="environment_changed"),
            # deleted environments: their count in environments.audit
            models.Index(F("gone_at"), F("id"), name="environment_gone", condition=Q(gone_at__isnull=False)),
        ]  # fmt: skip
        permissions: ClassVar = [
            ("operate_environment", "Can start, stop and keep environments active"),
            ("export_environment", "Can export environments"),
            ("mint_environment_token", "Can create tokens of environments"),
        ]

    def __str__(self) -> str:
        return self.name or str(self.id)

    @property
    def is_unacknowledged(self) -> bool:
        """`UNACKNOWLEDGED`, of this one."""
        is_up = self.phase not in ("", Phase.STOPPED, Phase.DELETED) or self.desired_phase == Phase.RUNNING
        return self.runner_spec_version < self.spec_version and self.archived_at is None and is_up

    @property
    def not_in_sync_causes(self) -> list[str]:
        """Why it is `not_in_sync`, in words; empty where it is in sync, or deleted."""
        if self.gone_at:
            return []
        version, applied, runs = self.spec_version, self.runner_spec_version, self.phase == Phase.RUNNING
        behind = f"The runner has not applied version {version} of the specification yet; it is at {applied}"
        causes = {
            behind: self.is_unacknowledged,
            "Its secrets are not in sync": runs and self.secrets_in_sync is False,
            "Its devcontainer is not in sync with its configuration": runs and self.devcontainer_in_sync is False,
        }
        return [words for words, holds in causes.items() if holds]


class Sighting(models.Model):
    """When an environment was last seen: its own "as of", and how a full listing recognizes missing ones.

    A table of its own, because it is written for every environment in every listing, while `Environment` is written
    only on changes; narrow rows in half-filled pages are updated in place (HOT).
    """

    # no constraint: checking it would take longer than writing the row
    environment = models.OneToOneField(Environment, on_delete=models.CASCADE, primary_key=True, db_constraint=False)
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.environment_id} {self.seen_at:%Y-%m-%d %H:%M:%S}"
