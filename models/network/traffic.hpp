// Background traffic: messages between members of a group, at random instants or evenly spaced.
//
// Each row draws an ordered pair of members per message, from a stream of its own, whoever runs at that instant; so that what one
// row does, or which VMs are up, never shifts another's numbers. A message longer than a frame's payload becomes several frames.
// Whoever is not connected (stopped, or quiet between two hosts) sends nothing; what is sent to such a VM is lost on its way.
//
// Invariant  messages() == those drawn; the draws depend on seed, row and number alone.
// Cost       one event per message, beside those of its frames.
// Threads    the engine's.
// Leaves out answers, congestion control.
// Source     Poisson arrivals; Ethernet's payload of 1500 bytes (IEEE 802.3).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "models/network/fabric.hpp"

namespace tvdsim::models {

class Traffic {
 public:
  static constexpr std::uint32_t kPayload = 1500;
  struct Row {
    std::vector<sim::VmId> among;
    std::uint64_t rate_milli_s = 1000;  // messages per 1000 s
    sim::Bytes size{64};
    bool poisson = true;
  };
  Traffic(sim::Engine& engine, Fabric& fabric) : engine_(engine), fabric_(fabric) {}
  // Begins now. A row with fewer than two members or no rate never sends.
  void add(const Row& row);

  std::uint64_t messages() const noexcept { return messages_; }
  std::uint64_t unsent() const noexcept { return unsent_; }  // the sender was not connected

 private:
  void on_due(const sim::Event& event);
  void wait(std::uint32_t row);

  sim::Engine& engine_;
  Fabric& fabric_;
  bool known_ = false;
  sim::EventKind due_ = 0;
  std::vector<Row> rows_;
  std::vector<sim::Stream*> draws_;
  std::uint64_t messages_ = 0, unsent_ = 0;
};

}  // namespace tvdsim::models
