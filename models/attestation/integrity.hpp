// Measured boot, measured files and remote attestation of a datacenter: who ran what, what evidence there is of it, who believes it.
//
// Hosts boot when they are added; a VM boots when it is told to. Each boot stage is measured by the one before it, each file by the
// kernel before it is used: log entry and PCR extend first, then execution. On every host a service attest@<host> answers
// challenges; services verifier@<host> ask and judge (models/attestation/protocol.hpp).
//
// Invariant  no code of a measured class runs before its digest is in the log and in the PCR, unless `measurement` is off.
// Cost       a boot is one visit to the TPM and one event per component; see SPECIFICATION.md for the whole.
// Threads    the engine's.
// Leaves out run-time attacks that change no file (models/CAVEATS.md#attestation).
// Source     seed 002 sections 2.2.1 and 2.2.2; Sailer et al., USENIX Security 2004; Berger et al., USENIX Security 2006.
#pragma once

#include <bitset>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/attestation/agent.hpp"
#include "models/attestation/chain_links.hpp"
#include "models/attestation/enrolment.hpp"
#include "models/attestation/identities.hpp"
#include "models/attestation/integrity_world.hpp"
#include "models/attestation/measured_machine.hpp"
#include "models/attestation/reference_desk.hpp"
#include "models/attestation/scratch.hpp"
#include "models/attestation/verifier.hpp"
#include "models/attestation/vtpm_binding.hpp"
#include "models/truth/record.hpp"
#include "sim/base/decision.hpp"

namespace tvdsim::models {

struct IntegritySetup {
  sim::ControlModes controls;
  References forms = References::both;  // of host images: what there are reference values for
  // A kernel's look at a file that did not change; at one that did; and what each 4 KiB of that takes.
  sim::Duration hit{80}, rehash{2'560}, hash{50'000};
  VerifierSetup verifier;
  ReferenceSetup references;
  // The share that one VM has of its host's TPM: a question per interval, and this many at once.
  sim::Duration tpm_share{500'000'000};
  std::uint32_t tpm_share_at_once = 8;
  VtpmBinding binding = VtpmBinding::nonce;
};

class Integrity {
 public:
  Integrity(sim::Engine& engine, Truth& truth, sim::MessageBus& bus, Chips& chips, IntegrityWorld& world,
            IntegritySetup setup);
  ~Integrity();
  Integrity(const Integrity&) = delete;

  struct Boot {
    std::string name;
    const PreparedImage* image = nullptr;
    std::vector<std::string> tampered, uninstrumented, read_twice;  // components by name
    std::bitset<kMeasuredClasses> measured = std::bitset<kMeasuredClasses>().set();
    BootGranularity granularity = BootGranularity::fine;
    bool static_crtm = true, ima = true, secure_boot = false;
    bool launches = false;               // a host's: its hypervisor is launched late
    std::vector<RootOfTrust> roots_off;  // a host's: what its TPM service does not offer
  };
  // Hosts in the order of their HostIds, all of them. Kept from then on; boots at once.
  void add_host(const Boot& boot, bool tpm, ChipLatency latency);
  // extend: what its vTPM takes for one.
  void add_vm(sim::VmId vm, const Boot& boot, sim::Duration extend);
  bool knows(sim::VmId vm) const noexcept;
  std::uint32_t machine_number(sim::VmId vm) const { return machine_of(vm); }
  void add_verifier(const std::string& host);

