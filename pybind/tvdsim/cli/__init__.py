"""The command line: one file per verb.

Results go to standard output, talk to standard error; ``--json`` on every verb. Exit status: 0 fine, 1 "the answer is no",
2 your input (or your machine), 3 our bug. Ctrl-C keeps what is done; the status is then 1.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import List, NoReturn, Optional, Sequence, Tuple

from .. import _core
from ..errors import Finding, InputError
from . import _io

VERBS = ("doctor", "check", "run", "explain", "diff", "replay", "sweep", "policy", "log", "quote", "attest", "references", "tpm", "attack", "bench", "test", "clean", "python")


class _Parser(argparse.ArgumentParser):
    """Refuses as the rest of tvdsim does."""

    def error(self, message: str) -> NoReturn:
        raise InputError(Finding("TVD-103", self.prog, message, f"{self.prog} --help"))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="tvdsim", description="Trusted virtual datacenters, simulated around real security.")
    parser.add_argument("--version", action="version", version=f"tvdsim {_core.__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=_Parser)
    for verb in VERBS:
        module = importlib.import_module(f"{__name__}.{verb}")
        summary = (module.__doc__ or "").strip().split("\n")[0]
        own = verbs.add_parser(verb, help=summary, description=module.__doc__,
                               formatter_class=argparse.RawDescriptionHelpFormatter)
        own.add_argument("--json", action="store_true", help="the result as JSON on standard output")
        module.arguments(own)
        own.set_defaults(perform=module.perform)
    return parser


def parse(words: Sequence[str]) -> Tuple[argparse.Namespace, List[str]]:
    """What the words mean, and those that the verb does not know. ``InputError`` for words that mean nothing."""
    from . import policy

    return _parser().parse_known_args(policy.with_way(list(words)))


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Runs one verb; returns the exit status."""
    words: List[str] = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in words
    with _io.reported(as_json) as outcome:
        if words and words[0] in _io.RAW_VERBS:
            return importlib.import_module(f"{__name__}.{words[0]}").raw(words[1:])  # type: ignore[no-any-return]
        args, rest = parse(words)
        if rest and args.verb in _io.SCRIPT_VERBS:
            args.arguments += rest
        elif rest:
            raise InputError(Finding("TVD-105", f"tvdsim {args.verb}", f"nobody reads `{' '.join(rest)}`.",
                                     f"tvdsim {args.verb} --help"))
        if args.verb is None:
            known = ", ".join(VERBS)
            raise InputError(Finding("TVD-104", "tvdsim", "a verb is missing.", f"one of {known}"))
        return int(args.perform(args))
    return outcome.status
