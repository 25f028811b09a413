// A VM of a datacenter whose guest is real: its hypercalls come to its host's hypervisor like anybody's, and are decided there.
//
// The VM is built, admitted and labelled as all VMs are; when it runs, its guest is started, when it is paused the guest's time
// stands still, and when it stops, dies or leaves the host the guest is pulled out. What the guest tells about itself becomes rows:
// measurements, and steps named guest_pcr, guest_says and guest_tpm_failed.
//
//   GuestVm real(dc, "web", setup, 1_ms);      // before the engine runs
//   real.calls_when_started({{HypercallOp::evtchn_alloc, "db"}, {HypercallOp::evtchn_alloc, "spy"}});
//
// Invariant  a call changes nothing that the hypervisor did not permit; the guest learns the result, and the reason of a refusal.
// Cost       that of the guest; a decision per call.
// Threads    the engine's.
// Leaves out saving and moving a real guest: it ends where its VM leaves the host.
// Source     seed 002 Fig. 2: hooks inside the hypervisor, whoever the guest is.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "models/emulation/emulated_guest.hpp"
#include "models/host/datacenter.hpp"
#include "models/host/hypercall.hpp"
#include "vtpm/evidence/digest.hpp"

namespace tvdsim::models {

// A hypercall as its script names it.
struct GuestCallSetup {
  HypercallOp op{};
  std::string other;  // the VM that it is about
  std::uint32_t handle = 0, page = 0;
};

// What a call came to, as host and guest know it.
struct GuestCall {
  sim::Time at;
  std::string name;   // of the hypercall; empty: there is none of that number
  std::string other;  // of the VM that it was about; empty: none
  Result result{};
  std::string reason;
};

class GuestVm final : public GuestDoor, private sim::Source {
 public:
  GuestVm(Datacenter& datacenter, sim::Engine& engine, std::string_view vm, GuestSetup setup,
          sim::Duration quantum);

  // Words `calls=…` are put on the guest's command line when it starts and the others' domain ids are known.
  void calls_when_started(std::vector<GuestCallSetup> calls) { script_ = std::move(calls); }

  const std::string& command_line() const noexcept { return command_line_; }  // the script's words included
  EmulatedGuest& guest() noexcept { return guest_; }
  const EmulatedGuest& guest() const noexcept { return guest_; }

  const std::vector<GuestCall>& calls() const noexcept { return calls_; }
  const std::vector<std::string>& said() const noexcept { return said_; }
  // PCRs of the SHA-256 bank as the guest read them from its TPM.
  const std::map<std::uint32_t, vtpm::Digest>& pcrs() const noexcept { return pcrs_; }
  const std::string& tpm_failure() const noexcept { return tpm_failure_; }  // "": none

 private:
  void call(EmulatedGuest& guest, std::uint32_t number, tvdsim_call& block) override;
  void ended(EmulatedGuest& guest) override;
  sim::Time next_date() override;  // never: looks whether the VM's state changed
  void advance(sim::Time) override {}
  void start();
  void hypercall(tvdsim_call& block);
  std::string words_of_script() const;
  VmId find_named(std::string_view name) const;
  void step(std::string_view what, std::string_view subject, std::string_view detail);

  Datacenter& datacenter_;
  sim::Engine& engine_;
  const VmId vm_;
  std::string command_line_;
  std::vector<GuestCallSetup> script_;
  EmulatedGuest guest_;
  std::vector<GuestCall> calls_;
  std::vector<std::string> said_;
  std::map<std::uint32_t, vtpm::Digest> pcrs_;
  std::string tpm_failure_;
};

}  // namespace tvdsim::models
