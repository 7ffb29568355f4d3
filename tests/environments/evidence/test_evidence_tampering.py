"""Evidence that somebody changed: each way is found, and said in words. Cleverer ways mend hashes and signatures."""

from __future__ import annotations

import hashlib
import json
import re
import struct
import zipfile
from collections.abc import Callable
from io import BytesIO

import pytest

from environments.evidence import signing
from environments.evidence.manifest import MANIFEST, SIGNATURE
from environments.evidence.read_tables import csv_count
from environments.evidence.report import FAILS, UNCERTAIN
from portal.ledger.access_log.recording import record_access
from portal.ledger.chain import verify as chain_verify
from portal.ledger.chain.verify import Head
from portal.ledger.models import AccessKind, Operation
from tests.support import evidence
from tests.support.databases import SharedRows
from tests.support.evidence import FOREIGN, Files, failures, rehashed, signed, told, unpacked, with_manifest, zipped

pytestmark = pytest.mark.django_db
Way = Callable[[Files], tuple[Files, str]]


def _packed() -> bytes:
    evidence.organization()
    return evidence.packed()


_PACKED = SharedRows(_packed, "environments_", "directory_", "ledger_", "auth_user")


@pytest.fixture
def files(db: None) -> Files:
    return unpacked(_PACKED.put())


def changed(files: Files, name: str, old: str, new: str) -> Files:
    assert old.encode() in files[name]
    return files | {name: files[name].replace(old.encode(), new.encode())}


def rows(files: Files, name: str) -> tuple[bytes, list[bytes], bytes]:
    """The beginning, the rows and the end of a table in JSON."""
    first, *lines = files[name].splitlines(keepends=True)
    return first, [line.rstrip(b",\n") for line in lines[:-1]], lines[-1]


def with_rows(files: Files, name: str, lines: list[bytes]) -> Files:
    first, _, last = rows(files, name)
    last = re.sub(rb'"row_count":\d+', b'"row_count":%d' % len(lines), last)
    return files | {name: first + b",\n".join(lines) + b"\n" + last}


def recounted(files: Files, name: str) -> Files:
    """With the manifest's count of rows mended too."""

    def count(manifest: dict) -> None:
        next(file for file in manifest["files"] if file["name"] == name)["rows"] = len(rows(files, name)[1])

    return with_manifest(files, count)


def a_row_says_something_else(files: Files) -> tuple[Files, str]:
    return changed(files, "environments.csv", "quiet-otter", "noisy-otter"), r"environments\.csv was changed: its SHA"


def a_row_is_taken_out(files: Files) -> tuple[Files, str]:
    return with_rows(files, "lockdown.json", rows(files, "lockdown.json")[1][1:]), r"lockdown\.json was changed: it has"


def two_rows_change_places(files: Files) -> tuple[Files, str]:
    first, second, *rest = rows(files, "archive.json")[1]
    return with_rows(files, "archive.json", [second, first, *rest]), r"archive\.json was changed: its SHA-256"


def a_file_is_taken_out(files: Files) -> tuple[Files, str]:
    return {name: content for name, content in files.items() if name != "policies.json"}, r"policies\.json is missing"


def a_file_is_put_in(files: Files) -> tuple[Files, str]:
    return files | {"more.csv": b"x"}, r"more\.csv was added: the manifest does not name it"


def a_file_is_called_otherwise(files: Files) -> tuple[Files, str]:
    renamed = {name.replace("transitions.csv", "changes.csv"): content for name, content in files.items()}
    return renamed, r"(?s)transitions\.csv is missing.*changes\.csv was added"


def the_files_are_in_another_order(files: Files) -> tuple[Files, str]:
    return dict(reversed(files.items())), "not in the order of the manifest"


def the_hash_is_mended_too(files: Files) -> tuple[Files, str]:
    changed_files = changed(files, "environments.csv", "quiet-otter", "noisy-otter")
    return rehashed(changed_files), "^The signature does not hold: the manifest was changed after it was signed"


def the_head_is_another(files: Files) -> tuple[Files, str]:
    files = with_manifest(files, lambda manifest: manifest["head"].update(hash="0" * 64))
    return files, r"(?s)signature does not hold.*chain\.json ends with the head .* and the manifest has 000"


