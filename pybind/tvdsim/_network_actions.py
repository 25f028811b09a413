"""What is sent over virtual networks, and what their administrators and attackers do there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

from ._action import Action, Ref, Vid


@dataclass(frozen=True)
class Ping(Action):
    """Sends a probe frame to another VM, which answers it; on the first VLAN that both are on, or on ``vlan``."""

    kind = "ping"
    vm: Ref
    other: Ref
    vlan: Optional[Vid] = None


@dataclass(frozen=True)
class SendFrames(Action):
    """Sends ``count`` frames, each with ``size`` bytes of payload, to another VM."""

    kind = "send_frames"
    vm: Ref
    other: Ref
    vlan: Optional[Vid] = None
    count: int = field(kw_only=True)
    size: Optional[int] = field(default=None, kw_only=True)


@dataclass(frozen=True)
class VlanHop(Action):
    """Sends a frame that carries a forged tag for VLAN ``vlan``, to ``other`` or to everybody there."""

    kind = "vlan_hop"
    vm: Ref
    vlan: Vid
    other: Optional[Ref] = None


@dataclass(frozen=True)
class SpoofMac(Action):
    """Sends a frame under another VM's MAC address."""

    kind = "spoof_mac"
    vm: Ref
    other: Ref


@dataclass(frozen=True)
class CreateVlan(Action):
    """Makes bridge and 802.1Q interface of a VLAN on every authorized host."""

    kind = "create_vlan"
    vlan: Vid


@dataclass(frozen=True)
class MapVlan(Action):
    """Joins a host's bridge of ``vlan`` to the 802.1Q interface of ``to_vlan``."""

    kind = "map_vlan"
    host: Ref
    vlan: Vid
    to_vlan: Vid


@dataclass(frozen=True)
class SetPort(Action):
    """Puts a VLAN on the switch port of a host (``mode`` ``carry``) or takes it off (mode prune)."""

    kind = "set_port"
    host: Ref
    vlan: Vid
    mode: str
