// The packets that guests put into frames: ARP announcements, ICMP echoes, UDP datagrams over IPv4, with right checksums.
//
// Builders write the payload of an Ethernet frame; read_packet() reads one and accepts only what is whole and sums up.
//
// Invariant  read_packet(build…(x)) == x; the internet checksum over a header that was built is 0xffff before complement.
// Cost       one allocation per built payload; reading makes none.
// Threads    all functions may be called from any thread.
// Leaves out IP options and fragments, IPv6, TCP; UDP without checksum is refused.
// Source     RFC 826 and RFC 5227 (ARP), RFC 791 (IPv4), RFC 792 (ICMP), RFC 768 (UDP), RFC 1071 (checksum).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "netsim/frame.hpp"

namespace tvdsim::netsim {

inline constexpr std::uint16_t kIpv4Type = 0x0800, kArpType = 0x0806;
inline constexpr std::size_t kIpv4Header = 20, kUdpHeader = 8, kEchoHeader = 8;
inline constexpr std::uint16_t kDiscardPort = 9;

using Ipv4 = std::uint32_t;  // 10.0.0.1 is 0x0a000001
std::string ipv4_text(Ipv4 address);

struct Packet {
  enum class Kind : std::uint8_t { other, announcement, echo_request, echo_reply, datagram };
  Kind kind = Kind::other;
  Ipv4 source = 0, destination = 0;
  std::uint16_t id = 0, sequence = 0;  // of an echo; source and destination port of a datagram
  std::size_t data = 0;                // bytes after the last header
  friend bool operator==(const Packet&, const Packet&) = default;
};

// "I have this address": an ARP request for one's own.
std::vector<std::uint8_t> build_announcement(const Mac& sender, Ipv4 address);
// The packet's headers, then `data` bytes that count up from 0. A datagram's id is its source port, its sequence the destination port.
std::vector<std::uint8_t> build_packet(const Packet& packet);
// `type`: the frame's EtherType.
Packet read_packet(std::uint16_t type, std::span<const std::uint8_t> payload) noexcept;

std::uint16_t internet_checksum(std::span<const std::uint8_t> bytes, std::uint32_t sum = 0) noexcept;

}  // namespace tvdsim::netsim
