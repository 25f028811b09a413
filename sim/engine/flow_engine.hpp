// Bulk data in flight over shared links: who gets how much bandwidth, and when each transfer ends.
//
// SimGrid's max-min model behind an interface of five calls. Two backends give the same dates: `shim` calls the network
// model directly (fast), `comm` uses the public API, which ignores rate caps, so that the cap is set on what it started.
// choose_flow_backend() runs flows of known length through the shim when the process starts and falls back to `comm`,
// saying so, if an answer is wrong.
//
// Invariant  next_date() is exact to the nanosecond rounded up; a cancelled flow never completes; flows that end in the
//            same nanosecond complete in the order in which they were started.
// Cost       shim about 4 us per flow at 10,000 in flight with NIC bottlenecks; see docs/engine.md for shared uplinks.
// Threads    one per process: SimGrid's state is global. A second FlowEngine may follow the first, not accompany it; its
//            clock begins at 0 again, also in a process forked after the first was used.
// Leaves out packets (netsim), TCP slow start and window, acknowledgements on the reverse path, framing overhead beyond the
//            factor in FlowPlatform, transfers within one host (models/CAVEATS.md#flows). Where flows of different latency
//            meet, CM02 shares by inverse latency, as TCP does. An empty flow takes as long as one byte.
// Source     SimGrid 3.32, CM02; Velho & Legrand on flow-level validity.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sim/base/units.hpp"
#include "sim/engine/source.hpp"

namespace tvdsim::sim {

struct FlowPlatform {
  struct Nic {
    BitRate rate;      // each direction
    Duration latency;  // to the fabric's core
    std::uint32_t rack = 0;
  };
  std::vector<Nic> nics{};              // one per host, by host index
  std::vector<BitRate> rack_uplinks{};  // shared uplink per rack; empty: non-blocking fabric (the default)
  double framing = 1.0;                 // bytes on the wire per byte carried
};

enum class FlowBackend : std::uint8_t { shim, comm };

struct FlowDone {
  void (*call)(void* self, std::uint64_t tag, Time when) = nullptr;
  void* self = nullptr;
};

class FlowEngine : public Source {
 public:
  using FlowId = std::uint64_t;
  // Starts at the engine's current time `now`, which no completion may precede (Engine::run_until sees to that); from and to
  // are different hosts. cap {0}: none of its own.
  virtual FlowId start(std::uint32_t from, std::uint32_t to, Bytes size, BitRate cap, std::uint64_t tag,
                       Time now) = 0;
  virtual void cancel(FlowId flow, Time now) = 0;  // a flow that already ended is not an error
  virtual std::uint64_t in_flight() const noexcept = 0;
  virtual FlowBackend backend() const noexcept = 0;
};

std::unique_ptr<FlowEngine> make_flow_engine(const FlowPlatform& platform, FlowDone done,
                                             FlowBackend backend);
FlowBackend choose_flow_backend(std::string* why_not_shim = nullptr);  // self-test, once per process

}  // namespace tvdsim::sim
