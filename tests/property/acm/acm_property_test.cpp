// What holds of the core whatever the policy and whatever happens: random policies, random life-cycles.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdio>
#include <set>

#include "models/acm/bit_row.hpp"
#include "sim/base/random.hpp"
#include "tests/support/policies.hpp"

namespace tvdsim::models {
namespace {

using tests::Host;

std::string type_name(int i) { return "t" + std::to_string(i); }

std::vector<std::string> some_types(int types, int most) {
  std::vector<std::string> names;
  for (const int t : *rc::gen::container<std::set<int>>(rc::gen::inRange(0, types))) {
    if (static_cast<int>(names.size()) < most) names.push_back(type_name(t));
  }
  return names;
}

// Up to 130 types, so that rows have up to three words.
tests::PolicyLines random_lines() {
  const int types = *rc::gen::element(3, 8, 70, 130);
  tests::PolicyLines lines{.vms = {{"sys", {}, {}}}};
  for (int t = 0; t < types; ++t) lines.vms[0].ste.push_back(type_name(t));
  const int labels = *rc::gen::inRange(1, 9), sets = *rc::gen::inRange(0, 5);
  for (int i = 0; i < labels; ++i)
    lines.vms.push_back({"l" + std::to_string(i), some_types(types, 5), some_types(types, 3)});
  for (int i = 0; i < sets; ++i) lines.sets.push_back({"s" + std::to_string(i % 3), some_types(types, 4)});
  return lines;
}

// The same with every label cut down to one type per conflict set, as strict wants it.
tests::PolicyLines strict_lines() {
  auto lines = random_lines();
  for (auto& label : lines.vms) {
    std::vector<std::string> kept;
    for (const std::string& type : label.wall) {
      const bool clash = std::ranges::any_of(lines.sets, [&](const tests::SetLine& set) {
        const auto in = [&](const std::string& t) {
          return std::ranges::find(set.types, t) != set.types.end();
        };
        return in(type) && std::ranges::any_of(kept, in);
      });
      if (!clash) kept.push_back(type);
    }
    label.wall = kept;
  }
  return lines;
}

std::set<std::string> set_of(const std::vector<std::string>& names) { return {names.begin(), names.end()}; }

// F-016
RC_GTEST_PROP(Ste, SharingIsSetIntersectionAndSymmetric, ()) {
  const auto lines = random_lines();
  const auto policy = tests::compile(lines, PolicyMode::xen33);
  for (const auto& a : lines.vms) {
    for (const auto& b : lines.vms) {
      std::vector<std::string> both;
      std::ranges::set_intersection(set_of(a.ste), set_of(b.ste), std::back_inserter(both));
      const LabelId x = policy->find_vm_label(a.name), y = policy->find_vm_label(b.name);
      RC_ASSERT(policy->shares(x, y) == !both.empty());
      RC_ASSERT(policy->shares(x, y) == policy->shares(y, x));
    }
  }
}

// F-016
TEST(Ste, SharingIsNotTransitive) {
  const auto policy = tests::compile({.vms = {{"b", {"1", "2"}, {}}, {"a", {"1"}, {}}, {"c", {"2"}, {}}}});
  const LabelId a = policy->find_vm_label("a"), b = policy->find_vm_label("b"),
                c = policy->find_vm_label("c");
  EXPECT_TRUE(policy->shares(a, b));
  EXPECT_TRUE(policy->shares(b, c));
  EXPECT_FALSE(policy->shares(a, c));
}

// F-012
RC_GTEST_PROP(Authorization, IsSubsetAndNotEmpty, ()) {
  const auto lines = random_lines();
  const auto policy = tests::compile(lines, PolicyMode::xen33);
  for (const auto& host : lines.vms) {
    for (const auto& vm : lines.vms) {
      const bool subset = std::ranges::includes(set_of(host.ste), set_of(vm.ste)) && !vm.ste.empty();
      RC_ASSERT(policy->authorizes(policy->find_vm_label(host.name), policy->find_vm_label(vm.name)) ==
                subset);
    }
  }
}

RC_GTEST_PROP(Wall, InStrictTheOrderOfStartsNeverCounts, ()) {
  const auto policy = tests::compile(strict_lines());
  for (std::uint32_t i = 0; i < policy->vm_labels(); ++i) {
    for (std::uint32_t j = 0; j < policy->vm_labels(); ++j) {
      RC_ASSERT(policy->excludes(LabelId{i}, LabelId{j}) == policy->excludes(LabelId{j}, LabelId{i}));
    }
  }
  // Whatever set of labels can all start in one order can start in another.
  auto labels = *rc::gen::container<std::vector<std::uint32_t>>(
      6, rc::gen::inRange<std::uint32_t>(0, policy->vm_labels()));
  const auto all_start = [&] {
    Wall wall(policy);
    for (const std::uint32_t label : labels) {
      if (wall.conflict(LabelId{label}).exists) return false;
      wall.start(LabelId{label});
    }
    return true;
  };
  const bool one_way = all_start();
  std::ranges::reverse(labels);
  RC_ASSERT(all_start() == one_way);
}

// The conflict's set and type, from the definition alone: some running label meets the set and lacks the type.
void expect_conflict_explained(const Policy& policy, const std::vector<LabelId>& running, LabelId label,
                               const Wall& wall) {
  const Wall::Conflict conflict = wall.conflict(label);
  const auto excluded_by = [&](std::uint32_t set, std::uint32_t type) {
    return has_bit(policy.conflict_set(set), type) && std::ranges::any_of(running, [&](LabelId r) {
             return meet(policy.wall(r), policy.conflict_set(set)) && !has_bit(policy.wall(r), type);
           });
  };
  for (std::uint32_t type = 0; type < policy.wall_types().size(); ++type) {
    if (!has_bit(policy.wall(label), type)) continue;
    for (std::uint32_t set = 0; set < policy.conflict_sets(); ++set) {
      if (!excluded_by(set, type)) continue;
      RC_ASSERT(conflict.exists);
      RC_ASSERT(conflict.type == type);
      RC_ASSERT(conflict.set == set);
      return;
    }
  }
  RC_ASSERT(!conflict.exists);
}

struct Mix {
  std::uint64_t permitted = 0, refused = 0, other = 0;
};

// Random starts, abandoned starts and stops; after each the wall equals the one rebuilt from who runs.
void live(const std::shared_ptr<const Policy>& policy, sim::Stream& stream, int steps, Mix& mix) {
  Host host(policy);
  std::vector<Ticket> open;
  std::vector<LabelId> reserved;
  std::uint32_t next = 0;
  for (int step = 0; step < steps; ++step) {
    const std::uint64_t what = stream.below(10);
    if (what < 5) {
      const LabelId label{static_cast<std::uint32_t>(stream.below(policy->vm_labels()))};
      auto request = host.life_cycle(next++, "sys");
      request.subject_label = label;
      auto everyone = host.running_labels();
      everyone.insert(everyone.end(), reserved.begin(), reserved.end());
      expect_conflict_explained(*policy, everyone, label, host.monitor.wall());
      Ticket ticket = host.monitor.check(request);
      ++(ticket ? mix.permitted : mix.refused);
      if (ticket) {
        open.push_back(std::move(ticket));
        reserved.push_back(label);
      }
    } else if (what < 8 && !open.empty()) {
      if (what == 5)
        open.back().cancel();
      else
        open.back().commit();
      open.pop_back();
      reserved.pop_back();
      ++mix.other;
    } else if (!host.monitor.running().empty()) {
      const auto running = host.monitor.running();
      host.monitor.stop(running[stream.below(running.size())].vm);
      ++mix.other;
    }
    auto labels = host.running_labels();
    labels.insert(labels.end(), reserved.begin(), reserved.end());
    RC_ASSERT(host.monitor.wall() == Wall::rebuild(policy, labels));
    RC_ASSERT(host.monitor.reserved() == open.size());
  }
  open.clear();
  while (!host.monitor.running().empty()) host.monitor.stop(host.monitor.running().front().vm);
  RC_ASSERT(host.monitor.wall() == Wall(policy));
}

// F-015
TEST(Wall, EqualsTheOneRebuiltFromWhoRunsAfterEveryStep) {
  Mix mix;
  const bool holds = rc::check("life-cycles", [&] {
    const bool strict = *rc::gen::arbitrary<bool>();
    const auto policy =
        strict ? tests::compile(strict_lines()) : tests::compile(random_lines(), PolicyMode::xen33);
    sim::Stream stream(*rc::gen::arbitrary<std::uint64_t>(), "life");
    live(policy, stream, 1500, mix);
  });
  EXPECT_TRUE(holds);
  const std::uint64_t total = mix.permitted + mix.refused + mix.other;
  std::printf(
      "life-cycles: %llu steps: %llu starts permitted, %llu refused, %llu commits, cancels and stops\n",
      (unsigned long long)total, (unsigned long long)mix.permitted, (unsigned long long)mix.refused,
      (unsigned long long)mix.other);
  EXPECT_GE(total, 100'000U);
  EXPECT_GE(mix.permitted * 5, mix.permitted + mix.refused);
  EXPECT_GE(mix.refused * 5, mix.permitted + mix.refused);
}

}  // namespace
}  // namespace tvdsim::models