def the_moment_is_another(files: Files) -> tuple[Files, str]:
    files = with_manifest(files, lambda manifest: manifest.update(moment="2026-01-01T00:00:00Z"))
    return files, "^The signature does not hold"


def the_reason_is_another(files: Files) -> tuple[Files, str]:
    return changed(files, MANIFEST, "the yearly audit", "no reason at all"), "^The signature does not hold"


def nobody_signed(files: Files) -> tuple[Files, str]:
    return {name: content for name, content in files.items() if name != SIGNATURE}, r"manifest\.sig is missing"


def there_is_no_manifest(files: Files) -> tuple[Files, str]:
    return {name: content for name, content in files.items() if name != MANIFEST}, r"manifest\.json is missing"


def the_manifest_says_something_twice(files: Files) -> tuple[Files, str]:
    return changed(files, MANIFEST, '"reason"', '"reason": "",\n  "reason"'), "manifest is not written as a portal"


def a_table_is_cut(files: Files) -> tuple[Files, str]:
    cut = files | {"environments.json": files["environments.json"][:-40]}
    return signed(rehashed(cut)), r"environments\.json .*it was cut off after 4 rows|environments\.json .*no row"


def a_spreadsheet_is_cut(files: Files) -> tuple[Files, str]:
    whole = files["environments.csv"]
    return signed(rehashed(files | {"environments.csv": whole[: whole.rindex(b"#,complete")]})), r"its end does not fit"


def a_row_of_a_spreadsheet_is_taken_out(files: Files) -> tuple[Files, str]:
    """By somebody with the portal's key, who forgets the manifest's count."""
    lines = files["transitions.csv"].splitlines(keepends=True)
    lines.pop(1)
    lines[-2] = lines[-2].replace(b",2", b",1")
    cut = files | {"transitions.csv": b"".join(lines)}
    return signed(rehashed(cut)), r"transitions\.csv has 1 rows, and the manifest says 2"


# From here on everything that can be mended is mended, and signed by the portal's own key, as if that were stolen.


def an_operation_says_something_else(files: Files) -> tuple[Files, str]:
    files = changed(files, "operations.json", '"reason 2"', '"reason 9"')
    return signed(rehashed(files)), r'Operation .* tell that its reason was "reason 2", and it is "reason 9"'


def a_number_of_an_operation_is_written_otherwise(files: Files) -> tuple[Files, str]:
    files = changed(files, "operations.json", '{\\"n\\": 1.5}', '{\\"n\\": 1.50}')
    return signed(rehashed(files)), r"Operation .* tell that its before was"


def an_operation_is_taken_out(files: Files) -> tuple[Files, str]:
    files = with_rows(files, "operations.json", rows(files, "operations.json")[1][1:])
    return signed(rehashed(recounted(files, "operations.json"))), "Operation .* is missing"


def an_operation_and_what_is_told_of_it_are_taken_out(files: Files) -> tuple[Files, str]:
    """The links themselves stay, so that the chain is whole."""
    gone, *rest = rows(files, "operations.json")[1]
    identity = json.loads(gone)["id"]
    links = [
        json.dumps(row | {"content": None} if row["operation_id"] == identity else row).encode()
        for row in map(json.loads, rows(files, "chain.json")[1])
    ]
    files = recounted(with_rows(files, "operations.json", rest), "operations.json")
    return signed(
        rehashed(with_rows(files, "chain.json", links))
    ), f"Operation {identity} is missing: entry 1 begins it"


def an_operation_is_put_in(files: Files) -> tuple[Files, str]:
    lines = rows(files, "operations.json")[1]
    more = json.loads(lines[0]) | {"id": "018f3c5a-0000-4000-8000-00000000000f"}
    files = with_rows(files, "operations.json", [*lines, json.dumps(more).encode()])
    return signed(rehashed(recounted(files, "operations.json"))), "Operation 018f.*00f .*is in no entry"


def an_operation_is_told_twice(files: Files) -> tuple[Files, str]:
    lines = rows(files, "operations.json")[1]
    files = with_rows(files, "operations.json", [lines[0], *lines])
    return signed(rehashed(recounted(files, "operations.json"))), "more than once"


def an_operation_and_its_entry_say_something_else(files: Files) -> tuple[Files, str]:
    for name in ("operations.json", "chain.json"):
        files = files | {name: files[name].replace(b"reason 2", b"reason 9")}
    return signed(rehashed(files)), "Entry .* has another content than was written"


