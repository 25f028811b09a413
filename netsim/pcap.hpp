// A packet capture file: frames with the simulated nanosecond at which they were seen.
//
// The nanosecond form of the classic format, link type Ethernet, as tcpdump, tshark and scapy read it.
//
// Invariant  the file holds the frames in the order of the calls, each whole unless told otherwise; the same calls give the same bytes.
// Cost       one buffered write per frame.
// Threads    one writer.
// Source     libpcap 1.10 (pcap_open_dead_with_tstamp_precision, pcap_dump).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "sim/base/units.hpp"

namespace tvdsim::netsim {

class PcapWriter {
 public:
  // Throws WorldError when the file cannot be made.
  explicit PcapWriter(const std::string& path);
  ~PcapWriter();
  PcapWriter(const PcapWriter&) = delete;

  // Only the first `keep` bytes of the frame are stored; its length is told whole.
  void write(sim::Time when, std::span<const std::uint8_t> frame, std::size_t keep = SIZE_MAX);
  // Everything is in the file: throws WorldError when the disk took less than that. close() also ends the file.
  void flush();
  void close();
  std::uint64_t frames() const noexcept { return frames_; }

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  std::uint64_t frames_ = 0;
};

}  // namespace tvdsim::netsim
