"""SSH public keys: what is one, and why something is not."""

from __future__ import annotations

import shutil
import subprocess
from base64 import b64decode, b64encode
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from environments.actions.forms.keys import FIELDS, PublicKey, is_private, read_key
from tests.support.editor import ECDSA, ECDSA_FINGERPRINT, ED25519, ED25519_FINGERPRINT


def packed(*fields: bytes) -> bytes:
    return b"".join(len(field).to_bytes(4) + field for field in fields)


def line(kind: str, *fields: bytes) -> str:
    return f"{kind} {b64encode(packed(kind.encode(), *fields)).decode()}"


@pytest.mark.parametrize(("text", "fingerprint"), [(ED25519, ED25519_FINGERPRINT), (ECDSA, ECDSA_FINGERPRINT)])
def test_a_fingerprint_is_the_one_that_everybody_knows(text: str, fingerprint: str) -> None:
    key = read_key(f"{text} github.com and more ")
    assert key.fingerprint == fingerprint
    assert key.comment == "github.com and more"
    assert read_key(key.line) == key


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen here to compare with")
@pytest.mark.parametrize("options", [["-t", "ed25519"], ["-t", "rsa", "-b", "2048"], ["-t", "ecdsa", "-b", "521"]])
def test_a_fingerprint_is_the_one_ssh_keygen_shows(tmp_path: Path, options: list[str]) -> None:
    file = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-C", "ann", "-f", str(file), *options], check=True)
    shown = subprocess.run(["ssh-keygen", "-l", "-f", f"{file}.pub"], check=True, capture_output=True, text=True).stdout
    key = read_key(Path(f"{file}.pub").read_text())
    assert key.fingerprint == shown.split()[1]
    with pytest.raises(ValueError, match="private key"):
        read_key(file.read_text())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no type of key"),
        ("hello world", "no type of key"),
        ("ssh-dss AAAAB3NzaC1kc3M=", "no type of key"),
        ("ssh-ed25519", "no key after its type"),
        (ED25519[:-1], "not base64"),
        (ED25519[:-4], "cut short"),
        (ED25519.replace("IOMq", "IO!q"), "not base64"),
        (ED25519.replace("ssh-ed25519 ", "ssh-rsa "), "another type"),
        (f'command="ls" {ED25519}', "options before the key"),
        (line("ssh-ed25519", b"x" * 31), "length or curve"),
        (line("ssh-ed25519", b"x" * 32, b"more"), "lacks parts"),
        (line("ssh-rsa", b"\1\0\1"), "lacks parts"),
        (line("ssh-rsa", b"\1\0\1", b""), "lacks parts"),
        (line("ecdsa-sha2-nistp256", b"nistp384", b"x" * 65), "length or curve"),
        ("ssh-rsa AAAA", "cut short"),
        ("---- BEGIN SSH2 PUBLIC KEY ----", "ssh-keygen -i"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "private key"),
    ],
)
def test_what_is_no_key_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_key(text)


def test_private_keys_of_all_makers_are_recognized() -> None:
    for text in ("-----BEGIN RSA PRIVATE KEY-----\nMII", "PuTTY-User-Key-File-3: ssh-ed25519"):
        assert is_private(text)
    assert not is_private(ED25519)


@given(st.binary(min_size=32, max_size=32), st.text("ab @-.☂", max_size=20))
def test_every_ed25519_key_is_read_and_written_back(body: bytes, comment: str) -> None:
    text = f"{line('ssh-ed25519', body)} {comment}"
    key = read_key(text)
    assert key.blob == packed(b"ssh-ed25519", body) == b64decode(text.split()[1])
    assert read_key(key.line) == PublicKey(key.kind, key.blob, comment.strip())


@given(st.one_of(st.text(max_size=60), st.builds("{} {}".format, st.sampled_from(list(FIELDS)), st.text(max_size=60))))
def test_no_text_leads_to_anything_but_a_key_or_a_refusal(text: str) -> None:
    with suppress(ValueError):
        assert read_key(text).fingerprint.startswith("SHA256:")


@given(st.sampled_from(list(FIELDS)), st.binary(max_size=80))
def test_no_blob_leads_to_anything_but_a_key_or_a_refusal(kind: str, blob: bytes) -> None:
    with suppress(ValueError):
        assert read_key(f"{kind} {b64encode(blob).decode()}").blob == blob
