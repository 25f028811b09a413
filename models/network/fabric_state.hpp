// What a fabric keeps: hosts, switches, guests, frames on their way. Private to models/network.
//
// A flight is a frame between two events, with every place it arrives at together. Flights are reused, with their buffers.
//
// Invariant  a flight is in use exactly while an event names it.
// Cost       a flight about 200 bytes and its frame; a guest about 120 bytes.
// Threads    the engine's.
#pragma once

#include <deque>
#include <unordered_map>

#include "models/network/fabric.hpp"

namespace tvdsim::models {

// Where a frame is handled: for rows and for reasons.
struct FramePlace {
  enum class Kind : std::uint8_t { none, guest, bridge, interface, port };
  Kind kind = Kind::none;
  std::uint16_t vid = 0;    // of a bridge or an interface; 0: the card itself
  std::uint32_t id = 0;     // VM, host or switch
  netsim::PortId port = 0;  // of a switch
};

struct Fabric::Impl {
  using Bytes = std::vector<std::uint8_t>;
  static constexpr std::uint32_t kNone = 0xffff'ffff;
  static constexpr std::uint16_t kNoVlan = 0;

  // One direction of a cable.
  struct Lane {
    sim::Time free;  // when the last frame that waits will be gone
  };
  struct Slot {
    std::uint16_t vid, uplink;
    std::unique_ptr<netsim::Bridge> bridge;  // made when the first interface joins
  };
  struct Host {
    std::string name, dom0;
    std::uint32_t into = kNone;  // its switch
    netsim::PortId port = 0;
    Lane up;
    std::vector<Slot> slots;           // by vid
    std::vector<std::uint16_t> fixed;  // ascending
    bool remapped = false;             // some bridge has another interface than its own
  };
  // What a switch port's cable leads to: a host or another switch.
  struct Cable {
    sim::HostId host;
    std::uint32_t other = kNone;
    netsim::PortId other_port = 0;
    sim::BitRate rate;
    sim::Duration latency;
    Lane down;  // from the switch
  };
  struct SwitchNode {
    std::string name;
    netsim::Switch logic;
    std::vector<Cable> cables;  // by port
    std::uint32_t group = 0;    // switches that are connected share one
  };
  struct Guest {
    std::string name, workload;
    sim::HostId at;
    std::vector<std::uint16_t> vlans;
    std::uint64_t received = 0;
    std::uint16_t sequence = 0;  // of its datagrams
  };
  struct Flight {
    Bytes bytes;
    std::uint64_t number = 0;
    sim::VmId sender;
    std::uint32_t probe = kNone;
    std::uint32_t node = kNone;             // the switch it arrives at or comes from
    netsim::PortId port = 0;                // … and by which port
    std::vector<netsim::PortId> ports;      // of `node`, whose hosts it arrives at
    std::vector<netsim::PortId> receivers;  // VMs, within a host
    std::uint16_t vid = 0;                  // within a host: the bridge's
  };
  struct Probe {
    sim::VmId source, target;
    std::uint16_t vid = 0;
    sim::Time sent;
    std::uint64_t timer = 0, tag = 0;
    bool arrived = false;
    FramePlace where;  // … its first drop that says something
    std::string_view why;
  };

  Impl(sim::Engine& with, Truth& recorder, Setup from);

  sim::Engine& engine;
  sim::Trace& trace;
  Truth& truth;
  Setup setup;
  FabricListener listener;
  sim::EventKind at_switch, at_hosts, at_guests, probe_over;
  std::vector<Host> hosts;
  std::vector<SwitchNode> switches;
  std::vector<Guest> guests;  // by VM
  std::deque<Flight> flights;
  std::vector<std::uint32_t> free_flights;
  std::unordered_map<std::uint32_t, Probe> probes;             // looked up by number
  std::unordered_map<std::uint64_t, FrameFlowId> flows;        // by sender and receiver; looked up
  std::unordered_map<std::uint64_t, sim::TextId> place_texts;  // looked up
  std::uint64_t next_frame = 0;
  std::uint32_t next_probe = 0;
  Counts counts;
  std::vector<netsim::Switch::Way> ways;  // reused
  std::vector<netsim::PortId> leaving;    // reused

  // Plumbing.
  Guest& guest(sim::VmId vm);
  Slot* slot(Host& host, std::uint16_t vid);
  Slot* slot_of_uplink(Host& host, std::uint16_t vid);
  void refresh_wants(Host& host, std::uint16_t vid);

  // Flights.
  std::uint32_t take_flight(const Flight& from);
  void release(std::uint32_t flight);
  sim::Duration charge(sim::Duration time) {
    return setup.timeless ? sim::Duration{} : engine.charge(sim::Cause::frame, time);
  }

  // Hops, in order (forwarding.cpp).
  Entry enter(sim::VmId from, Bytes bytes, std::uint32_t probe);
  Spoof spoof(sim::VmId from, const Guest& own, const netsim::Header& header) const;
  void on_bridge(std::uint32_t host, Slot& slot, netsim::PortId from, Flight&& flight);
  void leave_host(std::uint32_t host, std::uint16_t uplink, Flight&& flight);
  void on_switch(const sim::Event& event);
  void leave_switch(std::uint32_t node, std::uint16_t vid, Flight&& flight);
  void on_hosts(const sim::Event& event);
  void enter_host(std::uint32_t host, const netsim::Header& header, const Flight& flight,
                  const Bytes& untagged);
  // When a frame that is ready now will have arrived; Time::never() when the lane's queue is full.
  sim::Time transmit(Lane& lane, sim::Time ready, sim::BitRate rate, sim::Duration latency, std::size_t size);

  // At the guests (guest_stack.cpp).
  void on_guests(const sim::Event& event);
  void deliver(sim::VmId to, const netsim::Header& header, const netsim::Packet& packet, const Flight& flight,
               std::uint16_t vid, std::size_t size);
  void take(sim::VmId to, const netsim::Packet& packet, const Flight& flight, std::uint16_t vid);
  void record_flow(const Flight& flight, sim::VmId to, bool addressed, std::size_t size);
  void record_stray(const Flight& flight, std::uint32_t host, std::size_t size);
  bool send_packet(sim::VmId from, const netsim::Mac& to, std::uint16_t vid, std::uint16_t type,
                   Bytes payload, std::uint32_t probe);
  void announce(sim::VmId vm);
  void on_probe_over(const sim::Event& event);
  void finish_probe(std::uint32_t number, ProbeResult::End end);

  // Rows (frame_rows.cpp).
  std::string place_text(const FramePlace& place) const;
  sim::TextId place_id(const FramePlace& place);
  void row(const Flight& flight, const FramePlace& place, std::string_view event, std::uint16_t vid,
           const netsim::Header& header, std::size_t size, std::string_view why = {});
  void drop(const Flight& flight, const FramePlace& place, std::uint16_t vid, const netsim::Header& header,
            std::size_t size, std::string_view why, bool telling = true);
  void wire(const FramePlace& place, const Bytes& bytes) {
    if (listener.on_wire) listener.on_wire(listener.self, engine.now(), trace.text(place_id(place)), bytes);
  }
};

}  // namespace tvdsim::models
