// Work on many TPMs at once: each index once, on its home's thread, and bad news of the first.
#include "vtpm/device/fleet_work.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <thread>

namespace tvdsim::vtpm {
namespace {

constexpr std::size_t kTpms = 30;

struct FleetWork : testing::TestWithParam<unsigned> {
  FleetWork() {
    for (std::size_t i = 0; i < kTpms; ++i) tpms.push_back(fleet.create());
  }
  TpmFleet fleet{{.seed = 7, .workers = GetParam()}};
  std::vector<TpmId> tpms;
};

TEST_P(FleetWork, HandsOutEachIndexOnceAndKeepsEachHomeOnOneThread) {
  std::vector<int> visits(kTpms);
  std::vector<std::thread::id> threads(kTpms);
  for_each_tpm(fleet, tpms, [&](std::size_t i) {
    ++visits[i];
    threads[i] = std::this_thread::get_id();
  });
  for (std::size_t i = 0; i < kTpms; ++i) {
    EXPECT_EQ(visits[i], 1);
    for (std::size_t j = 0; j < i; ++j) {
      EXPECT_EQ(threads[i] == threads[j], fleet.home(tpms[i]) == fleet.home(tpms[j]));
    }
  }
}

TEST_P(FleetWork, ThrowsTheExceptionOfTheLowestIndexAfterAllHomesAreDone) {
  std::vector<int> visits(kTpms);
  std::string said;
  try {
    for_each_tpm(fleet, tpms, [&](std::size_t i) {
      ++visits[i];
      if (i >= 10) throw std::runtime_error(std::to_string(i));
    });
  } catch (const std::runtime_error& error) {
    said = error.what();
  }
  EXPECT_EQ(said, "10");
  int tried = 0;
  for (const int visit : visits) tried += visit;
  EXPECT_EQ(tried, 10 + static_cast<int>(fleet.workers())) << "each home stops at its first";
}

INSTANTIATE_TEST_SUITE_P(Workers, FleetWork, testing::Values(1u, 2u, 4u));

}  // namespace
}  // namespace tvdsim::vtpm
