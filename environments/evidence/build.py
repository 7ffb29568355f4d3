"""Build a pack from one snapshot of the database, sign it, and record that in the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import BinaryIO

import structlog
from django.utils import timezone

from environments.as_of import clock
from environments.as_of.context import AsOf
from environments.evidence import documents, signing, tables
from environments.evidence.manifest import FORMAT, MANIFEST, SIGNATURE, File, Head, Manifest
from environments.evidence.manifest import Organization as Whose
from environments.evidence.verify_against_portal import MADE, manifest_hash
from environments.evidence.zip_file import Writer
from environments.export_head import about
from portal import VERSION
from portal.directory.models import Organization
from portal.exports.snapshot import snapshot
from portal.jobs.work import Progress
from portal.ledger import recording
from portal.ledger.chain import verify
from portal.ledger.models import Outcome

log = structlog.get_logger()
PARTS = {
    "environments": "Environments, with the versions of their specifications",
    "audits": "Audits of lockdown and archive",
    "transitions": "Changes that were observed",
    "operations": "Operations and the access log, with the ledger's chain",
    "log": "Ona's audit log, as far as it was read",
}
MADE_WORDS = "The pack was created and signed. Nothing was sent to Ona."


@dataclass(frozen=True, slots=True)
class PackRequest:
    """What a pack contains: the organization as of `moment` (None: now), and what happened from `since` until then."""

    since: datetime
    moment: datetime | None = None
    parts: tuple[str, ...] = tuple(PARTS)


def build_pack(
    request: PackRequest, context: recording.RequestContext, into: BinaryIO, progress: Progress | None = None
) -> Manifest:
    """Write a pack into an empty file and record in the ledger who built it and why.

    Memory use does not grow with the tables. If this raises, the file is not evidence.
    """
    organization = Organization.objects.present().order_by("id").first()
    manifest, raw = _write(request, context, organization, into, progress or Progress())
    target = recording.Target("organization", organization and organization.pk, manifest.organization.name or "")
    contents = {"moment": manifest.moment, "since": manifest.since, "parts": list(request.parts)}
    after = {"manifestSha256": manifest_hash(raw), "key": manifest.key}
    operation, _ = recording.begin(MADE, target, context, request=contents, after=after)
    recording.close(operation, Outcome.SUCCEEDED, explanation=MADE_WORDS)
    log.info("evidence made", operation_id=str(operation.pk), **after)
    return manifest


def _write(
    request: PackRequest,
    context: recording.RequestContext,
    organization: Organization | None,
    into: BinaryIO,
    progress: Progress,
) -> tuple[Manifest, bytes]:
    """Write the files of the pack, the manifest, and its signature."""
    made_at = timezone.now()
    as_of, moment = AsOf(request.moment), request.moment or made_at
    with snapshot(), clock.set_to(moment), Writer(into, made_at) as writer:
        with as_of.reading():
            stand = clock.at()
            head = {"as_of": moment, "since": request.since, "made_at": made_at}
            head |= about(moment, (request.since, moment))
        manifest = _manifest(request, context, organization, made_at)
        manifest.files.append(writer.add(documents.README, [documents.readme(manifest, signing.public_key())]))
        scope = tables.PackScope(request.since, moment, as_of, head, progress)
        progress.begin("tables", tables.count_rows(request.since, moment, request.parts))
        manifest.files.extend(_tables(writer, request, scope))
        manifest.files.append(writer.add(documents.POLICIES, [documents.policies(stand, moment)]))
        seen = documents.observation(request.since, moment, stand)
        manifest.files.append(writer.add(documents.OBSERVATION, [seen]))
        raw = manifest.encode()
        writer.add(MANIFEST, [raw])
        writer.add(SIGNATURE, [signing.sign(raw)])
    return manifest, raw


def _manifest(
    request: PackRequest, context: recording.RequestContext, organization: Organization | None, made_at: datetime
) -> Manifest:
    """What a pack says of itself, before it has any files."""
    newest, key = verify.head(), signing.public_key()
    return Manifest(
        format=FORMAT, portal_version=VERSION,
        organization=Whose(str(organization.pk), organization.name) if organization else Whose(None, None),
        moment=request.moment or made_at, since=request.since, made_at=made_at, made_by=context["actor"].get_username(),
        reason=context.get("reason", ""), parts=[part for part in PARTS if part in request.parts],
        head=Head(newest.sequence or 0, newest.hash) if newest else None,
        public_key=key.text, key=key.fingerprint, files=[],
    )  # fmt: skip


def _tables(writer: Writer, request: PackRequest, scope: tables.PackScope) -> Iterator[File]:
    if "environments" in request.parts:
        yield from tables.write_table(writer, scope, tables.environments)
        yield from tables.write_table(writer, scope, tables.versions)
    if "audits" in request.parts:
        yield from tables.write_table(writer, scope, partial(tables.audit, "lockdown"))
        yield from tables.write_table(writer, scope, partial(tables.audit, "archive"))
    if "transitions" in request.parts:
        yield from tables.write_table(writer, scope, tables.transitions)
    if "operations" in request.parts:
        yield from tables.write_table(writer, scope, tables.operations)
        yield from tables.write_table(writer, scope, tables.access_log)
        yield from tables.write_json(writer, scope, tables.entries)
    if "log" in request.parts:
        yield from tables.write_table(writer, scope, tables.onas_log)
