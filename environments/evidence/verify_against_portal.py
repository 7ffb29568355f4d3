"""Verify a pack against this portal: its chain contains the head, and its ledger the building of the pack."""

from __future__ import annotations

import hashlib

from django.db import DatabaseError

from environments.evidence.manifest import Manifest
from environments.evidence.report import Report
from portal.ledger.models import Entry, Operation, Outcome

MADE = "evidence.make"


def verify(report: Report, manifest: Manifest, raw: bytes) -> None:
    """Verify in three queries; without a database, only that is reported."""
    try:
        _verify_head(report, manifest)
        _verify_making(report, raw)
    except DatabaseError:
        report.note("This portal's database is not at hand: the pack was not compared with it.")


def manifest_hash(raw: bytes) -> str:
    """The ledger's identification of a pack: the SHA-256 of its manifest, in hexadecimal."""
    return hashlib.sha256(raw).hexdigest()


def _verify_head(report: Report, manifest: Manifest) -> None:
    head = manifest.head
    if head is None:
        report.note("The ledger had no operation when the pack was made.")
    elif Entry.objects.filter(sequence=head.sequence, hash=head.hash).exists():
        report.hold(f"This portal's chain has the head still, as entry {head.sequence}.")
    else:
        report.fail(
            f"This portal's chain has no entry {head.sequence} with the hash {head.hash[:12]}…: entries of it were "
            "rewritten or removed, or the pack is of another portal (--offline leaves this portal out)."
        )


def _verify_making(report: Report, raw: bytes) -> None:
    made = Operation.objects.filter(
        action=MADE, outcome=Outcome.SUCCEEDED, after__manifestSha256=manifest_hash(raw)
    ).first()
    if made is None:
        report.fail("This portal's ledger has no operation that made this pack.")
    else:
        when = f"{made.asked_at:%Y-%m-%d %H:%M} UTC"
        report.hold(f"This portal's ledger has its making: operation {made.pk}, by {made.actor_name}, {when}.")
