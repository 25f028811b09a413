"""Labels of resources and the verbs of a policy, from Python and from the command line."""

from __future__ import annotations

import ast
import csv
import io
import itertools
import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_scenarios import FIGURE3, POLICIES, SOURCE, cli

import tvdsim as tvd
from tvdsim import cli as command_line
from tvdsim.resources import ResourceLabels, label_name, resource_name

BANKS_FILE = str(POLICIES / "banks.xml")
BANKS = tvd.Policy.load(BANKS_FILE)
LABELS = """resources = {
    'phy:xvda': ('ACM', 'banks', 'North'),
    'file:/south.img': ('banks', 'South'),
    'file:/gone.img': ('INV_ACM', 'shops', 'Till'),
    'file:/other.img': ('ACM', 'shops', 'Till'),
    'file:/odd.img': ('ACM', 'banks', 'East'),
    'file:/shut.img': ('ACM', '*', '__INACCESSIBLE__'),
}
"""


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "resource_labels"
    path.write_text(LABELS)
    return path


# --- label files from Python ---------------------------------------------------------------------------------------

_part = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=12).filter(
    lambda s: ":" not in s and s not in ("ACM", "INV_ACM", "*", "__INACCESSIBLE__"))
_step = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="/\0"), min_size=1, max_size=8).filter(lambda s: s not in (".", ".."))
_path = st.lists(_step, min_size=1, max_size=4).map(lambda steps: "/" + "/".join(steps))
_resource = st.one_of(_path.map("file:{}".format), _path.map("phy:{}".format), _path.map("tap:aio:{}".format))
_value = st.one_of(st.tuples(st.sampled_from(["ACM", "INV_ACM"]), _part, _part), st.tuples(_part, _part))


def naive(text: str) -> dict[str, str]:
    """What Python itself makes of the file: the same names, without any of our code."""
    tree = ast.parse(text)
    (assignment,) = tree.body
    assert isinstance(assignment, ast.Assign) and isinstance(assignment.targets[0], ast.Name)
    assert assignment.targets[0].id == "resources"
    return {key: ":".join(value if len(value) == 3 else ("ACM", *value)) for key, value in ast.literal_eval(assignment.value).items()}


def as_python(text: str) -> str:
    """A literal of any Python: what would end it is escaped, all else stands as it is."""
    escapes = {"'": "\\'", "\\": "\\\\", "\n": "\\n", "\r": "\\r"}
    return "'" + "".join(escapes.get(c, c) for c in text) + "'"


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.dictionaries(_resource, _value, max_size=6), st.sampled_from(["", " ", "\n  ", " # note\n "]))
def test_a_file_says_to_us_what_it_says_to_pythons_own_literal_reader(entries: dict[str, tuple[str, ...]], blank: str) -> None:
    body = "".join(f"{blank}{as_python(k)}{blank}:{blank}({blank}{f', {blank}'.join(map(as_python, v))}{blank}),{blank}" for k, v in entries.items())
    text = f"# a file\nresources = {{{body}}}\n"
    read = ResourceLabels(text)
    assert dict(read.items()) == naive(text)
    assert naive(read.text()) == dict(read.items()), "what is written, Python reads alike"
    assert ResourceLabels(read.text()) == read


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(st.sampled_from(list("'\"\\(){}:,# \nuxN07aACMfile/resources=")), max_size=40))
def test_whatever_is_accepted_python_reads_alike(body: str) -> None:
    text = f"resources = {{'file:/a': ('ACM', 'p', 'l'){body}}}\n"
    try:
        read = ResourceLabels(text)
    except tvd.InputError:
        return
    assert dict(read.items()) == {resource_name(k): v for k, v in naive(text).items()}


