// Ethernet frames with their 802.1Q tag, as bytes and as values.
//
// A frame is what a virtual network card hands over: no preamble, no check sequence, no padding to the minimum of the wire.
// A second tag (802.1ad, or the forged inner tag of a VLAN hop) stays in the payload, as a switch that knows one tag sees it;
// take the outer one off and decode again to look at it.
//
// Invariant  encode(decode(x).frame) == x, bit for bit, for every x that decode() accepts.
// Cost       one allocation for the payload; read_header() makes none.
// Threads    all functions may be called from any thread.
// Leaves out 802.1ad service tags as tags, jumbo frames over 9000 bytes, LLC.
// Source     IEEE 802.3-2018 §3; IEEE 802.1Q-2018 §9.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tvdsim::netsim {

struct Mac {
  std::array<std::uint8_t, 6> octets{};
  bool multicast() const noexcept { return (octets[0] & 1) != 0; }  // broadcast included
  friend auto operator<=>(const Mac&, const Mac&) = default;
};
inline constexpr Mac kBroadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
std::string to_text(const Mac& mac);                  // "52:54:00:00:00:01"
std::optional<Mac> parse_mac(std::string_view text);  // exactly that form, either case

inline constexpr std::uint16_t kFirstVid = 1, kLastVid = 4094;
constexpr bool valid_vid(std::uint32_t vid) noexcept { return vid >= kFirstVid && vid <= kLastVid; }

struct VlanTag {
  std::uint16_t vid = 0;      // kFirstVid … kLastVid; 0: a priority, and the port says which VLAN
  std::uint8_t priority = 0;  // 0 … 7
  bool drop_eligible = false;
  friend bool operator==(const VlanTag&, const VlanTag&) = default;
};

inline constexpr std::uint16_t kTagType = 0x8100;
inline constexpr std::size_t kMaxPayload = 9000;

struct Frame {
  Mac destination, source;
  std::optional<VlanTag> tag;
  std::uint16_t type = 0;  // EtherType; below 1536 a length, as sent
  std::vector<std::uint8_t> payload;
  friend bool operator==(const Frame&, const Frame&) = default;
};

enum class FrameFault : std::uint8_t { none, truncated, oversized, reserved_vid };
std::string_view to_text(FrameFault fault) noexcept;

// The addresses, tag and type of a frame, without its payload: what a switch looks at.
struct Header {
  FrameFault fault = FrameFault::truncated;
  Mac destination, source;
  bool tagged = false;
  VlanTag tag;  // meaningful when tagged
  std::uint16_t type = 0;
  std::size_t size = 0;  // bytes before the payload
  explicit operator bool() const noexcept { return fault == FrameFault::none; }
};
Header read_header(std::span<const std::uint8_t> bytes) noexcept;

struct Decoded {
  FrameFault fault = FrameFault::truncated;
  Frame frame;  // meaningful when there is no fault
  explicit operator bool() const noexcept { return fault == FrameFault::none; }
};
Decoded decode(std::span<const std::uint8_t> bytes);

// A VID above 4094, a priority above 7 or an oversized payload has no encoding: to ask for it is our bug.
std::vector<std::uint8_t> encode(const Frame& frame);

}  // namespace tvdsim::netsim
