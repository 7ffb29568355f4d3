"""The cached tables in /admin/, read-only."""

from __future__ import annotations

from django.contrib import admin

from automations.models import Service, Task, TaskExecution
from portal.web.read_only import ReadOnlyAdmin


@admin.register(Service)
class ServiceAdmin(ReadOnlyAdmin):
    """Services of environments."""

    list_display = ("name", "reference", "environment_id", "phase", "failure", "gone_at")
    list_filter = ("phase",)
    search_fields = ("name", "reference")
    ordering = ("-created_at", "id")


@admin.register(Task)
class TaskAdmin(ReadOnlyAdmin):
    """Tasks of environments."""

    list_display = ("name", "reference", "environment_id", "command", "gone_at")
    search_fields = ("name", "reference")
    ordering = ("-created_at", "id")


@admin.register(TaskExecution)
class TaskExecutionAdmin(ReadOnlyAdmin):
    """Runs of tasks."""

    list_display = (
        "id", "reference", "environment_name", "owner_name", "phase", "started_by_name", "created_at", "duration",
        "failure", "gone_at",
    )  # fmt: skip
    list_filter = ("phase", "reference")
    search_fields = ("reference", "environment_name", "owner_name", "failure")
    ordering = ("-created_at", "id")
