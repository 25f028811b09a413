// The columns behind ground truth; private to models/truth.
//
// Taints are interned sets of workloads: id 0 is the empty set, and a shadow byte is such an id.
//
// Invariant  `ever` of a region is the union of every taint that one of its bytes ever had.
// Cost       one hash look-up per page touched.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "models/truth/read.hpp"
#include "models/truth/record.hpp"

namespace tvdsim::models {

struct Truth::Books {
  static constexpr std::uint64_t kPage = 4096;
  using TaintId = std::uint16_t;
  using ShadowPage = std::array<TaintId, kPage>;

  struct Place {
    std::string name;
    std::unordered_map<std::uint64_t, std::unique_ptr<ShadowPage>>
        shadow;              // looked up, never iterated into results
    std::vector<bool> ever;  // by workload
  };

  explicit Books(sim::Trace& t) : trace(t) { taints.emplace_back(); }

  std::uint32_t workload(std::string_view name);
  TaintId taint_of(std::uint32_t workload);
  TaintId unite(TaintId a, TaintId b);
  TaintId taint_at(const Place& place, std::uint64_t offset, std::uint64_t size);
  void put(Place& place, std::uint64_t offset, TaintId taint);
  void remember(Place& place, TaintId taint);
  std::string words(TaintId taint) const;
  const Place* find(std::string_view name) const;

  sim::Trace& trace;
  std::vector<std::string> workloads;
  std::vector<std::vector<std::uint32_t>> taints;           // sorted sets of workloads
  std::map<std::vector<std::uint32_t>, TaintId> taint_ids;  // of all but the empty one
  std::map<std::pair<TaintId, TaintId>, TaintId> unions;
  std::vector<Place> places;

  std::vector<TruthReader::Edge> edges;
  std::vector<TruthReader::Stay> stays;
  std::vector<std::size_t> open_stays;  // places in `stays` whose end is not known yet
  std::vector<TruthReader::Stay> drivers;
  std::vector<TruthReader::Fact> executed, compromised;
};

}  // namespace tvdsim::models
