// The two flow backends on random small cases: the same dates to the nanosecond's rounding, caps and cancellations included;
// and what holds for any sharing: no NIC carries more than its rate, nothing ends before its lower bound.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <vector>

#include "sim/base/random.hpp"
#include "sim/engine/engine.hpp"
#include "sim/engine/flow_engine.hpp"

namespace tvdsim::sim {
namespace {

struct Step {
  Time at;
  std::uint32_t from, to;
  Bytes size;
  BitRate cap;
  int cancels = -1;  // a step before this one, or none
};

struct Case {
  FlowPlatform platform;
  std::vector<Step> steps;
};

Case draw_case(std::uint64_t seed) {
  Stream draw(seed, "flows");
  Case drawn;
  const auto hosts = static_cast<std::uint32_t>(2 + draw.below(6));
  const bool racks = draw.chance(0.3);
  for (std::uint32_t i = 0; i < hosts; ++i) {
    drawn.platform.nics.push_back({{(1 + draw.below(10)) * 1'000'000'000},
                                   {static_cast<std::int64_t>(1'000 * (1 + draw.below(100)))},
                                   i % 2});
  }
  if (racks) drawn.platform.rack_uplinks = {{2'000'000'000}, {1'000'000'000}};
  std::int64_t now = 0;
  for (std::uint64_t i = 1 + draw.below(12); i > 0; --i) {
    now += static_cast<std::int64_t>(draw.below(3) * draw.below(300'000'000));
    Step step{{now}, static_cast<std::uint32_t>(draw.below(hosts)), 0, {draw.below(400'000'000)}, {}};
    step.to = static_cast<std::uint32_t>((step.from + 1 + draw.below(hosts - 1)) % hosts);
    if (draw.chance(0.4)) step.cap = {(1 + draw.below(20)) * 100'000'000};
    if (!drawn.steps.empty() && draw.chance(0.25))
      step.cancels = static_cast<int>(draw.below(drawn.steps.size()));
    drawn.steps.push_back(step);
  }
  return drawn;
}

// Plays a case under an engine, as models do, and notes when each flow ended.
class Play {
 public:
  Play(const Case& played, FlowBackend backend)
      : case_(played),
        kind_(engine_.kind("step", Handler::to<&Play::on_step>(*this))),
        flows_(make_flow_engine(played.platform, {on_done, this}, backend)),
        ids_(played.steps.size()) {
    engine_.add(*flows_);
    for (std::size_t i = 0; i < case_.steps.size(); ++i)
      engine_.at(case_.steps[i].at, kind_, static_cast<std::uint32_t>(i));
    engine_.run_until(Time::never());
    EXPECT_EQ(flows_->in_flight(), 0u);
  }
  std::map<std::uint64_t, std::int64_t> ended;
  std::size_t cancelled = 0;

 private:
  void on_step(const Event& event) {
    const Step& step = case_.steps[event.target];
    if (step.cancels >= 0) {
      const auto victim = static_cast<std::size_t>(step.cancels);
      if (!ended.contains(victim)) ++cancelled;
      flows_->cancel(ids_[victim], event.time);
    }
    ids_[event.target] = flows_->start(step.from, step.to, step.size, step.cap, event.target, event.time);
  }
  static void on_done(void* self, std::uint64_t tag, Time when) {
    auto& play = *static_cast<Play*>(self);
    EXPECT_EQ(when, play.engine_.now());
    EXPECT_TRUE(play.ended.emplace(tag, when.ns).second) << "a flow ended twice";
  }

  const Case& case_;
  Engine engine_{1};
  EventKind kind_;
  std::unique_ptr<FlowEngine> flows_;
  std::vector<FlowEngine::FlowId> ids_;
};

// One engine after the other: SimGrid allows no two at once.
struct Outcome {
  std::map<std::uint64_t, std::int64_t> ended;
  std::size_t cancelled;
};
Outcome play(const Case& drawn, FlowBackend backend) {
  Play played(drawn, backend);
  return {std::move(played.ended), played.cancelled};
}

TEST(FlowBackends, GiveTheSameDates) {
  std::size_t flows = 0, cancelled = 0, capped = 0;
  std::int64_t worst = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    const Case drawn = draw_case(seed);
    const Outcome shim = play(drawn, FlowBackend::shim);
    const Outcome comm = play(drawn, FlowBackend::comm);
    ASSERT_EQ(shim.ended.size(), comm.ended.size()) << "seed " << seed;
    ASSERT_EQ(shim.cancelled, comm.cancelled) << "seed " << seed;
    for (const auto& [tag, when] : shim.ended) {
      ASSERT_TRUE(comm.ended.contains(tag)) << "seed " << seed;
      const std::int64_t apart = std::abs(when - comm.ended.at(tag));
      worst = std::max(worst, apart);
      ASSERT_LE(apart, 2) << "seed " << seed << " flow " << tag;
    }
    flows += shim.ended.size();
    cancelled += shim.cancelled;
    for (const auto& step : drawn.steps) capped += step.cap.bit_s != 0 ? 1 : 0;
  }
  std::printf("%zu flows, %zu cancelled in flight, %zu capped; at most %lld ns apart\n", flows, cancelled,
              capped, static_cast<long long>(worst));
  EXPECT_GT(cancelled, 50u);
  EXPECT_GT(capped, 300u);
}

TEST(FlowEngine, NoFlowIsFasterThanItsNicsAndCapAndNoNicFasterThanItself) {
  for (std::uint64_t seed = 1000; seed < 1300; ++seed) {
    const Case drawn = draw_case(seed);
    const Outcome outcome = play(drawn, FlowBackend::shim);
    std::vector<std::uint64_t> sent(drawn.platform.nics.size());
    std::int64_t last = 0;
    for (const auto& [tag, when] : outcome.ended) {
      const Step& step = drawn.steps[tag];
      const auto& from = drawn.platform.nics[step.from];
      const auto& to = drawn.platform.nics[step.to];
      std::uint64_t rate = std::min(from.rate.bit_s, to.rate.bit_s);
      if (step.cap.bit_s != 0) rate = std::min(rate, step.cap.bit_s);
      const std::int64_t soonest =
          (step.at + from.latency + to.latency + transfer_time(step.size, {rate})).ns;
      ASSERT_GE(when, soonest - 2) << "seed " << seed << " flow " << tag;
      sent[step.from] += step.size.count;
      last = std::max(last, when);
    }
    for (std::size_t host = 0; host < sent.size(); ++host) {
      ASSERT_LE(transfer_time({sent[host]}, drawn.platform.nics[host].rate).ns, last + 2) << "seed " << seed;
    }
  }
}

TEST(FlowEngine, RepeatsItselfBitForBit) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    const Case drawn = draw_case(seed);
    const Outcome first = play(drawn, FlowBackend::shim);
    const Outcome second = play(drawn, FlowBackend::shim);
    ASSERT_EQ(first.ended, second.ended) << "seed " << seed;
  }
}

}  // namespace
}  // namespace tvdsim::sim
