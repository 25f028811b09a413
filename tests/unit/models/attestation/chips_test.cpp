// Chips as devices in simulated time: their lines, their profiles, many of them on one host, and one VM that asks without end.
#include <chrono>

#include "sim/base/error.hpp"
#include "tests/unit/models/attestation/trust_lab.hpp"
#include "vtpm/device/commands.hpp"

namespace tvdsim::tests {
namespace {

using Bytes = std::vector<std::uint8_t>;

struct Answers {
  explicit Answers(sim::Engine& of) : engine(&of) {}
  std::vector<std::pair<std::uint64_t, sim::Time>> came;
  sim::Engine* engine;
  void got(std::uint64_t tag, Bytes&) { came.emplace_back(tag, engine->now()); }
  ChipDone<Bytes> as(std::uint64_t tag) { return ChipDone<Bytes>::to<&Answers::got>(*this, tag); }
};

const Bytes kRead = vtpm::pcr_read_command(vtpm::HashAlg::sha256, 10);

TEST(Chips, ServeFirstComeFirstServedAndSayHowLongTheirLineWas) {
  sim::Engine engine(1);
  Chips chips(engine, 0);
  const ChipId chip = chips.add("h1", {.command = 2_ms});
  Answers answers(engine);
  for (std::uint64_t i = 0; i < 5; ++i) chips.execute(chip, kRead, answers.as(i));
  EXPECT_EQ(chips.line(chip).open, 6u) << "its boot is the first";
  engine.run_until(sim::Time{} + 1_s);
  ASSERT_EQ(answers.came.size(), 5u);
  for (std::uint64_t i = 0; i < 5; ++i) {
    EXPECT_EQ(answers.came[i].first, i);
    EXPECT_EQ(answers.came[i].second, sim::Time{} + 2_ms * static_cast<std::int64_t>(i + 1));
  }
  const ChipLine& line = chips.line(chip);
  EXPECT_EQ(line.open, 0u);
  EXPECT_EQ(line.longest, 6u);
  EXPECT_EQ(line.served, 10_ms);
  EXPECT_EQ(line.waited, 2_ms * (1 + 2 + 3 + 4));
}

TEST(Chips, WithoutRoomRefuseByNameAndTheOthersServe) {
  sim::Engine engine(1);
  Chips chips(engine, 0);
  const ChipId full = chips.add("full", {.command = 2_ms, .room = 3}),
               other = chips.add("other", {.command = 2_ms});
  engine.run_until(sim::Time{} + 1_ms);
  Answers answers(engine);
  const auto before = chips.read_pcr(other, vtpm::HashAlg::sha256, 10);
  for (std::uint64_t i = 0; i < 3; ++i) chips.execute(full, kRead, answers.as(i));
  try {
    chips.execute(full, kRead, answers.as(9));
    ADD_FAILURE() << "a full line took another question";
  } catch (const sim::WorldError& error) {
    EXPECT_EQ(error.name(), "tpm_queue_full");
  }
  chips.execute(other, kRead, answers.as(4));
  engine.run_until(sim::Time{} + 3_ms);
  EXPECT_EQ(answers.came.size(), 2u) << "one of each";
  chips.execute(full, kRead, answers.as(5));  // there is room again
  engine.run_until(sim::Time{} + 1_s);
  EXPECT_EQ(answers.came.size(), 5u);
  EXPECT_EQ(chips.line(full).refused, 1u);
  EXPECT_EQ(chips.read_pcr(other, vtpm::HashAlg::sha256, 10), before);
}

TEST(Chips, OfAProfileTakeTimesAroundItsFiguresEachFromAStreamOfItsOwn) {
  const auto times = [](std::string_view profile, std::uint64_t seed) {
    sim::Engine engine(seed);
    Chips chips(engine, 0);
    const ChipId chip = chips.add("h1", {.profile = vtpm::profile_named(profile)});
    Answers answers(engine);
    for (std::uint64_t i = 0; i < 200; ++i) chips.execute(chip, kRead, answers.as(i));
    engine.run_until(sim::Time{} + 10_s);
    std::vector<std::int64_t> out;
    sim::Time last;
    for (const auto& [tag, when] : answers.came) {
      out.push_back((when - last).ns);
      last = when;
    }
    return out;
  };
  const auto slow = times("slb9670", 1), fast = times("software", 1);
  ASSERT_EQ(slow.size(), 200u);
  const auto sum = [](const std::vector<std::int64_t>& all) {
    std::int64_t total = 0;
    for (const std::int64_t one : all) total += one;
    return static_cast<double>(total) / 200;
  };
  EXPECT_NEAR(sum(slow), 2e6, 5e4);
  EXPECT_NEAR(sum(fast), 17e3, 1e3);
  EXPECT_GT(std::set<std::int64_t>(slow.begin(), slow.end()).size(), 190u);
  EXPECT_EQ(times("slb9670", 1), slow);
  EXPECT_NE(times("slb9670", 2), slow);
}

// One host with so many VMs, each with a vTPM.
DatacenterSetup crowd(std::uint32_t vms) {
  DatacenterSetup setup = trusted_setup();
  setup.hosts[0].memory = sim::Bytes{std::uint64_t{vms + 8} * 64 * 1024 * 1024};
  setup.vms.clear();
  for (std::uint32_t i = 0; i < vms; ++i) {
    setup.vms.push_back(vm("web" + std::to_string(i), "ma", "h1"));
    setup.vms.back().vtpm = setup.vms.back().start = true;
    setup.vms.back().memory = sim::Bytes{16 * 1024 * 1024};
  }
  return setup;
}

constexpr std::uint32_t kMany = 1'000;

// How long a command to one vTPM takes in simulated time, and in the time of this machine when they are spoken to in turn.
struct CommandCost {
  std::int64_t simulated_ns = 0;
  double real_us = 0;
};

CommandCost cost_among(std::uint32_t vms) {
  TrustLab lab(crowd(vms));
  lab.settle(60_s);
  VtpmManager& manager = *lab.machine("h1").vtpms;
  EXPECT_EQ(manager.size(), vms);
  Chips& chips = lab.dc.world().chips();
  Answers answers(lab.engine);
  const sim::Time asked = lab.engine.now();
  chips.execute(manager.instance(lab.dc.vm("web0")), kRead, answers.as(0));
  lab.settle(5_s);
  CommandCost cost{answers.came.empty() ? -1 : (answers.came[0].second - asked).ns, 1e9};
  for (int batch = 0; batch < 5; ++batch) {
    const auto begin = std::chrono::steady_clock::now();
    for (std::uint32_t i = 0; i < 2'000; ++i)
      chips.read_pcr(manager.instance(lab.dc.vm("web" + std::to_string(i % vms))), vtpm::HashAlg::sha256, 10);
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begin;
    cost.real_us = std::min(cost.real_us, took.count() / 2'000);
  }
  return cost;
}

// F-089
TEST(VtpmCrowd, OfAThousandOnOneHostServesEachCommandInTheTimeThatTenTake) {
  const CommandCost few = cost_among(10), many = cost_among(kMany);
  std::printf("vTPM command, 10 and %u on the host: %.1f and %.1f us\n", kMany, few.real_us, many.real_us);
  EXPECT_GT(few.simulated_ns, 0);
  EXPECT_EQ(many.simulated_ns, few.simulated_ns);
  EXPECT_LT(many.real_us, 4 * few.real_us) << "the cost of a command grows with the number of instances";
}

// What the verifier says of one VM while another one is attested four hundred times in two seconds.
std::string verdict_beside_a_flood(const sim::ControlModes& controls, std::uint32_t vms) {
  DatacenterSetup setup = crowd(vms);
  setup.controls = controls;
  TrustLab lab(setup);
  lab.settle(60_s);
  for (int i = 0; i < 400; ++i) {
    Action flood = Lab::action(ActionKind::attest_vm, "web0");
    flood.verifier = "v";
    lab.begin(flood);
    lab.settle(5_ms);
  }
  return lab.attest("web1").verdict;
}

// F-089
TEST(VtpmCrowd, OneThatIsAskedWithoutEndLeavesTheOthersTheirShareOfTheHostsTpm) {
  EXPECT_EQ(verdict_beside_a_flood(modes_under_test(), kMany), "trusted");
}

// F-089
TEST(VtpmCrowd, WithoutSharesOneThatIsAskedWithoutEndSilencesTheOthers) {
  sim::ControlModes controls;
  controls.set(Control::tpm_quota, ControlMode::off);
  EXPECT_EQ(verdict_beside_a_flood(controls, 20), "unknown");
}

}  // namespace
}  // namespace tvdsim::tests
