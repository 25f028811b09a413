#include "tests/property/host/migration_case.hpp"

#include <fmt/format.h>

#include <map>
#include <set>

namespace tvdsim::tests {

namespace {

constexpr const char* kHosts[] = {"h1", "h2", "h3"};

// Says `trusted` of everybody.
struct Verifier {
  explicit Verifier(World& with)
      : world(with), service(with.bus.add("verifier", sim::MessageHandler::to<&Verifier::answer>(*this))) {
    world.appraiser = service;
  }
  void answer(const sim::Message& message) {
    world.bus.send(service, message.from, "host_appraised", "verifier", message.correlation,
                   static_cast<std::uint64_t>(HostStanding::trusted));
  }
  World& world;
  sim::ServiceId service;
};

DatacenterSetup story(const FaultSetup& from) {
  auto setup = setup_of(
      figure3_policy(true), {host("h1"), host("h2"), host("h3")},
      {vm("ma1", "ma", "h1", {"d1"}), vm("ma2", "ma", "h1"), vm("ma3", "ma", "h2"), vm("su1", "su", "h2")},
      {disk("d1", "ma-disk", "MA figures")});
  setup.controls = from.modes;
  setup.policies.push_back(following(*figure3_policy(false), *setup.policies.front()));
  for (std::size_t i : {0u, 2u}) {
    setup.vms[i].memory = 256_MiB;
    setup.vms[i].working_set = 32_MiB;
    setup.vms[i].dirty_rate = 2_Gbit_s;
    setup.vms[i].vif = setup.vms[i].vtpm = true;
  }
  for (std::size_t i : {0u, 1u, 2u}) setup.vms[i].start = true;
  return setup;
}

class Play {
 public:
  Play(const FaultCase& faults, const FaultSetup& from)
      : from_(from), faults_(faults.rules.size()), lab_(story(from)), verifier_(lab_.dc.world()) {
    for (const auto& rule : faults.rules) lab_.dc.world().bus.add_fault(rule);
    began_ = lab_.engine.now();
    command_ = lab_.begin(Lab::at_host(ActionKind::migrate_vm, "ma1", "h2"));
    if (from.crossing) lab_.begin(Lab::at_host(ActionKind::migrate_vm, "ma3", "h1"));
    for (Action act : faults.acts) {
      act.at = began_ + (act.at - sim::Time{});
      lab_.dc.schedule(act);
    }
    if (faults.revival != Revival::never) {
      const sim::Duration every = faults.revival == Revival::soon ? 3_s : 90_s;
      for (int i = 1; i <= 4; ++i) {
        lab_.settle(every);
        revive();
      }
    }
    lab_.settle(300_s);
  }

