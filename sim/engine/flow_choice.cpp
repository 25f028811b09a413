#include <fmt/format.h>

#include <string>

#include "sim/base/error.hpp"
#include "sim/engine/flow_engine.hpp"

namespace tvdsim::sim {

bool flow_shim_fits_library();  // flow_simgrid.cpp

namespace {

struct Dates {
  Time end[3];
};

void note(void* self, std::uint64_t tag, Time when) { static_cast<Dates*>(self)->end[tag] = when; }

// A lone flow, a capped one and one that must wait for neither, each of a length that paper gives.
std::string self_test() {
  using namespace literals;
  Dates dates;
  const FlowPlatform platform{
      .nics = {{1_Gbit_s, 20_us}, {1_Gbit_s, 30_us}, {1_Gbit_s, 20_us}, {1_Gbit_s, 30_us}}};
  const auto flows = make_flow_engine(platform, {note, &dates}, FlowBackend::shim);
  flows->start(0, 1, {125'000'000}, {}, 0, {});
  flows->start(2, 3, {125'000'000}, 100_Mbit_s, 1, {});
  for (Time next = flows->next_date(); next != Time::never(); next = flows->next_date()) flows->advance(next);
  flows->start(3, 2, {125'000'000}, {}, 2, flows->next_date() == Time::never() ? dates.end[1] : Time{});
  for (Time next = flows->next_date(); next != Time::never(); next = flows->next_date()) flows->advance(next);

  const Time expected[3] = {{1'000'050'000}, {10'000'050'000}, {11'000'100'000}};
  for (int i = 0; i < 3; ++i) {
    const std::int64_t off = dates.end[i].ns - expected[i].ns;
    if (off < -1'000 || off > 1'000) {
      return fmt::format("flow {} ended at {} ns instead of {} ns", i, dates.end[i].ns, expected[i].ns);
    }
  }
  return {};
}

}  // namespace

FlowBackend choose_flow_backend(std::string* why_not_shim) {
  static const std::string why =
      flow_shim_fits_library()
          ? self_test()
          : std::string("another version of SimGrid is installed than was built against");
  if (why_not_shim) *why_not_shim = why;
  return why.empty() ? FlowBackend::shim : FlowBackend::comm;
}

}  // namespace tvdsim::sim
