"""TPM 1.2s from Python: PCRs, quotes that the library verifies, states that go on elsewhere."""

import hashlib

import pytest

import tvdsim as tvd

NONCE = bytes(range(20))


@pytest.fixture(name="fleet")
def _fleet() -> tvd.Tpm12Fleet:
    if not tvd.TpmFleet(1).deterministic:
        pytest.skip("no private copies of libtpms on this machine")
    return tvd.Tpm12Fleet(2, seed=7)


def test_pcrs_are_extended_as_sha1_says(fleet: tvd.Tpm12Fleet) -> None:
    fleet[0].extend(10, "ab" * 20)
    assert fleet[0].pcr(10) == hashlib.sha1(bytes(20) + bytes.fromhex("ab" * 20)).hexdigest()
    assert fleet[1].pcr(10) == "00" * 20
    with pytest.raises(tvd.InputError):
        fleet[0].extend(10, "ab" * 32)
    with pytest.raises(tvd.InputError):
        fleet[0].extend(24, "ab" * 20)


def test_quotes_verify_and_change_with_what_they_are_about(fleet: tvd.Tpm12Fleet) -> None:
    tpm = fleet[0]
    tpm.extend(10, "ab" * 20)
    quote = tpm.quote(NONCE, [3, 10])
    pcrs = {"sha1": {n: tpm.pcr(n) for n in (3, 10)}}
    assert quote.tpm12
    assert quote.verify(tpm.quote_key_pem, NONCE, pcrs).reason == "ok"
    assert quote.verify(tpm.quote_key_pem, bytes(20), pcrs).reason != "ok"
    tpm.extend(10, "cd" * 20)
    assert quote.verify(tpm.quote_key_pem, NONCE, {"sha1": {n: tpm.pcr(n) for n in (3, 10)}}).reason != "ok"
    assert quote.verify(fleet[1].quote_key_pem, NONCE, pcrs).reason != "ok"
    with pytest.raises(tvd.InputError):
        tpm.quote(b"short", [10])


def test_states_go_on_elsewhere_and_changed_ones_nowhere(fleet: tvd.Tpm12Fleet) -> None:
    fleet[0].extend(10, "ab" * 20)
    state = fleet[0].save()
    there = tvd.Tpm12Fleet(0, seed=8).load("h1", state)
    assert there.pcr(10) == fleet[0].pcr(10)
    changed = tvd.TpmState(state.permanent[:-1] + bytes([state.permanent[-1] ^ 1]), state.running, state.digest)
    with pytest.raises(tvd.WorldError) as refused:
        fleet.load("h2", changed)
    assert refused.value.name == "state_digest"
    assert len(fleet) == 2
