"""Verify a pack, reporting each check. The file is untrusted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from environments.as_of.clock import written
from environments.evidence import documents, verify_against_portal, verify_ledger
from environments.evidence.manifest import LONGEST, MANIFEST, SIGNATURE, File, Manifest
from environments.evidence.read_tables import csv_count, json_rows
from environments.evidence.report import Report, report_unreadable
from environments.evidence.signing import SIGNATURE_BYTES, PublicKey
from environments.evidence.zip_file import Reader, Unreadable, printable_name
from portal.ledger.chain.verify import Head

LARGEST = 1 << 36  # total bytes of all files


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose signatures are trusted, the name of such a key, chain heads recorded elsewhere, and whether to query this
    portal's database.
    """

    keys: Sequence[PublicKey]
    called: str
    heads: Iterable[Head] = ()
    has_portal: bool = True


@dataclass
class _Pack:
    """A pack during verification."""

    reader: Reader
    manifest: Manifest
    raw: bytes
    readable: set[str] = field(default_factory=set)

    def read(self, name: str) -> Iterator[bytes]:
        """The content of a file, at most the size in the manifest."""
        size = next(file.size for file in self.manifest.files if file.name == name)
        return self.reader.read(name, size)


def verify(file: BinaryIO, trust: Trust) -> Report:
    """Verify everything, from the zip archive to the chain's head; never raises, whatever the file contains."""
    report = Report()
    try:
        reader = Reader(file)
        report.check(reader.findings, f"The archive is plain: {len(reader.names)} entries and nothing else.")
        pack = _open(reader)
        signature = b"".join(reader.read(SIGNATURE, SIGNATURE_BYTES)) if SIGNATURE in reader.names else b""
    except (Unreadable, ValueError) as error:
        report.fail(str(error))
        return report
    _note_claims(report, pack.manifest)
    _verify_signature(report, pack, signature, trust)
    if sum(each.size for each in pack.manifest.files) > LARGEST:
        report.fail(f"The manifest lists more than {LARGEST:,} bytes: no portal makes such a pack.")
        return report
    _verify_names(report, pack)
    for each in pack.manifest.files:
        _verify_file(report, pack, each)
    _verify_meaning(report, pack, trust)
    return report


def _open(reader: Reader) -> _Pack:
    if MANIFEST not in reader.names:
        raise Unreadable(f"{MANIFEST} is missing: this is no evidence pack, or not all of one.")
    raw = b"".join(reader.read(MANIFEST, LONGEST))
    return _Pack(reader, Manifest.decode(raw), raw)


def _note_claims(report: Report, manifest: Manifest) -> None:
    """The pack's own claims, not verified yet."""
    name = manifest.organization.name or "an organization whose name is unknown"
    moment, since, made_at = map(written, (manifest.moment, manifest.since, manifest.made_at))
    report.note(f"It says: {name} as of {moment}, with what happened since {since};")
    report.note(f"made {made_at} by {manifest.made_by}, because: {manifest.reason}")


def _verify_signature(report: Report, pack: _Pack, signature: bytes, trust: Trust) -> None:
    """Verify the signature of the manifest."""
    claimed = _claimed_key(report, pack.manifest)
    signed = next((key for key in trust.keys if key.has_signed(pack.raw, signature)), None)
    if signed:
        report.hold(f"The signature is that of {trust.called}, {signed.fingerprint}.")
        if claimed and claimed != signed:
            report.fail("The manifest names another key than the one that signed it.")
    elif not signature:
        report.fail(f"{SIGNATURE} is missing: nobody has signed this.")
    elif claimed and claimed.has_signed(pack.raw, signature):
        report.unknown_key = claimed.fingerprint
        report.note(f"The signature is that of the key {claimed.fingerprint}, which is not {trust.called}.")
    else:
        report.fail("The signature does not hold: the manifest was changed after it was signed, or signed by another.")


def _claimed_key(report: Report, manifest: Manifest) -> PublicKey | None:
    """The key that the manifest claims."""
    try:
        claimed = PublicKey.read(manifest.public_key)
    except ValueError:
        report.fail("The manifest names no public key.")
        return None
    if claimed.fingerprint != manifest.key:
        report.fail("The manifest has a fingerprint that is not that of its public key.")
    return claimed


def _verify_names(report: Report, pack: _Pack) -> None:
    """Verify the names and the order of the files."""
    expected = [*(file.name for file in pack.manifest.files), MANIFEST, SIGNATURE]
    names = pack.reader.names
    findings = [f"{name} is missing." for name in expected if name not in names]
    findings += [
        f"{printable_name(name)} was added: the manifest does not name it." for name in names if name not in expected
    ]
    if not findings and names != expected:
        findings = ["The files are not in the order of the manifest."]
    report.check(findings, "Every file that the manifest names is names, and no other.")


def _verify_file(report: Report, pack: _Pack, file: File) -> None:
    """Verify the size, SHA-256 and row count of a file."""
    if file.name not in pack.reader.names:
        return
    seen, size = hashlib.sha256(), 0
    try:
        for chunk in pack.reader.read(file.name, file.size):
            seen.update(chunk)
            size += len(chunk)
    except Unreadable as error:
        report.fail(str(error))
        return
    pack.readable.add(file.name)
    if size != file.size:
        report.fail(f"{file.name} was changed: it has {size:,} bytes, and the manifest says {file.size:,}.")
    elif seen.hexdigest() != file.sha256:
        report.fail(f"{file.name} was changed: its SHA-256 is not the one that the manifest has.")
    elif _has_its_rows(report, pack, file):
        rows = "" if file.rows is None else f", {file.rows:,} rows"
        report.hold(f"{file.name}: {size:,} bytes{rows}.")


def _has_its_rows(report: Report, pack: _Pack, file: File) -> bool:
    """Whether a table has as many rows as the manifest states."""
    if file.rows is None:
        return True
    try:
        content = pack.read(file.name)
        rows = csv_count(content) if file.name.endswith(".csv") else sum(1 for _ in json_rows(content))
    except (Unreadable, ValueError) as error:
        report_unreadable(report, file.name, error)
        return False
    if rows != file.rows:
        report.fail(f"{file.name} has {rows:,} rows, and the manifest says {file.rows:,}.")
    return rows == file.rows


def _verify_meaning(report: Report, pack: _Pack, trust: Trust) -> None:
    """What the files tell of each other, and this portal of them."""
    has_ledger = verify_ledger.CHAIN in pack.readable and verify_ledger.OPERATIONS in pack.readable
    try:
        if documents.POLICIES in pack.readable:
            documents.verify_policies(report, pack.read(documents.POLICIES), pack.manifest)
        if has_ledger:
            verify_ledger.verify(report, pack.read, pack.manifest, trust.heads)
    except (Unreadable, ValueError) as error:
        report.fail(str(error))
    if not has_ledger:
        report.note("The ledger's operations are not in this pack, or cannot be read.")
        for head in trust.heads:
            report.fail(f"Whether the head {head} is in the chain is unknown without the chain.")
    if trust.has_portal:
        verify_against_portal.verify(report, pack.manifest, pack.raw)
