"""The cached names in /admin/, read-only."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import admin

from portal.directory.models import EnvironmentClass, Member, Organization, PolicyVersion, Project, Runner
from portal.web.read_only import ReadOnlyAdmin


class EntryAdmin(ReadOnlyAdmin):
    """The shared options of named rows."""

    search_fields: ClassVar[tuple[str, ...]] = ("name",)
    ordering = ("name", "id")


@admin.register(Organization)
class OrganizationAdmin(EntryAdmin):
    """The organization and its policies."""

    list_display = ("name", "id", "tier", "policies_seen_at")


@admin.register(PolicyVersion)
class PolicyVersionAdmin(ReadOnlyAdmin):
    """The policies over time."""

    list_display = ("seen_at", "old_seen_at", "organization")
    ordering = ("-seen_at", "-id")


@admin.register(Member)
class MemberAdmin(EntryAdmin):
    """Members."""

    list_display = ("name", "email", "role", "status", "gone_at")
    search_fields = ("name", "email")


@admin.register(Project)
class ProjectAdmin(EntryAdmin):
    """Projects."""

    list_display = ("name", "repository", "gone_at")


@admin.register(Runner)
class RunnerAdmin(EntryAdmin):
    """Runners."""

    list_display = ("name", "kind", "provider", "phase", "region", "version", "gone_at")


@admin.register(EnvironmentClass)
class EnvironmentClassAdmin(EntryAdmin):
    """Kinds of machines."""

    list_display = ("name", "description", "enabled", "gone_at")
