// Attacks whose steps were told one after the other, with all of them at one moment: every order of the events that follow from them,
// and one use of what is left at the end.
#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "models/attack/attack.hpp"
#include "sim/engine/chooser.hpp"
#include "tests/support/ablation.hpp"

namespace tvdsim::models {
namespace {

using namespace sim::literals;

struct Orders {
  std::uint64_t all = 0, harmed = 0, refused = 0;
};

// Every step but the last at 10 s; the last, which uses what came of them, later. Nothing takes time.
Orders at_one_moment(std::string_view id, Staging staging, ControlMode mode) {
  const Attack& attack = *find_attack(id);
  Orders found;
  sim::AllOrders orders;
  do {
    sim::Engine engine(1);
    engine.set_chooser(&orders);
    DatacenterSetup setup = attack.stage(staging, mode);
    setup.timeless = true;
    Datacenter datacenter(engine, std::move(setup));
    auto steps = attack.steps(staging);
    for (Action& step : steps) step.at = sim::Time{} + (&step == &steps.back() ? 20_s : 10_s);
    for (const Action& step : steps) datacenter.schedule(step);
    engine.run_until(sim::Time{} + 25_s);
    const Verdicts verdicts = attack.judge(staging, datacenter, engine.trace());
    ++found.all;
    found.harmed += verdicts.harm;
    found.refused += verdicts.refused;
  } while (orders.next());
  const auto number = [](std::uint64_t n) { return static_cast<unsigned long long>(n); };
  std::printf("%s %s: %llu interleavings, harm in %llu, refused in %llu\n", std::string(id).c_str(),
              std::string(to_text(staging)).c_str(), number(found.all), number(found.harmed),
              number(found.refused));
  return found;
}

class InFlight : public testing::TestWithParam<std::string_view> {
 protected:
  ControlMode mode_under_test() const {
    return tests::modes_under_test()[find_attack(GetParam())->control()];
  }
};

TEST_P(InFlight, NoInterleavingDoesHarmWithTheControlOn) {
  const auto found = at_one_moment(GetParam(), Staging::controlled, mode_under_test());
  EXPECT_GT(found.all, 5u);
  EXPECT_EQ(found.harmed, 0u);
  EXPECT_GT(found.refused, 0u);
}

TEST_P(InFlight, SomeInterleavingsDoHarmWithItOff) {
  const auto found = at_one_moment(GetParam(), Staging::ablated, ControlMode::off);
  EXPECT_GT(found.harmed, 0u);
  EXPECT_LT(found.harmed, found.all);
}

std::string flight_name(const testing::TestParamInfo<std::string_view>& info) {
  return std::string(1, info.param[0]) + std::string(info.param.substr(2));
}
INSTANTIATE_TEST_SUITE_P(Catalogue, InFlight, testing::Values("A-12", "A-13"), flight_name);

}  // namespace
}  // namespace tvdsim::models
