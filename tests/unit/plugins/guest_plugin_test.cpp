// The guest plugin in an emulator that has the internals it knows: exact stops, answered calls, counted records, a held vCPU.
#include "tests/unit/plugins/plugin_master.hpp"

namespace tvdsim::tests {
namespace {

class GuestPlugin : public testing::Test {
 protected:
  void SetUp() override { renew_mock_host(); }
  // Blocks of three and five instructions, a call in the middle, a sleep near the end.
  static std::vector<MockBlock> story() {
    std::vector<MockBlock> blocks;
    for (int i = 0; i < 100; ++i) blocks.push_back(plain(i % 2 ? 3 : 5));
    blocks.push_back({MockInstruction{}, marked(7), MockInstruction{}});
    blocks.push_back({MockInstruction{.bytes = {0xf4}, .idle_ns = 12'344}});
    blocks.push_back({MockInstruction{.vaddr = 0x200000}, MockInstruction{.vaddr = 0x200001}});
    for (int i = 0; i < 50; ++i) blocks.push_back(plain(4));
    return blocks;
  }
};

TEST_F(GuestPlugin, StopsExactlyAtItsLimitsAlsoWhileTheGuestSleeps) {
  PluginMaster master(1024, 1000);
  ASSERT_EQ(mock_host().install({master.argument(), "shift=3"}), 0);
  EXPECT_EQ(master.page().mode, std::uint32_t{TVDSIM_MODE_TIMER});
  EXPECT_EQ(master.page().host_version, 702u);
  master.run(story(), 1000);
  const auto limits = master.stops_for(TVDSIM_STOP_LIMIT);
  ASSERT_GT(limits.size(), 12u);
  for (std::size_t i = 0; i < limits.size(); ++i) EXPECT_EQ(limits[i].vtime, 1000 * (i + 1));
  EXPECT_EQ(master.page().overshoot, 0u);
  EXPECT_EQ(master.page().instructions, mock_host().executed);
  EXPECT_EQ(mock_host().reads_inside_blocks, 0u) << "the clock was read where it must not be";
}

TEST_F(GuestPlugin, StopsAfterTheInstructionThatReachesALimitBetweenTwo) {
  PluginMaster master(1024, 1000);
  ASSERT_EQ(mock_host().install({master.argument(), "shift=3"}), 0);
  auto blocks = story();
  blocks.insert(blocks.begin(),
                {MockInstruction{.bytes = {0xf4}, .idle_ns = 3}});  // every instruction is 3 ns late now
  master.run(blocks, 1000);
  EXPECT_GT(master.page().overshoot, 0u);
  EXPECT_LT(master.page().overshoot, 8u);
}

TEST_F(GuestPlugin, TellsTheSameStoryWhateverTheQuantum) {
  std::vector<std::vector<std::uint64_t>> stories;
  for (const std::uint64_t quantum : {80u, 1000u, 1'000'000u}) {
    renew_mock_host();
    PluginMaster master(1024, quantum);
    ASSERT_EQ(mock_host().install({master.argument(), "shift=3", "pages=on"}), 0);
    master.run(story(), quantum);
    std::vector<std::uint64_t>& story = stories.emplace_back();
    for (const tvdsim_record& record : master.records) {
      if (record.kind == TVDSIM_RECORD_QUANTUM) continue;
      story.insert(story.end(), {record.kind, record.instructions, record.a, record.b});
    }
  }
  EXPECT_EQ(stories[0], stories[1]);
  EXPECT_EQ(stories[0], stories[2]);
}

TEST_F(GuestPlugin, HoldsTheGuestAtAMarkedCallUntilItIsAnswered) {
  PluginMaster master(1024, 1'000'000);
  ASSERT_EQ(mock_host().install({master.argument(), "shift=3"}), 0);
  master.run(story(), 1000);
  const auto calls = master.stops_for(TVDSIM_STOP_CALL);
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_EQ(calls[0].call, 7u);
  // 400 instructions in the blocks before, and the three of its own, after which it stops: 8 ns each.
  EXPECT_EQ(calls[0].vtime, 403u * 8);
  const auto records = master.of(TVDSIM_RECORD_HYPERCALL);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].a, 7u);
  EXPECT_EQ(records[0].instructions, 401u);
}

TEST_F(GuestPlugin, ReadsTheClockAgainAfterASleepBeforeItReportsAnything) {
  PluginMaster master(1024, 1'000'000);
  ASSERT_EQ(mock_host().install({master.argument(), "shift=3", "pages=on"}), 0);
  master.run(story(), 1000);
  // The second page is first executed right after the sleep: its record must follow a clock that knows of it.
  std::uint64_t clock = 0, page_seen_at = 0;
  for (const tvdsim_record& record : master.records) {
    if (record.kind == TVDSIM_RECORD_CLOCK) clock = record.a;
    if (record.kind == TVDSIM_RECORD_EXEC_PAGE && record.a == 0x200000) page_seen_at = clock;
  }
  EXPECT_GE(page_seen_at, 404u * 8 + 12'344);
}

TEST_F(GuestPlugin, SaysWhenAGuestCallsTwiceInOneBlock) {
  PluginMaster master;
  ASSERT_EQ(mock_host().install({master.argument(), "shift=3"}), 0);
  master.run({{marked(1), marked(2), MockInstruction{}}}, 1000);
  EXPECT_TRUE(master.page().faults & TVDSIM_FAULT_TWO_CALLS);
}

TEST_F(GuestPlugin, TakesOnlyTheWholeMarkerForACall) {
  PluginMaster master;
  ASSERT_EQ(mock_host().install({master.argument(), "shift=3"}), 0);
  MockInstruction other_magic = marked(1), short_nop = marked(1);
  other_magic.bytes[5] = 0x57;
  short_nop.bytes = {0x0f, 0x1f, 0x40, 0x00};
  master.run({{other_magic}, {short_nop}, {MockInstruction{}}}, 1000);
  EXPECT_TRUE(master.stops_for(TVDSIM_STOP_CALL).empty());
}

TEST_F(GuestPlugin, HoldsTheVcpuUntilItsTpmHasAnswered) {
  for (const auto& [address, busy, done] :
       {std::tuple{0xfed40018u, 0x80, 0x90}, std::tuple{0xfed4004cu, 1, 0}}) {
    renew_mock_host();
    mock_host().tpm_status = {static_cast<std::uint8_t>(busy), static_cast<std::uint8_t>(busy),
                              static_cast<std::uint8_t>(done)};
    PluginMaster master;
    ASSERT_EQ(mock_host().install({master.argument(), "shift=3", "tpm=on"}), 0);
    MockInstruction go{.device = address, .store = true}, look{.device = address};
    master.run({{MockInstruction{}, go, MockInstruction{}}, {look}}, 1000);
    EXPECT_EQ(master.page().tpm_holds, 1u) << "only the store starts a command";
    EXPECT_EQ(mock_host().tpm_reads, 3u);
    EXPECT_EQ(master.page().faults, 0u);
    EXPECT_EQ(master.page().instructions, mock_host().executed) << "the store was counted once";
  }
}

TEST_F(GuestPlugin, GivesUpOnASilentTpmAndSaysSo) {
  mock_host().tpm_status = {0x80};
  PluginMaster master;
  ASSERT_EQ(mock_host().install({master.argument(), "shift=3", "tpm=on", "tpm_wait_ms=30"}), 0);
  master.run({{MockInstruction{.device = 0xfed40018, .store = true}}}, 1000);
  EXPECT_TRUE(master.page().faults & TVDSIM_FAULT_TPM_SILENT);
}

TEST_F(GuestPlugin, ReportsStoresToDevicesByName) {
  PluginMaster master;
  ASSERT_EQ(mock_host().install({master.argument(), "shift=3", "devices=stores"}), 0);
  master.run({{MockInstruction{.device = 0xfee00080, .store = true}},
              {MockInstruction{.device = 0xfee00080}},
              {MockInstruction{.device = 0xfed40024, .store = true}}},
             1000);
  const auto records = master.of(TVDSIM_RECORD_DEVICE);
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].a, 0xfee00080u);
  EXPECT_EQ(records[0].size, 4u);
  EXPECT_EQ(records[0].flags, TVDSIM_RECORD_IS_STORE);
  EXPECT_STREQ(master.page().devices[records[0].b], "apic-msi");
  EXPECT_STREQ(master.page().devices[records[1].b], "tpm-tis-mmio");
}

TEST_F(GuestPlugin, ReportsEachPageOnce) {
  PluginMaster master;
  ASSERT_EQ(mock_host().install({master.argument(), "shift=3", "pages=on"}), 0);
  const MockInstruction here{.vaddr = 0x100010}, there{.vaddr = 0x300020};
  master.run({{here}, {there}, {here}, {there, there}}, 1000);
  const auto pages = master.of(TVDSIM_RECORD_EXEC_PAGE);
  ASSERT_EQ(pages.size(), 2u);
  EXPECT_EQ(pages[0].a, 0x100000u);
  EXPECT_EQ(pages[1].a, 0x300000u);
  EXPECT_EQ(pages[1].b, ~std::uint64_t{0}) << "it lies in no file that the plugin was told of";
}

TEST_F(GuestPlugin, WaitsForAPlaceInAFullRing) {
  PluginMaster master(2, 100);
  ASSERT_EQ(mock_host().install({master.argument(), "shift=3"}), 0);
  master.run(story(), 100);
  ASSERT_GT(master.records.size(), 100u);
  for (std::size_t i = 0; i < master.records.size(); ++i) EXPECT_EQ(master.records[i].sequence, i);
  EXPECT_EQ(master.page().header.dropped, 0u);
}

TEST_F(GuestPlugin, CountsWhatAFullRingDrops) {
  PluginMaster master(2, 100);
  ASSERT_EQ(mock_host().install({master.argument(), "shift=3", "ring=drop"}), 0);
  master.run(story(), 100, false);
  EXPECT_EQ(master.records.size(), 2u);
  EXPECT_EQ(master.page().header.dropped + 2, master.stops_for(TVDSIM_STOP_LIMIT).size() + 4)
      << "a record per limit, clock, call, clock after the sleep and end";
}

TEST_F(GuestPlugin, EndsWithTheStatusAsItsLastRecord) {
  PluginMaster master;
  ASSERT_EQ(mock_host().install({master.argument(), "shift=3"}), 0);
  master.run({plain(3)}, 1000);
  ASSERT_FALSE(master.records.empty());
  EXPECT_EQ(master.records.back().kind, TVDSIM_RECORD_EXIT);
  EXPECT_EQ(master.records.back().a, 33u);
  EXPECT_EQ(master.records.back().instructions, 3u);
}

TEST_F(GuestPlugin, TrustsNoVersionThatItDoesNotKnow) {
  mock_host().major = 9;
  PluginMaster master(1024, 10);
  ASSERT_EQ(mock_host().install({master.argument(), "shift=3", "tpm=on"}), 0);
  EXPECT_EQ(master.page().mode, std::uint32_t{TVDSIM_MODE_INSN});
  EXPECT_EQ(master.page().host_version, 902u);
  EXPECT_TRUE(master.page().faults & TVDSIM_FAULT_NO_TPM_HOLD);
  master.run(story(), 10);
  EXPECT_TRUE(mock_host().timers.empty());
}

TEST_F(GuestPlugin, RefusesWhatItDoesNotUnderstand) {
  PluginMaster master;
  const std::string page = master.argument();
  const auto refused = [&](std::vector<std::string> arguments, const std::string& because) {
    testing::internal::CaptureStderr();
    EXPECT_NE(mock_host().install(std::move(arguments)), 0);
    const std::string said = testing::internal::GetCapturedStderr();
    EXPECT_TRUE(said.starts_with("tvd_guest: ")) << said;
    EXPECT_NE(said.find(because), std::string::npos) << said;
  };
  refused({}, "`page` is missing");
  refused({page, "colour=blue"}, "unknown argument `colour=blue`; known: page, ");
  refused({page, "gate=loose"}, "`gate=loose` has no value");
  refused({page, "shift=11"}, "`shift=11`");
  refused({page, "shift=3", "shift=3"}, "`shift` is given twice");
  refused({page, "notify="}, "`notify=`");
  refused({"page=/nonexistent"}, "cannot open the page `/nonexistent`");
  refused({"page=/dev/null"}, "too short");
  mock_host().vcpus = 2;
  refused({page}, "one vCPU");
  mock_host().vcpus = 1;
  mock_host().whole_machine = false;
  refused({page}, "not a whole machine");
  mock_host().whole_machine = true;
  mock_host().api_min = mock_host().api_cur = 4;
  refused({page}, "version 1 of the plugin interface");
  renew_mock_host();
  master.page().version = 2;
  refused({page}, "not one of version 1");
  master.page().version = TVDSIM_GUEST_PAGE_VERSION;
  master.page().slots = 1000;
  refused({page}, "a power of two");
  master.page().slots = 1 << 20;
  refused({page}, "no room for 1048576 records");
}

}  // namespace
}  // namespace tvdsim::tests
