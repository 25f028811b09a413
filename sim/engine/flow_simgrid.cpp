// The only file that knows SimGrid.
//
// Hosts are netpoints of one own zone, whose routes are computed by arithmetic; flows are either actions asked of the
// network model (shim) or public Comms. Nothing else of SimGrid is used: no actors, no timers, no mailboxes.
#include <signal.h>

#include <simgrid/s4u.hpp>

// These headers do not include what they need.
#include <simgrid/version.h>
#include <xbt/log.h>

#include <simgrid/kernel/resource/NetworkModelIntf.hpp>
#include <simgrid/kernel/routing/NetPoint.hpp>
#include <simgrid/kernel/routing/NetZoneImpl.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <unordered_map>

#include "sim/base/error.hpp"
#include "sim/engine/flow_clock.hpp"
#include "sim/engine/flow_engine.hpp"

// The clock is a static of the kernel that survives the engine: a second simulation would begin where the first ended.
extern double tvdsim_simgrid_clock __asm__("_ZN7simgrid6kernel10EngineImpl4now_E") __attribute__((weak));

static_assert(
    SIMGRID_VERSION_MAJOR == 3 && SIMGRID_VERSION_MINOR == 32,
    "the shim re-declares NetworkModel as SimGrid 3.32 lays it out: compare it with the new version's");

// SimGrid installs these classes without their definition. What matters is the order of the model's virtual functions, and
// that a network action is an action.
namespace simgrid::kernel::resource {
class NetworkAction : public Action {};
class NetworkModel : public Model, public NetworkModelIntf {
 public:
  using Model::Model;
  ~NetworkModel() override;
  virtual StandardLinkImpl* create_link(const std::string& name, const std::vector<double>& bandwidths) = 0;
  virtual StandardLinkImpl* create_wifi_link(const std::string& name,
                                             const std::vector<double>& bandwidths) = 0;
  virtual Action* communicate(s4u::Host* from, s4u::Host* to, double size, double rate) = 0;
};
}  // namespace simgrid::kernel::resource

namespace tvdsim::sim {
namespace {

namespace s4u = simgrid::s4u;
using simgrid::kernel::resource::Action;
using simgrid::kernel::resource::Model;
using simgrid::kernel::resource::NetworkAction;
using simgrid::kernel::resource::NetworkModel;
using simgrid::kernel::resource::StandardLinkImpl;
using simgrid::kernel::routing::NetPoint;
using simgrid::kernel::routing::Route;

constexpr double kBitsPerByte = 8.0;

double bytes_per_second(BitRate rate) { return static_cast<double>(rate.bit_s) / kBitsPerByte; }

// Two links per host and, when uplinks are shared, two per rack; a route is their concatenation.
class Fabric final : public simgrid::kernel::routing::NetZoneImpl {
 public:
  explicit Fabric(const FlowPlatform& platform) : NetZoneImpl("fabric"), platform_(platform) {
    set_parent(nullptr);
    hosts_.reserve(platform.nics.size());
    for (std::size_t i = 0; i < platform.nics.size(); ++i) {
      const std::string name = "h" + std::to_string(i);
      const double rate = bytes_per_second(platform.nics[i].rate);
      hosts_.push_back(create_host(name, {1.0}));
      TVDSIM_ASSERT(hosts_.back()->get_netpoint()->id() == i, "SimGrid numbers hosts in order of creation");
      up_.push_back(create_link(name + "u", {rate})->get_impl());
      down_.push_back(create_link(name + "d", {rate})->get_impl());
    }
    for (std::size_t i = 0; i < platform.rack_uplinks.size(); ++i) {
      const std::string name = "r" + std::to_string(i);
      const double rate = bytes_per_second(platform.rack_uplinks[i]);
      rack_up_.push_back(create_link(name + "u", {rate})->get_impl());
      rack_down_.push_back(create_link(name + "d", {rate})->get_impl());
    }
    seal();
  }

  s4u::Host* host(std::uint32_t index) const { return hosts_[index]; }

  void get_local_route(const NetPoint* from, const NetPoint* to, Route* into, double* latency) override {
    const auto a = from->id(), b = to->id();
    const auto& near = platform_.nics[a];
    const auto& far = platform_.nics[b];
    into->link_list_.push_back(up_[a]);
    if (near.rack != far.rack && !rack_up_.empty()) {
      into->link_list_.push_back(rack_up_[near.rack]);
      into->link_list_.push_back(rack_down_[far.rack]);
    }
    into->link_list_.push_back(down_[b]);
    if (latency) *latency += static_cast<double>(near.latency.ns + far.latency.ns) / 1e9;
  }

