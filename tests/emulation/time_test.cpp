// A guest's time is its own: the same events at the same instants, whatever the quantum and the host.
#include <set>

#include "models/emulation/emulated_guest.hpp"
#include "models/emulation/guest_stand.hpp"
#include "tests/emulation/guests.hpp"
#include "tests/support/policies.hpp"

namespace tvdsim::tests {
namespace {

using namespace models;

class GuestTime : public WithGuests {
 protected:
  static GuestStandSetup stand(GuestTpm tpm, std::string words) {
    GuestStandSetup setup;
    setup.policy = compile({.vms = {{"sys", {"A", "B"}, {}}, {"a", {"A"}, {}}, {"b", {"B"}, {}}}});
    setup.label = "a";
    setup.neighbours = {{"friend", "a"}, {"stranger", "b"}};
    setup.calls = {{HypercallOp::evtchn_alloc, "friend"}, {HypercallOp::evtchn_alloc, "stranger"}};
    setup.guest = payload("");
    setup.guest.tpm = tpm;
    setup.words = std::move(words);
    return setup;
  }
  // Runs it with each quantum, twice with the last; how many different event streams, ends and counts came of it?
  struct Distinct {
    std::set<std::string> streams;
    std::set<std::uint64_t> instructions;
    std::set<std::string> last_words;
    std::uint64_t overshoot = 0, block_size = 0, stops = 0;
    bool exact = true;
  };
  static Distinct at_all_quanta(GuestStandSetup setup) {
    Distinct out;
    for (const sim::Duration quantum : {10_ms, 1_ms, 100_us, 100_us}) {
      setup.quantum = quantum;
      const GuestReport report = run_guest(setup);
      EXPECT_EQ(report.status, 33) << report.tpm_failure;
      EXPECT_TRUE(report.figures.deterministic);
      out.streams.insert(report.fingerprint);
      out.instructions.insert(report.figures.instructions);
      out.last_words.insert(report.said.empty() ? "" : report.said.back());
      out.overshoot = std::max(out.overshoot, report.figures.overshoot);
      out.block_size = std::max(out.block_size, report.figures.block_size);
      out.stops += report.figures.stops;
      out.exact = out.exact && report.figures.exact;
    }
    return out;
  }
};

void expect_one_story(const std::set<std::string>& streams, const std::set<std::uint64_t>& instructions,
                      const std::set<std::string>& last_words) {
  EXPECT_EQ(streams.size(), 1u);
  EXPECT_EQ(instructions.size(), 1u);
  EXPECT_EQ(last_words.size(), 1u) << "the guest reads its own cycle counter last";
  EXPECT_TRUE(last_words.begin()->starts_with("ends at cycle "));
}

TEST_F(GuestTime, IsTheSameAtEveryQuantumWithATpmBehindTis) {
  const Distinct runs = at_all_quanta(stand(GuestTpm::tis, "work=40"));
  expect_one_story(runs.streams, runs.instructions, runs.last_words);
  EXPECT_TRUE(runs.exact);
  EXPECT_EQ(runs.overshoot, 0u);
  EXPECT_GT(runs.stops, 300u);
}

TEST_F(GuestTime, IsTheSameAtEveryQuantumWithATpmBehindCrb) {
  const Distinct runs = at_all_quanta(stand(GuestTpm::crb, "work=40"));
  expect_one_story(runs.streams, runs.instructions, runs.last_words);
  EXPECT_EQ(runs.overshoot, 0u);
}

TEST_F(GuestTime, GoesOnExactlyWhileTheGuestSleeps) {
  const Distinct runs = at_all_quanta(stand(GuestTpm::none, "ticks=30"));
  expect_one_story(runs.streams, runs.instructions, runs.last_words);
  EXPECT_EQ(runs.overshoot, 0u);
  EXPECT_GT(runs.stops, 600u) << "30 ms of sleep are 300 quanta of 100 us";
}

TEST_F(GuestTime, IsTheSameOnAMachineWithFirmware) {
  GuestStandSetup setup = stand(GuestTpm::none, "ticks=3");
  setup.guest.machine = GuestMachine::pc;
  const Distinct runs = at_all_quanta(setup);
  expect_one_story(runs.streams, runs.instructions, runs.last_words);
  EXPECT_EQ(runs.overshoot, 0u);
}

TEST_F(GuestTime, ByInstructionsIsWithinOneTranslatedBlock) {
  GuestStandSetup setup = stand(GuestTpm::none, "work=40");
  setup.guest.gate = GuestGate::insn;
  const Distinct runs = at_all_quanta(setup);
  expect_one_story(runs.streams, runs.instructions, runs.last_words);
  EXPECT_FALSE(runs.exact);
  EXPECT_GT(runs.overshoot, 0u);
  EXPECT_LT(runs.overshoot, runs.block_size);
}

TEST_F(GuestTime, IsNotItsOwnWhenItIsNotHeldForItsTpm) {
  GuestStandSetup setup = stand(GuestTpm::tis, "");
  std::set<std::uint64_t> held, free;
  for (int i = 0; i < 4; ++i) held.insert(run_guest(setup).figures.instructions);
  EXPECT_EQ(held.size(), 1u);
  setup.guest.hold_for_tpm = false;
  for (int i = 0; i < 60 && free.size() < 2; ++i) {  // usually two runs will do
    const GuestReport report = run_guest(setup);
    EXPECT_FALSE(report.figures.deterministic);
    free.insert(report.figures.instructions);
  }
  EXPECT_EQ(free.size(), 2u) << "sixty runs polled a TPM equally often, which nothing makes them do";
}

// Someone who writes down when he was called, among a guest's calls.
class Metronome : public sim::Source {
 public:
  Metronome(sim::Engine& engine, sim::Duration beat)
      : engine_(engine), beat_(beat), next_(sim::Time{} + beat) {
    engine.add(*this);
  }
  sim::Time next_date() override { return std::max(next_, engine_.now()); }
  void advance(sim::Time) override { next_ = next_ + beat_; }

