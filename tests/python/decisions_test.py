"""Decision logs of a run, from Python and from the command line: what was done to them is found."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path
from typing import List

import pytest
from small_scenarios import cli, two_tenants

import tvdsim as tvd
from tvdsim.decisions import parse_anchor, verify_log


def _scenario() -> tvd.Scenario:
    made = two_tenants()
    made.decision_log = True
    made.host("h3", memory="8 GiB", tpm=True)
    made.vm("bolt2", label="bolt", on="h3", memory="1 GiB")
    return made


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tvd.Run:
    return _scenario().run(until="30 s", out=tmp_path_factory.mktemp("runs") / "a")


@pytest.fixture
def copy(run: tvd.Run, tmp_path: Path) -> tvd.Run:
    return tvd.Run(shutil.copytree(run.directory, tmp_path / "copy"))


def test_a_run_keeps_a_log_per_host_and_all_of_them_hold(run: tvd.Run) -> None:
    assert {"h1", "h2", "h3"} <= set(run.decision_log)
    found = run.decision_log.verify()
    assert found and not found.findings
    assert sum(log.decisions for log in found.logs) == run.manifest["decisions"]
    assert sum(log.deny for log in found.logs) == run.manifest["denied"] == 1
    assert all(log.anchored == log.entries for log in found.logs)
    assert "pcr12_sha256" in {f["host"]: f for f in run.manifest["decision_logs"]}["h3"]


def test_its_entries_are_the_decisions_of_the_run(run: tvd.Run) -> None:
    rows = run.decision_log["h2"].rows()
    table = [r for r in run.rows("decisions") if r["host"] == "h2"]
    assert [(r["hook"], r["verdict"], r["rule"]) for r in rows] == [(r["hook"], r["verdict"], r["rule"]) for r in table]
    assert [r["time_ns"] for r in rows] == [round(r["time_s"] * 1e9) for r in table]


def test_without_the_switch_there_is_none(tmp_path: Path) -> None:
    made = two_tenants().run(until="10 s", out=tmp_path / "a")
    with pytest.raises(tvd.InputError) as problem:
        made.decision_log
    assert problem.value.code == "TVD-130"


def test_the_switch_survives_the_way_through_a_spec() -> None:
    assert tvd.Scenario.from_spec(_scenario().to_spec("10 s")).decision_log


def test_an_edit_is_found_and_named(copy: tvd.Run) -> None:
    path = copy.decision_log["h1"].path
    data = bytearray(path.read_bytes())
    data[64 + 64 + 1] ^= 2  # the verdict of the first decision
    path.write_bytes(data)
    found = copy.decision_log.verify()
    assert not found and [f.code for f in found.findings] == ["TVD-542"] and "h1.audit" in str(found)


def test_a_cut_inside_a_block_and_one_at_its_end_are_found(copy: tvd.Run) -> None:
    path = copy.decision_log["h1"].path
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    assert [f.code for f in copy.decision_log.verify().findings] == ["TVD-543"]
    path.write_bytes(whole[:64])
    assert [f.code for f in copy.decision_log.verify().findings] == ["TVD-550"]
    assert verify_log(whole[:64]), "without an anchor it is only a log that never began"


def test_an_older_log_with_its_older_anchors_and_manifest_does_not_lead_to_the_pcr(copy: tvd.Run) -> None:
    log = copy.decision_log["h3"]
    held = {f["host"]: f for f in copy.manifest["decision_logs"]}["h3"]["pcr12_sha256"]
    log.path.write_bytes(log.path.read_bytes()[:64])
    log.path.with_suffix(".anchors").write_text("")
    manifest = json.loads((copy.directory / "manifest.json").read_text())
    for facts in manifest["decision_logs"]:
        if facts["host"] == "h3":
            facts.update(entries=0, decisions=0, pcr12_sha256="00" * 32)
    (copy.directory / "manifest.json").write_text(json.dumps(manifest))
    rolled_back = tvd.Run(copy.directory)
    assert rolled_back.decision_log.verify(), "who has everything can make it fit together"
    found = rolled_back.decision_log.verify(pcrs={"h3": held})
    assert not found and [log.trouble for log in found.logs if not log] == ["other_pcr"]


def test_a_log_of_several_files_is_one(copy: tvd.Run) -> None:
    log = copy.decision_log["h1"]
    whole, cuts = log.bytes(), []
    at = 64
    while at < len(whole):
        cuts.append(at)
        at += 96 + 64 * struct.unpack_from("<I", whole, at + 4)[0]
    log.path.write_bytes(whole[:cuts[0]])
    log.path.with_name("h1@2.audit").write_bytes(whole[cuts[0]:])
    assert len(log.files) == 2 and copy.decision_log.verify()
    log.path.with_name("h1@2.audit").unlink()
    assert not copy.decision_log.verify()


def _say(*words: str) -> "tuple[int, str]":
    done = cli(*words)
    return done.returncode, done.stdout


def test_the_command_line_says_yes_or_what_is_wrong(copy: tvd.Run) -> None:
    status, text = _say("log", "decisions", str(copy.directory))
    assert status == 0 and "h1.audit: " in text and "entries anchored" in text
    log = copy.decision_log["h3"]
    entries, chain = log.anchors()[-1]
    facts = {f["host"]: f for f in copy.manifest["decision_logs"]}["h3"]
    status, text = _say("log", "decisions", str(log.path), "--anchor", f"{entries}:{chain}", "--pcr", facts["pcr12_sha256"])
    assert status == 0, text
    status, text = _say("log", "decisions", str(log.path), "--anchor", f"{entries}:{'00' * 32}", "--json")
    assert status == 1 and json.loads(text)["trouble"] == "rewritten"
    status, text = _say("log", "decisions", str(log.path), "--pcr", "11" * 32, "--json")
    assert status == 1 and json.loads(text)["findings"][0]["code"] == "TVD-549"


def test_words_that_mean_nothing_are_refused(run: tvd.Run) -> None:
    wrong: List[List[str]] = [["log", "decisions", str(run.directory), "--anchor", "1:" + "0" * 64], ["log", "decisions", "nowhere.audit"],
                              ["log", "decisions", str(run.decision_log["h1"].path), "--anchor", "one"], ["log", "a", "b"],
                              ["log", "decisions", str(run.decision_log["h1"].path), "--pcr", "xyz"]]
    for words in wrong:
        assert _say(*words)[0] == 2, words
    with pytest.raises(tvd.InputError):
        parse_anchor("12 abc")
