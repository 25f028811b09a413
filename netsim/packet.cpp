#include "netsim/packet.hpp"

#include <fmt/format.h>

#include "sim/base/error.hpp"

namespace tvdsim::netsim {

namespace {

constexpr std::uint8_t kIcmp = 1, kUdp = 17, kEchoRequest = 8, kEchoReply = 0, kTimeToLive = 64;
constexpr std::size_t kArpSize = 28;

void put16(std::vector<std::uint8_t>& out, std::size_t at, std::uint32_t value) {
  out[at] = static_cast<std::uint8_t>(value >> 8);
  out[at + 1] = static_cast<std::uint8_t>(value);
}
void put32(std::vector<std::uint8_t>& out, std::size_t at, std::uint32_t value) {
  put16(out, at, value >> 16);
  put16(out, at + 2, value & 0xffff);
}
std::uint16_t get16(std::span<const std::uint8_t> in, std::size_t at) {
  return static_cast<std::uint16_t>(in[at] << 8 | in[at + 1]);
}
std::uint32_t get32(std::span<const std::uint8_t> in, std::size_t at) {
  return static_cast<std::uint32_t>(get16(in, at)) << 16 | get16(in, at + 2);
}

// Addresses, protocol and length: what a UDP checksum covers beside the datagram.
std::uint32_t pseudo_header(Ipv4 source, Ipv4 destination, std::size_t size) {
  return (source >> 16) + (source & 0xffff) + (destination >> 16) + (destination & 0xffff) + kUdp +
         static_cast<std::uint32_t>(size);
}

}  // namespace

std::string ipv4_text(Ipv4 address) {
  return fmt::format("{}.{}.{}.{}", address >> 24, address >> 16 & 0xff, address >> 8 & 0xff, address & 0xff);
}

std::uint16_t internet_checksum(std::span<const std::uint8_t> bytes, std::uint32_t sum) noexcept {
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) sum += get16(bytes, i);
  if (bytes.size() % 2 != 0) sum += static_cast<std::uint32_t>(bytes.back() << 8);
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

std::vector<std::uint8_t> build_announcement(const Mac& sender, Ipv4 address) {
  std::vector<std::uint8_t> out(kArpSize);
  put16(out, 0, 1);  // Ethernet
  put16(out, 2, kIpv4Type);
  out[4] = 6;
  out[5] = 4;
  put16(out, 6, 1);  // request
  for (std::size_t i = 0; i < 6; ++i) out[8 + i] = sender.octets[i];
  put32(out, 14, address);
  put32(out, 24, address);
  return out;
}

std::vector<std::uint8_t> build_packet(const Packet& packet) {
  TVDSIM_ASSERT(packet.kind == Packet::Kind::datagram || packet.kind == Packet::Kind::echo_request ||
                    packet.kind == Packet::Kind::echo_reply,
                "only echoes and datagrams are built");
  const bool udp = packet.kind == Packet::Kind::datagram;
  static_assert(kUdpHeader == kEchoHeader);
  const std::size_t inner = kUdpHeader + packet.data, total = kIpv4Header + inner;
  TVDSIM_ASSERT(total <= kMaxPayload, "a packet is longer than a frame's payload");
  std::vector<std::uint8_t> out(total);
  out[0] = 0x45;
  put16(out, 2, static_cast<std::uint32_t>(total));
  put16(out, 6, 0x4000);  // never in fragments
  out[8] = kTimeToLive;
  out[9] = udp ? kUdp : kIcmp;
  put32(out, 12, packet.source);
  put32(out, 16, packet.destination);
  put16(out, 10, internet_checksum(std::span(out).first(kIpv4Header)));
  for (std::size_t i = 0; i < packet.data; ++i)
    out[kIpv4Header + kUdpHeader + i] = static_cast<std::uint8_t>(i);
  const auto body = std::span(out).subspan(kIpv4Header);
  if (udp) {
    put16(out, 20, packet.id);
    put16(out, 22, packet.sequence);
    put16(out, 24, static_cast<std::uint32_t>(inner));
    const std::uint16_t sum =
        internet_checksum(body, pseudo_header(packet.source, packet.destination, inner));
    put16(out, 26, sum == 0 ? 0xffff : sum);  // 0 would mean: no checksum
  } else {
    out[20] = packet.kind == Packet::Kind::echo_request ? kEchoRequest : kEchoReply;
    put16(out, 24, packet.id);
    put16(out, 26, packet.sequence);
    put16(out, 22, internet_checksum(body));
  }
  return out;
}

Packet read_packet(std::uint16_t type, std::span<const std::uint8_t> in) noexcept {
  Packet out;
  if (type == kArpType) {
    if (in.size() < kArpSize || get16(in, 6) != 1 || get32(in, 14) != get32(in, 24)) return out;
    out.kind = Packet::Kind::announcement;
    out.source = out.destination = get32(in, 14);
    return out;
  }
  if (type != kIpv4Type || in.size() < kIpv4Header + kUdpHeader || in[0] != 0x45) return out;
  const std::size_t total = get16(in, 2);
  if (total < kIpv4Header + kUdpHeader || total > in.size() || (get16(in, 6) & 0x3fff) != 0) return out;
  if (internet_checksum(in.first(kIpv4Header)) != 0) return out;
  const auto body = in.subspan(kIpv4Header, total - kIpv4Header);
  Packet read;
  read.source = get32(in, 12);
  read.destination = get32(in, 16);
  read.data = body.size() - kUdpHeader;
  if (in[9] == kUdp) {
    const bool sums = internet_checksum(body, pseudo_header(read.source, read.destination, body.size())) == 0;
    if (get16(body, 4) != body.size() || get16(body, 6) == 0 || !sums) return out;
    read.kind = Packet::Kind::datagram;
    read.id = get16(body, 0);
    read.sequence = get16(body, 2);
    return read;
  }
  const bool echo = in[9] == kIcmp && (body[0] == kEchoRequest || body[0] == kEchoReply) && body[1] == 0;
  if (!echo || internet_checksum(body) != 0) return out;
  read.kind = body[0] == kEchoRequest ? Packet::Kind::echo_request : Packet::Kind::echo_reply;
  read.id = get16(body, 4);
  read.sequence = get16(body, 6);
  return read;
}

}  // namespace tvdsim::netsim