def an_entry_is_forged_with_its_hash(files: Files) -> tuple[Files, str]:
    links, _ = forged(files, only_first=True)
    return signed(rehashed(with_rows(files, "chain.json", links))), "was written over another entry"


def the_whole_chain_is_forged_with_its_head(files: Files) -> tuple[Files, str]:
    """All that the pack has fits together then: the portal's own chain tells, and a head that was kept."""
    files = files | {"operations.json": files["operations.json"].replace(b"reason 2", b"reason 9")}
    links, newest = forged(files, only_first=False)
    files = rehashed(with_rows(files, "chain.json", links))
    files = signed(with_manifest(files, lambda manifest: manifest["head"].update(hash=newest)))
    assert failures(zipped(files), has_portal=False) == ""
    return files, "This portal's chain has no entry .* rewritten or removed"


def forged(files: Files, *, only_first: bool) -> tuple[list[bytes], str]:
    """The links with another reason in an operation, and the hashes that go with it; and the last hash."""
    made, previous, is_done = [], chain_verify.GENESIS, False
    for row in map(json.loads, rows(files, "chain.json")[1]):
        if not (is_done and only_first):
            content = row["content"].replace("reason 2", "reason 9")
            is_done = content != row["content"] or is_done
            row |= {"content": content, "digest": chain_verify.digest(content), "previous": previous}
            names = ("sequence", "operation_id", "kind", "at", "digest")
            row["hash"] = chain_verify.link(previous, *(row[name] for name in names))
        previous = row["hash"]
        made.append(json.dumps(row).encode())
    return made, previous


def the_chain_lacks_its_end(files: Files) -> tuple[Files, str]:
    files = with_rows(files, "chain.json", rows(files, "chain.json")[1][:-1])
    return signed(rehashed(recounted(files, "chain.json"))), r"chain\.json ends with the head .*:11, and the manifest"


def the_chain_lacks_its_beginning(files: Files) -> tuple[Files, str]:
    files = with_rows(files, "chain.json", rows(files, "chain.json")[1][2:])
    return signed(rehashed(recounted(files, "chain.json"))), "begins with entry 3, within the period"


def two_entries_change_places(files: Files) -> tuple[Files, str]:
    first, second, *rest = rows(files, "chain.json")[1]
    return signed(rehashed(with_rows(files, "chain.json", [second, first, *rest]))), "Entry 1 cannot be"


def the_policy_is_another(files: Files) -> tuple[Files, str]:
    files = changed(files, "policies.json", '"maximum_lifetime_seconds": 2592000', '"maximum_lifetime_seconds": 9')
    return signed(rehashed(files)), r"policies\.json: the policy is another"


def the_versions_of_the_policy_change_places(files: Files) -> tuple[Files, str]:
    document = json.loads(files["policies.json"])
    document["versions"].reverse()
    return signed(rehashed(files | {"policies.json": json.dumps(document).encode()})), "versions are not in order"


def only_the_clock_is_turned_back(files: Files) -> tuple[Files, str]:
    files = with_manifest(files, lambda manifest: manifest.update(made_at="2026-01-01T00:00:00Z"))
    return signed(files), "ledger has no operation that made this pack"


WAYS: tuple[Way, ...] = (
    a_row_says_something_else, a_row_is_taken_out, two_rows_change_places, a_file_is_taken_out, a_file_is_put_in,
    a_file_is_called_otherwise, the_files_are_in_another_order, the_hash_is_mended_too, the_head_is_another,
    the_moment_is_another, the_reason_is_another, nobody_signed, there_is_no_manifest,
    the_manifest_says_something_twice, a_table_is_cut, a_spreadsheet_is_cut, a_row_of_a_spreadsheet_is_taken_out,
    an_operation_says_something_else, a_number_of_an_operation_is_written_otherwise, an_operation_is_taken_out,
    an_operation_and_what_is_told_of_it_are_taken_out, an_operation_is_put_in, an_operation_is_told_twice,
    an_operation_and_its_entry_say_something_else, an_entry_is_forged_with_its_hash,
    the_whole_chain_is_forged_with_its_head, the_chain_lacks_its_end, the_chain_lacks_its_beginning,
    two_entries_change_places, the_policy_is_another, the_versions_of_the_policy_change_places,
    only_the_clock_is_turned_back,
)  # fmt: skip


