"""Services, tasks and task executions of environments, as Ona last answered."""

from __future__ import annotations

from typing import ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Cast, Concat, Upper

from environments.models import NEW_LINE, Environment
from portal.lists.folding import Folded


class ServicePhase(models.TextChoices):
    STARTING = "SERVICE_PHASE_STARTING", "starting"
    RUNNING = "SERVICE_PHASE_RUNNING", "running"
    STOPPING = "SERVICE_PHASE_STOPPING", "stopping"
    STOPPED = "SERVICE_PHASE_STOPPED", "stopped"
    FAILED = "SERVICE_PHASE_FAILED", "failed"
    DELETED = "SERVICE_PHASE_DELETED", "deleted"


class ExecutionPhase(models.TextChoices):
    PENDING = "TASK_EXECUTION_PHASE_PENDING", "pending"
    RUNNING = "TASK_EXECUTION_PHASE_RUNNING", "running"
    SUCCEEDED = "TASK_EXECUTION_PHASE_SUCCEEDED", "succeeded"
    FAILED = "TASK_EXECUTION_PHASE_FAILED", "failed"
    STOPPED = "TASK_EXECUTION_PHASE_STOPPED", "stopped"


SETTLED = (ExecutionPhase.SUCCEEDED, ExecutionPhase.FAILED, ExecutionPhase.STOPPED)
UNDER_WAY = (ExecutionPhase.PENDING, ExecutionPhase.RUNNING)


class AutomationQuerySet(models.QuerySet):  # type: ignore[type-arg]
    """Services, tasks and executions by condition."""

    def present(self) -> Self:
        return self.filter(gone_at=None)

    def of(self, environment: Environment) -> Self:
        return self.present().filter(environment=environment)


class Automation(models.Model):
    """The shared fields: an environment, a metadata and a spec part, a lifetime."""

    id = models.UUIDField(primary_key=True, editable=False)
    # no constraint: an automation can be seen before its environment, and outlive it
    environment = models.ForeignKey(Environment, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)
    metadata = models.JSONField(default=dict)
    metadata_digest = models.BigIntegerField(default=0)
    spec = models.JSONField(default=dict)
    creator_id = models.UUIDField(null=True)
    created_at = models.DateTimeField(null=True)
    # of the environment, copied so that lists can search and sort by them: automations.sync.denormalized_names
    environment_name = models.TextField(blank=True, default="")
    project_id = models.UUIDField(null=True)
    project_name = models.TextField(blank=True, default="")
    owner_id = models.UUIDField(null=True)
    owner_name = models.TextField(blank=True, default="")
    first_seen_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    gone_at = models.DateTimeField(null=True)

    objects = AutomationQuerySet.as_manager()

    class Meta:
        abstract = True


