#include "netsim/vlan_interface.hpp"

#include "sim/base/error.hpp"

namespace tvdsim::netsim {

namespace {
constexpr std::ptrdiff_t kAddresses = 12;
}

void push_tag(std::vector<std::uint8_t>& bytes, const VlanTag& tag) {
  TVDSIM_ASSERT(bytes.size() >= 14, "only a whole frame can be tagged");
  TVDSIM_ASSERT(tag.vid <= kLastVid && tag.priority <= 7,
                "a tag has twelve bits of VID and three of priority");
  const auto control =
      static_cast<std::uint16_t>(tag.priority << 13 | (tag.drop_eligible ? 0x1000 : 0) | tag.vid);
  const std::uint8_t four[] = {kTagType >> 8, kTagType & 0xff, static_cast<std::uint8_t>(control >> 8),
                               static_cast<std::uint8_t>(control)};
  bytes.insert(bytes.begin() + kAddresses, std::begin(four), std::end(four));
}

void pop_tag(std::vector<std::uint8_t>& bytes) {
  const Header header = read_header(bytes);
  if (header.fault == FrameFault::truncated || !header.tagged) return;
  bytes.erase(bytes.begin() + kAddresses, bytes.begin() + kAddresses + 4);
}

bool VlanInterface::untag(std::vector<std::uint8_t>& bytes) const {
  const Header header = read_header(bytes);
  if (!header || !header.tagged || header.tag.vid != vid) return false;
  pop_tag(bytes);
  return true;
}

}  // namespace tvdsim::netsim