def test_spreadsheets_of_packs_of_version_0_1_0_are_read_as_well():
    about, rows, end = b"#,title,Things\r\n", b"id\r\n1\r\n2\r\n", b"#,row_count,2\r\n#,complete,true\r\n"
    assert csv_count([about + rows + end]) == csv_count([rows + about + end]) == 2
    for bad in (rows + end + about, rows + about, about, rows + about + b"3\r\n" + end):
        with pytest.raises(ValueError):
            csv_count([bad])


def test_a_pack_put_together_again_holds(files):
    assert failures(zipped(files)) == ""


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_what_was_tampered_with_is_found_and_told(files, way):
    tampered, words = way(files)
    assert re.search(words, failures(zipped(tampered)), re.MULTILINE)
    assert told(zipped(tampered)).code == FAILS


def test_a_pack_signed_by_another_is_whole_but_of_an_unknown_key(files):
    forged_files = changed(files, "environments.csv", "quiet-otter", "noisy-otter")
    pack = zipped(signed(rehashed(forged_files), FOREIGN))
    report = told(pack, has_portal=False)
    assert (report.code, report.found) == (UNCERTAIN, 0)
    assert "signed by an unknown key" in report.summary
    assert "which is not one of this portal's" in "\n".join(line.words for line in report.lines)
    assert "no operation that made this pack" in failures(pack)


def test_with_its_key_given_it_holds_and_the_portals_own_does_not(files):
    theirs = signing.PublicKey(FOREIGN.public_key().public_bytes_raw())
    trust = {"keys": [theirs], "called": "the key given", "has_portal": False}
    assert told(zipped(signed(rehashed(files), FOREIGN)), **trust).code == 0
    assert told(zipped(files), **trust).code == UNCERTAIN


def test_a_key_that_is_named_but_did_not_sign_is_found(files):
    theirs = signing.PublicKey(FOREIGN.public_key().public_bytes_raw())
    named = with_manifest(files, lambda manifest: manifest.update(public_key=theirs.text, key=theirs.fingerprint))
    assert "names another key than the one that signed it" in failures(zipped(signed(named)))
    unlike = with_manifest(files, lambda manifest: manifest.update(key="0" * 64))
    assert "fingerprint that is not that of its public key" in failures(zipped(signed(unlike)))


def test_heads_that_were_kept_elsewhere_are_held_against_it(files):
    entries = [json.loads(row) for row in rows(files, "chain.json")[1]]
    kept = [Head(entries[3]["hash"], 4), Head(entries[5]["hash"])]
    assert failures(zipped(files), heads=kept) == ""
    assert "Entry 4 has the hash" in failures(zipped(files), heads=[Head("1" * 64, 4)])
    assert "No entry has the hash 1111" in failures(zipped(files), heads=[Head("1" * 64)])
    without = unpacked(evidence.packed(parts=("environments",)))
    assert "is unknown without the chain" in failures(zipped(without), heads=kept[:1])


@pytest.mark.parametrize("size", [0, 10, 21, 22, 1000, -1, -22, -200])
def test_a_file_that_was_cut_off_is_no_archive(files, size):
    whole = zipped(files)
    assert "The file is no whole zip archive: it was cut off" in failures(whole[:size])


def test_what_is_added_before_behind_or_between_is_found(files):
    whole = zipped(files)
    assert "no whole zip archive" in failures(whole + b"more")
    assert "no whole zip archive" in failures(b"more" + whole)
    begin = struct.unpack("<L", whole[-6:-2])[0]
    between = whole[:begin] + b"more" + whole[begin:-6] + struct.pack("<L", begin + 4) + whole[-2:]
    assert zipfile.ZipFile(BytesIO(between)).testzip() is None
    assert "belong to no entry" in failures(between)


def test_a_name_that_is_there_twice_is_found(files):
    into = BytesIO(zipped(files))
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(into, "a") as archive:
        archive.writestr("environments.csv", "another")
    assert "environments.csv is in the archive 2 times" in failures(into.getvalue())