class Service(Automation):
    """A long-running process of an environment (EnvironmentAutomationService.ListServices)."""

    reference = models.TextField(blank=True, default="")
    name = models.TextField(blank=True, default="")
    description = models.TextField(blank=True, default="")
    role = models.TextField(blank=True, default="")
    triggers = ArrayField(models.TextField(), default=list)
    spec_version = models.DecimalField(max_digits=20, decimal_places=0, default=0)
    desired_phase = models.TextField(blank=True, default="")
    status = models.JSONField(default=dict)
    status_version = models.DecimalField(max_digits=20, decimal_places=0, default=0)
    phase = models.TextField(blank=True, default="")
    failure = models.TextField(blank=True, default="")
    log_url = models.TextField(blank=True, default="")

    class Meta:
        indexes: ClassVar = [
            # the services of one environment: AutomationQuerySet.of
            models.Index(F("environment"), F("reference"), name="service_of_environment"),
            # the environments that have a service, by name: automations.by_reference.service_views
            models.Index(
                F("reference"), Upper("environment_name"), F("id"),
                name="service_by_environment", condition=Q(gone_at=None),
            ),
            # the same by phase, and ?phase=, ?project=, their counts, and how many of each phase:
            # automations.sync.summaries
            models.Index(
                fields=["reference", "phase", "id"], include=["project_id"],
                name="service_by_phase", condition=Q(gone_at=None),
            ),
            # failure messages: automations.sync.summaries
            models.Index(F("reference"), name="service_failing", condition=Q(gone_at=None) & ~Q(failure="")),
            # is anything newer: automations.executions.change_token, automations.sync.denormalized_names
            models.Index(F("changed_at"), name="service_changed"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.name or self.reference


class Task(Automation):
    """A command an environment can run (EnvironmentAutomationService.ListTasks); without a version."""

    reference = models.TextField(blank=True, default="")
    name = models.TextField(blank=True, default="")
    description = models.TextField(blank=True, default="")
    triggers = ArrayField(models.TextField(), default=list)
    command = models.TextField(blank=True, default="")
    depends_on = ArrayField(models.UUIDField(), default=list)
    # its newest execution: automations.sync.denormalized_names
    last_execution_id = models.UUIDField(null=True)
    last_phase = models.TextField(blank=True, default="", db_default="")
    last_run_at = models.DateTimeField(null=True)

    class Meta:
        permissions: ClassVar = [("run_task", "Can run tasks and operate services")]
        indexes: ClassVar = [
            # the tasks of one environment: AutomationQuerySet.of
            models.Index(F("environment"), F("reference"), name="task_of_environment"),
            # the environments that have a task, by name: automations.by_reference.task_views
            models.Index(
                F("reference"), Upper("environment_name"), F("id"),
                name="task_by_environment", condition=Q(gone_at=None),
            ),
            # the same by how the last run ended, and ?phase=, ?project=, and their counts
            models.Index(
                fields=["reference", "last_phase", "id"], include=["project_id"],
                name="task_by_phase", condition=Q(gone_at=None),
            ),
            # the same by time of the last run
            models.Index(
                F("reference"), F("last_run_at"), F("id"), name="task_by_last_run", condition=Q(gone_at=None)
            ),
            # is anything newer: automations.executions.change_token, automations.sync.denormalized_names
            models.Index(F("changed_at"), name="task_changed"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.name or self.reference


class TaskExecution(Automation):
    """One run of a task (EnvironmentAutomationService.ListTaskExecutions)."""

    task = models.ForeignKey(Task, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)
    started_by = models.TextField(blank=True, default="")
    started_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    desired_phase = models.TextField(blank=True, default="")
    status = models.JSONField(default=dict)
    status_version = models.DecimalField(max_digits=20, decimal_places=0, default=0)
    phase = models.TextField(blank=True, default="")
    failure = models.TextField(blank=True, default="")
    log_url = models.TextField(blank=True, default="")
    # of its task, and who started it, by name where that is a member: automations.sync.denormalized_names
    reference = models.TextField(blank=True, default="")
    task_name = models.TextField(blank=True, default="")
    started_by_name = models.TextField(blank=True, default="")
    duration = models.GeneratedField(
        expression=F("completed_at") - F("started_at"), output_field=models.DurationField(null=True), db_persist=True
    )
    search = models.GeneratedField(
        expression=Folded(
            Concat(
                F("reference"), NEW_LINE, F("task_name"), NEW_LINE, F("environment_name"), NEW_LINE, F("project_name"),
                NEW_LINE, F("owner_name"), NEW_LINE, F("started_by_name"), NEW_LINE, F("failure"), NEW_LINE,
                Cast("id", models.TextField()),
            )
        ),
        output_field=models.TextField(),
        db_persist=True,
    )  # fmt: skip

    class Meta:
        permissions: ClassVar = [("read_log", "Can read logs of services and executions")]
        indexes: ClassVar = [
            # the executions of one environment, newest first: AutomationQuerySet.of
            models.Index(F("environment"), F("created_at").desc(), name="execution_of_environment"),
            # the executions of one task, newest first: the task's rows on the environment page
            models.Index(F("task"), F("created_at").desc(), name="execution_of_task"),
            # None of these excludes deleted rows: the list of executions shows what Ona no longer stores.
            # sort by creation, and ?since=, ?from=, ?to=: automations.executions.views
            models.Index(F("created_at"), F("id"), name="execution_created"),
            # sort by duration, and ?duration=
            models.Index(F("duration"), F("id"), name="execution_duration"),
            # sort by task
            models.Index(F("reference"), F("id"), name="execution_by_reference"),
            # executions of a task by reference: ?reference=; the newest of each: automations.sync.summaries
            models.Index(F("reference"), F("created_at"), F("id"), name="execution_of_reference"),
            # executions of a project: ?project=
            models.Index(F("project_id"), F("created_at"), name="execution_of_project"),
            # executions in environments of a person: ?owner=
            models.Index(F("owner_id"), F("created_at"), name="execution_of_owner"),
            # executions that a person started, or a trigger: ?by=
            models.Index(F("started_by"), F("created_at"), name="execution_of_starter"),
            # those under way, and how long already: ?duration=
            models.Index(F("started_at"), name="execution_under_way", condition=Q(phase__in=UNDER_WAY)),
            # counts of all filters, and sort by phase, without reading the rows: automations.executions.facets
            models.Index(
                fields=["phase", "id"],
                include=["reference", "project_id", "owner_id", "started_by", "created_at", "started_at", "duration"],
                name="execution_facets",
            ),
            # words of the search box: portal.lists.folding.contains
            GinIndex(
                fields=["search"], opclasses=["gin_trgm_ops"], gin_pending_list_limit=65_536, name="execution_search"
            ),
            # is anything newer: automations.executions.change_token, automations.sync.denormalized_names
            models.Index(F("changed_at"), name="execution_changed"),
        ]

    def __str__(self) -> str:
        return f"{self.task_id} {self.phase}"

    @property
    def name(self) -> str:
        """Of its task, so far as that is known."""
        return self.task_name or self.reference or f"execution {str(self.pk)[:8]}…"


class TransitionKind(models.TextChoices):
    """The kinds of things with transitions."""

    SERVICE = "service", "service"
    EXECUTION = "execution", "execution"


class Transition(models.Model):
    """A change seen between two observations of a service or execution: it happened after `old_seen_at`, by `seen_at`.

    As `environments.models.Transition`: values as Ona tells them, empty for absent; the first observation makes none.
    """

    id = models.BigAutoField(primary_key=True)
    kind = models.TextField(choices=TransitionKind.choices)
    subject_id = models.UUIDField()
    environment_id = models.UUIDField()
    field = models.TextField()  # phase, failure, gone_at; step:<id>, the phase of a step of an execution
    old = models.TextField(blank=True)
    new = models.TextField(blank=True)
    old_seen_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            # what happened to one service or execution, newest first: its page
            models.Index(F("subject_id"), F("seen_at").desc(), F("id").desc(), name="automation_transition_of"),
            # what happened in one environment, newest first: its timeline
            models.Index(F("environment_id"), F("seen_at").desc(), F("id").desc(), name="automation_transition_in"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.field}: {self.old} → {self.new}"
