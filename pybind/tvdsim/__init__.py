"""tvdsim: trusted virtual datacenters, simulated around real security.

    import tvdsim as tvd

    s = tvd.Scenario("two-tenants", seed=7)      # what exists
    s.at("60 s", tvd.MigrateVm("a1", "h2"))      # what happens
    run = s.run(until="5 min")                   # what came of it

Names: ``Scenario``, the actions, ``Run``; ``Policy``; ``diff``, ``replay``, ``sweep``; ``attacks``.
"""

from . import attacks
from ._context import output
from ._core import __version__
from .actions import (
    Action,
    AssignDisk,
    AttachDisk,
    AttachVtpm,
    Connect,
    CrashToolstack,
    CrashVm,
    CreateDomain,
    DetachDisk,
    Disconnect,
    KillBackend,
    LabelDisk,
    LabelVm,
    MigrateVm,
    Notify,
    ReadDisk,
    RelabelDisk,
    RestartBackend,
    RestartToolstack,
    ResumeVm,
    SanitizeDisk,
    Send,
    StartVm,
    StopVm,
    SuspendVm,
    TakeDevice,
    TpmExtend,
    TpmRead,
    UpdatePolicy,
    WriteDisk,
)
from .diff import Diff, diff
from .doctor import doctor
from .errors import Finding, InputError, InternalError, TvdsimError, WorkerDied, WorldError
from .explain import Explanation
from .policy import Decision, Policy, Verdict, Wall
from .replay import Replay, replay
from .run import Run, RunInterrupted
from .scenario import Scenario
from .sweep import Sweep, sweep
from .things import Disk, Fault, Host, Label, Switch, Vm

__all__ = [
    "Action", "AssignDisk", "AttachDisk", "AttachVtpm", "Connect", "CrashToolstack", "CrashVm", "CreateDomain", "Decision",
    "DetachDisk", "Diff", "Disconnect", "Disk", "Explanation", "Fault", "Finding", "Host", "InputError", "InternalError",
    "KillBackend", "Label", "LabelDisk", "LabelVm", "MigrateVm", "Notify", "Policy", "ReadDisk", "RelabelDisk", "Replay",
    "RestartBackend", "RestartToolstack", "ResumeVm", "Run", "RunInterrupted", "SanitizeDisk", "Scenario", "Send", "StartVm",
    "StopVm", "SuspendVm", "Sweep", "Switch", "TakeDevice", "TpmExtend", "TpmRead", "TvdsimError", "UpdatePolicy", "Verdict",
    "Vm", "Wall", "WorkerDied", "WorldError", "WriteDisk", "__version__", "attacks", "diff", "doctor", "output", "replay",
    "sweep",
]
