// The guest plugin in an emulator that offers the interface and nothing else: time by instructions, and it says what it cannot do.
#include <algorithm>

#include "tests/unit/plugins/plugin_master.hpp"

namespace tvdsim::tests {
namespace {

class BarePlugin : public testing::Test {
 protected:
  void SetUp() override { renew_mock_host(); }
};

TEST_F(BarePlugin, GrantsInstructionsWithinOneBlock) {
  for (const std::uint64_t quantum : {1u, 7u, 100u}) {
    renew_mock_host();
    PluginMaster master(1024, quantum);
    ASSERT_EQ(mock_host().install({master.argument(), "shift=3"}), 0);
    EXPECT_EQ(master.page().mode, std::uint32_t{TVDSIM_MODE_INSN});
    EXPECT_EQ(master.page().host_version, 0u);
    std::vector<MockBlock> blocks;
    for (std::size_t i = 0; i < 60; ++i) blocks.push_back(plain(1 + i % 9));
    master.run(blocks, quantum);
    EXPECT_EQ(master.page().block_size, 9u);
    EXPECT_LT(master.page().overshoot, 9u);
    const auto limits = master.stops_for(TVDSIM_STOP_LIMIT);
    ASSERT_FALSE(limits.empty());
    for (std::size_t i = 0; i < limits.size(); ++i) {
      EXPECT_GE(limits[i].instructions, (i + 1) * quantum);
      EXPECT_LT(limits[i].instructions, (i + 1) * quantum + 9);
      EXPECT_EQ(limits[i].vtime, limits[i].instructions * 8);
    }
    EXPECT_EQ(master.page().instructions, 60u / 9 * 45 + 21);
  }
}

TEST_F(BarePlugin, StopsAtTheCallItself) {
  PluginMaster master(1024, 1'000'000);
  ASSERT_EQ(mock_host().install({master.argument(), "shift=2"}), 0);
  master.run({plain(10), {MockInstruction{}, marked(3), MockInstruction{}}}, 1000);
  const auto calls = master.stops_for(TVDSIM_STOP_CALL);
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_EQ(calls[0].call, 3u);
  EXPECT_EQ(calls[0].vtime, 11u * 4);
}

TEST_F(BarePlugin, SaysThatItCannotHoldForATpm) {
  PluginMaster master;
  ASSERT_EQ(mock_host().install({master.argument(), "shift=3", "tpm=on"}), 0);
  master.run({{MockInstruction{.device = 0xfed40018, .store = true}}}, 1000);
  EXPECT_EQ(master.page().faults, std::uint32_t{TVDSIM_FAULT_NO_TPM_HOLD});
  EXPECT_EQ(master.page().tpm_holds, 0u);
}

TEST_F(BarePlugin, IsNeverStoppedWithTheGateOff) {
  PluginMaster master(1024, 1);
  ASSERT_EQ(mock_host().install({master.argument(), "shift=3", "gate=off"}), 0);
  master.run({plain(500), {marked(1)}}, 1);
  EXPECT_TRUE(master.stops_for(TVDSIM_STOP_LIMIT).empty());
  EXPECT_EQ(master.stops_for(TVDSIM_STOP_CALL).size(), 1u);
}

}  // namespace
}  // namespace tvdsim::tests
