"""Reference values: a store of known digests, what is said about them, and who said so.

    tvdsim references import   refs.db SHA256SUMS                      sha256sum lists, Packages, Keylime's JSON, manifests
    tvdsim references import   refs.db update.manifest --signature update.sig --signer vendor
    tvdsim references add      refs.db /usr/bin/tool sha256:HEX
    tvdsim references annotate refs.db sha256:HEX vulnerable CVE-2026-0001
    tvdsim references retire   refs.db /usr/bin/tool sha256:HEX --grace '7 days'
    tvdsim references delete   refs.db /usr/bin/tool sha256:HEX
    tvdsim references look-up  refs.db /usr/bin/tool sha256:HEX
    tvdsim references trust    refs.db vendor vendor.pem
    tvdsim references history  refs.db

A signature is what `openssl dgst -sha256 -sign KEY -out update.sig update.manifest` writes. Exit status 1: the digest is not known to
be good, or the manifest was refused or waits for a second signer.
"""

from __future__ import annotations

import argparse
import getpass
import os
from dataclasses import asdict
from typing import Tuple

from ..errors import Finding, InputError
from ..references import ReferenceChange, ReferenceStore
from . import _io
from .log import read_file

_WORDS = {"import": ("FILE",), "add": ("NAME", "DIGEST"), "annotate": ("DIGEST", "STANDING", "TEXT…"), "retire": ("NAME", "DIGEST"),
          "delete": ("NAME", "DIGEST"), "look-up": ("NAME", "DIGEST"), "trust": ("SIGNER", "KEYFILE"), "history": ()}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("way", choices=tuple(_WORDS))
    parser.add_argument("store", metavar="DB", help="the store, a SQLite file; what changes it makes it if need be")
    parser.add_argument("words", nargs="*", metavar="WORD", help="what the way needs")
    parser.add_argument("--kind", default="file", help="file (default), boot or buffer")
    parser.add_argument("--format", default="", help="of a list: sums, packages, keylime or manifest; else its bytes tell")
    parser.add_argument("--by", metavar="NAME", help="who makes the change; default: you")
    parser.add_argument("--signature", metavar="FILE", help="of a manifest: its signature")
    parser.add_argument("--signer", metavar="NAME", help="of a manifest: who signed it")
    parser.add_argument("--approvals", type=int, default=1, metavar="N", help="so many signers must bring a manifest")
    parser.add_argument("--grace", default="0 s", metavar="TIME", help="how long what is retired stays good")


def perform(args: argparse.Namespace) -> int:
    wanted = _WORDS[args.way]
    if len(args.words) < len(wanted) or (len(args.words) > len(wanted) and args.way != "annotate"):
        raise InputError(Finding("TVD-104", f"tvdsim references {args.way}", f"it takes {' '.join(('DB', *wanted))}.",
                                 "tvdsim references --help"))
    if args.way in ("look-up", "history") and not os.path.exists(args.store):
        raise InputError(Finding("TVD-130", args.store, "there is no such store.", "tvdsim references import DB FILE"))
    store = ReferenceStore(args.store)
    if args.way == "look-up":
        return _look_up(args, store)
    if args.way == "history":
        return _history(args, store)
    if args.way == "trust":
        store.trust(args.words[0], read_file(args.words[1]))
        _io.emit(args, {"signers": list(store.signers)}, f"manifests of {args.words[0]} count from now on")
        return _io.FINE
    row = _change(args, store)
    _io.emit(args, asdict(row), _line(row))
    return _io.FINE if row else _io.NO


def _change(args: argparse.Namespace, store: ReferenceStore) -> ReferenceChange:
    by, words = args.by or getpass.getuser(), args.words
    if args.way == "import":
        if args.signature or args.signer:
            if not (args.signature and args.signer):
                raise InputError(Finding("TVD-104", "tvdsim references import", "a signature and its signer go together.",
                                         "--signature FILE --signer NAME"))
            return store.import_manifest(read_file(words[0]), read_file(args.signature), args.signer, approvals=args.approvals,
                                         grace=args.grace)
        return store.import_list(read_file(words[0]), format=args.format, importer=by, where=words[0])
    if args.way == "add":
        return store.add(words[0], words[1], kind=args.kind, importer=by)
    if args.way == "annotate":
        return store.annotate(words[0], words[1], " ".join(words[2:]), importer=by)
    if args.way == "retire":
        return store.retire(words[0], words[1], kind=args.kind, grace=args.grace, importer=by)
    return store.remove(words[0], words[1], kind=args.kind, importer=by)


def _look_up(args: argparse.Namespace, store: ReferenceStore) -> int:
    name, digest = args.words
    known = store.look_up(name, digest, kind=args.kind)
    lines = [f"{name} is {known.standing}" + (f": {known.annotation}" if known.annotation else "")]
    lines += [f"  expected {known.expected}"] if known.expected and not known else []
    lines += [f"  says {known.importer} ({known.source})"] if known.importer else []
    _io.emit(args, {"name": name, "digest": digest, **asdict(known)}, "\n".join(lines))
    return _io.FINE if known else _io.NO


def _history(args: argparse.Namespace, store: ReferenceStore) -> int:
    rows: Tuple[ReferenceChange, ...] = tuple(store.history)
    _io.emit(args, {"history": [asdict(row) for row in rows], "digests": len(store)},
             "\n".join([*map(_line, rows), f"{len(store)} digests"]))
    return _io.FINE


def _line(row: ReferenceChange) -> str:
    said = f"{row.id:>5}  {row.operation} by {row.importer}: {row.result}, {row.rows} rows"
    return said + (f", {row.reason}" if row.reason else "") + (f"  ({row.source})" if row.source else "")