  // From now on attestation keys are known by certificates of the service ca@<host>. Before the first host.
  void certify(const std::string& host);
  void enrol_hosts();
  EnrolmentDesk* authority() noexcept { return desk_.get(); }
  // Commands of an administrator to the authority, about a VM or a host, which came as this message.
  void enrol(const sim::Message& command, sim::VmId vm, sim::HostId host, std::string_view mode);
  void revoke_key(const sim::Message& command, sim::VmId vm, sim::HostId host, std::string_view mode);
  void publish_rogue(const sim::Message& command, sim::VmId vm, sim::HostId host);
  // An attacker's doings; "" or why not. copied: `to` has a copy of the other's vTPM.
  std::string forge_certificate(sim::VmId vm, std::string_view mode);
  std::string relay_challenges(sim::HostId from, sim::HostId to);
  std::string copied(sim::VmId from, sim::VmId to);
  // Its vTPM and all its keys are gone.
  void forget_identity(sim::VmId vm);
  // Roots, authorities, revocation lists and every machine's certificates: file names and PEM texts. Empty without an authority.
  std::vector<std::pair<std::string, std::string>> certificates();

  // Images are prepared once; vouch(): its components are known to be good, a host's in the forms that are asked for.
  const PreparedImage& prepare(SoftwareImage image, std::string_view variant = {});
  void vouch(const SoftwareImage& image, bool of_host);
  ReferenceDesk& references() noexcept { return references_; }

  sim::Time ready(sim::HostId host) const;  // when its boot is over
  // At which boot stage secure boot ended the host's boot, in a sentence; "" when it runs.
  std::string halted(sim::HostId host) const;
  // The links that its chain of trust lacks by its set-up.
  std::vector<ChainLink> missing_links(sim::HostId host) const;
  // The VM starts over, with this vTPM (none: it has none).
  void boot_vm(sim::VmId vm, ChipId chip);
  // It was moved: its instance is another one now.
  void rebind(sim::VmId vm, ChipId chip);

  // Actions upon a running VM. Both end in IntegrityWorld::executed(); "" or why not.
  std::string run_program(sim::VmId vm, std::string_view path, std::uint64_t correlation);
  // run: executes it at once; else it is only written.
  std::string tamper_file(sim::VmId vm, std::string_view path, std::string_view content,
                          std::uint64_t correlation, bool run = true);
  std::string lie(sim::VmId vm, std::string_view mode);
  // Its agent is one that keeps its first quote, to have it when it will lie.
  void keep_quotes(sim::VmId vm);

  // The host's control domain gives out measurements of machines on which nothing was ever changed; or honest ones again.
  void lie_out_of_band(sim::HostId host, bool lies);
  // The one way to a host's TPM; null: it has none.
  TpmService* tpm(sim::HostId host) const;
  // Actions upon a host with a TPM. They end in IntegrityWorld::ended(); "" or why not.
  std::string late_launch(sim::HostId host, std::uint64_t correlation);
  std::string measure_host(sim::HostId host, std::string_view text, std::uint32_t pcr,
                           std::uint64_t correlation);
  std::string seal_secret(sim::HostId host, std::string_view text, std::uint64_t correlation);
  std::string unseal_secret(sim::HostId host, std::uint64_t correlation);
  std::string command_tpm(sim::VmId vm, std::string_view text, std::uint32_t pcr, std::uint64_t correlation);
  // Who has the machine in hand: the reset line of its TPM; its bus; a look at it.
  std::string reset_tpm(sim::HostId host);
  std::string probe_bus(sim::HostId host, std::string_view mode);
  bool case_open(sim::HostId host) const { return machines_.at(host.value).case_open; }
  // Its statements leave out this VM from now on.
  std::string forge_statement(sim::HostId host, std::string_view hidden);

  const MeasuredMachine& host(sim::HostId host) const { return machines_.at(host.value); }
  const MeasuredMachine& vm(sim::VmId vm) const;
  const std::vector<std::unique_ptr<Verifier>>& verifiers() const noexcept { return verifiers_; }

 private:
  friend class AttestationAgent;
  friend class EnrolmentDesk;
  friend class Verifier;
  friend class Schedule;
  friend class Admission;
  struct Pending {  // an execution that waits for its measurement
    std::uint32_t machine = 0, boots = 0;
    std::size_t component = 0;
    std::uint64_t correlation = 0;
    const Measured* measured = nullptr;  // what was looked at; null: nothing was
    sim::Duration hook{};                // what the kernel's look at it takes, the TPM aside
  };

