// A set of VLANs, as a port or an interface carries them.
//
// Cost       512 bytes; membership is one bit.
// Threads    plain data.
#pragma once

#include <bitset>
#include <cstdint>
#include <initializer_list>
#include <vector>

#include "netsim/frame.hpp"

namespace tvdsim::netsim {

class VidSet {
 public:
  VidSet() = default;
  VidSet(std::initializer_list<std::uint16_t> vids) {
    for (const std::uint16_t vid : vids) add(vid);
  }
  static VidSet all() {
    VidSet set;
    for (std::uint16_t vid = kFirstVid; vid <= kLastVid; ++vid) set.add(vid);
    return set;
  }
  void add(std::uint16_t vid) { bits_.set(vid & 0xfff); }
  void remove(std::uint16_t vid) { bits_.reset(vid & 0xfff); }
  bool has(std::uint16_t vid) const { return vid <= kLastVid && bits_.test(vid); }
  std::vector<std::uint16_t> list() const {  // ascending
    std::vector<std::uint16_t> vids;
    for (std::uint16_t vid = 0; vid <= kLastVid; ++vid) {
      if (bits_.test(vid)) vids.push_back(vid);
    }
    return vids;
  }
  friend bool operator==(const VidSet&, const VidSet&) = default;

 private:
  std::bitset<4096> bits_;
};

}  // namespace tvdsim::netsim
