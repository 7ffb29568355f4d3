"""Ona's audit log: who did what to which resource. It names changed fields, without values."""

from uuid import UUID

import msgspec

from .directory import Whole
from .pages import Listing
from .values import Reader, Timestamp


class AuditEntry(Whole, frozen=True, kw_only=True):
    """ListAuditLogsResponse.AuditLogEntry; enums as Ona's names, `action` in Ona's words."""

    id: UUID
    actor_id: UUID | None = None
    actor_principal: str = ""
    subject_id: UUID | None = None
    subject_type: str = ""
    action: str = ""
    created_at: Timestamp | None = None
    kind: str = ""


_reader = Reader(AuditEntry)


def read_audit_entry(raw: bytes | msgspec.Raw) -> AuditEntry:
    """The entry in `raw`; MsgspecError if it has no id."""
    came = bytes(raw)
    document = _reader.read(came)
    msgspec.structs.force_setattr(document, "raw", came)
    return document


AUDIT_LOGS = Listing("entries", msgspec.Raw, read_audit_entry)
