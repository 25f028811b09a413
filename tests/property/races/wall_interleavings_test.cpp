// One host's wall under starts, arrivals, failures and stops that run beside each other: every interleaving of up to eight steps.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "models/acm/monitor.hpp"
#include "tests/support/ablation.hpp"
#include "tests/support/interleave.hpp"
#include "tests/support/policies.hpp"

namespace tvdsim::models {
namespace {

// What one VM goes through, a letter per step: s is asked for its start, m for its arrival; then + it runs, - it fails or its toolstack
// dies, x it stops.
using Script = std::string_view;
constexpr std::array<Script, 7> kScripts = {"s+", "s-", "m+", "m-", "s+x", "m+x", "s-s+"};
constexpr LabelId kHost{1}, kMa{2}, kSu{3};

const std::shared_ptr<const Policy>& rivals() {
  static const auto kPolicy = tests::compile(
      {.vms = {{"system", {"MA", "SU"}, {"system"}}, {"ma", {"MA"}, {"MA"}}, {"su", {"SU"}, {"SU"}}},
       .sets = {{"rivals", {"MA", "SU"}}}});
  return kPolicy;
}

// What came of one order, by the test's own books.
struct Found {
  std::uint64_t together = 0;    // orders in which rivals ran at one time
  std::uint64_t locked_out = 0;  // orders after which the empty host refuses somebody
  std::uint64_t miscounted = 0;  // orders in which a count was not the number of VMs
  std::uint64_t unfounded = 0;   // orders in which somebody was refused without a rival there
  std::uint64_t refused = 0;     // orders in which somebody was refused
  std::uint64_t orders = 0, most = 0;
};

class Play {
 public:
  Play(std::vector<Script> scripts, const ControlModes& modes)
      : scripts_(std::move(scripts)),
        monitor_(std::make_unique<Monitor>(
            rivals(), PolicyEpoch{0},
            Monitor::Setup{.host = HostId{0}, .host_label = kHost, .modes = modes})),
        tickets_(scripts_.size()),
        in_(scripts_.size(), 0) {}

  std::size_t threads() const { return scripts_.size(); }

  bool step(std::uint32_t thread, std::uint64_t index) {
    const char what = scripts_[thread][index];
    bool goes_on = true;
    if (what == 's' || what == 'm') {
      tickets_[thread] = monitor_->check(request(thread, what == 's' ? Hook::vm_start : Hook::vm_migrate_in));
      goes_on = static_cast<bool>(tickets_[thread]);
      if (!goes_on) {
        refused = true;
        if (count(rival(thread)) == 0) unfounded = true;
      }
      in_[thread] = goes_on ? kPlace : kOut;
    } else if (what == '+') {
      tickets_[thread].commit();
      in_[thread] = kRuns;
    } else if (what == '-') {
      tickets_[thread].cancel();
      in_[thread] = kOut;
    } else {
      monitor_->stop(VmId{thread});
      in_[thread] = kOut;
    }
    look();
    return goes_on && index + 1 < scripts_[thread].size();
  }

  // Everybody stops; may the two start on the empty host?
  bool locked_out() {
    for (std::uint32_t thread = 0; thread < threads(); ++thread) {
      tickets_[thread].cancel();
      monitor_->stop(VmId{thread});
    }
    for (std::uint32_t thread = 0; thread < 2; ++thread) {
      if (!monitor_->decide(request(thread, Hook::vm_start))) return true;
    }
    return false;
  }

  bool together = false, miscounted = false, unfounded = false, refused = false;

