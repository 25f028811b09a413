// The TPMs of a datacenter as devices in simulated time: hardware chips of hosts and the instances of VMs.
//
// What is asked of a chip is served first come, first served, and takes as long as its latencies say, or what is drawn from its
// profile; the answer is there when that time is over. A chip may have room for so many questions and no more, as a resource
// manager in front of it has. Behind every chip is a TPM of its own (vtpm/device). The library behind those is not touched before the
// first chip is made.
//
// Invariant  answers come in the order of the questions; a chip that was dropped answers nothing any more.
// Cost       that of the TPM behind it; one event per question.
// Threads    the engine's.
// Source     TPM commands are serial per chip: vendors' and users' measurements (models/CAVEATS.md#attestation).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sim/engine/engine.hpp"
#include "vtpm/device/profiles.hpp"
#include "vtpm/device/seal.hpp"
#include "vtpm/evidence/digest.hpp"
#include "vtpm/evidence/pcr_values.hpp"

namespace tvdsim::models {

struct Measured;
using ChipId = sim::Id<struct ChipTag>;

struct ChipLatency {
  sim::Duration command{1'000'000}, quote{60'000'000};
  // Each time is drawn from it instead, by the command's class, from a stream of the chip's own.
  const vtpm::LatencyProfile* profile = nullptr;
  std::uint32_t room = 0;  // questions asked and not answered that it may have; 0: any number
};

// How a chip's line went so far.
struct ChipLine {
  std::uint64_t asked = 0, refused = 0;
  std::uint32_t open = 0, longest = 0;  // asked and not answered: now; at most
  sim::Duration served{}, waited{};     // all together: by the chip; in line before it
};

struct PcrExtend {
  std::uint32_t pcr = 0;
  vtpm::Digest sha1, sha256;
};

// What this measurement extends its PCR with.
PcrExtend extend_of(const Measured& item);

struct QuoteAnswer {
  std::vector<std::uint8_t> attest, signature;
  vtpm::PcrValues pcrs;
};

// Called when the answer is there, once, with the tag of the question; not for a chip that was dropped meanwhile.
template <class Answer>
struct ChipDone {
  void (*call)(void* self, std::uint64_t tag, Answer& answer) = nullptr;
  void* self = nullptr;
  std::uint64_t tag = 0;
  template <auto Method, class T>
  static ChipDone to(T& object, std::uint64_t tag) {
    return {[](void* to, std::uint64_t t, Answer& a) { (static_cast<T*>(to)->*Method)(t, a); }, &object, tag};
  }
};
struct Extended {
  std::uint32_t code = 0;  // response code: of a question that was refused before it reached the chip
};

// Somebody at the wires between a platform and its chip. He hears what passes; he may answer extends in the chip's place.
enum class BusProbe : std::uint8_t { off, listen, drop };

// An attestation key by what it is made from: another label, another key of the same TPM. The empty one is every TPM's first.
struct KeyChoice {
  std::string label;
  bool anonymous = false;
  friend bool operator==(const KeyChoice&, const KeyChoice&) = default;
};
struct KeysAnswer {
  std::vector<std::uint8_t> endorsement, attestation;  // TPM2B_PUBLIC
};
struct ActivationAnswer {
  std::vector<std::uint8_t> secret;
  std::uint32_t code = 0;  // of the TPM's refusal
};

class Chips {
 public:
  // workers: threads that compute what TPMs answer; 0: the engine's own does.
  Chips(sim::Engine& engine, unsigned workers);
  ~Chips();
  Chips(const Chips&) = delete;

  // A manufactured TPM, started up. The name and the engine's seed make its keys.
  ChipId add(const std::string& name, ChipLatency latency);
  // A question to a chip without room for it is WorldError "tpm_queue_full", and is not asked.
  const ChipLine& line(ChipId chip) const;
  void drop(ChipId chip);  // with its keys: what was sealed to it is lost
  bool exists(ChipId chip) const noexcept;
  std::size_t size() const noexcept;  // chips that exist

  // Powers off and on, then extends all of it: a boot. One question.
  void boot(ChipId chip, std::vector<PcrExtend> extends, ChipDone<Extended> done = {});
  // A dynamic launch, which the processor alone can make (locality 4): PCRs 17 to 22 are reset, the code's digest goes into 17; then
  // the launched code extends all of it from locality 2. One question.
  void launch(ChipId chip, std::vector<std::uint8_t> code, std::vector<PcrExtend> extends,
              ChipDone<Extended> done);
  void extend(ChipId chip, PcrExtend extend, ChipDone<Extended> done);
  void quote(ChipId chip, std::vector<std::uint8_t> nonce, std::uint32_t pcrs, ChipDone<QuoteAnswer> done);
  // The public halves of the endorsement key and of such an attestation key, which need not be the one that quotes.
  void keys(ChipId chip, KeyChoice choice, ChipDone<KeysAnswer> done);
  // TPM2_ActivateCredential, for that attestation key.
  void activate(ChipId chip, KeyChoice choice, std::vector<std::uint8_t> blob,
                std::vector<std::uint8_t> secret, ChipDone<ActivationAnswer> done);
  // The key that quotes are made under from the next question on.
  void use_key(ChipId chip, KeyChoice choice);
  // A guest's own command.
  void execute(ChipId chip, std::vector<std::uint8_t> command, ChipDone<std::vector<std::uint8_t>> done);
  // So many commands one after the other, as `talk` decides, with nobody's in between. It may run on another thread.
  void converse(ChipId chip, std::function<void(const vtpm::Speak&)> talk, std::uint32_t commands,
                ChipDone<Extended> done);
  // A question that is answered in its turn, without the chip, with this response code: `done` is one of the three.
  void refuse(ChipId chip, std::uint32_t code, ChipDone<Extended> extended, ChipDone<QuoteAnswer> quoted = {},
              ChipDone<std::vector<std::uint8_t>> executed = {});

  // From now on. What was heard is kept, commands and answers in turn.
  void probe(ChipId chip, BusProbe mode);
  const std::vector<std::vector<std::uint8_t>>& heard(ChipId chip) const;

  // What a PCR holds after everything that was asked so far, looked up by whoever stands beside the machine.
  vtpm::Digest read_pcr(ChipId chip, vtpm::HashAlg bank, std::uint32_t pcr);
  // The attestation key's public area (TPM2B_PUBLIC), as it was enrolled when the chip made it, out of band; empty before its
  // first quote. What a machine says of its key is another thing.
  const std::vector<std::uint8_t>& attestation_key(ChipId chip) const;

  // All there is of a TPM, as it moves; what is under way is answered first.
  vtpm::TpmState save(ChipId chip);
  ChipId load(const std::string& name, const vtpm::TpmState& state, ChipLatency latency);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tvdsim::models
