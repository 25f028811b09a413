// Real TPM 2.0s, as many as memory holds, in one process.
//
// Each TPM is libtpms itself: it manufactures, extends, signs and refuses as the library does. A copy of the library holds one
// TPM at a time; the others are parked and come back exactly as they left: PCRs, loaded keys, sessions, NV and random generator.
// Every worker has a private copy of the library, and every TPM a home worker. Parked is what of the copy's data is the TPM's
// own (vtpm/device/tpm_home.hpp), or, where a self-test at the start finds that this does not hold, the library's state blobs:
// those are also how a TPM is saved, loaded, cloned and moved.
//
//   TpmFleet fleet({.seed = 7, .workers = 2});
//   TpmId tpm = fleet.create("h1");                   // powered on; wants TPM2_Startup first, as any TPM
//   auto response = fleet.execute(tpm, startup_command(StartupType::clear), {.now = engine.now()});
//
// Deterministic on private copies: seeds, keys, signatures, nonces and clocks follow from seed, name and commands alone, at any
// number of workers. On the stock library (no archive to make copies from, or asked for) only PCR values, NV contents and
// response codes do; a run that lets the rest reach its trace must say `deterministic: false` in its manifest.
//
// Invariant  a refused load() leaves the TPM and the library as they were; nothing that a TPM answers tells how it was parked.
//            What goes wrong with one TPM changes no other.
// Cost       one command to the TPM that is in its copy: the command alone (PCR_Extend about 1 us); to another one about 8 us
//            more, by blobs 40; a TPM that was never spoken to costs 100 bytes, then about 45 us; 1 to 2 kB per parked TPM
//            without keys, by blobs 10 kB.
// Threads    execute() and power_cycle() of TPMs with different homes may run concurrently; a second thread in one home is our
//            bug and aborts. create() may run beside them; everything else alone.
// Leaves out TPM 1.2, physical presence, freshness: an old state loads (so do real vTPMs).
// Source     libtpms 0.9.2; TCG TPM 2.0 Library 1.59.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "sim/base/ids.hpp"
#include "sim/base/units.hpp"

namespace tvdsim::vtpm {

using TpmId = sim::Id<struct TpmTag>;

// What reaches a TPM beside its commands: a dynamic launch that hashes code into PCR 17, and the mark that one happened.
enum class TpmSignal : std::uint8_t { hash_start, hash_data, hash_end, established, reset_established };

// All there is of a TPM, as it travels in a migration or lies in a snapshot.
struct TpmState {
  std::vector<std::uint8_t> permanent;  // seeds, NV, persistent keys: what survives power-off
  std::vector<std::uint8_t> running;    // PCRs, loaded keys, sessions, clock; empty: powered off
  // SHA-256 over both, lengths included. libtpms keeps no checksum of the permanent part: load() compares this one.
  std::array<std::uint8_t, 32> digest{};

  std::array<std::uint8_t, 32> compute_digest() const;
  friend bool operator==(const TpmState&, const TpmState&) = default;
};

enum class Parking : std::uint8_t { segments, blobs };

struct TpmFleetSetup {
  std::uint64_t seed = 1;
  unsigned workers = 1;                 // how many threads may be in TPMs at once; 0 counts as 1
  bool stock = false;                   // use the stock library even where private copies can be had
  Parking parking = Parking::segments;  // what is wanted; the stock library parks as blobs
};

struct CommandContext {
  sim::Time now{};  // what the TPM's clock shows; not before that of its last command
  std::uint8_t locality = 0;
};

// A clone that shares its source's identity is what a copied virtual machine has: the same seeds, keys and random generator.
enum class CloneIdentity : std::uint8_t { fresh, shared };

// What can happen to one TPM.
enum class TpmFault : std::uint8_t {
  failure_mode,  // it answers TPM_RC_FAILURE to all but GetTestResult and GetCapability, until it is power-cycled
  power_cut,  // it executes the command, NV is written, and the power goes before the response leaves; it wants TPM2_Startup
  worker_crash,  // its worker dies in the middle of the command: lost; all it is asked is WorldError "tpm_lost" until load()
};

class TpmFleet {
 public:
  explicit TpmFleet(TpmFleetSetup setup = {});
  ~TpmFleet();
  TpmFleet(const TpmFleet&) = delete;
  TpmFleet& operator=(const TpmFleet&) = delete;

  // A newly manufactured TPM, powered on. Ids count up and are never used again. Two TPMs of one name are twins: the same
  // keys, until commands tell them apart. Without a name it is called by its id.
  TpmId create(std::string_view name = {}, sim::Time now = {});
  // Sends one command; gives the TPM's response, whatever its response code (vtpm/device/commands.hpp reads it). A TPM that
  // answers TPM_RC_RETRY is asked once more, as a driver does.
  // A destroyed or unknown TPM is WorldError ENODEV.
  std::vector<std::uint8_t> execute(TpmId tpm, std::span<const std::uint8_t> command,
                                    CommandContext context = {});
  // Several to one TPM in one visit, in order; one response each, whatever their codes.
  std::vector<std::vector<std::uint8_t>> execute_all(TpmId tpm,
                                                     std::span<const std::vector<std::uint8_t>> commands,
                                                     CommandContext context = {});
  // _TPM_Init: power off and on again. PCRs and sessions go, NV and hierarchies stay; wants TPM2_Startup next.
  void power_cycle(TpmId tpm, CommandContext context = {});

  // Of TpmSignal::established: the mark; of the others: did the TPM take it? It refuses a reset of the mark that comes from
  // another locality than 3 or 4.
  bool signal(TpmId tpm, TpmSignal signal, std::span<const std::uint8_t> data = {},
              CommandContext context = {});

  TpmState save(TpmId tpm);
  // Replaces this TPM by the saved one, also one that was lost. WorldError: "state_digest" when the digest does not match, "state_empty" when there
  // is no permanent part, else libtpms's code by name.
  void load(TpmId tpm, const TpmState& state, CommandContext context = {});
  void destroy(TpmId tpm);
  // Another TPM in the state of this one. Fresh: with seeds of its own, by TPM2_ChangeEPS, ChangePPS and Clear, which take the
  // storage and endorsement hierarchies' objects along and keep PCRs; a TPM that refuses one of them (not started, a platform
  // with a password) is WorldError by its code, and there is no clone.
  TpmId clone(TpmId source, std::string_view name, CloneIdentity identity, CommandContext context = {});
  // Lets this happen. The stock library has no failure mode and no worker to lose: WorldError "stock_library".
  void fail(TpmId tpm, TpmFault fault, std::span<const std::uint8_t> command = {},
            CommandContext context = {});

  bool exists(TpmId tpm) const noexcept;
  std::size_t size() const noexcept;  // TPMs not destroyed

  unsigned workers() const noexcept;  // homes: 1 on the stock library
  unsigned home(TpmId tpm) const noexcept { return tpm.value % workers(); }
  std::vector<std::uint64_t> commands_per_worker() const;
  std::string_view path() const noexcept;  // "private" or "stock"
  bool deterministic() const noexcept;
  Parking parking() const noexcept;  // what is done
  // SHA-256 over what all TPMs are, in the order of their ids: permanent state, clock, PCRs, loaded objects.
  std::array<std::uint8_t, 32> state_digest();
  std::array<std::uint8_t, 32> state_digest(TpmId tpm);

  // The path that a fleet takes which asks for none: private copies where this machine has them.
  static std::string_view default_path() noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tvdsim::vtpm
