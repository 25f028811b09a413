// Ethernet frames: read or refused; what is read encodes to the same bytes, and never to a VLAN that does not exist.
#include "netsim/frame.hpp"

#include <algorithm>

#include "sim/base/error.hpp"

using namespace tvdsim;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const netsim::Decoded decoded = netsim::decode({data, size});
  TVDSIM_ASSERT(decoded || decoded.fault != netsim::FrameFault::none, "a refusal has its fault");
  TVDSIM_ASSERT(!netsim::to_text(decoded.fault).empty(), "and the fault a name");
  if (!decoded) return 0;
  const netsim::Frame& frame = decoded.frame;
  TVDSIM_ASSERT(!frame.tag || frame.tag->vid <= netsim::kLastVid, "no VLAN above 4094");
  const auto bytes = netsim::encode(frame);
  TVDSIM_ASSERT(std::equal(bytes.begin(), bytes.end(), data, data + size), "a frame is encoded as it was");
  TVDSIM_ASSERT(netsim::parse_mac(netsim::to_text(frame.source)) == frame.source,
                "an address reads as it is written");
  return 0;
}
