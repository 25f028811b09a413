// Rows of `frames`, and why frames were dropped.
#include <fmt/format.h>

#include "models/network/fabric_state.hpp"

namespace tvdsim::models {

using Kind = FramePlace::Kind;

std::string Fabric::Impl::place_text(const FramePlace& place) const {
  switch (place.kind) {
    case Kind::guest:
      return guests[place.id].name;
    case Kind::bridge:
      return fmt::format("{}/br{}", hosts[place.id].name, place.vid);
    case Kind::interface:
      return place.vid ? fmt::format("{}/eth0.{}", hosts[place.id].name, place.vid)
                       : fmt::format("{}/eth0", hosts[place.id].name);
    case Kind::port: {
      const Cable& cable = switches[place.id].cables[place.port];
      return fmt::format("{}:{}", switches[place.id].name,
                         cable.host.exists() ? hosts[cable.host.value].name : switches[cable.other].name);
    }
    case Kind::none:
      break;
  }
  return {};
}

sim::TextId Fabric::Impl::place_id(const FramePlace& place) {
  // Bridges and interfaces have a VID, ports a number: never both.
  const std::uint64_t key =
      static_cast<std::uint64_t>(place.kind) << 60 |
      static_cast<std::uint64_t>(place.kind == Kind::port ? place.port : place.vid) << 32 | place.id;
  const auto known = place_texts.find(key);
  if (known != place_texts.end()) return known->second;
  return place_texts.emplace(key, trace.text(place_text(place))).first->second;
}

void Fabric::Impl::row(const Flight& flight, const FramePlace& place, std::string_view event,
                       std::uint16_t vid, const netsim::Header& header, std::size_t size,
                       std::string_view why) {
  if (!setup.capture) return;
  trace.append(sim::rows::frames{.time_ns = engine.now(),
                                 .frame = flight.number,
                                 .place = place_id(place),
                                 .event = trace.text(event),
                                 .vid = vid,
                                 .source = trace.text(to_text(header.source)),
                                 .destination = trace.text(to_text(header.destination)),
                                 .size_bytes = static_cast<std::uint32_t>(size),
                                 .reason = trace.text(why)});
}

// telling: it says something about the frame's end; a flooded copy that nobody wanted does not.
void Fabric::Impl::drop(const Flight& flight, const FramePlace& place, std::uint16_t vid,
                        const netsim::Header& header, std::size_t size, std::string_view why, bool telling) {
  ++counts.dropped;
  row(flight, place, "dropped", vid, header, size, why);
  if (flight.probe == kNone || !telling) return;
  const auto probe = probes.find(flight.probe);
  if (probe == probes.end() || probe->second.where.kind != Kind::none) return;
  probe->second.where = place;
  probe->second.why = why;
}

}  // namespace tvdsim::models
