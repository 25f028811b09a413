// One small host and the numbers that drive it: four guests, their hypervisor's door, and an account of who was permitted what.
//
// A sequence is a list of numbers. The first one says how the guests are labelled and which of them run; each further one is one
// operation: a hypercall with any arguments, or something that management does. Every sequence begins and ends with an empty
// host, so that one host plays many. After each operation the account is compared with ground truth:
//
//   an edge between two domains    a decision permitted that pair to share that way, while both lived; and by an account of
//                                  types kept here, apart from the policy, the two labels share one
//   labels and the policy          are what management made them
//   a call that was not done       has left nothing behind
//
// play() gives the first thing that does not hold, as a sentence, or "".
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "models/host/hypercall.hpp"
#include "tests/unit/models/host/lab.hpp"

namespace tvdsim::tests {

using Sequence = std::vector<std::uint32_t>;

struct ArenaTally {
  std::uint64_t sequences = 0, operations = 0, done = 0, refused = 0, failed = 0, edges = 0, decisions = 0;
  std::uint64_t hashes = 0, cache_hits = 0;
};

class Arena {
 public:
  static constexpr std::uint32_t kGuests = 4, kLabels = 6, kTypes = 4;
  static constexpr std::uint32_t kShortest = 4;  // operations of a sequence

  Arena(const sim::ControlModes& modes, std::uint64_t rules, CacheMode cache);
  ~Arena();
  std::string play(const Sequence& sequence, ArenaTally& tally);
  static Sequence draw(sim::Stream& random);
  std::string words(
      const Sequence& sequence) const;  // for a reader; an apt call may become the one that it lacks
  // Edges stay in ground truth, so a host is used for so many sequences and no more.
  std::uint64_t edges() const;
  void hash_every_call(bool on) { thorough_ = on; }

 private:
  struct Operation;
  Operation decode(std::uint32_t word) const;
  void begin(std::uint32_t word);
  void end();
  void run(const Operation& op, ArenaTally& tally);
  void make_apt(Hypercall& call) const;
  void start(std::uint32_t guest);
  void stop(std::uint32_t guest);
  void relabel(std::uint32_t guest, std::uint32_t label);
  void change_policy();
  void look(ArenaTally& tally);
  void witnessed(const Request& request, const Decision& decision);
  void harm(std::string what);
  bool runs(std::uint32_t guest) const;
  bool account_shares(std::uint32_t a, std::uint32_t b) const;
  std::uint32_t party(std::string_view name) const;
  std::uint64_t fingerprint() const;
  std::string full_hash();
  VmId vm(std::uint32_t guest) const { return {guest + 1}; }  // the control domain comes first

  static constexpr std::uint32_t kControl = kGuests;  // its place among the parties
  sim::Engine engine_;
  std::array<std::array<std::uint32_t, kLabels>, 2> types_{};  // per policy and label: a set of types
  std::unique_ptr<Datacenter> dc_;
  Machine* machine_ = nullptr;
  Hypervisor* host_ = nullptr;

  std::array<std::uint32_t, kGuests> label_{};
  std::uint32_t policy_ = 0;
  std::uint64_t label_changes_ = 0, epoch_ = 0, decisions_ = 0;
  std::array<std::array<std::array<bool, kGuests + 1>, kGuests + 1>, 2> permitted_{};  // by medium and pair
  std::size_t seen_ = 0;
  bool thorough_ = false;
  std::string harm_;
};

// The shortest sequence that `harms` and comes of the given one by leaving operations out.
template <class Harms>
Sequence shrink(Sequence sequence, Harms harms) {
  for (std::size_t chunk = sequence.size() / 2; chunk > 0; chunk /= 2) {
    for (std::size_t at = 1; at + chunk <= sequence.size();) {
      Sequence shorter = sequence;
      const auto from = shorter.begin() + static_cast<std::ptrdiff_t>(at);
      shorter.erase(from, from + static_cast<std::ptrdiff_t>(chunk));
      if (harms(shorter))
        sequence = std::move(shorter);
      else
        at += chunk;
    }
  }
  return sequence;
}

}  // namespace tvdsim::tests