 private:
  const FlowPlatform& platform_;
  std::vector<s4u::Host*> hosts_;
  std::vector<StandardLinkImpl*> up_, down_, rack_up_, rack_down_;
};

// SimGrid takes over SIGINT and SIGSEGV when it starts; a run has its own way to stop, and a crash must look like one.
class KeepSignals {
 public:
  KeepSignals() {
    sigaction(SIGINT, nullptr, &interrupt_);
    sigaction(SIGSEGV, nullptr, &segment_);
  }
  ~KeepSignals() {
    sigaction(SIGINT, &interrupt_, nullptr);
    sigaction(SIGSEGV, &segment_, nullptr);
  }
  KeepSignals(const KeepSignals&) = delete;

 private:
  struct sigaction interrupt_ {
  }, segment_{};
};

class SimGridFlows;
SimGridFlows* live = nullptr;  // the one that exists, which SimGrid's static signals report to

class SimGridFlows final : public FlowEngine {
 public:
  SimGridFlows(const FlowPlatform& platform, FlowDone done, FlowBackend backend);
  ~SimGridFlows() override;

  Time next_date() override;
  void advance(Time to) override;
  FlowId start(std::uint32_t from, std::uint32_t to, Bytes size, BitRate cap, std::uint64_t tag,
               Time now) override;
  void cancel(FlowId flow, Time now) override;
  std::uint64_t in_flight() const noexcept override { return in_flight_; }
  FlowBackend backend() const noexcept override { return backend_; }

  // SimGrid's signals: to be noted now and acted on when SimGrid has returned.
  void action_ended(const NetworkAction& action);
  void comm_ended(const s4u::Activity& activity);

 private:
  struct Flow {
    std::uint64_t started = 0;  // counts up; 0: the slot is free
    std::uint64_t tag = 0;
    Action* action = nullptr;  // shim
    s4u::CommPtr comm{};       // comm
    std::uint32_t generation = 0;
  };
  struct Ended {
    std::uint64_t started;
    std::uint32_t slot;
  };

  double clock() const { return s4u::Engine::get_clock() - base_; }
  double next_seconds();
  void step(double to);
  void catch_up(Time now);
  std::uint32_t take_slot();
  void release(std::uint32_t slot);

