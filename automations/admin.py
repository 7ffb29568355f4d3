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

    list_display = ("id", "task_id", "environment_id", "phase", "started_at", "completed_at", "failure")
    list_filter = ("phase",)
    ordering = ("-created_at", "id")
