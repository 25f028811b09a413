"""Reference values from Python and from the command line: lists of other tools, what is said of digests, manifests that are signed."""

# F-151
from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from pathlib import Path

import pytest

import tvdsim as tvd

GOOD, OTHER = (hashlib.sha256(text).hexdigest() for text in (b"nginx 1.24.0-3", b"nginx 1.24.0-2"))
MANIFEST = f"tvdsim-references 1\nsource nginx 1.24.0-3\nadd sha256:{GOOD} file /usr/sbin/nginx\n".encode()


def openssl(*arguments: str, cwd: Path) -> None:
    subprocess.run(["openssl", *arguments], cwd=cwd, check=True, capture_output=True)


@pytest.fixture(name="signed")
def _signed(tmp_path: Path) -> Path:
    """A folder with a vendor's public key, a manifest and its signature, made by OpenSSL's own program."""
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "key.pem", cwd=tmp_path)
    openssl("ec", "-in", "key.pem", "-pubout", "-out", "vendor.pem", cwd=tmp_path)
    (tmp_path / "update.manifest").write_bytes(MANIFEST)
    openssl("dgst", "-sha256", "-sign", "key.pem", "-out", "update.sig", "update.manifest", cwd=tmp_path)
    return tmp_path


def verb(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "tvdsim", "references", *words], cwd=folder, text=True, capture_output=True, check=False)


def test_what_is_said_of_a_digest_changes_what_it_is() -> None:
    store, now = tvd.ReferenceStore(), time.time_ns()
    assert not store.look_up("/usr/sbin/nginx", f"sha256:{GOOD}")
    assert store.import_list(f"{GOOD}  usr/sbin/nginx\n".encode(), where="SHA256SUMS")
    assert store.look_up("/usr/sbin/nginx", f"sha256:{GOOD}").standing == "good" and len(store) == 1
    assert store.look_up("/usr/sbin/nginx", f"sha256:{OTHER}").standing == "unknown"
    store.annotate(f"sha256:{GOOD}", "vulnerable", "CVE-2026-0001")
    found = store.look_up("/usr/sbin/nginx", f"sha256:{GOOD}")
    assert not found and found.standing == "vulnerable" and "CVE-2026-0001" in found.annotation
    store.annotate(f"sha256:{GOOD}", "good", "CVE-2026-0001")
    store.retire("/usr/sbin/nginx", f"sha256:{GOOD}", grace="30 s")
    assert store.look_up("/usr/sbin/nginx", f"sha256:{GOOD}")
    store.at(now + 60_000_000_000)
    assert store.look_up("/usr/sbin/nginx", f"sha256:{GOOD}").standing == "outdated"
    assert len(store.history) == 4


def test_a_manifest_counts_when_somebody_trusted_signed_it(signed: Path) -> None:
    store = tvd.ReferenceStore(signed / "refs.db")
    signature = (signed / "update.sig").read_bytes()
    refused = store.import_manifest(MANIFEST, signature, "vendor")
    assert not refused and refused.reason and len(store) == 0
    store.trust("vendor", (signed / "vendor.pem").read_bytes())
    assert store.signers == ("vendor",)
    assert not store.import_manifest(MANIFEST.replace(b"nginx 1", b"nginx 2"), signature, "vendor")
    assert store.import_manifest(MANIFEST, signature, "vendor")
    found = store.look_up("/usr/sbin/nginx", f"sha256:{GOOD}")
    assert found and found.importer == "vendor" and "nginx 1.24.0-3" in found.source
    assert [row.result for row in tvd.ReferenceStore(signed / "refs.db").history].count("done") == 1


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"zz  /bin/sh\n", b'{"digests": 3}', b"tvdsim-references 1\nforget it\n"])
def test_a_list_that_is_none_is_refused_and_nothing_of_it_is_kept(data: bytes) -> None:
    store = tvd.ReferenceStore()
    with pytest.raises(tvd.InputError):
        store.import_list(data)
    assert len(store) == 0


def test_the_verb_keeps_a_store_in_a_file(signed: Path) -> None:
    (signed / "SHA256SUMS").write_text(f"{OTHER}  /usr/sbin/nginx\n")
    assert verb(signed, "import", "refs.db", "SHA256SUMS").returncode == 0
    assert verb(signed, "look-up", "refs.db", "/usr/sbin/nginx", f"sha256:{OTHER}").returncode == 0
    assert verb(signed, "annotate", "refs.db", f"sha256:{OTHER}", "vulnerable", "CVE-2026-0001").returncode == 0
    told = verb(signed, "look-up", "refs.db", "/usr/sbin/nginx", f"sha256:{OTHER}")
    assert told.returncode == 1 and "vulnerable" in told.stdout
    update = ("import", "refs.db", "update.manifest", "--signature", "update.sig", "--signer", "vendor")
    assert verb(signed, *update).returncode == 1
    assert verb(signed, "trust", "refs.db", "vendor", "vendor.pem").returncode == 0
    assert verb(signed, *update).returncode == 0
    assert verb(signed, "look-up", "refs.db", "/usr/sbin/nginx", f"sha256:{GOOD}").returncode == 0
    assert "vendor" in verb(signed, "history", "refs.db").stdout
    wrong = verb(signed, "look-up", "refs.db", "/usr/sbin/nginx", "sha256:zz")
    assert wrong.returncode == 2 and "TVD-103" in wrong.stderr and "Traceback" not in wrong.stderr
