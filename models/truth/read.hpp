// Ground truth, the readers' face: for tests, attacks and reports. No model, manager or verifier may look here.
//
// Invariant  reading changes nothing.
// Cost       holders() and taint() walk the touched pages; the rest is linear in the facts asked about.
// Threads    const.
// Source     the wall between truth and evidence: a style test keeps this header out of every other place.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/truth/record.hpp"

namespace tvdsim::models {

class TruthReader {
 public:
  explicit TruthReader(const Truth::Books& books) : books_(books) {}

  // Did bytes of this workload ever lie in the place (a VM's memory, a disk)? Do they now? False for an unknown name.
  bool reached(std::string_view workload, std::string_view place) const;
  bool holds(std::string_view workload, std::string_view place) const;
  std::vector<std::string> holders(
      std::string_view workload) const;  // places that hold its bytes now, in order of creation
  std::vector<std::string> taint(
      std::string_view place) const;  // workloads whose bytes lie there now, sorted
  std::vector<std::string> taint(std::string_view place, std::uint64_t offset, std::uint64_t size) const;

  struct Edge {
    sim::Time time;
    std::string source, target;
    Medium medium;
    std::vector<std::string> taint;  // sorted
    std::uint64_t size = 0;          // bytes, or signals for an event
    std::uint64_t frames = 0;        // how many frames made up an edge of medium `frame` …
    sim::Time last;                  // … and when the last of them arrived
  };
  std::span<const Edge> edges() const noexcept;
  bool flowed(std::string_view source,
              std::string_view target) const;  // some edge leads from one to the other

  // From when to when something was somewhere; `until` is Time::never() while it lasts.
  struct Stay {
    std::string vm, where, workload;
    sim::Time since, until;
  };
  std::span<const Stay> stays() const noexcept;                     // runnable copies of VMs on hosts
  std::span<const Stay> drivers() const noexcept;                   // domains that drove native devices
  bool ran(std::string_view vm) const;                              // ever, anywhere
  bool ran_together(std::string_view a, std::string_view b) const;  // on one host at one time
  std::uint32_t most_copies(std::string_view vm) const;             // runnable at one time, at most
  std::uint32_t most_drivers(std::string_view device) const;

  struct Fact {
    sim::Time time;
    std::string entity, what;
  };
  std::span<const Fact> executed() const noexcept;
  std::span<const Fact> compromised() const noexcept;

 private:
  const Truth::Books& books_;
};

}  // namespace tvdsim::models
