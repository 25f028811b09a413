// A whole trusted virtual datacenter, and what each part of the trust costs: 10,000 hosts, 50,000 VMs, each with a TPM of its own, all
// booted and measured within a minute, each VM attested once together with its host, each probed once inside its workload and once
// across.
//
// The same story is told with parts left out (no TPMs; no enforcement; neither): the differences are the overhead. Parts are measured
// one per process, because each reports the peak memory of its process:
//   testbed_bench --benchmark_filter=whole            and bare, without_tpms, without_enforcement
// tests/bench/overhead.py does that and prints the differences as a table, by cause (docs/overhead.md). TVDSIM_BENCH_HOSTS sets another
// number of hosts (five VMs each), TVDSIM_BENCH_TPM_WORKERS the threads that compute TPM commands.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "models/acm_io/xml_reader.hpp"
#include "models/host/datacenter.hpp"
#include "sim/base/error.hpp"
#include "sim/engine/engine.hpp"
#include "sim/trace/trace.hpp"
#include "tests/bench/context.hpp"

namespace {

using namespace tvdsim;
using namespace tvdsim::sim::literals;

const tests::InputMix kMix{"testbed", "tenants of VMs, probe partners and starts drawn from the seed"};

constexpr std::uint32_t kVmsPerHost = 5;

constexpr std::size_t kCauses = 0
#define CAUSE(name, what) +1
#include "sim/trace/causes.def"
#undef CAUSE
    ;

std::uint32_t from_environment(const char* name, std::uint32_t otherwise) {
  const char* text = std::getenv(name);
  return text ? static_cast<std::uint32_t>(std::strtoul(text, nullptr, 10)) : otherwise;
}

// A tenant has about 200 VMs, so that a broadcast costs the same in a datacenter of any size.
std::uint32_t tenants_of(std::uint32_t hosts) { return std::clamp(hosts / 40 * 2, 20u, 500u) / 2 * 2; }

// One type per tenant; neighbours in pairs are rivals, so that every start asks the wall and few are refused.
std::string policy_text(std::uint32_t tenants) {
  std::string types, labels, sets, all;
  for (std::uint32_t i = 0; i < tenants; ++i) {
    types += fmt::format("<Type>t{}</Type>", i);
    all += fmt::format("<Type>t{}</Type>", i);
    labels += fmt::format(
        "<VirtualMachineLabel><Name>tenant{0}</Name><SimpleTypeEnforcementTypes><Type>t{0}</Type>"
        "</SimpleTypeEnforcementTypes><ChineseWallTypes><Type>w{0}</Type></ChineseWallTypes></"
        "VirtualMachineLabel>",
        i);
  }
  std::string walls = "<Type>dom0</Type>";
  for (std::uint32_t i = 0; i < tenants; ++i) walls += fmt::format("<Type>w{}</Type>", i);
  for (std::uint32_t i = 0; i + 1 < tenants; i += 2)
    sets +=
        fmt::format("<Conflict name=\"rivals{}\"><Type>w{}</Type><Type>w{}</Type></Conflict>", i, i, i + 1);
  return fmt::format(
      "<?xml version=\"1.0\"?><SecurityPolicyDefinition xmlns=\"http://www.ibm.com\">"
      "<PolicyHeader><PolicyName>testbed</PolicyName><Version>1.0</Version></PolicyHeader>"
      "<SimpleTypeEnforcement><SimpleTypeEnforcementTypes>{}</SimpleTypeEnforcementTypes></"
      "SimpleTypeEnforcement>"
      "<ChineseWall><ChineseWallTypes>{}</ChineseWallTypes><ConflictSets>{}</ConflictSets></ChineseWall>"
      "<SecurityLabelTemplate><SubjectLabels bootstrap=\"system\">"
      "<VirtualMachineLabel><Name>system</Name><SimpleTypeEnforcementTypes>{}</SimpleTypeEnforcementTypes>"
      "<ChineseWallTypes><Type>dom0</Type></ChineseWallTypes></VirtualMachineLabel>{}</SubjectLabels>"
      "</SecurityLabelTemplate></SecurityPolicyDefinition>",
      types, walls, sets, all, labels);
}

struct Parts {
  bool tpms = true, enforcement = true;
};

models::DatacenterSetup testbed(Parts parts, std::uint32_t hosts) {
  const std::uint32_t tenants = tenants_of(hosts);
  models::DatacenterSetup setup;
  sim::Findings findings;
  setup.policies = {
      models::load_policy_xml(policy_text(tenants), "testbed", models::PolicyMode::strict, findings)};
  findings.throw_if_any();
  if (!parts.enforcement) {
    for (std::size_t i = 0; i < sim::kControls; ++i)
      setup.controls.set(static_cast<sim::Control>(i), sim::ControlMode::off);
  }
  sim::Stream draw(tests::bench_seed(), "testbed");
  setup.capture = false;
  setup.tpm_workers = from_environment("TVDSIM_BENCH_TPM_WORKERS", 2);
  models::SwitchSetup fabric{
      .name = "fabric", .hosts = {}, .rate = sim::BitRate{10'000'000'000}, .latency = 20_us};
  for (std::uint32_t tenant = 0; tenant < tenants; ++tenant)
    setup.vlans.push_back({tenant + 10, fmt::format("tenant{}", tenant)});
  for (std::uint32_t h = 0; h < hosts; ++h) {
    models::HostSetup host;
    host.name = fmt::format("h{}", h);
    host.label = "system";
    host.cores = 16;
    host.memory = 64_GiB;
    host.tpm = parts.tpms;
    setup.hosts.push_back(std::move(host));
    fabric.hosts.push_back(setup.hosts.back().name);
    const auto home = static_cast<std::uint32_t>(draw.below(tenants));
    for (std::uint32_t v = 0; v < kVmsPerHost; ++v) {
      // Every other tenant from there on: never a rival on the same host.
      const std::uint32_t tenant = (home + 2 * v) % tenants;
      models::VmSetup vm;
      vm.name = fmt::format("vm{}", h * kVmsPerHost + v);
      vm.label = fmt::format("tenant{}", tenant);
      vm.host = setup.hosts.back().name;
      vm.memory = 1_GiB;
      vm.vif = true;
      vm.vlans = {tenant + 10};
      vm.vtpm = parts.tpms;
      vm.start = false;
      setup.vms.push_back(std::move(vm));
    }
  }
  setup.switches.push_back(std::move(fabric));
  if (parts.tpms) setup.verifiers = {"h0"};
  return setup;
}

// Every VM starts within the first minute; then each is attested once and probes a VM of its own workload and one of another.
void tell(models::Datacenter& datacenter, Parts parts, sim::Stream& draw) {
  const auto& vms = datacenter.setup().vms;
  const auto tenants = static_cast<std::uint32_t>(datacenter.setup().vlans.size());
  std::vector<std::vector<std::uint32_t>> members(tenants);
  for (std::uint32_t i = 0; i < vms.size(); ++i) members[vms[i].vlans[0] - 10].push_back(i);
  for (std::uint32_t i = 0; i < vms.size(); ++i) {
    const auto at = [&](std::uint64_t after_s, std::uint64_t within_s) {
      return sim::Time{
          static_cast<std::int64_t>(after_s * 1'000'000'000 + draw.below(within_s * 1'000'000'000))};
    };
    models::Action action;
    action.vm = vms[i].name;
    action.kind = models::ActionKind::start_vm;
    action.at = at(0, 60);
    datacenter.schedule(action);
    if (parts.tpms) {
      action.kind = models::ActionKind::attest_vm;
      action.verifier = "h0";
      action.at = at(70, 600);
      datacenter.schedule(action);
    }
    action.kind = models::ActionKind::ping;
    const auto& own = members[vms[i].vlans[0] - 10];
    action.other = vms[own[draw.below(own.size())]].name;
    action.at = at(70, 600);
    if (action.other != action.vm) datacenter.schedule(action);
    action.other = vms[draw.below(vms.size())].name;
    action.at = at(70, 600);
    if (action.other != action.vm) datacenter.schedule(action);
  }
}

// Simulated seconds by cause, as the ledger has them.
void count_ledger(benchmark::State& state, const sim::Trace& trace) {
  for (std::size_t i = 0; i < kCauses; ++i) {
    const auto cause = static_cast<sim::Cause>(i);
    const sim::Trace::Charge& charge = trace.charged(cause);
    if (charge.count != 0)
      state.counters[fmt::format("ledger_{}", sim::to_text(cause))] =
          static_cast<double>(charge.total.ns) / 1e9;
  }
}

double processor_s(clockid_t clock) {
  timespec spent{};
  clock_gettime(clock, &spent);
  return static_cast<double>(spent.tv_sec) + static_cast<double>(spent.tv_nsec) / 1e9;
}

void run(benchmark::State& state, Parts parts) {
  const std::uint32_t hosts = from_environment("TVDSIM_BENCH_HOSTS", 10'000);
  for (auto _ : state) {
    sim::Engine engine(tests::bench_seed());
    models::Datacenter datacenter(engine, testbed(parts, hosts));
    sim::Stream draw(tests::bench_seed(), "story");
    tell(datacenter, parts, draw);
    engine.run_until(sim::Time{720'000'000'000});
    datacenter.finish();
    benchmark::DoNotOptimize(engine.trace().fingerprint());
    state.counters["events"] = static_cast<double>(engine.events_handled());
    std::uint64_t running = 0;
    for (const auto& vm : datacenter.setup().vms)
      running += datacenter.state(datacenter.vm(vm.name)) == models::VmState::running;
    state.counters["running"] = static_cast<double>(running);
    count_ledger(state, engine.trace());
    // What is not this thread's is the TPMs'.
    state.counters["tpm_cpu_s"] =
        processor_s(CLOCK_PROCESS_CPUTIME_ID) - processor_s(CLOCK_THREAD_CPUTIME_ID);
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  state.counters["peak_MB"] = static_cast<double>(usage.ru_maxrss) / 1024;
}

BENCHMARK_CAPTURE(run, bare, Parts{.tpms = false, .enforcement = false})
    ->Unit(benchmark::kSecond)
    ->Iterations(1);
BENCHMARK_CAPTURE(run, without_tpms, Parts{.tpms = false, .enforcement = true})
    ->Unit(benchmark::kSecond)
    ->Iterations(1);
BENCHMARK_CAPTURE(run, without_enforcement, Parts{.tpms = true, .enforcement = false})
    ->Unit(benchmark::kSecond)
    ->Iterations(1);
BENCHMARK_CAPTURE(run, whole, Parts{.tpms = true, .enforcement = true})
    ->Unit(benchmark::kSecond)
    ->Iterations(1);

}  // namespace
