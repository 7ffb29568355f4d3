"""The entries of the organization's audit log: who did what to which resource, and when."""

from bisect import bisect_left, bisect_right
from hashlib import blake2b
from uuid import UUID

import msgspec

from portal.sandbox.documents import Document, rfc3339

CHANGE, CREDENTIAL = "RESOURCE_CHANGE", "CREDENTIAL_ACCESS"
_LONGEST, _FORGOTTEN = 100_000, 10_000  # entries stored, and how many of the oldest are dropped at once


class AuditEntry(msgspec.Struct, frozen=True, array_like=True):
    """One thing that somebody did; `at` in µs, `subject_type` and `kind` as the API's enums without their prefix."""

    number: int
    at: int
    actor: str
    principal: str
    subject: str
    subject_type: str
    action: str
    kind: str = CHANGE


class AuditLog:
    """Entries in order of time; the oldest are dropped."""

    def __init__(self, seed: int, entries: list[AuditEntry] | None = None) -> None:
        self.seed = seed
        self.entries = entries or []

    def note(
        self, at: int, actor: Document, subject_type: str, subject: str, action: str, *, kind: str = CHANGE
    ) -> None:
        """Record what `actor` (an API subject) has done to a resource."""
        number = self.entries[-1].number + 1 if self.entries else 1
        who, principal = actor.get("id", ""), actor.get("principal", "PRINCIPAL_USER")
        self.entries.append(AuditEntry(number, at, who, principal, subject, subject_type, action, kind))
        if len(self.entries) > _LONGEST:
            del self.entries[:_FORGOTTEN]

    def actor(self, subject: str, at: int) -> str:
        """The id of who changed a resource at exactly this time; "" where nobody did."""
        begin = bisect_left(self.entries, at, key=lambda entry: entry.at)
        end = bisect_right(self.entries, at, lo=begin, key=lambda entry: entry.at)
        return next((entry.actor for entry in self.entries[begin:end] if entry.subject == subject), "")

    def document(self, entry: AuditEntry) -> Document:
        """An entry as the API answers it."""
        # Not from the world's generator: recording must not change what happens next.
        digest = blake2b(f"{self.seed}:{entry.number}".encode(), digest_size=16).digest()
        return {
            "id": str(UUID(bytes=digest, version=4)),
            "actorId": entry.actor,
            "actorPrincipal": entry.principal,
            "subjectId": entry.subject,
            "subjectType": f"RESOURCE_TYPE_{entry.subject_type}",
            "action": entry.action,
            "createdAt": rfc3339(entry.at),
            "kind": f"AUDIT_LOG_ENTRY_KIND_{entry.kind}",
        }
