// Frames per second: through a switch, through a bridge, and from guest to guest across two hosts.
#include <benchmark/benchmark.h>

#include "models/network/fabric.hpp"
#include "netsim/bridge.hpp"
#include "netsim/switch.hpp"
#include "sim/base/random.hpp"
#include "tests/bench/context.hpp"

namespace tvdsim::tests {
namespace {

netsim::Mac mac(std::uint64_t number) { return models::Fabric::mac({static_cast<std::uint32_t>(number)}); }

const InputMix kSwitchMix("switch_forwards", "48 trunk ports, 100 VLANs, 4096 known addresses, all unicast");

void switch_forwards(benchmark::State& state) {
  netsim::Switch tor;
  netsim::VidSet vlans;
  for (std::uint16_t vid = 10; vid < 110; ++vid) vlans.add(vid);
  for (int i = 0; i < 48; ++i) tor.add_port(netsim::Port::trunk(vlans));
  std::vector<netsim::Switch::Way> ways;
  sim::Stream draw(bench_seed(), "switch");
  std::vector<std::pair<netsim::PortId, std::vector<std::uint8_t>>> frames;
  for (std::uint64_t i = 0; i < 4096; ++i) {
    const netsim::VlanTag tag{static_cast<std::uint16_t>(10 + i % 100), 0, false};
    const netsim::Frame hello{netsim::kBroadcast, mac(i), tag, 0x88b5, {}};
    tor.forward(static_cast<netsim::PortId>(i % 48), netsim::read_header(netsim::encode(hello)), sim::Time{},
                ways);
  }
  for (std::uint64_t i = 0; i < 4096; ++i) {
    const std::uint64_t to = (i + 100 * (1 + draw.below(40))) % 4000;
    const netsim::VlanTag tag{static_cast<std::uint16_t>(10 + to % 100), 0, false};
    frames.emplace_back(static_cast<netsim::PortId>(i % 48),
                        netsim::encode({mac(to), mac(i), tag, 0x88b5, std::vector<std::uint8_t>(64)}));
  }
  std::size_t at = 0;
  for (auto _ : state) {
    const auto& [port, bytes] = frames[at++ % frames.size()];
    benchmark::DoNotOptimize(tor.forward(port, netsim::read_header(bytes), sim::Time{1}, ways));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(switch_forwards);

const InputMix kBridgeMix("bridge_forwards", "8 interfaces, half of the frames local, half to the uplink");

void bridge_forwards(benchmark::State& state) {
  netsim::Bridge bridge;
  std::vector<netsim::PortId> out;
  std::vector<std::vector<std::uint8_t>> frames;
  for (netsim::PortId i = 0; i < 8; ++i) bridge.join(i);
  for (netsim::PortId i = 0; i < 8; ++i) {
    const netsim::Frame hello{netsim::kBroadcast, mac(i), {}, 0x88b5, {}};
    bridge.forward(i, netsim::read_header(netsim::encode(hello)), sim::Time{}, out);
    frames.push_back(
        netsim::encode({mac(i % 2 ? (i + 1) % 8 : 1000), mac(i), {}, 0x88b5, std::vector<std::uint8_t>(64)}));
  }
  std::size_t at = 0;
  for (auto _ : state) {
    const std::size_t from = at++ % frames.size();
    benchmark::DoNotOptimize(bridge.forward(static_cast<netsim::PortId>(from),
                                            netsim::read_header(frames[from]), sim::Time{1}, out));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(bridge_forwards);

const InputMix kFabricMix("guest_to_guest",
                          "64 hosts, 10 VLANs, 256 VMs, datagrams of 64 bytes between random members");

void guest_to_guest(benchmark::State& state) {
  sim::Engine engine(bench_seed());
  models::Truth truth(engine.trace());
  models::Fabric::Setup setup;
  setup.capture = state.range(0) != 0;
  models::Fabric fabric(engine, truth, setup);
  const auto tor = fabric.add_switch("tor");
  for (std::uint32_t host = 0; host < 64; ++host) {
    fabric.add_host("h" + std::to_string(host), "dom0@h" + std::to_string(host));
    fabric.plug({host}, tor, sim::BitRate{10'000'000'000}, sim::Duration{20'000});
    for (std::uint16_t vid = 10; vid < 20; ++vid) {
      fabric.make_bridge({host}, vid);
      fabric.allow({host}, vid, true);
    }
  }
  for (std::uint32_t vm = 0; vm < 256; ++vm) {
    const std::uint16_t vlan[] = {static_cast<std::uint16_t>(10 + vm % 10)};
    fabric.connect({vm}, "vm" + std::to_string(vm), "w", {vm % 64}, vlan);
  }
  engine.run_until(sim::Time{1'000'000'000});
  sim::Stream draw(bench_seed(), "guests");
  const std::uint64_t before = fabric.counts().delivered;
  std::int64_t sent = 0;
  for (auto _ : state) {
    for (int i = 0; i < 1000; ++i, ++sent) {
      const auto from = static_cast<std::uint32_t>(draw.below(250));
      const auto to = static_cast<std::uint32_t>((from + 10 * (1 + draw.below(24))) % 250);
      fabric.send({from}, {to}, 0, 64);
    }
    engine.run_until(engine.now() + sim::Duration{10'000'000});
  }
  if (fabric.counts().delivered - before < static_cast<std::uint64_t>(sent))
    state.SkipWithError("frames were lost");
  state.SetItemsProcessed(sent);
}
BENCHMARK(guest_to_guest)->ArgName("capture")->Arg(0)->Arg(1);

}  // namespace
}  // namespace tvdsim::tests