def test_a_file_is_never_executed(tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    attempts = [f"open({str(trap)!r}, 'w')\nresources = {{}}\n", f"resources = {{'file:/a': open({str(trap)!r}, 'w')}}\n",
                f"resources = {{}}; open({str(trap)!r}, 'w')\n", f"resources = {{f'{{open({str(trap)!r}, chr(119))}}': ('p', 'l')}}\n"]
    for text in attempts:
        with pytest.raises(tvd.InputError) as caught:
            ResourceLabels(text)
        assert caught.value.code == "TVD-341" and not trap.exists()


def test_labels_are_set_replaced_and_removed_only_over_the_expected_one(tmp_path: Path) -> None:
    made = ResourceLabels()
    made.set("phy:xvda", "ACM:banks:North")
    with pytest.raises(tvd.InputError) as caught:
        made.set("phy:/dev/xvda", "ACM:banks:South")
    assert caught.value.code == "TVD-345" and "ACM:banks:North" in str(caught.value)
    with pytest.raises(tvd.InputError):
        made.set("phy:xvda", "ACM:banks:South", old="ACM:banks:North", in_use=True)
    made.set("phy:xvda", "ACM:banks:South", old="banks:North")
    assert (made.get("phy:/dev/xvda"), made.get("file:/none")) == ("ACM:banks:South", None)
    made.save(tmp_path / "labels")
    assert ResourceLabels.load(tmp_path / "labels") == made and [p.name for p in tmp_path.iterdir()] == ["labels"]
    made.remove("phy:xvda", old="ACM:banks:South")
    assert len(made) == 0
    assert label_name("INV_ACM:a:b") == (True, "a", "b")
    with pytest.raises(tvd.InputError):
        label_name("ACM:a:b:c")


def test_what_a_label_means_depends_on_the_policy() -> None:
    made = ResourceLabels(LABELS)
    means = {r: made.standing(r, BANKS) for r in [r for r, _ in made.items()] + ["file:/new.img"]}
    assert means == {"file:/gone.img": ("stale", ""), "file:/odd.img": ("unknown", ""), "file:/other.img": ("foreign", ""),
                     "file:/shut.img": ("nobody", ""), "file:/south.img": ("labelled", "resource:South"),
                     "phy:/dev/xvda": ("labelled", "resource:North"), "file:/new.img": ("unlabelled", "resource:__UNLABELED__")}


# --- dry run --------------------------------------------------------------------------------------------------------


def test_a_dry_run_answers_for_the_host_each_neighbour_and_each_resource_with_both_labels(labels: Path) -> None:
    resources = [r for r, _ in ResourceLabels(LABELS).items()] + ["South", "file:/new.img"]
    checks = BANKS.dry_run("North", "SystemManagement", ["South", "Auditor"], resources, ResourceLabels.load(labels))
    told = {(c.what, c.object if c.what == "resource" else c.object_label): (bool(c), c.decision.rule) for c in checks}
    assert told[("host", "SystemManagement")] == (True, "host_holds_types")
    assert told[("beside", "South")] == (False, "wall_conflict")
    assert told[("beside", "SystemManagement")][0]
    assert told[("resource", "phy:/dev/xvda")] == (True, "resource_shares_type")
    assert told[("resource", "South")] == told[("resource", "file:/south.img")] == (False, "resource_no_common_type")
    closed = [told[("resource", f"file:/{name}.img")] for name in ("gone", "other", "odd", "shut")]
    assert closed == [(False, "no_rule_applies")] * 4
    assert not told[("resource", "file:/new.img")][0]
    assert all(c.vm_label == "North" and c.object_label and c.decision.reason for c in checks)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(BANKS.vm_labels), st.sampled_from(BANKS.vm_labels), st.lists(st.sampled_from(BANKS.vm_labels), max_size=5))
def test_a_dry_run_says_what_the_start_says(vm: str, host: str, running: list[str]) -> None:
    wall = BANKS.wall()
    beside = [label for label in [host, *running] if wall.start(label)]
    checks = BANKS.dry_run(vm, host, beside[1:])
    assert all(checks) == (bool(BANKS.authorizes(host, vm)) and bool(wall.start(vm)))


def test_a_dry_run_beside_what_cannot_run_together_is_no_question() -> None:
    with pytest.raises(tvd.InputError) as caught:
        BANKS.dry_run("Auditor", running=["North", "South"])
    assert caught.value.code == "TVD-302"


# --- the verbs ------------------------------------------------------------------------------------------------------


def test_dry_run_tells_permitted_and_denied_with_status_1_and_changes_nothing(labels: Path) -> None:
    words = ["policy", "dry-run", BANKS_FILE, "North", "--labels", str(labels), "--resource", "phy:xvda"]
    fine = cli(*words)
    assert fine.returncode == 0 and "PERMITTED by all 3; nothing was changed" in fine.stdout, fine.stdout + fine.stderr
    assert "phy:xvda (ACM:banks:North)" in fine.stdout and "resource_shares_type" in fine.stdout
    denied = cli(*words, "--running", "South", "--resource", "file:/shut.img", "--json")
    told = json.loads(denied.stdout)
    assert denied.returncode == 1 and told["verdict"] == "deny"
    assert {(c["object"], c["rule"]) for c in told["checks"] if c["verdict"] == "deny"} == {
        ("running VM", "wall_conflict"), ("file:/shut.img", "no_rule_applies")}
    assert labels.read_text() == LABELS
    assert cli(*words[:4], "--resource", "phy:xvda").returncode == 2
    assert cli("policy", "dry-run", BANKS_FILE, "Nort").returncode == 2


