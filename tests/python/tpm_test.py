"""Real TPMs from Python: what follows from the seed, whatever the workers do, and refusals by name."""

from __future__ import annotations

import hashlib
import struct
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, List

import pytest

import tvdsim as tvd

COUNT = 16
SELECTION = {"sha1": [10], "sha256": [0, 10]}
private_only = pytest.mark.skipif(not tvd.TpmFleet(0).deterministic, reason="no private copies of libtpms on this machine")


def extend_command(pcr: int, digest: bytes) -> bytes:
    """TPM2_PCR_Extend in the SHA-256 bank, with the empty password."""
    session = struct.pack(">IHBH", 0x40000009, 0, 0, 0)
    body = struct.pack(">II", pcr, len(session)) + session + struct.pack(">IH", 1, 0x000B) + digest
    return struct.pack(">HII", 0x8002, 10 + len(body), 0x182) + body


def random_command(size: int) -> bytes:
    return struct.pack(">HIIH", 0x8001, 12, 0x17B, size)


def day(seed: int, workers: int) -> Dict[str, Any]:
    """Every TPM measures thrice, draws random bytes and quotes, on its home worker."""
    fleet = tvd.TpmFleet(COUNT, seed, workers)
    commands = [[extend_command(10, bytes([i, n] * 16)) for n in range(3)] + [random_command(16)] for i in range(COUNT)]
    answers = fleet.execute_all(commands)
    quotes = fleet.quote_all([bytes([i]) * 20 for i in range(COUNT)], SELECTION)
    return {"answers": answers, "quotes": [(q.attest, q.signature) for q in quotes], "keys": [t.ak_public_pem for t in fleet],
            "digest": fleet.state_digest(), "share": fleet.commands_per_worker, "fleet": fleet}


@private_only
def test_one_seed_gives_the_same_tpms_at_any_number_of_workers() -> None:
    one = day(7, 1)
    for workers in (2, 4):
        more = day(7, workers)
        assert more["fleet"].workers == workers == len(more["share"])
        for what in ("answers", "quotes", "keys", "digest"):
            assert more[what] == one[what], (what, workers)
    assert len(set(one["keys"])) == COUNT, "two TPMs, one key"


@private_only
def test_two_workers_share_the_work() -> None:
    share = day(7, 2)["share"]
    print("commands per worker", share)
    assert min(share) >= 0.3 * sum(share)


@private_only
def test_another_seed_gives_other_keys_and_names_make_twins() -> None:
    seven, eight = day(7, 2), day(8, 2)
    assert not set(seven["keys"]) & set(eight["keys"]) and seven["digest"] != eight["digest"]
    one, two, other = tvd.TpmFleet(names=["h1", "h1", "h2"], seed=3)
    assert one.ak_public_pem == two.ak_public_pem != other.ak_public_pem


def test_the_order_of_measurements_is_in_the_state() -> None:
    fleets = [tvd.TpmFleet(1, 7) for _ in range(2)]
    for fleet, order in zip(fleets, (("aa", "bb"), ("bb", "aa"))):
        for digest in order:
            fleet[0].extend(10, digest * 32)
    assert fleets[0].state_digest() != fleets[1].state_digest()


def test_a_pcr_is_the_hash_of_what_it_was_and_the_digest() -> None:
    tpm = tvd.TpmFleet(1)[0]
    held = bytes(32)
    for digest in (b"\x01" * 32, b"\x02" * 32):
        tpm.extend(10, digest.hex())
        held = hashlib.sha256(held + digest).digest()
        assert tpm.pcr(10) == held.hex()
    tpm.extend(10, "ab" * 20, bank="sha1")
    assert tpm.pcr(10, "sha1") == hashlib.sha1(bytes(20) + b"\xab" * 20).hexdigest()
    assert tpm.pcr(10) == held.hex() and tpm.pcr(17) == "ff" * 32
    tpm.power_cycle()
    assert tpm.pcr(10) == "00" * 32


def test_a_quote_holds_and_its_key_survives_power_off() -> None:
    tpm = tvd.TpmFleet(1, seed=7)[0]
    tpm.extend(10, "ab" * 32)
    key = tpm.ak_public_pem
    quote = tpm.quote(b"a question", SELECTION)
    assert isinstance(quote, tvd.Quote) and quote.selection == SELECTION and quote.nonce == b"a question"
    assert quote.verify(key, b"a question", tpm.pcrs(quote.selection)).reason == "ok"
    tpm.extend(10, "cd" * 32)
    assert quote.verify(key, b"a question", tpm.pcrs(quote.selection)).reason == "pcr_digest"
    tpm.power_cycle()
    assert tpm.ak_public_pem == key
    assert tpm.quote(b"", {"sha256": [0]}).verify(key, b"", tpm.pcrs({"sha256": [0]}))


def test_a_tpm_refuses_by_the_name_of_its_response_code() -> None:
    tpm = tvd.TpmFleet(1)[0]
    with pytest.raises(tvd.WorldError) as refused:
        tpm.extend(17, "ab" * 32)  # only a dynamic launch may
    assert refused.value.name == "TPM_RC_LOCALITY" and "TPM2_PCR_Extend" in refused.value.what
    answer = tpm.execute(bytes.fromhex("8001 0000000c 00000144 0000"))  # TPM2_Startup once more
    code = tvd.ResponseCode.of(int.from_bytes(answer[6:10], "big"))
    assert code.name == "TPM_RC_INITIALIZE" and code.meaning and code.help
    assert tvd.ResponseCode.of(0x1D5).parameter == 1 and tvd.ResponseCode.of(0x1D5).name == "TPM_RC_SIZE"
    assert "TPM_RC_RETRY" in str(tvd.ResponseCode.of(0x922))


