// Two hosts on one switch, or more: a fabric with names, for tests of the network alone.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "models/network/fabric.hpp"
#include "models/truth/read.hpp"
#include "netsim/frame.hpp"

namespace tvdsim::tests {

using namespace tvdsim::models;
using namespace sim::literals;

class Office {
 public:
  explicit Office(std::uint32_t hosts, Fabric::Setup setup = {}, std::uint64_t seed = 7)
      : engine(seed), truth(engine.trace()), fabric(engine, truth, setup) {
    engine.trace().store(sim::TableId::frames, true);
    FabricListener listener;
    listener.self = this;
    listener.probe_over = [](void* self, const ProbeResult& result) {
      static_cast<Office*>(self)->results.push_back(result);
    };
    listener.spoofed = [](void* self, sim::VmId, Spoof what, std::uint32_t, bool) {
      static_cast<Office*>(self)->spoofs.push_back(what);
    };
    listener.on_wire = [](void* self, sim::Time when, std::string_view place,
                          std::span<const std::uint8_t> bytes) {
      static_cast<Office*>(self)->wire.push_back({when, std::string(place), {bytes.begin(), bytes.end()}});
    };
    fabric.listen(listener);
    const SwitchId tor = fabric.add_switch("tor");
    for (std::uint32_t i = 0; i < hosts; ++i) {
      const std::string name = "h" + std::to_string(i + 1);
      fabric.add_host(name, "dom0@" + name);
      fabric.plug({i}, tor, sim::BitRate{10'000'000'000}, sim::Duration{20'000});
    }
  }

  // A VLAN that every host has a bridge for and every port carries.
  void vlan(std::uint16_t vid) {
    for (std::uint32_t i = 0; fabric_hosts() > i; ++i) {
      fabric.make_bridge({i}, vid);
      fabric.allow({i}, vid, true);
    }
  }
  std::uint32_t fabric_hosts() const { return fabric.switch_of({0})->ports(); }
  sim::VmId vm(std::string name, std::uint32_t on, std::vector<std::uint16_t> vlans,
               std::string workload = "w") {
    const sim::VmId id{static_cast<std::uint32_t>(names.size())};
    names.push_back(std::move(name));
    fabric.connect(id, names.back(), workload, {on}, vlans);
    return id;
  }
  void settle(sim::Duration time = 2_s) { engine.run_until(engine.now() + time); }
  ProbeResult ping(sim::VmId from, sim::VmId to, std::uint16_t vid = 0) {
    const std::size_t before = results.size();
    fabric.ping(from, to, vid, 1);
    settle();
    EXPECT_EQ(results.size(), before + 1);
    return results.back();
  }
  bool answered(sim::VmId from, sim::VmId to, std::uint16_t vid = 0) {
    return ping(from, to, vid).end == ProbeResult::End::answered;
  }
  const TruthReader& reader() const { return truth.reader(); }

  // The rows of `frames` as "place event vid".
  std::vector<std::string> rows(std::size_t from = 0) {
    std::vector<std::string> list;
    const auto& trace = engine.trace();
    const auto text = [&](std::size_t column, std::size_t row) {
      return std::string(trace.text(
          sim::TextId{static_cast<std::uint32_t>(trace.column(sim::TableId::frames, column)[row])}));
    };
    for (std::size_t i = from; i < trace.count(sim::TableId::frames); ++i) {
      list.push_back(text(2, i) + " " + text(3, i) + " " +
                     std::to_string(trace.column(sim::TableId::frames, 4)[i]));
    }
    return list;
  }

  struct OnWire {
    sim::Time when;
    std::string place;
    std::vector<std::uint8_t> bytes;
  };

  sim::Engine engine;
  Truth truth;
  Fabric fabric;
  std::vector<std::string> names;
  std::vector<ProbeResult> results;
  std::vector<Spoof> spoofs;
  std::vector<OnWire> wire;
};

}  // namespace tvdsim::tests
