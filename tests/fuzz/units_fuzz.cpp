// Quantities with units, as users write them: the first byte chooses duration, size or rate, the rest is the text.
//
// Either the text is refused with TVD-110 at the place given, or it has a value whose spelling reads back as that value.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "sim/base/error.hpp"
#include "sim/base/units.hpp"

namespace {

using namespace tvdsim;

constexpr std::string_view kWhere = "vms[3].memory";

void require(bool holds) {
  if (!holds) std::abort();
}

template <class Parse>
void check(Parse parse, std::string_view text) {
  try {
    const auto value = parse(text, kWhere);
    require(parse(sim::to_text(value), kWhere) == value);
  } catch (const sim::InputError& refused) {
    require(refused.findings().size() == 1);
    const auto& finding = refused.findings().front();
    require(finding.code == "TVD-110" && finding.where == kWhere && !finding.message.empty());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 3) {
    case 0:
      check(sim::parse_duration, text);
      break;
    case 1:
      check(sim::parse_bytes, text);
      break;
    default:
      check(sim::parse_bit_rate, text);
      break;
  }
  return 0;
}