 private:
  sim::Engine& engine_;
  sim::Duration beat_;
  sim::Time next_;
};

class Listener : public GuestDoor {
 public:
  explicit Listener(sim::Engine& engine) : engine_(engine) {}
  void call(EmulatedGuest& guest, std::uint32_t, tvdsim_call&) override {
    dates.push_back(engine_.now());
    EXPECT_EQ(guest.events().back().at, engine_.now()) << "a call is answered at its own instant";
  }
  void ended(EmulatedGuest&) override { end = engine_.now(); }
  std::vector<sim::Time> dates;
  sim::Time end;

 private:
  sim::Engine& engine_;
};

TEST_F(GuestTime, BeginsWhereTheSimulationStandsAndStandsStillWhilePaused) {
  const auto dates_of = [](sim::Duration start, sim::Duration pause_at, sim::Duration pause_for) {
    sim::Engine engine(1);
    Listener door(engine);
    EmulatedGuest guest(engine, door, payload(""), 100_us);
    const Metronome beat(engine, 130_us);
    engine.run_until(sim::Time{} + start);
    guest.start("calls=0:1:0:0 ticks=4 calls=0:1:0:0");
    engine.run_until(sim::Time{} + start + pause_at);
    guest.pause();
    engine.run_until(sim::Time{} + start + pause_at + pause_for);
    guest.resume();
    engine.run_until(sim::Time{} + start + 60_ms);
    EXPECT_FALSE(guest.running());
    std::vector<std::int64_t> out;
    for (const sim::Time date : door.dates) out.push_back((date - sim::Time{} - start).ns);
    out.push_back((door.end - sim::Time{} - start).ns);
    return out;
  };
  const auto plain = dates_of(0_ms, 1_ms, 0_ms);
  ASSERT_EQ(plain.size(), 6u);  // two calls with what the guest says of them, its last words, its end
  EXPECT_EQ(dates_of(7_ms, 1_ms, 0_ms), plain);
  auto later = plain;
  for (std::size_t i = 2; i < later.size(); ++i) later[i] += (5_ms).ns;  // what comes after the pause
  EXPECT_EQ(dates_of(0_ms, 1_ms, 5_ms), later);
}

}  // namespace
}  // namespace tvdsim::tests
