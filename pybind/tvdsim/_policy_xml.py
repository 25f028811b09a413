"""sHype XML of a policy that a script wrote down with ``label()`` and ``conflict()``."""

from __future__ import annotations

from typing import Iterable, List, Sequence, Tuple
from xml.sax.saxutils import escape, quoteattr

from .things import Label

BOOTSTRAP = "SystemManagement"


def _types(tag: str, types: Iterable[str], indent: str) -> List[str]:
    rows = [f"{indent}  <Type>{escape(t)}</Type>" for t in types]
    return [f"{indent}<{tag}>", *rows, f"{indent}</{tag}>"]


def _label(tag: str, name: str, ste: Sequence[str], wall: Sequence[str]) -> List[str]:
    pad = "      "
    lines = [f"    <{tag}>", f"{pad}<Name>{escape(name)}</Name>"]
    lines += _types("SimpleTypeEnforcementTypes", ste, pad) if ste or tag == "ResourceLabel" else []
    lines += _types("ChineseWallTypes", wall, pad) if wall else []
    return [*lines, f"    </{tag}>"]


def render(name: str, labels: Sequence[Label], conflicts: Sequence[Tuple[str, Sequence[str]]]) -> str:
    """The policy as text.

    dom0 and the hosts carry ``SystemManagement``, which holds every STE type (unless a label of that name is given).
    Each label with exactly one STE type has a resource label of the same name.
    """
    ste = sorted({t for l in labels for t in l.ste})
    wall = sorted({t for l in labels for t in l.cw} | {t for _, types in conflicts for t in types})
    everything = list(labels)
    if all(l.name != BOOTSTRAP for l in labels):
        everything.insert(0, Label(BOOTSTRAP, tuple(ste), ()))
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<SecurityPolicyDefinition xmlns="http://www.ibm.com">']
    lines += ["  <PolicyHeader>", f"    <PolicyName>{escape(name)}</PolicyName>", "    <Version>1.0</Version>",
              "  </PolicyHeader>"]
    if ste:
        lines += ["  <SimpleTypeEnforcement>", *_types("SimpleTypeEnforcementTypes", ste, "    "),
                  "  </SimpleTypeEnforcement>"]
    if wall:
        lines += ["  <ChineseWall>", *_types("ChineseWallTypes", wall, "    ")]
    if wall and conflicts:
        lines.append("    <ConflictSets>")
        for set_name, types in conflicts:
            lines.append(f"      <Conflict name={quoteattr(set_name)}>")
            lines += [f"        <Type>{escape(t)}</Type>" for t in types]
            lines.append("      </Conflict>")
        lines.append("    </ConflictSets>")
    if wall:
        lines.append("  </ChineseWall>")
    lines += ["  <SecurityLabelTemplate>", f'    <SubjectLabels bootstrap="{BOOTSTRAP}">']
    for label in everything:
        lines += _label("VirtualMachineLabel", label.name, label.ste, label.cw)
    lines.append("    </SubjectLabels>")
    resources = [l for l in labels if len(l.ste) == 1]
    if resources:
        lines.append("    <ObjectLabels>")
        for label in resources:
            lines += _label("ResourceLabel", label.name, label.ste, ())
        lines.append("    </ObjectLabels>")
    return "\n".join([*lines, "  </SecurityLabelTemplate>", "</SecurityPolicyDefinition>"]) + "\n"
