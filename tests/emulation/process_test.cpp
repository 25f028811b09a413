// A guest as a process: how it ends, whichever way, and that nothing of it stays.
#include <signal.h>

#include <chrono>

#include "tests/emulation/guests.hpp"

namespace tvdsim::tests {
namespace {

using models::GuestProcess;
using models::GuestSetup;
using models::GuestStop;
using std::chrono::milliseconds;

class Guests : public WithGuests {};

// Grants on and on, until the guest ends; records are thrown away.
GuestStop run(GuestProcess& guest, sim::Duration quantum = 1_ms) {
  sim::Duration granted = quantum;
  for (;;) {
    const GuestStop stop = guest.wait([&] {
      while (guest.take()) {
      }
    });
    if (stop.why == GuestStop::ended) return stop;
    if (stop.why == GuestStop::call) {
      guest.call_block().answered = 1;
      guest.answer();
    } else {
      guest.grant(granted = granted + quantum);
    }
  }
}

template <class Work>
milliseconds time_of(Work work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begin);
}

TEST_F(Guests, RunToTheirEndWithTheirOwnStatus) {
  GuestProcess guest(payload("work=1"));
  const GuestStop end = run(guest);
  EXPECT_EQ(end.status, 33);  // the payload's 0x10, by way of isa-debug-exit
  EXPECT_GT(end.instructions, 100'000u);
  EXPECT_EQ(guest.pid(), 0);
  EXPECT_TRUE(guest.exact());
  EXPECT_EQ(guest.overshoot(), 0u);
}

TEST_F(Guests, KnowWhenNobodyAnswersTheirHypercalls) {
  GuestProcess guest(payload("calls=0:1:0:0"));
  sim::Duration granted = 1_ms;
  for (;;) {
    const GuestStop stop = guest.wait({});
    if (stop.why == GuestStop::ended) {
      EXPECT_EQ(stop.status, 35);
      break;
    }
    if (stop.why == GuestStop::call) {
      guest.answer();  // goes on, but nothing was answered
    } else {
      guest.grant(granted = granted + 1_ms);
    }
  }
}

TEST_F(Guests, ThatAreThrownAwayWhileTheyRunLeaveNothing) {
  GuestProcess guest(payload("spin"));
  guest.wait({});
  guest.grant(1_s);  // it runs now
  EXPECT_GT(guest.pid(), 0);
}

TEST_F(Guests, KilledFromOutsideEndInThatName) {
  GuestProcess guest(payload("spin"));
  guest.wait({});
  ASSERT_EQ(::kill(guest.pid(), SIGKILL), 0);
  milliseconds took{};
  EXPECT_EQ(error_of([&] { took = time_of([&] { guest.wait({}); }); }), "guest_killed");
  EXPECT_EQ(guest.pid(), 0);
  EXPECT_LT(took.count(), 10'000);
  EXPECT_EQ(error_of([&] { guest.wait({}); }), "guest_killed")
      << "a wait for a guest that is gone ends at once";
}

TEST_F(Guests, ThatHangEndInThatNameWithinTheirPatience) {
  GuestSetup setup = payload("spin");
  setup.patience = milliseconds(600);
  GuestProcess guest(setup);
  guest.wait({});
  guest.grant(3600_s);
  std::string name;
  const milliseconds took = time_of([&] { name = error_of([&] { guest.wait({}); }); });
  EXPECT_EQ(name, "guest_hung");
  EXPECT_GE(took.count(), 590);
  EXPECT_LT(took.count(), 20'000);
  EXPECT_EQ(guest.pid(), 0);
}

TEST_F(Guests, WhoseRingNobodyEmptiesEndInThatNameWithinTheirPatience) {
  GuestSetup setup = payload("");
  setup.slots = 2;                       // a boot executes more pages than that
  setup.patience = milliseconds(1'500);  // a busy machine takes its time to come to a full ring
  GuestProcess guest(setup);
  std::string name;
  const milliseconds took = time_of([&] { name = error_of([&] { guest.wait({}); }); });
  EXPECT_EQ(name, "guest_ring_full");
  EXPECT_LT(took.count(), 20'000);
}

TEST_F(Guests, WaitForAPlaceInAFullRingAndLoseNothing) {
  GuestSetup setup = payload("");
  setup.slots = 2;
  GuestProcess guest(setup);
  std::uint64_t expected = 0, gaps = 0;
  const auto drain = [&] {
    while (const auto record = guest.take()) gaps += record->sequence != expected++;
  };
  sim::Duration granted = 1_ms;
  GuestStop stop = guest.wait(drain);
  for (; stop.why != GuestStop::ended; stop = guest.wait(drain)) {
    if (stop.why == GuestStop::call) {
      guest.answer();
    } else {
      guest.grant(granted = granted + 1_ms);
    }
  }
  EXPECT_GT(expected, 4u);
  EXPECT_EQ(gaps, 0u);
  EXPECT_EQ(guest.dropped(), 0u);
}

TEST_F(Guests, CountWhatAFullRingDropsWhenAskedTo) {
  GuestSetup setup = payload("");
  setup.slots = 2;
  setup.drop_when_full = true;
  GuestProcess guest(setup);
  sim::Duration granted = 1_ms;
  for (GuestStop stop = guest.wait({}); stop.why != GuestStop::ended; stop = guest.wait({})) {
    if (stop.why == GuestStop::call) {
      guest.answer();
    } else {
      guest.grant(granted = granted + 1_ms);
    }
  }
  std::uint64_t kept = 0;
  while (guest.take()) ++kept;
  EXPECT_EQ(kept, 2u);
  EXPECT_GT(guest.dropped(), 2u);
}

TEST_F(Guests, WhosePluginRefusesItsArgumentsSayWhichOne) {
  GuestSetup setup = payload("");
  setup.more_plugin_arguments = ",colour=blue";
  GuestProcess guest(setup);
  try {
    guest.wait({});
    FAIL() << "the plugin took an argument that nobody reads";
  } catch (const sim::WorldError& error) {
    EXPECT_EQ(error.name(), "guest_plugin_refused");
    EXPECT_NE(std::string(error.what()).find("unknown argument `colour=blue`"), std::string::npos)
        << error.what();
  }
  EXPECT_EQ(guest.pid(), 0);
}

TEST_F(Guests, ThatQemuCannotStartSayWhatItPrinted) {
  GuestSetup setup = payload("");
  setup.image = TVDSIM_GUEST_PLUGIN;  // a 64-bit shared object is nothing to boot
  GuestProcess guest(setup);
  EXPECT_EQ(error_of([&] { run(guest); }), "guest_start");
}

TEST_F(Guests, WithoutImagePluginOrEmulatorAreNotStarted) {
  const auto name_of = [](GuestSetup setup) { return error_of([&] { GuestProcess guest(setup); }); };
  GuestSetup setup = payload("");
  setup.image += ".absent";
  EXPECT_EQ(name_of(setup), "guest_files");
  setup = payload("");
  setup.plugin += ".absent";
  EXPECT_EQ(name_of(setup), "guest_files");
  setup = payload("");
  setup.qemu = "";
  EXPECT_EQ(name_of(setup), "qemu_absent");
  setup.qemu = "/nonexistent/qemu";
  EXPECT_EQ(name_of(setup), "guest_start");
}

}  // namespace
}  // namespace tvdsim::tests
