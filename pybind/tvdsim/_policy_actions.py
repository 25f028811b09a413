"""Actions of the policy life cycle: deploy, activate, ask for a policy, relabel a VM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from ._action import Action, Ref


@dataclass(frozen=True)
class DeployPolicy(Action):
    """Puts a policy on every host of a group, to be activated later.

    ``mode``: ``whole`` (default) wants all hosts, ``quarantine`` leaves out those that do not answer.
    """

    kind = "deploy_policy"
    policy: Ref
    group: Optional[Ref] = None
    mode: Optional[str] = None


@dataclass(frozen=True)
class ActivatePolicy(Action):
    """Makes a deployed policy the running one of a group; ``mode`` is ``refuse`` (default), ``revoke`` or ``dry_run``."""

    kind = "activate_policy"
    policy: Ref
    group: Optional[Ref] = None
    mode: Optional[str] = None


@dataclass(frozen=True)
class GetPolicy(Action):
    """Asks the policy store which version of a policy is in force; ``principal`` needs the right to read it."""

    kind = "get_policy"
    policy: Ref
    group: Optional[Ref] = None


@dataclass(frozen=True)
class RelabelVm(Action):
    """Gives a running or suspended VM another label; ``mode`` is ``refuse`` (default), ``revoke`` or ``dry_run``."""

    kind = "relabel_vm"
    vm: Ref
    label: Ref
    mode: Optional[str] = None