def test_table_is_two_matrices_as_text_json_and_csv_that_agree() -> None:
    told = json.loads(cli("policy", "table", BANKS_FILE, "--json").stdout)
    rows = list(csv.DictReader(io.StringIO(cli("policy", "table", BANKS_FILE, "--csv").stdout)))
    for row in rows:
        assert told[row["table"]][row["subject"]][row["object"]] == row["verdict"] and row["rule"]
    vms, resources = len(BANKS.vm_labels), len(BANKS.resource_labels)
    assert len(rows) == vms * (vms + resources) + vms * vms
    assert told["authorization"]["North"]["Auditor"] == BANKS.authorization().loc["North", "Auditor"] == "deny"
    text = cli("policy", "table", BANKS_FILE).stdout
    permits = sum(row["verdict"] == "permit" for row in rows)
    assert text.count("●") - 2 == permits
    assert cli("policy", "table", BANKS_FILE, "--json", "--csv").returncode == 2


def test_decide_answers_three_questions_with_status_0_1_and_2() -> None:
    assert cli("policy", "decide", BANKS_FILE, "North", "--beside", "Auditor").returncode == 0
    refused = cli("policy", "decide", BANKS_FILE, "North", "--beside", "South")
    assert refused.returncode == 1 and "wall_conflict" in refused.stdout and "rivals" in refused.stdout
    assert cli("policy", "decide", BANKS_FILE, "Auditor", "--host", "North").returncode == 1
    for words in (["North"], ["North", "South", "Auditor"], ["North", "--host", "North", "--beside", "South"], ["North", "Sout"]):
        made = cli("policy", "decide", BANKS_FILE, *words)
        assert made.returncode == 2 and made.stderr.startswith("error[TVD-") and made.stdout == ""


def test_compile_and_decompile_give_the_decisions_back(tmp_path: Path) -> None:
    binary, names = str(tmp_path / "banks.bin"), str(tmp_path / "banks.map")
    assert cli("policy", "compile", BANKS_FILE, "-o", binary, "--map", names).returncode == 0
    assert Path(binary).read_bytes() == BANKS.to_binary() and Path(names).read_text() == BANKS.to_map()
    made = cli("policy", "decompile", binary, "--map", names)
    assert made.returncode == 0, made.stderr
    again = tvd.Policy.parse(made.stdout)
    assert again.vm_labels == BANKS.vm_labels
    assert again.resource_labels == [r for r in BANKS.resource_labels if r != "__UNLABELED__"], "the format has one row for both kinds"
    assert again.authorization().equals(BANKS.authorization())
    for a, b in itertools.product(BANKS.vm_labels, BANKS.vm_labels + [f"resource:{r}" for r in BANKS.resource_labels]):
        assert bool(again.may_share(a, b)) == bool(BANKS.may_share(a, b)), (a, b)
    for a in BANKS.vm_labels:
        for b in BANKS.vm_labels:
            assert bool(again.wall(running=[a]).start(b)) == bool(BANKS.wall(running=[a]).start(b))
    assert len(tvd.Policy.from_binary(BANKS.to_binary()).vm_labels) == len(BANKS.vm_labels), "without the map, names are made up"


def test_what_xen_would_not_load_is_not_compiled_and_a_cut_binary_is_told(tmp_path: Path) -> None:
    text = FIGURE3.read_text()
    alone = re.sub(r"<ChineseWall\b.*?</ChineseWall>", "", text, flags=re.S)
    alone = re.sub(r"<ChineseWallTypes>.*?</ChineseWallTypes>", "", alone, flags=re.S)
    (tmp_path / "ste.xml").write_text(alone)
    made = cli("policy", "compile", str(tmp_path / "ste.xml"), "-o", str(tmp_path / "ste.bin"))
    assert made.returncode == 1 and "no wall types" in made.stdout and not (tmp_path / "ste.bin").exists()
    (tmp_path / "cut.bin").write_bytes(BANKS.to_binary()[:-8])
    cut = cli("policy", "decompile", str(tmp_path / "cut.bin"))
    assert cut.returncode == 2 and "error[TVD-33" in cut.stderr and "cut.bin" in cut.stderr and cut.stdout == ""
    assert cli("policy", "decompile", str(tmp_path / "none.bin")).returncode == 2


def test_what_only_xen_accepted_is_decided_as_xen_did(tmp_path: Path) -> None:
    torn = tmp_path / "torn.xml"
    torn.write_text(re.sub(r"(<Name>Auditor</Name>.*?</SimpleTypeEnforcementTypes>)",
                           r"\1<ChineseWallTypes><Type>North</Type><Type>South</Type></ChineseWallTypes>",
                           Path(BANKS_FILE).read_text(), count=1, flags=re.S))
    assert cli("policy", "decide", str(torn), "North", "--beside", "Auditor").returncode == 2
    for verb, more in (("decide", ["--beside", "Auditor"]), ("dry-run", ["--running", "Auditor"])):
        assert cli("policy", verb, str(torn), "North", *more, "--mode", "xen33").returncode == 0, verb
    assert cli("policy", "decide", str(torn), "Auditor", "--beside", "North", "--mode", "xen33").returncode == 1


