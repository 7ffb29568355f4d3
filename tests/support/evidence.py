"""Packs of evidence for tests: made as the portal makes them, and put together again as somebody else would."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.contrib.auth.models import User
from django.utils import timezone

from environments.evidence import signing
from environments.evidence.build import PARTS, PackRequest, build_pack
from environments.evidence.manifest import MANIFEST, SIGNATURE
from environments.evidence.report import Report
from environments.evidence.verify import Trust, verify
from environments.models import Environment, Field, Phase, SpecificationVersion
from tests.support import audits, factories, operations
from tests.support.audit_entries import entry

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
Files = dict[str, bytes]
FOREIGN = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def organization() -> list[Environment]:
    """Some environments, policies, sweeps, transitions and operations: enough for a pack to tell of."""
    now = timezone.now()
    audits.policies(lifetime=7, archive=3, delete=14, ago=40 * DAY)
    audits.policies(lifetime=30, archive=3, delete=14, ago=2 * DAY)
    audits.swept(*(now - hours * HOUR for hours in range(72)))
    seen = {"first_seen_at": now - 20 * DAY}
    made = [
        factories.environment(name="quiet-otter", lockdown_at=now - HOUR, owner_name="Ann Lee", **seen),
        factories.environment(name="=HYPERLINK(1)", lockdown_at=now + 3 * DAY, failure="no space, left", **seen),
        factories.environment(name="loud\nfox", phase=Phase.STOPPED, archived_at=now - DAY, unpushed_commits=2, **seen),
        factories.environment(name="gone-girl", gone_at=now - 2 * DAY, **seen),
    ]
    audits.moved(made[0], Field.PHASE, Phase.STARTING, Phase.RUNNING, by=now - 5 * HOUR)
    audits.moved(made[2], Field.ARCHIVED, None, made[2].archived_at, by=now - DAY)
    SpecificationVersion.objects.create(environment=made[1], spec_version=1, spec={}, seen_at=now - 20 * DAY)
    operations.operation("environment.start", ago=40 * DAY, target_name="long-ago")
    for number in range(4):
        operations.operation(reason=f"reason {number}", before={"n": 1.50}, after={"n": 2, "text": "Ω, \u2028"})
    operations.operation("environment.archive", is_open=True)
    for days in (1, 3, 45):
        entry("update spec", ago=days * DAY, subject_id=made[1].pk)
    return made


def packed(**wanted: Any) -> bytes:
    """A pack of the month until now, unless `wanted` says otherwise."""
    actor = User.objects.filter(username="iris").first() or factories.user("Auditor", username="iris")
    wanted = {"since": timezone.now() - 30 * DAY, "parts": tuple(PARTS)} | wanted
    into = io.BytesIO()
    build_pack(PackRequest(**wanted), {"actor": actor, "reason": "the yearly audit"}, into)
    return into.getvalue()


def unpacked(pack: bytes) -> Files:
    """Every file, in order."""
    with zipfile.ZipFile(io.BytesIO(pack)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(files: Files) -> bytes:
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return into.getvalue()


def told(pack: bytes, **trust: Any) -> Report:
    """What a verification says, by this portal's keys and database unless `trust` says otherwise."""
    given: dict[str, Any] = {"keys": signing.own_keys(), "called": "one of this portal's"} | trust
    return verify(io.BytesIO(pack), Trust(**given))


def failures(pack: bytes, **trust: Any) -> str:
    """Its findings, a line each."""
    return "\n".join(line.words for line in told(pack, **trust).lines if line.holds is False)


def manifest_of(files: Files) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(files[MANIFEST])
    return manifest


def with_manifest(files: Files, change: Callable[[dict[str, Any]], None]) -> Files:
    """With another manifest, written as the portal writes it."""
    manifest = manifest_of(files)
    change(manifest)
    return files | {MANIFEST: (json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode()}


def rehashed(files: Files) -> Files:
    """With the manifest's sizes and hashes fixed, as a clever person would."""

    def fix(manifest: dict[str, Any]) -> None:
        for file in manifest["files"]:
            content = files.get(file["name"], b"")
            file |= {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}

    return with_manifest(files, fix)


def signed(files: Files, key: Ed25519PrivateKey | None = None) -> Files:
    """Signed anew: by the portal, as somebody who has its key would, or with another key that the manifest names."""
    if key is None:
        return files | {SIGNATURE: signing.sign(files[MANIFEST])}
    public = signing.PublicKey(key.public_key().public_bytes_raw())

    def name(manifest: dict[str, Any]) -> None:
        manifest |= {"public_key": public.text, "key": public.fingerprint}

    files = with_manifest(files, name)
    return files | {SIGNATURE: key.sign(files[MANIFEST])}