  FaultOutcome outcome() {
    safe("while somebody may still be dead");
    // A fault that was still waiting may strike somebody who has just come back to life.
    for (int i = 0; i < 4; ++i) {
      revive();
      lab_.settle(30_s);
    }
    lab_.settle(sim::Duration{3 * 3600'000'000'000});
    safe("in the end");
    alive();
    FaultOutcome outcome;
    outcome.copies = lab_.truth().most_copies("ma1");
    outcome.vtpms = instances("ma1");
    outcome.moved = lab_.where("ma1") == "h2";
    outcome.done = lab_.outcome(command_).done();
    if (broken_.empty() && from_.modes[Control::two_phase] == ControlMode::on) free_again();
    outcome.broken = broken_;
    return outcome;
  }

  Baseline describe() {
    Baseline told;
    auto& trace = lab_.engine.trace();
    const auto sent = lab_.cells(sim::TableId::messages, "sent_ns");
    const auto arrived = lab_.cells(sim::TableId::messages, "time_ns");
    const auto methods = lab_.texts(sim::TableId::messages, "method");
    std::map<std::string, std::uint64_t> count;
    std::map<std::int64_t, std::string> moments;
    const auto moment = [&](std::uint64_t ns, const std::string& what) {
      const auto at = static_cast<std::int64_t>(ns) - began_.ns;
      if (at >= 0) moments.try_emplace(at, what);
    };
    for (std::size_t i = 0; i < methods.size(); ++i) {
      if (static_cast<std::int64_t>(sent[i]) < began_.ns) continue;
      told.messages.push_back({methods[i], count[methods[i]]++});
      moment(sent[i], methods[i] + " leaves");
      moment(arrived[i], methods[i] + " arrives");
    }
    const auto steps = lab_.texts(sim::TableId::steps, "step");
    for (std::size_t i = 0; i < trace.count(sim::TableId::steps); ++i)
      moment(lab_.cells(sim::TableId::steps, "time_ns")[i], steps[i]);
    for (const auto& [at, what] : moments) told.moments.push_back({{at}, what});
    return told;
  }

 private:
  void revive() {
    auto& bus = lab_.dc.world().bus;
    for (const char* each : kHosts) bus.restart(lab_.dc.world().machine(lab_.dc.host(each)).service);
    bus.restart(verifier_.service);
    bus.restart(lab_.dc.world().admin);
    bus.restart(lab_.dc.world().manager->service());
  }
  void expect(bool holds, std::string_view what) {
    if (!holds && broken_.empty()) broken_ = what;
  }
  const Hypervisor::Domain* at(const char* where, std::string_view name = "ma1") {
    return lab_.hypervisor(where).find(lab_.dc.vm(name));
  }
  // Instances on hosts, and what lies in the vault.
  std::size_t instances(std::string_view name) {
    const auto id = lab_.dc.vm(name);
    std::size_t count = lab_.dc.world().vtpm_vault.count(id);
    for (const auto& machine : lab_.dc.world().machines) count += machine.vtpms->instance(id).exists();
    return count;
  }
  std::uint32_t runnable(std::string_view name) {
    std::uint32_t copies = 0;
    for (const char* each : kHosts) {
      const auto* domain = at(each, name);
      copies += domain && domain->state == DomainState::running;
    }
    return copies;
  }
  bool dead() const {
    return lab_.dc.state(lab_.dc.vm("ma1")) != VmState::running &&
           lab_.dc.state(lab_.dc.vm("ma1")) != VmState::migrating;
  }

  // At every moment.
  void safe(std::string_view when) {
    if (from_.modes[Control::two_phase] != ControlMode::on) return;
    expect(lab_.dc.broken_invariant().empty(), fmt::format("{}: {}", when, lab_.dc.broken_invariant()));
    for (const char* name : {"ma1", "ma2", "ma3"})
      expect(lab_.truth().most_copies(name) <= 1, fmt::format("{}: {} ran twice", when, name));
    // A quiet copy is one that can still be woken: there is always one copy, wherever it is.
    std::uint32_t copies = 0;
    for (const char* each : kHosts) {
      const auto* domain = at(each);
      copies += domain && (domain->state == DomainState::running || domain->state == DomainState::paused);
    }
    if (!dead()) expect(copies >= 1, fmt::format("{}: no copy is left", when));
  }

  // When everybody is alive.
  void alive() {
    if (from_.modes[Control::two_phase] != ControlMode::on) return;
    for (const char* name : {"ma1", "ma2", "ma3"}) {
      const bool down = name == std::string_view("ma1") && dead();
      expect(runnable(name) == (down ? 0u : 1u),
             fmt::format("{} has {} runnable copies in the end", name, runnable(name)));
      expect(lab_.dc.world().domains.busy[lab_.dc.vm(name).value] == 0,
             fmt::format("{} is busy for ever", name));
    }
    if (!dead()) {
      const auto* domain = at(lab_.where("ma1").c_str());
      expect(domain && domain->state == DomainState::running, "it runs elsewhere than it is said to");
    }
    for (const char* each : kHosts) {
      expect(lab_.hypervisor(each).monitor().reserved() == 0, fmt::format("a place leaked on {}", each));
      expect(lab_.dc.world().machine(lab_.dc.host(each)).toolstack->idle(),
             fmt::format("{} is busy for ever", each));
    }
    for (const char* name : {"ma1", "ma3"}) {
      const std::size_t vtpms = instances(name);
      expect(vtpms == 1, fmt::format("{} has {} vTPMs", name, vtpms));
    }
    expect(lab_.dc.world().handovers.empty(), "the state of a vTPM was left on the way");
    const auto rows = lab_.cells(sim::TableId::migrations, "correlation");
    const std::set<std::uint64_t> different(rows.begin(), rows.end());
    expect(different.size() == rows.size(), "a migration has two rows");
    const bool told = lab_.outcome(command_).done();
    if (told && !dead()) expect(lab_.where("ma1") != "h1", "it was said to have moved and has not");
  }

  // Nothing is stuck and nothing is counted against anybody: the VM can be stopped, and then its rival runs on either host. Each fault
  // that has not struck yet may still strike a command or its answer: states are looked at, and commands repeated once per fault.
  void free_again() {
    const auto reach = [&](const Action& action, auto reached) {
      for (std::size_t tries = 0; tries <= faults_ && !reached(); ++tries) {
        lab_.act(action);
        revive();
        lab_.settle();
      }
      return reached();
    };
    for (const char* name : {"ma1", "ma2", "ma3", "su1"}) {
      if (!lab_.runs(name)) continue;
      expect(
          reach(Lab::action(ActionKind::stop_vm, name), [&] { return lab_.state(name) == VmState::stopped; }),
          fmt::format("{} cannot be stopped", name));
    }
    for (const char* each : {"h1", "h2"}) {
      expect(reach(Lab::at_host(ActionKind::start_vm, "su1", each), [&] { return lab_.runs("su1"); }),
             fmt::format("something is still counted on {}", each));
      reach(Lab::action(ActionKind::stop_vm, "su1"), [&] { return lab_.state("su1") == VmState::stopped; });
    }
  }

  FaultSetup from_;
  std::size_t faults_;
  Lab lab_;
  Verifier verifier_;
  sim::Time began_;
  std::uint64_t command_ = 0;
  std::string broken_;
};

}  // namespace

FaultOutcome play(const FaultCase& faults, const FaultSetup& setup) { return Play(faults, setup).outcome(); }

Baseline baseline(const FaultSetup& setup) { return Play({"undisturbed"}, setup).describe(); }

std::string_view to_text(sim::FaultRule::Kind kind) noexcept {
  static constexpr std::string_view kNames[] = {"loss",        "delay",        "duplicate",         "crash",
                                                "crash_after", "crash_sender", "crash_sender_after"};
  return kNames[static_cast<std::size_t>(kind)];
}

}  // namespace tvdsim::tests
