"""Evidence: what is in a pack, and the commands that make and verify one."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.utils import timezone

from environments.as_of.clock import at as now
from environments.as_of.clock import written
from environments.as_of.context import AsOf
from environments.audit.query import AUDITS
from environments.evidence import signing
from environments.evidence.manifest import MANIFEST, SIGNATURE
from environments.models import Environment, Phase, SpecificationVersion
from environments.policies.policy import policy_at
from environments.policies.verdict import Facts, with_stops
from portal.ledger.access_log.recording import record_access
from portal.ledger.chain import verify as chain_verify
from portal.ledger.models import AccessKind, AuditLog, Entry, Operation
from tests.support import evidence, factories, operations
from tests.support.evidence import DAY, HOUR, Files, manifest_of, told, unpacked

pytestmark = pytest.mark.django_db
TABLES = ("environments", "versions", "lockdown", "archive", "transitions", "operations", "access_log", "onas_log")
ROOT = Path(__file__).parents[3]
KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


@pytest.fixture
def made(db: None) -> list[Environment]:
    return evidence.organization()


def rows(files: Files, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(files[f"{name}.json"])["rows"]
    return found


def cells(files: Files, name: str) -> Iterator[list[str]]:
    """The rows of a table in CSV."""
    table = csv.reader(io.StringIO(files[f"{name}.csv"].decode("utf-8-sig"), newline=""))
    body = [row for row in table if row[0] != "#"]
    yield from body[1:]


def command(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    """The exit code of verify_evidence, and what it said."""
    try:
        call_command("verify_evidence", *map(str, words))
    except CommandError as error:
        return error.returncode, capsys.readouterr().out + str(error)
    return 0, capsys.readouterr().out


def test_a_pack_that_was_just_made_holds_in_everything(made):
    report = told(evidence.packed())
    assert (report.code, report.found) == (0, 0)
    said = "\n".join(line.words for line in report.lines)
    for words in (
        "The archive is plain: 22 entries", "The signature is that of one of this portal's", "environments.csv: ",
        "operations.json: 6 operations, each as its entries in the chain record, and none missing",
        "the policy is that of the newest of 2 versions", "This portal's chain has the head still, as entry 12",
        "This portal's ledger has its making: operation ", "by iris",
    ):  # fmt: skip
        assert words in said
    assert report.summary == "The evidence holds: it is what the portal signed, whole and unchanged."


def test_the_manifest_says_what_it_is_and_of_when(made):
    since = timezone.now() - 30 * DAY
    files = unpacked(evidence.packed(since=since))
    manifest = manifest_of(files)
    newest = Entry.objects.get(sequence=12)
    assert manifest["organization"]["name"] == "Acme"
    assert (manifest["made_by"], manifest["reason"]) == ("iris", "the yearly audit")
    assert (manifest["since"], manifest["moment"]) == (written(since), manifest["made_at"])
    assert manifest["head"] == {"sequence": 12, "hash": newest.hash}
    assert [file["name"] for file in manifest["files"]] == list(files)[:-2]
    assert {file["name"]: file["rows"] for file in manifest["files"]} == {
        name: len(rows(files, name.partition(".")[0])) if name.partition(".")[0] in (*TABLES, "chain") else None
        for name in list(files)[:-2]
    }


def test_what_is_told_by_specifications_can_be_held_against_their_versions(made):
    present, now_ = timezone.now(), made[0]
    port = {"port": 8080, "admission": "ADMISSION_LEVEL_EVERYONE"}
    open_ = {"desiredPhase": Phase.RUNNING, "timeout": {"disconnected": "0s"}, "ports": [port]}
    secret = {"secrets": [{"name": "TOKEN", "value": "hunter2"}]}
    for number, (spec, days) in enumerate([(secret, 15), (open_ | secret, 10), (secret, 1)], 3):
        SpecificationVersion.objects.create(
            environment=now_, spec_version=number, spec=spec, old_seen_at=present - (days + 1) * DAY,
            seen_at=present - days * DAY,
        )  # fmt: skip
    then = unpacked(evidence.packed(moment=present - 2 * DAY))
    (version,) = (row for row in rows(then, "versions") if row["environment_id"] == str(now_.pk))
    names = ("spec_version", "desired_phase", "never_stops", "open_to_everyone")
    assert [version[name] for name in names] == [4, "running", True, True]
    assert (version["old_seen_at"], version["seen_at"]) == (written(present - 11 * DAY), written(present - 10 * DAY))
    (row,) = (row for row in rows(then, "environments") if row["id"] == version["environment_id"])
    assert [row[name] for name in names] == [version[name] for name in names]
    newest = rows(unpacked(evidence.packed()), "versions")
    assert {row["environment_id"]: row["spec_version"] for row in newest} == {str(now_.pk): 5, str(made[1].pk): 1}
    before = rows(unpacked(evidence.packed(moment=present - 17 * DAY)), "versions")
    assert [row["environment_id"] for row in before] == [str(made[1].pk)]
    assert b"hunter2" not in b"".join(then.values())


def test_a_pack_from_before_there_were_versions_in_it_holds_too(made):
    files = unpacked(evidence.packed())
    older = {name: content for name, content in files.items() if not name.startswith("versions.")}
    manifest = manifest_of(older)
    manifest["files"] = [file for file in manifest["files"] if file["name"] in older]
    older[MANIFEST] = msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
    older[SIGNATURE] = signing.sign(older[MANIFEST])
    report = told(evidence.zipped(older), has_portal=False)
    assert (report.code, report.found) == (0, 0)
    assert not [line for line in report.lines if "versions.csv" in line.words]


def test_both_forms_of_a_table_have_the_same_rows(made):
    record_access(AccessKind.SIGNED_IN, typed_name="ann")
    files = unpacked(evidence.packed())
    for name in TABLES:
        first = [str(row[0]) for row in cells(files, name)]
        assert first == [str(next(iter(row.values()))) for row in rows(files, name)], name
        assert first


def test_the_tables_equal_what_the_pages_tell_of_the_moment(made):
    moment = timezone.now() - 6 * HOUR
    for pack, past in ((evidence.packed(), None), (evidence.packed(moment=moment), moment)):
        files = unpacked(pack)
        with AsOf(past).reading():
            at = now() if past else datetime.fromisoformat(manifest_of(files)["moment"])
            known = {str(row.pk): row for row in with_stops(Environment.objects.all())}
        assert {row["id"]: row["phase"] for row in rows(files, "environments")} == {
            pk: Phase(row.phase).label for pk, row in known.items()
        }
        for slug, audit in AUDITS.items():
            assert {row["id"]: row["status"] for row in rows(files, slug)} == {
                pk: audit.judge(Facts.of(row), policy_at(at), at).status for pk, row in known.items()
            }


def test_onas_own_log_of_the_period_is_in_it_as_it_came(made):
    files = unpacked(evidence.packed(since=timezone.now() - 7 * DAY))
    first, second = AuditLog.objects.filter(at__gte=timezone.now() - 7 * DAY).order_by("at")
    assert [(row["id"], row["subject_id"], row["action"]) for row in rows(files, "onas_log")] == [
        (str(each.pk), str(made[1].pk), "update spec") for each in (first, second)
    ]
    assert json.loads(files["onas_log.json"])["head"]["onas_log"]["state"] == "never"


def test_a_past_moment_is_told_as_it_was_known_then(made):
    moment = timezone.now() - 6 * HOUR
    files = unpacked(evidence.packed(moment=moment))
    by_name = {row["name"]: row for row in rows(files, "environments")}
    assert by_name["quiet-otter"]["phase"] == "starting"
    assert manifest_of(files)["moment"] == written(moment)
    assert rows(files, "transitions")[-1]["seen_at"] < written(moment)
    assert json.loads(files["policies.json"])["policy"]["maximum_lifetime_seconds"] == 30 * 86_400
    long_ago = unpacked(evidence.packed(moment=timezone.now() - 60 * HOUR))
    assert json.loads(long_ago["policies.json"])["policy"]["maximum_lifetime_seconds"] == 7 * 86_400
    assert told(evidence.packed(moment=moment)).code == 0


def test_times_without_sweeps_are_told(made):
    seen = json.loads(unpacked(evidence.packed(since=timezone.now() - 10 * DAY))["observation.json"])
    assert seen["moment_was_observed"]
    assert seen["gaps"][0]["from"] == seen["since"]
    assert seen["gaps"][0]["why"] == "no sync succeeded"


def test_only_the_operations_of_the_period_are_told_with_every_link_from_then_on(made):
    first = timezone.now()
    mine = operations.operation(reason="within", ago=timedelta(0))
    files = unpacked(evidence.packed(since=first))
    assert [row["id"] for row in rows(files, "operations")] == [str(mine.pk)]
    entries = rows(files, "chain")
    assert [entry["sequence"] for entry in entries] == [12, 13, 14]
    assert [entry["content"] is None for entry in entries] == [True, False, False]
    assert told(evidence.packed(since=first)).code == 0


def test_only_the_parts_asked_for_go_in(made):
    pack = evidence.packed(parts=("transitions",))
    assert list(unpacked(pack)) == [
        "README.txt", "transitions.csv", "transitions.json", "policies.json", "observation.json", MANIFEST, SIGNATURE
    ]  # fmt: skip
    report = told(pack)
    assert report.code == 0
    assert any("operations are not in this pack" in line.words for line in report.lines)


def test_a_portal_that_has_seen_nothing_yet_makes_a_pack_too(db):
    pack = evidence.packed()
    assert told(pack).code == 0
    manifest = manifest_of(unpacked(pack))
    assert (manifest["head"], manifest["organization"]) == (None, {"id": None, "name": None})
    assert "unknown" in json.loads(unpacked(pack)["policies.json"])["policy"]["lifetime"]


def test_packs_stay_whole_while_the_chain_goes_on(made):
    first = evidence.packed()
    second = evidence.packed()
    operations.operation()
    assert told(first).code == told(second).code == 0
    assert [row["action"] for row in rows(unpacked(second), "operations")].count("evidence.make") == 1


def test_formulas_are_defused_and_hostile_names_stay_text(made):
    files = unpacked(evidence.packed())
    assert {row["name"] for row in rows(files, "environments")} >= {"=HYPERLINK(1)", "loud\nfox"}
    assert "'=HYPERLINK(1)" in {row[1] for row in cells(files, "environments")}


def test_every_key_from_before_is_known_still(made, settings):
    pack = evidence.packed()
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-secret-key"
    assert told(pack).code == 0
    settings.EVIDENCE_KEY = KEY
    assert told(pack).code == 0
    own = evidence.packed()
    assert manifest_of(unpacked(own))["public_key"] == "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="
    settings.SECRET_KEY_FALLBACKS = []
    assert (told(pack).code, told(own).code) == (2, 0)
    settings.EVIDENCE_KEY = "too short"
    with pytest.raises(ImproperlyConfigured):
        signing.public_key()


def test_no_key_is_in_the_pack_or_in_the_log(made, settings, caplog):
    settings.EVIDENCE_KEY = KEY
    content = b"".join(unpacked(evidence.packed()).values())
    for secret in (KEY, settings.SECRET_KEY, bytes(range(32)).hex()):
        assert secret.encode() not in content
        assert secret not in caplog.text


def test_openssl_verifies_the_signature(made, tmp_path: Path):
    files = unpacked(evidence.packed())
    (tmp_path / "key.pem").write_text(signing.public_key().pem)
    for name in (MANIFEST, SIGNATURE):
        (tmp_path / name).write_bytes(files[name])
    words = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "key.pem", "-rawin"]
    done = subprocess.run(
        [*words, "-in", MANIFEST, "-sigfile", SIGNATURE], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "Verified Successfully" in done.stdout, done
    assert signing.public_key().pem in files["README.txt"].decode()


def test_the_command_makes_a_pack_and_the_other_verifies_it(made, tmp_path: Path, capsys):
    factories.user("Auditor", username="iris")
    path = tmp_path / "pack.zip"
    call_command("make_evidence", str(path), "--by", "iris", "--reason", "for the board", "--days", "7")
    assert "To verify it" in capsys.readouterr().out
    code, said = command(capsys, path)
    assert (code, said.splitlines()[-1]) == (
        0,
        "The evidence holds: it is what the portal signed, whole and unchanged.",
    )
    operation = Operation.objects.get(action="evidence.make")
    assert (operation.origin, operation.reason, operation.actor_name) == ("command", "for the board", "iris")
    head = chain_verify.Head(**manifest_of(unpacked(path.read_bytes()))["head"])
    assert command(capsys, path, "--head", str(head))[0] == 0
    assert command(capsys, path, "--head", "1" * 64)[0] == 1
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("make_evidence", str(path), "--by", "iris", "--reason", "again")


def test_the_exit_code_tells_unknown_from_broken(made, tmp_path: Path, capsys):
    path = tmp_path / "pack.zip"
    path.write_bytes(evidence.packed())
    other = signing.PublicKey(evidence.FOREIGN.public_key().public_bytes_raw())
    code, said = command(capsys, path, "--offline", "--public-key", other.text)
    assert code == 2
    assert "signed by an unknown key" in said
    (tmp_path / "key.pem").write_text(signing.public_key().pem)
    assert command(capsys, path, "--offline", "--public-key", tmp_path / "key.pem")[0] == 0
    assert command(capsys, path, "--offline", "--public-key", signing.public_key().text)[0] == 0
    path.write_bytes(path.read_bytes()[:-1])
    code, said = command(capsys, path)
    assert code == 1
    assert "NOT hold" in said
    assert command(capsys, tmp_path / "nothing.zip")[0] == 2


@pytest.mark.parametrize("more", [["--offline"], []])
def test_elsewhere_neither_a_secret_nor_a_database_is_needed(made, tmp_path: Path, more: list[str]):
    path = tmp_path / "pack.zip"
    path.write_bytes(evidence.packed())
    bare = {"PORTAL_SECRET_KEY": "none", "DATABASE_URL": "postgresql://127.0.0.1:1/none", "PATH": os.environ["PATH"]}
    words = [sys.executable, "manage.py", "verify_evidence", str(path), "--public-key", signing.public_key().text]
    done = subprocess.run([*words, *more], cwd=ROOT, env=bare, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    assert ("This portal's database is not at hand" in done.stdout) == (not more)
    assert "The evidence holds" in done.stdout


def test_the_public_key_is_printed(db, capsys):
    call_command("make_evidence", "--public-key")
    said = capsys.readouterr().out
    assert "BEGIN PUBLIC KEY" in said
    assert signing.public_key().text in said
    assert signing.public_key().fingerprint in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--by", "nobody", "--reason", "x"], "no active user nobody"),
        (["--by", "vera", "--reason", "x"], "no active user vera who may export"),
        (["--by", "iris"], "--reason"),
        (["--by", "iris", "--reason", "x", "--as-of", "soon"], "takes a time"),
    ],
)
def test_the_command_says_what_is_missing(made, tmp_path: Path, words, said):
    factories.user("Auditor", username="iris")
    factories.user("Viewer", username="vera")
    with pytest.raises(CommandError, match=said):
        call_command("make_evidence", str(tmp_path / "pack.zip"), *words)
    assert not (tmp_path / "pack.zip").exists()