@pytest.mark.parametrize("name", ["../evil.csv", "/etc/passwd", "a\\b.csv", "C:evil.csv", "a/b.csv", "\x1b[2Jevil.csv"])
def test_names_that_lead_elsewhere_are_found_and_shown_without_harm(files, name):
    said = failures(zipped(files | {name: b"x"}))
    assert "leads out of the folder" in said or "is in a folder" in said
    assert "\x1b" not in said


def test_links_encryption_and_other_compressions_are_found(files):
    odd = {"link.txt": (0o120777 << 16, zipfile.ZIP_STORED), "packed.txt": (0o100644 << 16, zipfile.ZIP_BZIP2)}
    into = BytesIO(zipped(files))
    with zipfile.ZipFile(into, "a") as archive:
        for name, (mode, kind) in odd.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr, entry.compress_type = mode, kind
            archive.writestr(entry, "/etc/passwd")
    said = failures(into.getvalue())
    assert "link.txt is a link" in said
    assert "packed.txt is compressed in another way" in said


def test_a_bomb_is_read_no_further_than_the_manifest_says(files):
    bomb = files | {"environments.csv": b"\0" * (100 << 20), "manifest.sig": b"\0" * (10 << 20)}
    assert "manifest.sig is longer than 64 bytes" in failures(zipped(bomb))
    bomb["manifest.sig"] = files["manifest.sig"]
    assert re.search(r"environments\.csv is longer than [\d,]{6} bytes", failures(zipped(bomb)))


def test_a_manifest_that_promises_more_than_any_portal_makes_is_not_followed(files):
    huge = with_manifest(files, lambda manifest: manifest["files"][0].update(size=1 << 60))
    assert "no portal makes such a pack" in failures(zipped(signed(huge)))


@pytest.mark.parametrize(
    "change",
    [
        {"moment": "0001-01-01T00:00:00+14:00"},
        {"moment": "2026-01-01T00:00:00"},
        {"format": "environment-portal evidence 2"},
        {"files": [{"name": "manifest.json", "size": 1, "sha256": "0" * 64, "rows": None}]},
        {"files": [{"name": "../up.csv", "size": 1, "sha256": "0" * 64, "rows": None}]},
        {"files": [{"name": "up.csv", "size": -1, "sha256": "0" * 64, "rows": None}]},
        {"head": {"sequence": 1, "hash": "x"}},
        {"more": 1},
    ],
)
def test_a_manifest_that_no_portal_writes_is_refused_in_words(files, change):
    odd = with_manifest(files, lambda manifest: manifest.update(change))
    assert "manifest" in failures(zipped(signed(odd, FOREIGN)))
    assert told(zipped(signed(odd, FOREIGN))).code == FAILS


@pytest.mark.parametrize("sequence", [0, -1, 1 << 62, 1 << 63, 1 << 70])
def test_numbers_that_no_chain_has_are_refused_in_words(files, sequence):
    first, *rest = rows(files, "chain.json")[1]
    odd = [json.dumps(json.loads(first) | {"sequence": sequence}).encode(), *rest]
    assert "chain.json" in failures(zipped(signed(rehashed(with_rows(files, "chain.json", odd)))))


def test_the_hash_that_the_ledger_has_is_that_of_the_manifest(files):
    made = Operation.objects.get(action="evidence.make")
    assert made.after["manifestSha256"] == hashlib.sha256(files[MANIFEST]).hexdigest()
    assert (made.outcome, made.actor_name, made.reason) == ("succeeded", "iris", "the yearly audit")
    assert chain_verify.verify().holds


def test_the_access_log_of_the_period_is_in_the_pack_and_none_of_it_can_be_taken_out_or_changed(db: None) -> None:
    evidence.organization()
    for name in ("eve", "mallory"):
        record_access(AccessKind.REFUSED_SIGN_IN, typed_name=name, refused_because="There is no account of this name.")
    pack = evidence.packed()
    assert "access_log.json: 2 entries, each as its entries" in "\n".join(line.words for line in told(pack).lines)
    files = unpacked(pack)
    less = with_rows(files, "access_log.json", rows(files, "access_log.json")[1][1:])
    other = changed(files, "access_log.json", '"eve"', '"bob"')
    for forged, words in ((recounted(less, "access_log.json"), "is missing"), (other, 'its actor_name was "eve"')):
        found = failures(zipped(signed(rehashed(forged))))
        assert "Access log entry" in found
        assert words in found
