"""The ledger's tables, and the cached entries of Ona's own audit log."""

from portal.ledger.models.access import AccessEntry, AccessKind, AccessOutcome
from portal.ledger.models.audit_log import AuditLog, AuditLogGap
from portal.ledger.models.operation import BATCH, Entry, Operation, OperationQuerySet, Origin, Outcome, Verification

__all__ = [
    "BATCH",
    "AccessEntry",
    "AccessKind",
    "AccessOutcome",
    "AuditLog",
    "AuditLogGap",
    "Entry",
    "Operation",
    "OperationQuerySet",
    "Origin",
    "Outcome",
    "Verification",
]