 private:
  static constexpr int kOut = 0, kPlace = 1, kRuns = 2;
  static LabelId label(std::uint32_t thread) { return thread % 2 == 0 ? kMa : kSu; }
  static LabelId rival(std::uint32_t thread) { return thread % 2 == 0 ? kSu : kMa; }
  static Request request(std::uint32_t thread, Hook hook) {
    return {.hook = hook,
            .host = HostId{0},
            .subject = VmId{thread},
            .subject_label = label(thread),
            .object_label = kHost,
            .object = 0};
  }
  std::uint32_t count(LabelId of, int least = kPlace) const {
    std::uint32_t sum = 0;
    for (std::uint32_t thread = 0; thread < in_.size(); ++thread)
      sum += label(thread) == of && in_[thread] >= least;
    return sum;
  }
  void look() {
    if (count(kMa, kRuns) > 0 && count(kSu, kRuns) > 0) together = true;
    const auto types = rivals()->wall_types();
    for (std::size_t type = 0; type < types.size(); ++type) {
      const std::uint32_t expected = types[type] == "MA" ? count(kMa) : types[type] == "SU" ? count(kSu) : 0;
      if (monitor_->wall().running()[type] != expected) miscounted = true;
    }
  }

  std::vector<Script> scripts_;
  std::unique_ptr<Monitor> monitor_;
  std::vector<Ticket> tickets_;
  std::vector<int> in_;
};

void add(Found& found, const std::vector<Script>& scripts, const ControlModes& modes) {
  std::uint64_t steps = 0;
  for (const Script script : scripts) steps += script.size();
  if (steps > 8) return;
  found.most = std::max(found.most, steps);
  found.orders += tests::sweep([&] { return Play(scripts, modes); },
                               [&](Play& play) {
                                 found.together += play.together;
                                 found.miscounted += play.miscounted;
                                 found.unfounded += play.unfounded;
                                 found.refused += play.refused;
                                 found.locked_out += play.locked_out();
                               });
}

// Every two and every three of the scripts side by side, rivals in turn, up to eight steps; and four starts.
Found explore(const ControlModes& modes) {
  Found found;
  for (const Script a : kScripts) {
    for (const Script b : kScripts) {
      add(found, {a, b}, modes);
      for (const Script c : kScripts) add(found, {a, b, c}, modes);
    }
  }
  add(found, {"s+", "m+", "m-", "s-"}, modes);
  return found;
}

void print(const char* what, const Found& found) {
  const auto number = [](std::uint64_t n) { return static_cast<unsigned long long>(n); };
  std::printf(
      "%s: %llu interleavings of up to %llu steps; rivals together in %llu, lock-out after %llu, "
      "a wrong count in %llu, a refusal in %llu\n",
      what, number(found.orders), number(found.most), number(found.together), number(found.locked_out),
      number(found.miscounted), number(found.refused));
}

ControlModes without(Control control) {
  ControlModes modes;
  modes.set(control, ControlMode::off);
  return modes;
}

// F-014 F-015
TEST(WallInterleavings, NoneBringsRivalsTogetherAndNoneLocksAnEmptyHost) {
  const Found found = explore(tests::modes_under_test());
  print("all controls", found);
  EXPECT_GT(found.orders, 10'000u);
  EXPECT_EQ(found.most, 8u);
  EXPECT_EQ(found.together, 0u);
  EXPECT_EQ(found.locked_out, 0u);
  EXPECT_EQ(found.unfounded, 0u);
  EXPECT_GT(found.refused, 0u);
  EXPECT_LT(found.refused, found.orders);
}

// F-015
TEST(WallInterleavings, CountsAreTheNumbersOfVmsAfterEveryStep) {
  EXPECT_EQ(explore(tests::modes_under_test()).miscounted, 0u);
}

// F-014
TEST(WallInterleavings, WithCheckAndReservationApartSomeBringRivalsTogether) {
  const Found found = explore(without(Control::reservation));
  print("without reservation", found);
  EXPECT_GT(found.together, 0u);
  EXPECT_LT(found.together, found.orders);
  EXPECT_EQ(found.locked_out, 0u);
}

// F-015
TEST(WallInterleavings, WithoutTheRollbackSomeLockAnEmptyHost) {
  const Found found = explore(without(Control::rollback));
  print("without rollback", found);
  EXPECT_GT(found.locked_out, 0u);
  EXPECT_GT(found.miscounted, 0u);
  EXPECT_LT(found.locked_out, found.orders);
  EXPECT_EQ(found.together, 0u);
}

}  // namespace
}  // namespace tvdsim::models
