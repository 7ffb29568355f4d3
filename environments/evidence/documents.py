"""The files of a pack other than tables: policies, observation, README."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from environments.as_of.clock import written
from environments.as_of.context import observed
from environments.evidence.manifest import Manifest
from environments.evidence.report import Report, report_unreadable
from environments.evidence.signing import PublicKey
from environments.export_head import gaps, policy_head
from environments.models import SyncRun
from environments.policies.policy import policy_of
from environments.sync.freshness import intervals
from environments.timeline.lane_bars import Period
from environments.timeline.observed import OUTAGE
from portal.directory.models import Organization, PolicyVersion
from portal.exports.formats import plain

POLICIES, OBSERVATION, README = "policies.json", "observation.json", "README.txt"
_LONGEST = 1 << 24
TEXT = """\
Evidence from the Environment Portal
====================================

{organization}
as of   {moment}
since   {since}   (transitions, operations and Ona's log from then on)
made    {made_at} by {made_by}
reason  {reason}

What is in it
-------------
environments   every environment that had been seen by then, as it was known then
versions       of each of them the version of its specification that was known then, and what is told by it: whether it
               never stops, whether a port is open to everyone, and the desired phase
lockdown       its status in the audit of lockdown, and what that was derived from
archive        its status in the audit of archiving, likewise
transitions    what was seen to change in the period
operations     what was asked for through the portal in the period: who, what, why, and how it ended
access_log     who signed in to the portal in the period, or was refused; whose rights changed; what was read and
               downloaded
chain          the ledger's hash chain from before the period to its head; it shows that no operation and no row of the
               access log was changed, left out or put in afterwards
onas_log       Ona's own audit log of the period, as far as the portal has read it: its head says how far that is; it
               names no operation: operation_id is the one that is probably behind an entry
policies       the organization's policies at the moment, and every version that was observed until then
observation    when nothing was observed: nothing is known of those times

Tables are there as CSV and as JSON, with the same rows. What is unknown is empty, or null. A part that was not asked
for is not in the pack; manifest.json names every file there is.

How to verify it
----------------
With the portal:

    python manage.py verify_evidence FILE

It reports what holds and what does not. On another machine than the portal's, give it the portal's public key,
which you should have from the portal itself (its page Audit, Evidence) and not from here:

    python manage.py verify_evidence FILE --offline --public-key KEY

By hand: manifest.json has the SHA-256 of every file (sha256sum); manifest.sig is the Ed25519 signature of
manifest.json:

    openssl pkeyutl -verify -pubin -inkey KEY.pem -rawin -in manifest.json -sigfile manifest.sig

The public key that signed this, by its SHA-256 fingerprint:

    {fingerprint}

{pem}"""


class _Version(msgspec.Struct, forbid_unknown_fields=True):
    """A version of the policies; durations in seconds, null if not set."""

    old_seen_at: datetime | None
    seen_at: datetime
    maximum_environment_lifetime: float | None
    maximum_environment_lifetime_strict: bool
    archive_environments_after: float | None
    delete_archived_environments_after: float | None
    policies: dict[str, Any]


class _Policies(msgspec.Struct, forbid_unknown_fields=True):
    """policies.json: `policy` was in force at `known_at`, the last sync at or before the time of the pack."""

    known_at: datetime
    policy: dict[str, Any]
    versions: list[_Version]


def policies(stand: datetime, moment: datetime) -> bytes:
    """The policies as of `stand`, and every version observed until the time of the pack, newest first."""
    organization = Organization.objects.present().order_by("id").first()
    found = PolicyVersion.objects.filter(organization=organization, seen_at__lte=moment).order_by("-seen_at", "-id")
    versions = [_version(each) for each in found] if organization else []
    return _json(_Policies(stand, _policy(versions, stand), versions))


def verify_policies(report: Report, chunks: Iterable[bytes], manifest: Manifest) -> None:
    """Check that the policy is that of the newest version then."""
    try:
        document = msgspec.json.decode(b"".join(chunks), type=_Policies)
        seen = [each.seen_at for each in document.versions]
        if seen != sorted(seen, reverse=True) or any(each > manifest.moment for each in seen):
            raise ValueError("its versions are not in order, or later than the time")  # noqa: TRY301
        is_equal = document.policy == _policy(document.versions, document.known_at)
    except (msgspec.MsgspecError, ValueError, TypeError, OverflowError, RecursionError) as error:
        report_unreadable(report, POLICIES, error)
        return
    if is_equal:
        report.hold(f"{POLICIES}: the policy is that of the newest of {len(seen):,} versions seen until then.")
    else:
        report.fail(f"{POLICIES}: the policy is another than the newest version seen until then has.")


def observation(since: datetime, moment: datetime, stand: datetime) -> bytes:
    """The observations around the time of the pack, and the gaps in its period."""
    seen, window = observed(moment), Period(since, moment)
    return _json(
        {
            "moment": moment,
            "known_at": stand,
            "last_sweep_at": seen.last,
            "next_sweep_at": seen.next,
            "moment_was_observed": not seen.is_gap,
            "sweep_every_seconds": intervals()[SyncRun.Kind.ENVIRONMENTS],
            "since": since,
            "gaps": [{"from": gap.start, "until": gap.end, "why": OUTAGE} for gap in gaps(window)],
        }
    )


def readme(manifest: Manifest, key: PublicKey) -> bytes:
    """The README for people who do not know the portal."""
    times = {name: written(getattr(manifest, name)) for name in ("moment", "since", "made_at")}
    return TEXT.format(
        organization=manifest.organization.name or "Organization: unknown",
        made_by=manifest.made_by,
        reason=" ".join(manifest.reason.split()),
        fingerprint=key.fingerprint,
        pem=key.pem,
        **times,
    ).encode()


def _version(version: PolicyVersion) -> _Version:
    """A version as in the JSON."""
    return msgspec.convert({name: plain(getattr(version, name)) for name in _Version.__struct_fields__}, _Version)


def _policy(versions: list[_Version], stand: datetime) -> dict[str, Any]:
    """The policy of the newest version at `stand`, in the format of exports."""
    known = [_row(each) for each in versions if each.seen_at <= stand]
    policy: dict[str, Any] = plain(policy_head(policy_of(known)))
    return policy


def _row(version: _Version) -> PolicyVersion:
    values = msgspec.structs.asdict(version)
    return PolicyVersion(
        **{name: timedelta(seconds=each) if isinstance(each, float) else each for name, each in values.items()}
    )


def _json(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value, enc_hook=plain), indent=2) + b"\n"
