"""A policy: what it says, what is odd about it, what it decides. And the labels of resources.

    tvdsim policy show FILE                labels with their types, conflict sets (`tvdsim policy FILE` is the same)
    tvdsim policy lint FILE                what is odd; exit 1 if anything is
    tvdsim policy table FILE               who may share with whom, which host may run which VM
    tvdsim policy decide FILE A B          may A and B share? exit 1 if not; resource:NAME is a resource
    tvdsim policy decide FILE VM --host SYS        may a host labelled SYS run VM?
    tvdsim policy decide FILE VM --beside LABEL    may VM start where LABEL runs?
    tvdsim policy explain FILE A B         the same control by control: types, who stands in the way, what would have to change
    tvdsim policy explain FILE VM --host SYS --beside LABEL
    tvdsim policy dry-run FILE VM --host SYS --running LABEL --resource file:/a.img --labels LABELS
    tvdsim policy update OLD NEW --running va=LABEL@h1 --channel va:vb --disk va:RESOURCE    what the change would break
    tvdsim policy relabel FILE VM LABEL --running va=LABEL@h1 …                              what stands against the new label
    tvdsim policy compile FILE -o OUT --map MAP    Xen's binary format 4 and its map file
    tvdsim policy decompile BINARY --map MAP       the XML again
    tvdsim policy resources LABELS [RESOURCE]      a resource label file; with --set, --remove: changed

Exit status: 0 fine or permitted, 1 odd or denied, 2 your input.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any, List, Optional

from ..errors import Finding, InputError
from ..policy import Decision, Policy
from ..resources import ResourceLabels, resource_name
from . import _io, _policy_text

WAYS = ("show", "lint", "table", "decide", "explain", "dry-run", "update", "relabel", "compile", "decompile", "resources")


def with_way(words: List[str]) -> List[str]:
    """`policy FILE` is `policy show FILE`."""
    if words[:1] != ["policy"]:
        return words
    rest = [w for w in words[1:] if w != "--json"]
    if not rest or rest[0] in (*WAYS, "-h", "--help"):
        return words
    return ["policy", "show", *words[1:]]


def arguments(parser: argparse.ArgumentParser) -> None:
    ways = parser.add_subparsers(dest="way", metavar="|".join(WAYS), required=True)

    def way(name: str, text: str, file: str = "FILE") -> argparse.ArgumentParser:
        own = ways.add_parser(name, help=text, description=text)
        own.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="the result as JSON on standard output")
        own.add_argument("file", metavar=file)
        if name != "resources":
            own.add_argument("--mode", choices=("strict", "xen33"), default="strict")
        return own

    way("show", "labels with their types, conflict sets")
    way("lint", "what is odd about it; exit 1 if anything is")
    table = way("table", "who may share with whom, which host may run which VM")
    table.add_argument("--csv", action="store_true", help="one row per pair, with the rule")
    decide = way("decide", "one decision with its reason; exit 1 if it is no")
    decide.add_argument("labels", metavar="LABEL", nargs="+")
    decide.add_argument("--host", metavar="LABEL", help="may a host of this label run it?")
    decide.add_argument("--beside", metavar="LABEL", action="append", help="may it start where this runs? (again for more)")
    explain = way("explain", "one decision, control by control, and what would have to change; exit 1 if it is no")
    explain.add_argument("labels", metavar="LABEL", nargs="+")
    explain.add_argument("--host", metavar="LABEL", help="may VM start on a host of this label? (the bootstrap label unless told)")
    explain.add_argument("--beside", metavar="LABEL", action="append", default=[], help="a VM of this label runs there (again for more)")
    dry = way("dry-run", "what the start of a VM would be told; changes nothing; exit 1 if anything refuses")
    dry.add_argument("vm", metavar="VM_LABEL")
    dry.add_argument("--host", metavar="LABEL", help="the host's label (the bootstrap label unless told)")
    dry.add_argument("--running", metavar="LABEL", action="append", default=[], help="a VM of this label runs there")
    dry.add_argument("--resource", metavar="RESOURCE", action="append", default=[], help="a resource label, or phy: file: tap: vlan:")
    dry.add_argument("--labels", metavar="LABELS", help="the resource label file in which those are looked up")
    update = way("update", "what a change of policy would break, given what runs; exit 1 if anything", "OLD")
    update.add_argument("after", metavar="NEW")
    relabel = way("relabel", "what stands against another label of a VM that runs; exit 1 if anything")
    relabel.add_argument("vm", metavar="VM")
    relabel.add_argument("label", metavar="LABEL")
    for parser in (update, relabel):
        parser.add_argument("--running", metavar="VM=LABEL[@HOST]", action="append", default=[], help="a VM runs (again for more)")
        parser.add_argument("--channel", metavar="VM:VM", action="append", default=[], help="two of them are connected")
        parser.add_argument("--disk", metavar="VM:RESOURCE_LABEL", action="append", default=[], help="a disk of that label is attached")
        parser.add_argument("--host", metavar="HOST=LABEL", action="append", default=[], help="a host's label (the bootstrap label unless told)")
    out = way("compile", "Xen's binary format 4; exit 1 if no hypervisor would load it")
    out.add_argument("-o", "--output", metavar="OUT", required=True)
    out.add_argument("--map", metavar="OUT", help="the map file with its names, too")
    back = way("decompile", "the XML of a binary policy", "BINARY")
    back.add_argument("--map", metavar="FILE", help="the map file that has its names; without it they are made up")
    back.add_argument("-o", "--output", metavar="OUT", help="a file instead of standard output")
    labels = way("resources", "a resource label file: every label, one, or a change; exit 1 if the one has no label", "LABELS")
    labels.add_argument("resource", metavar="RESOURCE", nargs="?")
    labels.add_argument("--set", metavar="LABEL", help="label it: ACM:policy:label")
    labels.add_argument("--remove", action="store_true", help="take its label away")
    labels.add_argument("--old", metavar="LABEL", help="the label that it has now; without this, it must have none")
    labels.add_argument("--policy", metavar="FILE", help="the label must be one of this policy")


def perform(args: argparse.Namespace) -> int:
    if args.way == "resources":
        return _resources(args)
    if args.way == "decompile":
        return _decompile(args)
    policy = Policy.load(args.file, args.mode)
    if args.way == "compile":
        return _compile(args, policy)
    if args.way == "show":
        _io.emit(args, {**policy._facts, "mode": policy.mode}, str(policy))
        return _io.FINE
    if args.way == "table":
        return _table(args, policy)
    ways = {"lint": _lint, "decide": _decide, "explain": _explain, "dry-run": _dry_run, "update": _change_check, "relabel": _change_check}
    return ways[args.way](args, policy)


def _change_check(args: argparse.Namespace, policy: Policy) -> int:
    runs = (args.running, args.channel, args.disk, args.host)
    if args.way == "update":
        found = policy.update_check(Policy.load(args.after, args.mode), *runs)
    else:
        found = policy.relabel_check(args.vm, args.label, *runs)
    _io.emit(args, found.to_json(), str(found))
    return _io.FINE if found else _io.NO


def _lint(args: argparse.Namespace, policy: Policy) -> int:
    found = policy.lint()
    _io.emit(args, [f.to_json() for f in found], "\n".join(map(str, found)) if found else "nothing odd")
    return _io.NO if found else _io.FINE


def _table(args: argparse.Namespace, policy: Policy) -> int:
    if args.csv and args.json:
        raise InputError(Finding("TVD-103", "policy table", "--csv and --json are two answers.", "one of them"))
    _io.emit(args, _policy_text.tables(policy) if args.json else None,
             _policy_text.tables_csv(policy) if args.csv else _policy_text.tables_text(policy))
    return _io.FINE


def _decide(args: argparse.Namespace, policy: Policy) -> int:
    answer = _answer(policy, args.labels, args.host, args.beside)
    _io.emit(args, {"verdict": str(answer.verdict), "rule": answer.rule, "reason": answer.reason}, str(answer))
    return _io.FINE if answer else _io.NO


def _answer(policy: Policy, labels: List[str], host: Optional[str], beside: Optional[List[str]]) -> Decision:
    if host and beside:
        raise InputError(Finding("TVD-103", "policy decide", "--host and --beside are two questions.", "policy dry-run asks both"))
    wanted = 1 if host or beside else 2
    if len(labels) != wanted:
        raise InputError(Finding("TVD-104", "policy decide", f"{len(labels)} labels are given; {wanted} are needed.",
                                 "A B, VM --host SYS, or VM --beside LABEL"))
    if host:
        return policy.authorizes(host, labels[0])
    return policy.wall(policy.mode, running=beside).start(labels[0]) if beside else policy.may_share(*labels)


def _explain(args: argparse.Namespace, policy: Policy) -> int:
    starts = args.host is not None or bool(args.beside)
    wanted = 1 if starts else 2
    if len(args.labels) != wanted:
        raise InputError(Finding("TVD-104", "policy explain", f"{len(args.labels)} labels are given; {wanted} are needed.",
                                 "A B, or VM with --host SYS or --beside LABEL"))
    answer = policy.explain_start(args.labels[0], args.host, args.beside) if starts else policy.explain(*args.labels)
    _io.emit(args, answer.to_json(), str(answer))
    return _io.FINE if answer else _io.NO


def _dry_run(args: argparse.Namespace, policy: Policy) -> int:
    labels = ResourceLabels.load(args.labels) if args.labels else None
    checks = policy.dry_run(args.vm, args.host, args.running, args.resource, labels)
    permitted = all(checks)
    data = {"verdict": "permit" if permitted else "deny", "checks": [c.to_json() for c in checks]}
    _io.emit(args, data, _policy_text.checks_text(checks))
    return _io.FINE if permitted else _io.NO


def _compile(args: argparse.Namespace, policy: Policy) -> int:
    if not policy.loads_in_xen:
        reason = "Xen's hypervisor would refuse the binary: the policy has no wall types, and then it looks for the parts in the wrong places"
        _io.emit(args, {"verdict": "deny", "reason": reason}, f"deny: {reason}; nothing was written")
        return _io.NO
    data = policy.to_binary()
    names = policy.to_map() if args.map else ""
    _write(args.output, data)
    if args.map:
        _write(args.map, names.encode("utf-8"))
    _io.emit(args, {"output": args.output, "size_bytes": len(data), "map": args.map}, f"{policy.name} {policy.version}: {len(data)} bytes in {args.output}")
    return _io.FINE


def _decompile(args: argparse.Namespace) -> int:
    data = _read(args.file)
    try:
        names = _read(args.map).decode("utf-8") if args.map else None
    except UnicodeDecodeError:
        raise InputError(Finding("TVD-130", args.map, "cannot read the map: it is not UTF-8 text.")) from None
    policy = Policy.from_binary(data, names, args.mode, args.file, args.map or "map")
    if args.output:
        _write(args.output, policy.xml.encode("utf-8"))
    text = f"{policy.name} {policy.version}: XML in {args.output}" if args.output else policy.xml.rstrip("\n")
    _io.emit(args, {"name": policy.name, "version": policy.version, "output": args.output, "xml": policy.xml}, text)
    return _io.FINE


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as problem:
        raise InputError(Finding("TVD-130", path, f"cannot read it: {problem.strerror}.")) from None


def _write(path: str, data: bytes) -> None:
    try:
        Path(path).write_bytes(data)
    except OSError as problem:
        raise InputError(Finding("TVD-130", path, f"cannot write it: {problem.strerror}.")) from None


def _resources(args: argparse.Namespace) -> int:
    changes = args.set is not None or args.remove
    if (changes and not args.resource) or (args.set is not None and args.remove) or (not changes and (args.old or args.policy)):
        raise InputError(Finding("TVD-103", "policy resources", "a change is RESOURCE with --set LABEL or with --remove; "
                                 "--old and --policy go with a change.", "tvdsim policy resources --help"))
    if changes:
        return _change(args)
    labels = ResourceLabels.load(args.file)
    if not args.resource:
        rows = [{"resource": r, "label": l} for r, l in labels.items()]
        wide = max((len(_policy_text.printable(r)) for r, _ in labels.items()), default=0)
        _io.emit(args, rows, "\n".join(f"{_policy_text.printable(r):<{wide}}  {l}" for r, l in labels.items()) or "no resource is labelled")
        return _io.FINE
    label = labels.get(args.resource)
    _io.emit(args, {"resource": resource_name(args.resource), "label": label}, label or "no label")
    return _io.FINE if label else _io.NO


def _change(args: argparse.Namespace) -> int:
    """A new file begins with its first label; an absent one has nothing to remove."""
    labels = ResourceLabels.load(args.file) if args.remove or os.path.lexists(args.file) else ResourceLabels()
    if args.remove:
        if not args.old:
            raise InputError(Finding("TVD-104", "policy resources", "--remove needs --old: the label that goes.",
                                     f"tvdsim policy resources {args.file} {args.resource}"))
        labels.remove(args.resource, args.old)
    else:
        labels.set(args.resource, args.set, args.old)
        if args.policy:
            _must_be_defined(labels, args.resource, Policy.load(args.policy))
    labels.save(args.file)
    now: Any = labels.get(args.resource)
    _io.emit(args, {"resource": resource_name(args.resource), "label": now}, now or "no label")
    return _io.FINE


def _must_be_defined(labels: ResourceLabels, resource: str, policy: Policy) -> None:
    standing, _ = labels.standing(resource, policy)
    if standing not in ("labelled", "nobody"):
        raise InputError(Finding("TVD-101", resource, f"`{labels.get(resource)}` is no resource label of policy `{policy.name}`.",
                                 f"known: {', '.join(f'ACM:{policy.name}:{l}' for l in policy.resource_labels)}"))
