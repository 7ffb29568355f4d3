"""Verifications of the chain that are kept: for `/operations/`, and because each keeps the head of its time.

A head is sealed with the portal's secret key, which the database does not have: who rewrites the chain there cannot
make the seals for it. Such a person can delete verifications; then `/operations/` says that the last one is long ago,
and heads written down elsewhere still tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.utils import timezone

from portal.ledger.models import Entry, Verification

from . import verify as chain_verify

log = structlog.get_logger()
KEPT_FINDINGS = 20
_SIGNER = "portal.ledger.verification"


@dataclass(frozen=True, slots=True)
class ChainState:
    """What `/operations/` says of the chain: its head now, and how the latest verification ended; None for neither.

    `has_kept_head` is whether the head of that verification is in the chain still.
    """

    head: chain_verify.Head | None
    latest: Verification | None
    has_kept_head: bool
    now: datetime

    @property
    def is_late(self) -> bool:
        """Whether two verifications are overdue."""
        return self.latest is not None and self.now - self.latest.finished_at > 2 * self.interval

    @property
    def is_forged(self) -> bool:
        """Whether the latest verification was written by anybody but the portal."""
        return self.latest is not None and not _is_sealed(self.latest)

    @property
    def interval(self) -> timedelta:
        """How often the chain is meant to be verified."""
        return timedelta(seconds=settings.VERIFY_SECONDS)

    @property
    def not_shown(self) -> int:
        """The number of findings that are not stored in words."""
        return self.latest.found - len(self.latest.findings) if self.latest else 0


def chain_state() -> ChainState:
    """The chain as of now; three queries, whatever its length."""
    latest = Verification.objects.order_by("-finished_at").first()
    kept = {"sequence": latest.head_sequence, "hash": latest.head_hash} if latest and latest.head_sequence else {}
    has_kept_head = not kept or Entry.objects.filter(**kept).exists()
    return ChainState(chain_verify.head(), latest, has_kept_head, timezone.now())


def verify(heads: Iterable[chain_verify.Head] = (), counted: chain_verify.Counted = iter) -> chain_verify.Report:
    """Verify the chain and the operations against `heads` and those of earlier verifications; `counted` is given
    whatever is read."""
    kept, unsealed = [], []
    for verification in Verification.objects.order_by("pk").iterator():
        if not _is_sealed(verification):
            unsealed.append(verification)
        elif verification.holds and verification.head_sequence:  # a chain that was broken proves nothing
            kept.append(_head(verification))
    report = chain_verify.verify([*heads, *kept], counted)
    for verification in unsealed:
        report.note(
            f"{_name(verification).capitalize()} was changed, or made with another secret key: its seal does not hold."
        )
    return report


def verify_and_keep() -> Verification:
    """Verify, keep the result and the head, and log both."""
    started_at = timezone.now()
    return keep(verify(), started_at)


def keep(report: chain_verify.Report, started_at: datetime) -> Verification:
    """Store the result of a verification and the head, and log both."""
    made = Verification(
        started_at=started_at,
        finished_at=timezone.now(),
        entries=report.entries,
        operations=report.operations,
        head_sequence=(report.head and report.head.sequence) or 0,
        head_hash=report.head.hash if report.head else "",
        found=report.found,
        findings=report.findings[:KEPT_FINDINGS],
    )
    made.seal = Signer(salt=_SIGNER).signature(_sealed(made))
    made.save(force_insert=True)
    write = log.info if report.holds else log.error
    write("ledger chain verified", holds=report.holds, entries=report.entries, found=report.found,
          head=str(report.head or ""), findings=made.findings)  # fmt: skip
    return made


def in_words(report: chain_verify.Report) -> Iterator[str]:
    """The counts and results of a verification, line by line."""
    if report.head is None:
        yield "The chain has no entry yet."
    else:
        yield f"{report.entries:,} entries of {report.operations:,} operations were read."
        yield f"The head is {report.head}. Store it elsewhere: --head detects a rewritten chain with it."
    if report.holds:
        yield "The chain holds: every entry is as it was written and over the one before it."
        yield "Every operation and every row of the access log matches its entries. Every stored head is in the chain."
    else:
        yield f"The chain does NOT hold: {report.found:,} finding{'s' if report.found != 1 else ''}."
        yield from (f"- {words}" for words in report.findings)
    if report.found > len(report.findings):
        yield f"- and {report.found - len(report.findings):,} more"


def _head(verification: Verification) -> chain_verify.Head:
    return chain_verify.Head(verification.head_hash, verification.head_sequence, _name(verification))


def _name(verification: Verification) -> str:
    return f"the verification of {verification.finished_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _sealed(made: Verification) -> str:
    """What a seal is over."""
    times = (made.started_at.astimezone(UTC).isoformat(), made.finished_at.astimezone(UTC).isoformat())
    counts = (made.entries, made.operations, made.head_sequence, made.head_hash, made.found)
    return "\n".join(map(str, (*times, *counts, *made.findings)))


def _is_sealed(verification: Verification) -> bool:
    """Whether this portal's secret key, or one it had before, made the seal."""
    try:
        Signer(salt=_SIGNER).unsign(f"{_sealed(verification)}:{verification.seal}")
    except BadSignature:
        return False
    return True
