"""The whole testbed in one small story: VLANs, vTPMs, attestation, a migration, two attacks; and what a Run tells of it."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path

import pytest
from small_scenarios import story

import tvdsim as tvd


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tvd.Run:
    return story().run(until="50 s", out=tmp_path_factory.mktemp("runs") / "a")


def test_every_table_is_a_frame_with_units_in_its_columns(run: tvd.Run) -> None:
    for table in ("attestations", "frames", "migrations", "incidents", "probes", "measurements", "audits", "truth_executions",
                  "truth_compromises"):
        columns = list(getattr(run, table).columns)
        assert columns and not [c for c in columns if c.endswith("_ns")], table
    assert run.manifest["counts"]["frames"] == len(run.frames) > 0
    assert run.manifest["counts"]["measurements"] == len(run.measurements) > 0
    assert set(run.attestations["kind"]) == {"vm", "host"} and run.attestations.index.name == "id"


def test_bulk_tables_read_the_same_with_and_without_numpy(run: tvd.Run) -> None:
    rows, frame = run.rows("frames"), run.frames
    assert len(rows) == len(frame) and rows[-1] == frame.iloc[-1].to_dict()
    columns = run.columns("frames")
    assert int(columns["time_ns"][-1]) == round(rows[-1]["time_s"] * 1e9)
    assert run.texts()[int(columns["place"][-1])] == rows[-1]["place"]
    with pytest.raises(tvd.InputError):
        run.columns("decisions")
    with pytest.raises(tvd.InputError) as refused:
        run.table("events")
    assert refused.value.code == "TVD-130" and "store_events" in refused.value.help


def test_the_story_ends_as_it_should(run: tvd.Run) -> None:
    moves = {m["vm"]: m for m in run.rows("migrations")}
    assert moves["acme1"]["result"] == "done" and moves["acme2"]["result"] == "refused" and "rivals" in moves["acme2"]["reason"]
    verdicts = [(a["time_s"], a["verdict"], a["entity"]) for a in run.rows("attestations") if a["subject"] == "bolt1"]
    assert verdicts[0][1] == "trusted" and verdicts[-1][1:] == ("untrusted", "/usr/sbin/sshd")
    bad = [c["time_s"] for c in run.rows("commands") if c["action"] == "tamper_file"]
    assert min(t for t, v, _ in verdicts if v == "untrusted") > bad[0]
    dropped = [f for f in run.rows("frames") if f["event"] == "dropped" and "tag of a VLAN" in f["reason"]]
    assert dropped and {p["result"] for p in run.rows("probes")} == {"answered", "lost"}


def test_one_screen_names_what_was_denied_found_and_left_out(run: tvd.Run) -> None:
    text = str(run)
    assert len(text.splitlines()) <= 75
    for part in ("denied", "attestations", "bolt1 is untrusted", "/usr/sbin/sshd", "compromised, in truth", "noticed after", "migrations",
                 "network", "checks that did not apply", "incidents"):
        assert part in text, part


def test_an_attestation_is_explained_down_to_the_file(run: tvd.Run) -> None:
    bad = int(run.attestations.query("verdict == 'untrusted'").index[0])
    told = run.explain(f"attestation:{bad}")
    assert told.verdict == "untrusted" and told.entity == "/usr/sbin/sshd" and told.measured
    for part in ("← decides", "/usr/sbin/sshd", told.got, told.expected, "last trusted"):
        assert part in str(told), part
    assert "trusted" in str(run.explain("attestation:0"))


def test_a_refused_migration_is_explained_with_its_decisions(run: tvd.Run) -> None:
    number = [m["vm"] for m in run.rows("migrations")].index("acme2")
    told = run.explain(f"migration:{number}")
    assert told.result == "refused" and "rivals" in str(told)
    done = run.explain(f"migration:{[m['vm'] for m in run.rows('migrations')].index('acme1')}")
    assert "rounds" in str(done) and done.vtpm == "moved"


def test_a_lost_frame_is_followed_to_where_it_ended(run: tvd.Run) -> None:
    number = next(f["frame"] for f in run.rows("frames") if f["event"] == "dropped")
    told = run.explain(f"frame:{number}")
    assert "dropped" in str(told) and "← ends here" in str(told) and told.hops[-1]["reason"]
    lost = next(i for i, p in enumerate(run.rows("probes")) if p["result"] == "lost")
    assert run.explain(f"probe:{lost}").reason in str(run.explain(f"probe:{lost}"))


@pytest.mark.parametrize("what", ["attestation:999999", "frame:99999999", "probe:77", "migration:9", "rumour:1", "-1", "x", 10**9])
def test_what_is_not_there_cannot_be_explained(run: tvd.Run, what: object) -> None:
    with pytest.raises(tvd.InputError) as refused:
        run.explain(what)  # type: ignore[arg-type]
    assert refused.value.code == "TVD-101"


# --- files ------------------------------------------------------------------------------------------------------


def paje_problems(text: str) -> list[str]:
    """What is wrong with a Paje trace by the rules of its format; nothing when it is well formed."""
    events: dict[str, tuple[str, list[str]]] = {}
    problems: list[str] = []
    lines = text.splitlines()
    at = 0
    while at < len(lines) and lines[at].startswith("%"):
        name, number = re.fullmatch(r"%EventDef (\w+) (\d+)", lines[at]).groups()  # type: ignore[union-attr]
        fields = []
        at += 1
        while not lines[at].startswith("%EndEventDef"):
            fields.append(lines[at].split()[1])
            at += 1
        events[number] = (name, fields)
        at += 1
    types, values, live, keys, clock = {"0"}, set(), {"0"}, {}, 0.0
    for line in lines[at:]:
        cells = [a or b for a, b in re.findall(r'"([^"]*)"|(\S+)', line)]
        name, fields = events[cells[0]]
        row = dict(zip(fields, cells[1:]))
        if len(cells) - 1 != len(fields):
            problems.append(f"{name}: {len(cells) - 1} fields, not {len(fields)}: {line}")
        if "Type" in row and row["Type"] not in types:
            problems.append(f"{name}: unknown type: {line}")
        if name.startswith("PajeDefine") and name != "PajeDefineEntityValue":
            types.add(row["Alias"])
        if name == "PajeDefineEntityValue":
            values.add(row["Alias"])
        if "Time" in row:
            problems += [f"time goes back: {line}"] if float(row["Time"]) < clock else []
            clock = float(row["Time"])
        for field in ("Container", "StartContainer", "EndContainer"):
            if field in row and row[field] not in live:
                problems.append(f"{name}: no container {row[field]}: {line}")
        if "Value" in row and row["Value"] not in values:
            problems.append(f"{name}: unknown value: {line}")
        if name == "PajeCreateContainer":
            live.add(row["Alias"])
        if name == "PajeDestroyContainer":
            live.remove(row["Name"])
        if name == "PajeStartLink":
            keys[row["Key"]] = row["Value"]
        if name == "PajeEndLink" and keys.pop(row["Key"], None) != row["Value"]:
            problems.append(f"a link ends that did not begin: {line}")
    return problems + [f"{c} is never destroyed" for c in live - {"0"}] + [f"link {k} never ends" for k in keys]


def test_a_paje_trace_follows_the_rules_of_its_format(run: tvd.Run) -> None:
    (path,) = run.export("paje")
    text = path.read_text()
    assert paje_problems(text) == []
    assert text.count("\n9 ") == text.count("\n10 ") == len(run.rows("migrations")) and '"vm acme1"' in text


@pytest.mark.parametrize("spoil", [
    lambda t: t.replace('"Life" "vm acme1"', '"Life" "vm acme9"', 1), lambda t: t.replace('"Life"', '"Lives"', 1),
    lambda t: "\n".join(t.splitlines()[:-1]), lambda t: re.sub(r"\n10 [^\n]*", "", t, count=1)])
def test_a_spoilt_paje_trace_is_seen_to_be_one(run: tvd.Run, spoil: object) -> None:
    text = run.export("paje")[0].read_text()
    assert spoil(text) != text and paje_problems(spoil(text))  # type: ignore[operator]


def test_the_capture_holds_the_frames_with_their_tags(run: tvd.Run) -> None:
    (path,) = run.export("pcap")
    data = path.read_bytes()
    assert data[:4] == b"\x4d\x3c\xb2\xa1"  # nanoseconds, little endian
    at, tags = 24, set()
    while at < len(data):
        kept, length = (int.from_bytes(data[at + i : at + i + 4], "little") for i in (8, 12))
        frame = data[at + 16 : at + 16 + kept]
        assert 14 <= kept <= length and len(frame) == kept
        if frame[12:14] == b"\x81\x00":
            tags.add(int.from_bytes(frame[14:16], "big") & 0xFFF)
        at += 16 + kept
    assert at == len(data) and tags == {10, 20}


def test_a_run_that_keeps_no_frames_says_so(tmp_path: Path) -> None:
    made = story(capture="none").run(until="12 s", out=tmp_path / "a")
    assert not (made.directory / "frames.pcap").exists()
    for ask in (lambda: made.export("pcap"), lambda: made.frames, lambda: made.explain("frame:0")):
        with pytest.raises(tvd.InputError) as refused:
            ask()
        assert refused.value.code == "TVD-130"


def test_what_is_kept_does_not_change_what_happens(run: tvd.Run, tmp_path: Path) -> None:
    made = story(tpm_workers=2).run(until="50 s", out=tmp_path / "a", store_events=True)
    assert made.fingerprint == run.fingerprint and len(made.table("events")) == made.manifest["counts"]["events"]


def test_a_story_with_tpms_replays_to_the_same_fingerprint_and_the_manifest_names_the_library(run: tvd.Run) -> None:
    if run.manifest["deterministic"]:
        assert run.manifest["tpm_path"] == "private" and tvd.replay(run)
    else:
        assert run.manifest["tpm_path"] == "stock"


def test_two_stories_differ_in_the_new_tables(run: tvd.Run, tmp_path: Path) -> None:
    other = story(seed=8).run(until="50 s", out=tmp_path / "b")
    assert {"attestations", "frames"} & {row["table"] for row in tvd.diff(run, other)}


def test_the_timeline_names_everything_that_befell_the_vms(run: tvd.Run) -> None:
    from matplotlib.text import Text

    words = " | ".join(t.get_text() for t in run.plot.timeline().findobj(Text))
    for part in ("host\nh1", "host\nh3", "acme1", "bolt1", "tamper_file", "vlan_hop", "untrusted: ", "/usr/sbin/sshd", "acme1 → h2",
                 "refused", "attested: trusted (", "attack (2)", "migration done (1)", "migration refused or failed (1)"):
        assert part in words, part


def test_chrome_shows_verdicts_and_migrations(run: tvd.Run) -> None:
    names = {e["name"] for e in json.loads(run.export("chrome")[0].read_text())["traceEvents"]}
    assert any(n.startswith("untrusted") for n in names) and "migration to h2 done" in names


def test_an_older_run_without_the_new_tables_is_told_apart(run: tvd.Run, tmp_path: Path) -> None:
    import shutil

    old = tmp_path / "old"
    shutil.copytree(run.directory, old)
    with sqlite3.connect(old / "run.sqlite") as database:
        database.execute("DROP TABLE probes")
    with pytest.raises(tvd.InputError) as refused:
        tvd.Run(old).rows("probes")
    assert refused.value.code == "TVD-602"