  FlowPlatform platform_;
  FlowDone done_;
  FlowBackend backend_;
  std::unique_ptr<s4u::Engine> engine_;
  Fabric* fabric_ = nullptr;
  NetworkModel* model_ = nullptr;
  double base_ = 0;       // SimGrid's clock when this simulation began
  Time now_;              // as far as we were advanced
  bool changed_ = false;  // next_ is out of date
  double next_ = -1;      // date of SimGrid's next event, negative: none
  std::uint64_t in_flight_ = 0, starts_ = 0;
  std::vector<Flow> flows_;  // by slot
  std::vector<std::uint32_t> free_;
  std::unordered_map<const Action*, std::uint32_t> slot_of_;  // shim; looked up, never iterated
  std::vector<Ended> ended_;                                  // not yet delivered
  std::vector<s4u::CommPtr> cancelled_;                       // SimGrid still refers to them in its next step
};

void configure_once() {
  static const bool configured = [] {
    xbt_log_control_set("root.thres:critical");
    return true;
  }();
  static_cast<void>(configured);
}

// What SimGrid lets us set only before its first platform.
void configure_models_once() {
  static const bool configured = [] {
    s4u::Engine::set_config("network/model:CM02");
    // No TCP window and no reverse traffic: a lone flow takes latency + bytes / bandwidth, whatever the distance.
    s4u::Engine::set_config("network/TCP-gamma:1e30");
    s4u::Engine::set_config("network/crosstraffic:0");
    // By default, dates within 10 us of each other are one.
    s4u::Engine::set_config("surf/precision:1e-10");
    s4u::Link::on_communication_state_change_cb([](NetworkAction& action, Action::State) {
      if (live) live->action_ended(action);
    });
    s4u::Activity::on_completion_cb([](const s4u::Activity& activity) {
      if (live) live->comm_ended(activity);
    });
    return true;
  }();
  static_cast<void>(configured);
}

SimGridFlows::SimGridFlows(const FlowPlatform& platform, FlowDone done, FlowBackend backend)
    : platform_(platform), done_(done), backend_(backend) {
  TVDSIM_ASSERT(live == nullptr, "two flow engines in one process");
  for (const auto& nic : platform_.nics) {
    TVDSIM_ASSERT(nic.rate.bit_s > 0, "a NIC needs a rate");
    TVDSIM_ASSERT(nic.latency.ns >= 0, "a latency is not negative");
    TVDSIM_ASSERT(platform_.rack_uplinks.empty() || nic.rack < platform_.rack_uplinks.size(),
                  "a NIC's rack has no uplink");
  }
  for (const auto& rate : platform_.rack_uplinks) TVDSIM_ASSERT(rate.bit_s > 0, "an uplink needs a rate");
  TVDSIM_ASSERT(platform_.framing >= 1.0, "framing adds bytes, it never takes any away");

  configure_once();
  const KeepSignals keep;
  engine_ = std::make_unique<s4u::Engine>("tvdsim");
  configure_models_once();
  if (&tvdsim_simgrid_clock != nullptr) tvdsim_simgrid_clock = 0;
  base_ = s4u::Engine::get_clock();
  fabric_ = new Fabric(platform_);  // belongs to the engine
  for (Model* model : engine_->get_all_models()) {
    if (model->get_name().rfind("Network", 0) == 0) model_ = static_cast<NetworkModel*>(model);
  }
  TVDSIM_ASSERT(model_, "SimGrid has no network model");
  live = this;
}

SimGridFlows::~SimGridFlows() {
  live = nullptr;
  for (std::uint32_t slot = 0; slot < flows_.size(); ++slot) {
    Flow& flow = flows_[slot];
    if (flow.started == 0) continue;
    if (flow.action && flow.action->get_state() == Action::State::STARTED) flow.action->cancel();
    if (flow.comm && flow.comm->get_state() == s4u::Activity::State::STARTED) flow.comm->cancel();
    release(slot);
  }
  engine_.reset();
}

void SimGridFlows::action_ended(const NetworkAction& action) {
  if (action.get_state() != Action::State::FINISHED) return;
  const auto found = slot_of_.find(&action);
  if (found != slot_of_.end()) ended_.push_back({flows_[found->second].started, found->second});
}

void SimGridFlows::comm_ended(const s4u::Activity& activity) {
  if (activity.get_state() != s4u::Activity::State::FINISHED) return;
  const auto slot = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(activity.get_data<void>()));
  ended_.push_back({flows_[slot].started, slot});
}

// The max-min problem is solved here, hence only when some flow came or went.
double SimGridFlows::next_seconds() {
  if (changed_) {
    changed_ = false;
    const double wait = in_flight_ == 0 ? -1 : model_->next_occurring_event(s4u::Engine::get_clock());
    next_ = wait < 0 ? -1 : clock() + wait;
  }
  return next_;
}

Time SimGridFlows::next_date() {
  if (!ended_.empty()) return now_;
  const double next = next_seconds();
  return next < 0 ? Time::never() : std::max(now_, to_ns(next));
}

void SimGridFlows::step(double to) {
  engine_->run_until(to + base_);
  cancelled_.clear();
  changed_ = true;
}

// Brings SimGrid's clock to `now`. It stops up to 10 us short on its own, so it may need a second call.
void SimGridFlows::catch_up(Time now) {
  constexpr double kNear = 1e-10;
  const double target = to_seconds(now);
  while (target - clock() > kNear) step(target);
}

void SimGridFlows::advance(Time to) {
  TVDSIM_ASSERT(to >= now_, "flows cannot go back in time");
  for (double next = next_seconds(); next >= 0 && to_ns(next) <= to; next = next_seconds()) step(next);
  now_ = to;
  // A completion may start or cancel flows, which may end flows in turn; those are for the next call.
  std::vector<Ended> batch;
  batch.swap(ended_);
  std::sort(batch.begin(), batch.end(), [](const Ended& a, const Ended& b) { return a.started < b.started; });
  for (const Ended& end : batch) {
    if (flows_[end.slot].started != end.started) continue;  // cancelled by a completion before it
    const std::uint64_t tag = flows_[end.slot].tag;
    release(end.slot);
    if (done_.call) done_.call(done_.self, tag, to);
  }
}

std::uint32_t SimGridFlows::take_slot() {
  if (free_.empty()) {
    flows_.emplace_back();
    return static_cast<std::uint32_t>(flows_.size() - 1);
  }
  const std::uint32_t slot = free_.back();
  free_.pop_back();
  return slot;
}

void SimGridFlows::release(std::uint32_t slot) {
  Flow& flow = flows_[slot];
  if (flow.action) {
    slot_of_.erase(flow.action);
    flow.action->unref();
  }
  flow = {.generation = flow.generation + 1};
  free_.push_back(slot);
  --in_flight_;
  changed_ = true;
}

FlowEngine::FlowId SimGridFlows::start(std::uint32_t from, std::uint32_t to, Bytes size, BitRate cap,
                                       std::uint64_t tag, Time now) {
  TVDSIM_ASSERT(from < platform_.nics.size() && to < platform_.nics.size(),
                "a flow's end is no host of the platform");
  TVDSIM_ASSERT(from != to, "what stays on one host is no flow");
  if (now > now_) {
    TVDSIM_ASSERT(now <= next_date(), "a flow starts after a completion that was not delivered");
    now_ = now;
  }
  TVDSIM_ASSERT(now == now_, "a flow starts in the past");
  catch_up(now);

  const double wire = std::max(1.0, std::ceil(static_cast<double>(size.count) * platform_.framing));
  const double rate = cap.bit_s == 0 ? -1.0 : bytes_per_second(cap);
  const std::uint32_t slot = take_slot();
  Flow& flow = flows_[slot];
  flow.started = ++starts_;
  flow.tag = tag;
  s4u::Host* const source = fabric_->host(from);
  s4u::Host* const target = fabric_->host(to);
  if (backend_ == FlowBackend::shim) {
    flow.action = model_->communicate(source, target, wire, rate);
    slot_of_.emplace(flow.action, slot);
  } else {
    flow.comm = s4u::Comm::sendto_init(source, target);
    flow.comm->set_payload_size(static_cast<std::uint64_t>(wire));
    flow.comm->set_data(reinterpret_cast<void*>(static_cast<std::uintptr_t>(slot)));
    const std::size_t before = model_->get_started_action_set()->size();
    flow.comm->start();
    if (rate > 0) {
      auto& started = *model_->get_started_action_set();
      TVDSIM_ASSERT(started.size() == before + 1, "a Comm starts exactly one network action");
      started.back().set_user_bound(rate);
      started.back().set_bound(rate);
    }
  }
  ++in_flight_;
  changed_ = true;
  return FlowId{flow.generation} << 32 | slot;
}

void SimGridFlows::cancel(FlowId id, Time now) {
  const auto slot = static_cast<std::uint32_t>(id);
  if (slot >= flows_.size() || flows_[slot].generation != id >> 32 || flows_[slot].started == 0) return;
  if (now > now_) {
    TVDSIM_ASSERT(now <= next_date(), "a flow is cancelled after a completion that was not delivered");
    now_ = now;
  }
  catch_up(now);
  Flow& flow = flows_[slot];
  if (flow.action && flow.action->get_state() == Action::State::STARTED) flow.action->cancel();
  if (flow.comm && flow.comm->get_state() == s4u::Activity::State::STARTED) {
    flow.comm->cancel();
    cancelled_.push_back(flow.comm);
  }
  const bool pending = !cancelled_.empty();
  std::erase_if(ended_, [slot](const Ended& end) { return end.slot == slot; });
  release(slot);
  // A cancelled Comm keeps its share of the links until SimGrid has taken a step, here one of no length.
  if (pending) step(clock());
}

}  // namespace

std::unique_ptr<FlowEngine> make_flow_engine(const FlowPlatform& platform, FlowDone done,
                                             FlowBackend backend) {
  return std::make_unique<SimGridFlows>(platform, done, backend);
}

// Whether the library that was loaded is the one whose layout the shim knows.
bool flow_shim_fits_library() {
  int major = 0, minor = 0, patch = 0;
  sg_version_get(&major, &minor, &patch);
  return major == SIMGRID_VERSION_MAJOR && minor == SIMGRID_VERSION_MINOR;
}

}  // namespace tvdsim::sim
