#include "sim/engine/device.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

namespace tvdsim::sim {
namespace {

struct Work {
  std::uint64_t input = 0, output = 0;
  std::vector<std::pair<std::uint64_t, std::int64_t>>* log = nullptr;
};

// Long enough that workers overlap: some thousand dependent steps.
void compute(void* work) {
  auto& self = *static_cast<Work*>(work);
  std::uint64_t x = self.input;
  for (int i = 0; i < 20'000; ++i) x = (x ^ (x >> 31)) * 0x9e37'79b9'7f4a'7c15U + 1;
  self.output = x;
}
void complete(void* work, Time when) {
  auto& self = *static_cast<Work*>(work);
  self.log->emplace_back(self.output, when.ns);
}

struct Outcome {
  std::vector<std::pair<std::uint64_t, std::int64_t>> log;
  std::vector<std::uint64_t> share;
  std::string fingerprint;
};

Outcome run(unsigned workers) {
  Outcome outcome;
  Engine engine(5);
  DevicePool pool(engine, workers);
  Stream& draw = engine.stream("jobs");
  constexpr std::uint32_t kDevices = 12;
  constexpr int kJobs = 600;
  for (std::uint32_t i = 0; i < kDevices; ++i) pool.add_device();
  std::vector<Work> work(kJobs);
  for (auto& job : work) {
    job = {.input = draw.next(), .log = &outcome.log};
    const auto device = static_cast<std::uint32_t>(draw.below(kDevices));
    pool.submit(device, draw.exponential({1'000'000}), Cause::tpm_command, {compute, complete, &job});
  }
  engine.run_until(Time::never());
  outcome.share = pool.jobs_per_worker();
  outcome.fingerprint = engine.trace().fingerprint();
  return outcome;
}

TEST(DevicePool, GivesTheSameResultsInTheSameOrderAtAnyNumberOfWorkers) {
  const Outcome alone = run(0);
  ASSERT_EQ(alone.log.size(), 600u);
  EXPECT_EQ(alone.share, std::vector<std::uint64_t>{600});
  for (const unsigned workers : {1u, 2u, 4u}) {
    const Outcome together = run(workers);
    EXPECT_EQ(together.log, alone.log);
    EXPECT_EQ(together.fingerprint, alone.fingerprint);
    ASSERT_EQ(together.share.size(), workers);
    std::string shares;
    for (const auto share : together.share) {
      shares += " " + std::to_string(share);
      EXPECT_GE(share, 600 / workers / 2) << "a worker had nothing to do";
    }
    std::printf("%u workers, jobs of each:%s\n", workers, shares.c_str());
    EXPECT_EQ(std::accumulate(together.share.begin(), together.share.end(), std::uint64_t{0}), 600u);
  }
}

TEST(DevicePool, ServesADevicesJobsOneAfterTheOtherAndChargesThem) {
  Engine engine(1);
  DevicePool pool(engine, 0);
  const auto a = pool.add_device(), b = pool.add_device();
  EXPECT_EQ(pool.submit(a, {100}, Cause::tpm_command, {}), Time{100});
  EXPECT_EQ(pool.submit(a, {50}, Cause::tpm_command, {}), Time{150});
  EXPECT_EQ(pool.submit(b, {30}, Cause::disk_io, {}), Time{30});
  engine.run_until({1'000});
  EXPECT_EQ(pool.submit(a, {7}, Cause::tpm_command, {}), Time{1'007});
  EXPECT_EQ(engine.trace().charged(Cause::tpm_command).total, Duration{157});
  EXPECT_EQ(engine.trace().charged(Cause::disk_io).total, Duration{30});
}

TEST(DevicePool, WhatAJobThrowsIsThrownAtItsCompletion) {
  for (const unsigned workers : {0u, 2u}) {
    Engine engine(1);
    DevicePool pool(engine, workers);
    pool.add_device();
    pool.submit(0, {100}, Cause::tpm_command,
                {[](void*) { throw std::runtime_error("TPM_RC_FAILURE"); }, nullptr, nullptr});
    EXPECT_THROW(engine.run_until(Time::never()), std::runtime_error);
    EXPECT_EQ(engine.now(), Time{100});
  }
}

TEST(DevicePool, MayBeLeftWithJobsUnderWay) {
  std::vector<std::pair<std::uint64_t, std::int64_t>> log;
  std::vector<Work> work(50, Work{.input = 3, .log = &log});
  {
    Engine engine(1);
    DevicePool pool(engine, 2);
    pool.add_device();
    pool.add_device();
    for (std::uint32_t i = 0; i < 50; ++i)
      pool.submit(i % 2, {10}, Cause::tpm_command, {compute, complete, &work[i]});
  }
  EXPECT_TRUE(log.empty());
  EXPECT_NE(work.back().output, 0u);  // what was submitted was computed
}

}  // namespace
}  // namespace tvdsim::sim
