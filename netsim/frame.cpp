#include "netsim/frame.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "sim/base/error.hpp"

namespace tvdsim::netsim {
namespace {

constexpr std::size_t kHeader = 14, kTagSize = 4;

std::uint16_t big_endian(std::span<const std::uint8_t> two) {
  return static_cast<std::uint16_t>(two[0] << 8 | two[1]);
}

void put(std::vector<std::uint8_t>& out, std::uint16_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}

}  // namespace

std::string to_text(const Mac& mac) {
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", mac.octets[0], mac.octets[1], mac.octets[2],
                     mac.octets[3], mac.octets[4], mac.octets[5]);
}

std::optional<Mac> parse_mac(std::string_view text) {
  if (text.size() != 17) return std::nullopt;
  Mac mac;
  for (std::size_t i = 0; i < 6; ++i) {
    const char* first = text.data() + 3 * i;
    const auto [end, error] = std::from_chars(first, first + 2, mac.octets[i], 16);
    if (error != std::errc{} || end != first + 2 || (i < 5 && first[2] != ':')) return std::nullopt;
  }
  return mac;
}

std::string_view to_text(FrameFault fault) noexcept {
  switch (fault) {
    case FrameFault::none:
      return "none";
    case FrameFault::truncated:
      return "truncated";
    case FrameFault::oversized:
      return "oversized";
    case FrameFault::reserved_vid:
      return "reserved_vid";
  }
  return "?";
}

Header read_header(std::span<const std::uint8_t> bytes) noexcept {
  Header out;
  if (bytes.size() < kHeader) return out;
  std::copy_n(bytes.begin(), 6, out.destination.octets.begin());
  std::copy_n(bytes.begin() + 6, 6, out.source.octets.begin());
  out.type = big_endian(bytes.subspan(12));
  out.size = kHeader;
  if (out.type == kTagType) {
    out.size += kTagSize;
    if (bytes.size() < out.size) return out;
    const std::uint16_t control = big_endian(bytes.subspan(14));
    out.tagged = true;
    out.tag = {static_cast<std::uint16_t>(control & 0xfff), static_cast<std::uint8_t>(control >> 13),
               (control & 0x1000) != 0};
    out.type = big_endian(bytes.subspan(16));
  }
  const bool reserved = out.tagged && out.tag.vid > kLastVid;
  out.fault = reserved                                ? FrameFault::reserved_vid
              : bytes.size() - out.size > kMaxPayload ? FrameFault::oversized
                                                      : FrameFault::none;
  return out;
}

Decoded decode(std::span<const std::uint8_t> bytes) {
  const Header header = read_header(bytes);
  Decoded out;
  out.fault = header.fault;
  if (!header) return out;
  out.frame = {header.destination, header.source, {}, header.type, {}};
  if (header.tagged) out.frame.tag = header.tag;
  out.frame.payload.assign(bytes.begin() + static_cast<std::ptrdiff_t>(header.size), bytes.end());
  return out;
}

std::vector<std::uint8_t> encode(const Frame& frame) {
  TVDSIM_ASSERT(frame.payload.size() <= kMaxPayload, "a frame's payload has at most 9000 bytes");
  std::vector<std::uint8_t> out;
  out.reserve(kHeader + kTagSize + frame.payload.size());
  out.insert(out.end(), frame.destination.octets.begin(), frame.destination.octets.end());
  out.insert(out.end(), frame.source.octets.begin(), frame.source.octets.end());
  if (frame.tag) {
    TVDSIM_ASSERT(frame.tag->vid <= kLastVid, "VID 4095 is reserved and larger ones do not exist");
    TVDSIM_ASSERT(frame.tag->priority <= 7, "a priority has three bits");
    put(out, kTagType);
    put(out, static_cast<std::uint16_t>(frame.tag->priority << 13 | (frame.tag->drop_eligible ? 0x1000 : 0) |
                                        frame.tag->vid));
  } else {
    // Otherwise the frame would come back with the first bytes of its payload as a tag.
    TVDSIM_ASSERT(frame.type != kTagType, "a frame of type 0x8100 has its tag in `tag`");
  }
  put(out, frame.type);
  out.insert(out.end(), frame.payload.begin(), frame.payload.end());
  return out;
}

}  // namespace tvdsim::netsim
