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
    AcknowledgeEvent, Action, ActivatePolicy, AssignDisk, AttachDisk, AttachVtpm, Attest, AttestHost, AttestStatement,
    AttestVm, CloneVm, CommandTpm, CompromiseDom0, Connect, CopyVtpm, CrashToolstack, CrashVm, CreateDomain,
    CreateTvd, CreateVlan, DeployPolicy, DetachDisk, Disconnect, Enrol, FloodAttestation, ForgeCertificate,
    ForgeStatement, GetPolicy, Hypercall, ImportReferences, InspectHost, JoinHosts, KillBackend, LabelDisk, LabelVm,
    LateLaunch, Lie, MapVlan, MeasureHost, Migrate, MigrateVm, Notify, Ping, ProbeBus, PublishAdvisory, PublishRogue,
    ReadDisk, RelabelDisk, RelabelHost, RelabelVm, Relay, RelayChallenge, ResetTpm, RestartBackend, RestartToolstack,
    ResumeVm, RetireReferences, RevokeKey, RunProgram, SanitizeDisk, SealSecret, Send, SendFrames, SetPort, SpoofMac,
    StartVm, StopVm, SuppressAudit, SuspendVm, TakeDevice, TamperFile, TpmExtend, TpmRead, UnsealSecret, UpdatePolicy,
    VlanHop, WriteDisk,
)
from .analyse import Analysis, analyse
from .appraisal import Appraisal, KnownDigests, appraise
from .diff import Diff, diff
from .doctor import doctor
from .errors import Finding, InputError, InternalError, TvdsimError, WorkerDied, WorldError
from .evidence import EventLog, ImaLog, Quote, QuoteVerdict
from .explain import Explanation
from .guest import GuestCall, GuestRun, RealGuest
from .policy import Decision, Policy, Verdict, Wall
from .references import Reference, ReferenceChange, ReferenceStore
from .replay import Replay, replay
from .resources import ResourceLabels
from .run import Run, RunInterrupted
from .scenario import Scenario
from .served import ServedTpm, ServedTpms
from .sweep import Sweep, sweep
from .things import (
    ActionPlan, Clearance, Disk, Fault, Host, HostBoot, HostGroup, Image, Label, Lattice, Poisson, PolicyRight, Regular, Software, Switch,
    Traffic, Tvd, Vlan, Vm, VmBoot, Watch,
)
from .tpm import ResponseCode, Tpm, TpmFleet, TpmState, pcr_file
from .tpm12 import Tpm12, Tpm12Fleet

__all__ = [
    "AcknowledgeEvent", "Action", "ActionPlan", "ActivatePolicy", "Analysis", "Appraisal", "AssignDisk", "AttachDisk",
    "AttachVtpm", "Attest", "AttestHost", "AttestStatement", "AttestVm", "Clearance", "CloneVm", "CommandTpm", "CompromiseDom0",
    "Connect", "CopyVtpm", "CrashToolstack", "CrashVm", "CreateDomain", "CreateTvd", "CreateVlan", "Decision", "DeployPolicy",
    "DetachDisk", "Diff", "Disconnect", "Disk", "Enrol", "EventLog", "Explanation", "Fault", "Finding", "FloodAttestation",
    "ForgeCertificate", "ForgeStatement", "GetPolicy", "GuestCall", "GuestRun", "Host", "HostBoot", "HostGroup", "Hypercall", "ImaLog",
    "Image", "ImportReferences", "InputError", "InspectHost", "InternalError", "JoinHosts", "KillBackend", "KnownDigests",
    "Label", "LabelDisk", "LabelVm", "LateLaunch", "Lattice", "Lie", "MapVlan", "MeasureHost", "Migrate", "MigrateVm", "Notify",
    "Ping", "Poisson", "Policy", "PolicyRight", "ProbeBus", "PublishAdvisory", "PublishRogue", "Quote", "QuoteVerdict",
    "ReadDisk", "RealGuest", "Reference", "ReferenceChange", "ReferenceStore", "Regular", "RelabelDisk", "RelabelHost",
    "RelabelVm", "Relay", "RelayChallenge", "Replay", "ResetTpm", "ResourceLabels", "ResponseCode", "RestartBackend",
    "RestartToolstack", "ResumeVm", "RetireReferences", "RevokeKey", "Run", "RunInterrupted", "RunProgram", "SanitizeDisk",
    "Scenario", "SealSecret", "Send", "SendFrames", "ServedTpm", "ServedTpms", "SetPort", "Software", "SpoofMac", "StartVm",
    "StopVm", "SuppressAudit", "SuspendVm", "Sweep", "Switch", "TakeDevice", "TamperFile", "Tpm", "Tpm12", "Tpm12Fleet",
    "TpmExtend", "TpmFleet", "TpmRead", "TpmState", "Traffic", "Tvd", "TvdsimError", "UnsealSecret", "UpdatePolicy", "Verdict",
    "Vlan", "VlanHop", "Vm", "VmBoot", "Wall", "Watch", "WorkerDied", "WorldError", "WriteDisk", "analyse", "appraise", "attacks", "diff",
    "doctor", "output", "pcr_file", "replay", "sweep", "__version__",
]
