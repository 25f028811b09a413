// Real TPM 2.0s, as many as memory holds, in one process.
//
// Each TPM is libtpms itself: it manufactures, extends, signs and refuses as the library does. The library holds one TPM
// at a time; the others are parked as its official state blobs and come back exactly as they left: PCRs, loaded keys,
// sessions, NV and random generator. The library is set up when the first TPM of the process is created.
//
//   TpmFleet fleet;
//   TpmId tpm = fleet.create();                       // powered on; wants TPM2_Startup first, as any TPM
//   auto response = fleet.execute(tpm, startup_command(StartupType::clear));
//
// Deterministic: PCR values, NV contents, response codes, and what a TPM answers after a park. Not deterministic: seeds,
// keys, signatures, nonces and GetRandom, which the library draws from its own generator, and the TPM's clock, which follows
// the host's. A run that lets those reach its trace must say `deterministic: false` in its manifest.
//
// Invariant  a refused load() leaves the TPM and the library as they were; a parked TPM is bit for bit its own blobs.
// Cost       one command to the TPM in the library: the command alone (PCR_Extend about 1 us); to another one about 90 us more;
//            create about 100 us, all on one contended core; 10 kB per parked TPM.
// Threads    one thread at a time for all fleets of a process; entering from a second one meanwhile is our bug and aborts.
// Leaves out TPM 1.2, locality other than 0, physical presence, freshness: an old state loads (so do real vTPMs).
// Source     libtpms 0.9.2; TCG TPM 2.0 Library 1.59.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "sim/base/ids.hpp"

namespace tvdsim::vtpm {

using TpmId = sim::Id<struct TpmTag>;

// All there is of a TPM, as it travels in a migration or lies in a snapshot.
struct TpmState {
  std::vector<std::uint8_t> permanent;  // seeds, NV, persistent keys: what survives power-off
  std::vector<std::uint8_t> running;    // PCRs, loaded keys, sessions, clock; empty: powered off
  // SHA-256 over both, lengths included. libtpms keeps no checksum of the permanent part: load() compares this one.
  std::array<std::uint8_t, 32> digest{};

  std::array<std::uint8_t, 32> compute_digest() const;
  friend bool operator==(const TpmState&, const TpmState&) = default;
};

class TpmFleet {
 public:
  TpmFleet();
  ~TpmFleet();
  TpmFleet(const TpmFleet&) = delete;
  TpmFleet& operator=(const TpmFleet&) = delete;

  // A newly manufactured TPM, powered on. Ids count up and are never used again.
  TpmId create();
  // Sends one command; gives the TPM's response, whatever its response code (vtpm/device/commands.hpp reads it).
  // A destroyed or unknown TPM is WorldError ENODEV.
  std::vector<std::uint8_t> execute(TpmId tpm, std::span<const std::uint8_t> command);
  // _TPM_Init: power off and on again. PCRs and sessions go, NV and hierarchies stay; wants TPM2_Startup next.
  void power_cycle(TpmId tpm);

  TpmState save(TpmId tpm);
  // Replaces this TPM by the saved one. WorldError: "state_digest" when the digest does not match, "state_empty" when there
  // is no permanent part, else libtpms's code by name.
  void load(TpmId tpm, const TpmState& state);
  void destroy(TpmId tpm);

  bool exists(TpmId tpm) const noexcept;
  std::size_t size() const noexcept;  // TPMs not destroyed

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tvdsim::vtpm