@pytest.mark.parametrize("wrong", [
    lambda t: t.extend(24, "ab" * 32), lambda t: t.extend(10, "ab" * 20), lambda t: t.extend(10, "zz" * 32), lambda t: t.pcr(-1),
    lambda t: t.pcr(0, "sha265"), lambda t: t.quote(b"x" * 65, {"sha256": [0]}), lambda t: t.quote(b"", {}), lambda t: t.execute("text"),
    lambda t: t.quote(b"", {"sha256": [24]}), lambda t: t.execute(b"", locality=5), lambda t: tvd.TpmFleet(), lambda t: tvd.TpmFleet(-1),
    lambda t: tvd.TpmFleet(1, workers=0), lambda t: tvd.TpmFleet(2, names=["one"]), lambda t: tvd.TpmFleet(1).execute_all([]),
    lambda t: tvd.TpmFleet(1).quote_all([b"", b""], {"sha256": [0]}), lambda t: tvd.TpmFleet(True), lambda t: tvd.ResponseCode.of(2**32)])
def test_what_no_tpm_takes_is_your_input(wrong: Any) -> None:
    tpm = tvd.TpmFleet(1)[0]
    before = tpm.pcr(10)
    with pytest.raises(tvd.InputError):
        wrong(tpm)
    assert tpm.pcr(10) == before


def test_garbage_gets_an_answer_of_a_tpm() -> None:
    tpm = tvd.TpmFleet(1)[0]
    for command in (b"", b"\x80", bytes(10), b"\xff" * 100, random_command(4)[:-1]):
        answer = tpm.execute(command)
        assert len(answer) >= 10 and int.from_bytes(answer[6:10], "big") != 0
    assert len(tpm.execute(random_command(4))) == 16


def test_threads_of_python_may_share_a_fleet() -> None:
    fleet = tvd.TpmFleet(4, workers=2)

    def visit(n: int) -> List[str]:
        fleet[n % 4].extend(n % 16, "ab" * 32)
        return [tpm.pcr(n % 16) for tpm in fleet]

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(visit, range(64)))
    assert all(len(row) == 4 for row in seen) and sum(fleet.commands_per_worker) >= 64 * 5


@private_only
def test_parking_as_blobs_gives_the_same_tpms() -> None:
    fleets = [tvd.TpmFleet(6, seed=3, parking=way) for way in ("segments", "blobs")]
    assert [f.parking for f in fleets] == ["segments", "blobs"]
    said = [f.execute_all([[extend_command(10, bytes([i] * 32)), random_command(8)] for i in range(6)]) for f in fleets]
    assert said[0] == said[1] and fleets[0].state_digest() == fleets[1].state_digest()
    with pytest.raises(tvd.InputError):
        tvd.TpmFleet(1, parking="ram")


@private_only
def test_a_snapshot_comes_back_and_a_changed_one_is_refused() -> None:
    tpm, other = tvd.TpmFleet(2, seed=3)
    tpm.extend(10, "ab" * 32)
    state, before = tpm.save(), tpm.state_digest()
    tpm.extend(10, "cd" * 32)
    assert tpm.state_digest() != before
    tpm.load(state)
    assert tpm.state_digest() == before
    other.load(state)
    assert other.pcr(10) == tpm.pcr(10) and other.ak_public_pem == tpm.ak_public_pem
    with pytest.raises(tvd.WorldError) as told:
        tpm.load(tvd.TpmState(state.permanent[:-1] + b"x", state.running, state.digest))
    assert told.value.name == "state_digest" and tpm.state_digest() == before
    with pytest.raises(tvd.InputError):
        tpm.load(b"bytes")  # type: ignore[arg-type]


@private_only
def test_clones_share_an_identity_or_have_their_own() -> None:
    fleet = tvd.TpmFleet(1, seed=3)
    fleet[0].extend(10, "ab" * 32)
    twin, fresh = fleet.clone(fleet[0], "twin", "shared"), fleet.clone(fleet[0], "fresh")
    assert len(fleet) == 3 and fleet[2] is fresh
    assert twin.ak_public_pem == fleet[0].ak_public_pem != fresh.ak_public_pem
    assert fresh.pcr(10) == twin.pcr(10) == fleet[0].pcr(10)
    for wrong in (lambda: fleet.clone(tvd.TpmFleet(1)[0], "x"), lambda: fleet.clone(twin, ""), lambda: fleet.clone(twin, "x", "half")):
        with pytest.raises(tvd.InputError):
            wrong()


@private_only
def test_what_goes_wrong_with_one_tpm_changes_no_other() -> None:
    fleet = tvd.TpmFleet(4, seed=3, workers=2)
    before, state = [t.state_digest() for t in fleet], fleet[1].save()
    fleet[1].fail("failure_mode")
    assert tvd.ResponseCode.of(struct.unpack(">HII", fleet[1].execute(random_command(8))[:10])[2]).name == "TPM_RC_FAILURE"
    fleet[1].power_cycle()
    fleet[1].fail("power_cut", random_command(8))
    assert tvd.ResponseCode.of(struct.unpack(">HII", fleet[1].execute(random_command(8))[:10])[2]).name == "TPM_RC_INITIALIZE"
    fleet[1].fail("worker_crash", random_command(8))
    with pytest.raises(tvd.WorldError) as told:
        fleet[1].pcr(10)
    assert told.value.name == "tpm_lost"
    fleet[1].load(state)
    assert [t.state_digest() for t in fleet] == before
    with pytest.raises(tvd.InputError):
        fleet[1].fail("rust")
