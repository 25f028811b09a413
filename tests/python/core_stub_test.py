"""The hand-kept stub against the module that is built: same names, same parameters."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tvdsim import _core

STUB = ast.parse((Path(_core.__file__).parent / "_core.pyi").read_text(encoding="utf-8"))


def _stub_functions(body: list[ast.stmt]) -> dict[str, list[str]]:
    return {f.name: [a.arg for a in f.args.args] for f in body if isinstance(f, ast.FunctionDef)}


def _parameters(doc: str | None) -> list[str]:
    """The parameter names in the signature that pybind11 writes into the docstring."""
    inside = re.match(r"\w+\((.*)\) ->", doc or "")
    assert inside, doc
    return re.findall(r"(?:^|, )(\w+): ", inside.group(1))


def test_functions_have_the_names_and_parameters_of_the_stub() -> None:
    functions = _stub_functions(STUB.body)
    built = {n for n in dir(_core) if not n.startswith("_") and not isinstance(getattr(_core, n), type)}
    assert set(functions) == built
    for name, parameters in functions.items():
        assert _parameters(getattr(_core, name).__doc__) == parameters, name


def test_classes_have_the_methods_of_the_stub() -> None:
    classes = {c.name: _stub_functions(c.body) for c in STUB.body if isinstance(c, ast.ClassDef)}
    assert set(classes) == {n for n in dir(_core) if isinstance(getattr(_core, n), type) and not n.startswith("_")}
    for name, methods in classes.items():
        cls = getattr(_core, name)
        assert set(methods) - {"__init__"} == {n for n in vars(cls) if not n.startswith("_")}, name
        for method, parameters in methods.items():
            assert _parameters(getattr(cls, method).__doc__) == parameters, (name, method)
