"""The ledger in /admin/, read-only."""

from __future__ import annotations

from django.contrib import admin

from portal.ledger.models import AuditLog, Entry, Operation, Verification
from portal.web.read_only import ReadOnlyAdmin


@admin.register(Operation)
class OperationAdmin(ReadOnlyAdmin):
    """Operations with every column."""

    list_display = ("asked_at", "actor_name", "action", "target_name", "outcome", "closed_at")
    list_filter = ("outcome", "origin")
    search_fields = ("target_name", "actor_name", "reason")
    ordering = ("-asked_at", "-id")


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin):
    """The chain, newest first."""

    list_display = ("sequence", "at", "kind", "operation_id", "hash")
    list_filter = ("kind",)
    ordering = ("-sequence",)


@admin.register(Verification)
class VerificationAdmin(ReadOnlyAdmin):
    """Verifications of the chain."""

    list_display = ("finished_at", "entries", "operations", "found", "head_sequence", "head_hash")
    ordering = ("-finished_at",)


@admin.register(AuditLog)
class AuditLogAdmin(ReadOnlyAdmin):
    """Ona's own audit log as it was read."""

    list_display = ("at", "actor_id", "action", "subject_type", "subject_id", "operation_id")
    list_filter = ("kind", "is_own")
    ordering = ("-at", "-id")
