// Who was last heard where: the filtering database of a bridge or switch, one row per VLAN and address.
//
// A row is made or moved by each frame from that address; one that was not refreshed for `age` counts as unknown. A full
// table first drops what has aged; when nothing has, it learns nothing new, and frames to the unlearned are flooded.
//
// Invariant  at most `most` rows; find() never answers with a row older than `age`, nor with a group address.
// Cost       one hash look-up per call; a full table is swept at most once per `age` / 8.
// Threads    the engine's.
// Leaves out static rows.
// Source     IEEE 802.1Q-2018 §8.7–8.8 (independent VLAN learning); ageing time of 300 s: §8.8.3.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>

#include "netsim/frame.hpp"
#include "sim/base/units.hpp"

namespace tvdsim::netsim {

using PortId = std::uint32_t;  // of a switch or bridge, from 0

class MacTable {
 public:
  struct Limits {
    std::uint32_t most = 131'072;
    sim::Duration age{300'000'000'000};
  };
  MacTable() = default;
  explicit MacTable(Limits limits) : limits_(limits) {}

  // False when the table is full and does not know the address yet.
  bool learn(std::uint16_t vid, const Mac& address, PortId port, sim::Time now);
  std::optional<PortId> find(std::uint16_t vid, const Mac& address, sim::Time now) const;
  void forget(PortId port);                                   // the port lost its link
  void forget(std::uint16_t vid, PortId port);                // the port lost the VLAN
  std::size_t size() const noexcept { return rows_.size(); }  // those that aged and were not swept included

 private:
  struct Row {
    PortId port;
    sim::Time heard;
  };
  struct Mix {
    std::size_t operator()(std::uint64_t key) const noexcept {
      key *= 0x9e37'79b9'7f4a'7c15;
      return static_cast<std::size_t>(key ^ key >> 32);
    }
  };
  static std::uint64_t key(std::uint16_t vid, const Mac& address) noexcept;
  void sweep(sim::Time now);

  Limits limits_;
  sim::Time swept_{INT64_MIN / 2};
  std::unordered_map<std::uint64_t, Row, Mix> rows_;  // looked up; iterated only to drop rows
};

}  // namespace tvdsim::netsim