def test_lint_is_0_for_a_sound_policy_1_for_an_odd_one_2_for_a_bad_one(tmp_path: Path) -> None:
    odd, bad = tmp_path / "odd.xml", tmp_path / "bad.xml"
    odd.write_text(Path(BANKS_FILE).read_text().replace("</SimpleTypeEnforcementTypes>", "<Type>Idle</Type></SimpleTypeEnforcementTypes>", 1))
    bad.write_text(FIGURE3.read_text().replace('bootstrap="Management"', 'bootstrap="Boss"'))
    assert cli("policy", "lint", BANKS_FILE).returncode == 0
    made = cli("policy", "lint", str(odd), "--json")
    assert made.returncode == 1 and [f["code"] for f in json.loads(made.stdout)] == ["TVD-301"]
    assert cli("policy", "lint", str(bad)).returncode == 2


def test_resources_lists_shows_labels_and_unlabels(labels: Path, tmp_path: Path) -> None:
    new = str(tmp_path / "new_labels")
    assert len(json.loads(cli("policy", "resources", str(labels), "--json").stdout)) == 6
    assert cli("policy", "resources", str(labels), "phy:xvda").stdout == "ACM:banks:North\n"
    assert cli("policy", "resources", str(labels), "file:/none").returncode == 1
    made = cli("policy", "resources", new, "vlan:7", "--set", "ACM:banks:North", "--policy", BANKS_FILE)
    assert (made.returncode, made.stdout) == (0, "ACM:banks:North\n"), made.stderr
    for words in (["vlan:7", "--set", "ACM:banks:South"], ["vlan:8", "--set", "ACM:banks:North"], ["vlan:4095", "--set", "ACM:banks:South"],
                  ["vlan:9", "--set", "ACM:banks:East", "--policy", BANKS_FILE], ["vlan:7", "--remove"], ["--set", "ACM:banks:South"]):
        before = Path(new).read_text()
        assert cli("policy", "resources", new, *words).returncode == 2, words
        assert Path(new).read_text() == before
    assert cli("policy", "resources", new, "vlan:7", "--remove", "--old", "ACM:banks:North").stdout == "no label\n"
    assert cli("policy", "resources", new).stdout == "no resource is labelled\n"


def test_a_bad_label_file_is_told_with_every_place(tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("import os\nresources = {\n 'nfs:/a': ('p', 'l'),\n 'file:/b': 7,\n}\n")
    made = cli("policy", "resources", str(tmp_path / "bad"), "--json")
    assert made.returncode == 2
    assert [f["where"].rpartition("/")[2] for f in json.loads(made.stdout)["error"]["findings"]] == ["bad:1:1", "bad:4:13", "bad:3:2"]


# --- the page for those who come from Xen -----------------------------------------------------------------------------

PAGE = (SOURCE / "docs" / "coming_from_xen.md").read_text(encoding="utf-8")
COMMANDS = sorted(set(re.findall(r"`\./tvdsim ([^`]+)`", PAGE)) | set(re.findall(r"^\./tvdsim (.+)$", PAGE, re.M)))


def test_the_page_has_a_row_for_each_old_command() -> None:
    for command in ("labels", "addlabel", "rmlabel", "getlabel", "resources", "dry-run", "list --label", "setpolicy", "resetpolicy", "getpolicy",
                    "dumppolicy", "makepolicy", "loadpolicy", "cfgbootpolicy"):
        assert f"`xm {command}" in PAGE, command
    for command in ("getpolicy", "dumpstats", "loadpolicy", "dumppolicy", "getssid", "getdecision"):
        assert f"`xensec_tool {command}" in PAGE, command
    assert "`xensec_ezpolicy" in PAGE and "`xensec_gen" in PAGE
    assert len(COMMANDS) >= 12


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_of_the_page_is_one_that_the_command_line_takes(command: str) -> None:
    words = command.split("  #")[0].split()
    args, rest = command_line.parse(words)
    assert rest == [] and args.verb == words[0]


def test_a_command_that_does_not_exist_would_be_noticed() -> None:
    for wrong in ("policy tabel banks.xml North", "policy dry-run banks.xml", "policy decide banks.xml A B --hosts C"):
        try:
            _, rest = command_line.parse(wrong.split())
        except tvd.InputError:
            continue
        assert rest != [], wrong


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`tvd\.(\w+)", PAGE))))
def test_each_name_of_the_page_is_one_of_the_package(name: str) -> None:
    assert hasattr(tvd, name)
