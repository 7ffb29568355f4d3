"""The cached tables in /admin/, read-only."""

from __future__ import annotations

from django.contrib import admin

from environments.models import Environment, Secret, SpecificationVersion, SyncRun, Transition
from portal.web.read_only import ReadOnlyAdmin


@admin.register(Environment)
class EnvironmentAdmin(ReadOnlyAdmin):
    """Environments with every column."""

    list_display = ("name", "id", "phase", "owner_name", "project_name", "last_used_at", "gone_at")
    list_filter = ("phase", "role")
    search_fields = ("name", "owner_name", "owner_email")
    ordering = ("-created_at", "id")


@admin.register(Transition)
class TransitionAdmin(ReadOnlyAdmin):
    """Changes recorded."""

    list_display = ("seen_at", "environment_id", "field", "old", "new")
    list_filter = ("field",)
    ordering = ("-id",)


@admin.register(SpecificationVersion)
class SpecificationVersionAdmin(ReadOnlyAdmin):
    """Specifications, version by version."""

    list_display = ("seen_at", "environment_id", "spec_version")
    ordering = ("-id",)


@admin.register(SyncRun)
class SyncRunAdmin(ReadOnlyAdmin):
    """Runs of the sync jobs."""

    list_display = ("started_at", "kind", "state", "seconds", "listed", "changed", "gone", "error_code")
    list_filter = ("kind", "state")
    ordering = ("-id",)


@admin.register(Secret)
class SecretAdmin(ReadOnlyAdmin):
    """Secrets, whose values are not there."""

    list_display = ("name", "id", "scope_kind", "scope_name", "mount_kind", "uses", "updated_at", "gone_at")
    list_filter = ("scope_kind", "mount_kind")
    search_fields = ("name", "scope_name")
    ordering = ("name", "id")