  MeasuredMachine make(const Boot& boot, bool is_vm);
  void boot(std::uint32_t machine);
  void plan(MeasuredMachine& machine, std::vector<PcrExtend>& extends);
  void plan_stages(MeasuredMachine& machine);
  void plan_files(MeasuredMachine& machine);
  bool may_start(MeasuredMachine& machine, std::size_t stage);
  const Measured& read_to_measure(const MeasuredMachine& machine, std::size_t stage) const;
  sim::Duration hook_of(const Measured& item) const;
  sim::Duration stage_time(const MeasuredMachine& machine, std::size_t component) const;
  void on_stage(const sim::Event& event);
  void on_run(const sim::Event& event);
  void note(const MeasuredMachine& machine, const Measured& item);
  void executes(MeasuredMachine& machine, std::size_t component);
  void look_at(std::uint64_t pending);
  void record(MeasuredMachine& machine, const Measured& item, ChipDone<Extended> done);
  bool changed_since(const Pending& pending) const;
  // IMA: the entry that must be made before this component is used, or null.
  const Measured* to_measure(const MeasuredMachine& machine, std::size_t component) const;
  void launch_at(std::uint32_t machine, ChipDone<Extended> done);
  ScratchAttestation& scratch(sim::HostId host, std::uint32_t pcr);
  std::string statement_of(sim::HostId host) const;
  void warn_of_bus(sim::HostId host, std::string_view what);
  void on_launched(std::uint64_t correlation, Extended& end);
  void on_done(std::uint64_t correlation, TpmOutcome& outcome);
  void on_unsealed(std::uint64_t correlation, TpmOutcome& outcome);
  void on_commanded(std::uint64_t correlation, std::vector<std::uint8_t>& response);
  void extend_done(std::uint64_t pending, Extended& nothing);
  void execute(std::uint64_t pending);
  std::uint32_t machine_of(sim::VmId vm) const { return vm_machine_.at(vm.value); }
  std::optional<std::uint32_t> subject(sim::VmId vm, sim::HostId host) const;
  void steal_key(std::uint32_t machine);
  void take_key_along(std::uint32_t machine);  // another chip holds its state now
  bool binds_channel() const;
  // Which question a host's quote about itself answers.
  std::vector<std::uint8_t> host_question(const Nonce& nonce, std::span<const std::uint8_t> channel) const;

  sim::Engine& engine_;
  Truth& truth_;
  sim::MessageBus& bus_;
  IntegrityWorld& world_;
  IntegritySetup setup_;
  MeasuredStore measured_;
  std::map<std::string, std::unique_ptr<PreparedImage>> images_;
  ReferenceDesk references_;
  Chips& chips_;
  std::vector<MeasuredMachine> machines_;  // hosts first
  std::size_t hosts_ = 0;
  std::vector<std::unique_ptr<TpmService>> tpms_;  // by host; null: it has none
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::unique_ptr<ScratchAttestation>> scratches_;
  struct AskedOf {
    std::uint32_t host = 0;
    std::string_view done;  // what is said when it was
  };
  std::map<std::uint64_t, AskedOf> asked_of_;  // by the correlation of a command to a host's TPM
  std::vector<std::uint32_t> vm_machine_;      // by VmId; kNoMachine: none
  std::vector<sim::VmId> machine_vm_;          // by machine, of VMs
  std::map<std::uint64_t, Pending> pending_;
  std::uint64_t next_pending_ = 0;
  sim::EventKind stage_kind_ = 0, run_kind_ = 0;
  ChallengeTable challenges_;
  std::uint64_t next_challenge_ = 0;
  std::unique_ptr<Identities> identities_;  // null: keys are known out of band
  std::unique_ptr<EnrolmentDesk> desk_;
  std::vector<std::unique_ptr<AttestationAgent>> agents_;  // by host
  std::vector<std::unique_ptr<Verifier>> verifiers_;
};

}  // namespace tvdsim::models
