#include "tests/property/host/arena.hpp"

#include <fmt/format.h>

#include "models/host/vm_backend.hpp"
#include "sim/base/random.hpp"

namespace tvdsim::tests {

namespace {

constexpr std::uint32_t kCalls = 0
#define HYPERCALL(name, hook, what) +1
#include "models/host/hypercalls.def"
#undef HYPERCALL
    ;
// What management and guests do beside hypercalls.
enum Deed : std::uint32_t { write_own = kCalls, start_guest, stop_guest, relabel_guest, new_policy, deeds };

// How often each of them is drawn.
constexpr std::uint32_t weight(std::uint32_t what) {
  if (what >= kCalls) return what == write_own ? 1 : what == relabel_guest ? 5 : 2;
  switch (static_cast<HypercallOp>(what)) {
    case HypercallOp::grant_setup:
      return 7;
    case HypercallOp::evtchn_bind:
    case HypercallOp::grant_map:
      return 5;
    case HypercallOp::evtchn_alloc:
    case HypercallOp::evtchn_send:
    case HypercallOp::grant_copy:
      return 4;
    case HypercallOp::page_read:
    case HypercallOp::page_write:
    case HypercallOp::grant_transfer:
      return 3;
    case HypercallOp::evtchn_close:
    case HypercallOp::grant_end:
    case HypercallOp::grant_copy_to:
    case HypercallOp::accept_transfer:
    case HypercallOp::foreign_map:
    case HypercallOp::foreign_read:
      return 2;
    default:
      return 1;
  }
}

const std::vector<std::uint32_t>& draws() {
  static const std::vector<std::uint32_t> kDraws = [] {
    std::vector<std::uint32_t> list;
    for (std::uint32_t what = 0; what < deeds; ++what) list.insert(list.end(), weight(what), what);
    return list;
  }();
  return kDraws;
}

bool for_the_control_domain_only(HypercallOp op) {
  const std::string_view hook = hypercall_infos()[static_cast<std::size_t>(op)].hook;
  return hook == "domain_control" || hook == "label_write" || hook == "policy_load" || hook == "foreign_map";
}

std::string label_name(std::uint32_t label) { return "l" + std::to_string(label); }

// The labels of an account of types as a policy of its own.
std::shared_ptr<const Policy> policy_of(std::span<const std::uint32_t> types) {
  const auto words = [](std::uint32_t set) {
    std::vector<std::string> list;
    for (std::uint32_t t = 0; t < Arena::kTypes; ++t) {
      if (set >> t & 1) list.push_back("t" + std::to_string(t));
    }
    return list;
  };
  std::vector<LabelRow> rows{{"system", words((1u << Arena::kTypes) - 1), {}}};
  for (std::uint32_t i = 0; i < types.size(); ++i) rows.push_back({label_name(i), words(types[i]), {}});
  return make_policy(rows, {});
}

}  // namespace

struct Arena::Operation {
  std::uint32_t what = 0, caller = 0, other = 0, handle = 0, page = 0, label = 0;
  bool apt = false;  // the caller and the handle are such as the call is meant for, if there are any
};

Arena::Arena(const sim::ControlModes& modes, std::uint64_t rules, CacheMode cache) : engine_(rules) {
  sim::Stream random(rules, "rules");
  DatacenterSetup setup;
  for (auto& account : types_) {
    for (auto& set : account) set = 1 + static_cast<std::uint32_t>(random.below((1u << kTypes) - 1));
    setup.policies.push_back(policy_of(account));
  }
  setup.controls = modes;
  setup.timeless = true;
  setup.hosts = {host("h1")};
  setup.hosts.front().decision_cache = cache;
  setup.hosts.front().domain_ids = kGuests + 1;
  for (std::uint32_t g = 0; g < kGuests; ++g)
    setup.vms.push_back(tests::vm("v" + std::to_string(g), label_name(0), "h1"));
  for (std::size_t table = 0; table < sim::table_infos().size(); ++table)
    engine_.trace().store(static_cast<sim::TableId>(table), false);
  dc_ = std::make_unique<Datacenter>(engine_, std::move(setup));
  machine_ = &dc_->world().machines.front();
  host_ = machine_->hypervisor.get();
  dc_->world().decisions.watch({[](void* self, const Request& request, const Decision& decision) {
                                  static_cast<Arena*>(self)->witnessed(request, decision);
                                },
                                this},
                               true);
}

Arena::~Arena() = default;

Sequence Arena::draw(sim::Stream& random) {
  Sequence sequence(1 + kShortest + random.below(5));
  for (auto& word : sequence) word = static_cast<std::uint32_t>(random.below(std::uint64_t{1} << 32));
  return sequence;
}

Arena::Operation Arena::decode(std::uint32_t word) const {
  constexpr std::uint32_t kHandles[] = {0, 0, 1, 2, 0, 1, 3, 0xffff'fff0};
  Operation op;
  op.what = draws()[(word * 0x9e37'79b1u >> 8) % draws().size()];
  op.caller = (word >> 20 & 0xf) == 0 ? kControl : word >> 6 & 3;
  const std::uint32_t other = word >> 8 & 7;
  op.other = other <= kControl ? other : (op.caller + other) % kGuests;
  if ((word >> 24 & 0xf) == 0) op.other = (word >> 28 & 1) ? op.caller : 77'777u;
  op.handle = kHandles[word >> 11 & 7];
  op.page = (word >> 24 & 0xf) == 1 ? 0x7fff'ffffu : word >> 14 & 3;
  op.label = (word >> 16 & 7) % kLabels;
  op.apt = (word >> 29 & 7) != 0;
  return op;
}

bool Arena::runs(std::uint32_t guest) const { return host_->find(vm(guest)) != nullptr; }

bool Arena::account_shares(std::uint32_t a, std::uint32_t b) const {
  const auto set = [&](std::uint32_t party) {
    return party == kControl ? (1u << kTypes) - 1 : types_[policy_][label_[party]];
  };
  return (set(a) & set(b)) != 0;
}

std::uint32_t Arena::party(std::string_view name) const {
  return name.starts_with("dom0") ? kControl : static_cast<std::uint32_t>(name[1] - '0');
}

void Arena::harm(std::string what) {
  if (harm_.empty()) harm_ = std::move(what);
}

void Arena::witnessed(const Request& request, const Decision& decision) {
  ++decisions_;
  if (!decision || request.object > kGuests) return;
  const bool event = request.hook == Hook::evtchn_bind;
  const bool page = request.hook == Hook::grant_map || request.hook == Hook::grant_copy ||
                    request.hook == Hook::grant_transfer ||
                    (request.hook == Hook::foreign_map && decision.rule == Rule::shares_type);
  const bool offer = request.hook == Hook::evtchn_alloc || request.hook == Hook::grant_setup;
  if (!event && !page && !offer) return;
  const auto place = [](std::uint32_t id) { return id == 0 ? kControl : id - 1; };
  const std::uint32_t a = place(request.subject.value), b = place(request.object);
  if (!offer) permitted_[event][a][b] = permitted_[event][b][a] = true;
  if (!account_shares(a, b))
    harm(fmt::format("{} permits v{} and v{}, whose label shares no type", to_text(request.hook), a, b));
}

void Arena::start(std::uint32_t guest) {
  if (runs(guest)) return;
  if (!host_->admit(Hook::vm_start, vm(guest), 0)) return;
  host_->commit(vm(guest));
  dc_->world().enter(vm(guest), VmState::running, "start", 0);
}

void Arena::stop(std::uint32_t guest) {
  if (!runs(guest)) return;
  host_->retire(vm(guest));
  dc_->world().backend->wipe(vm(guest));
  dc_->world().enter(vm(guest), VmState::stopped, "stop", 0);
}

// Management looks at what the guest shares before it gives it another label.
void Arena::relabel(std::uint32_t guest, std::uint32_t label) {
  const Policy& policy = host_->monitor().policy();
  const LabelId next = policy.find_vm_label(label_name(label));
  for (const auto& share : host_->shares()) {
    if (share.subject != vm(guest) && share.object != vm(guest)) continue;
    const VmId other = share.subject == vm(guest) ? share.object : share.subject;
    if (!policy.shares(next, host_->label_of(other))) return;
  }
  if (label_[guest] != label) ++label_changes_;
  label_[guest] = label;
  dc_->world().set_label(vm(guest), label_name(label), "relabelled", 0);
}

void Arena::change_policy() {
  std::vector<Monitor::Link> links;
  for (const auto& share : host_->shares()) {
    links.push_back({share.hook, share.subject, share.object, host_->label_of(share.subject),
                     host_->label_of(share.object)});
  }
  const auto next = dc_->setup().policies[1 - policy_];
  if (!host_->monitor().plan_update(*next, links).empty()) return;
  policy_ = 1 - policy_;
  host_->adopt(next, PolicyEpoch{static_cast<std::uint32_t>(++epoch_)}, 0);
}

void Arena::begin(std::uint32_t word) {
  auto& world = dc_->world();
  for (std::uint32_t g = 0; g < kGuests; ++g) {
    label_[g] = (word >> 3 * g & 7) % kLabels;
    world.set_label(vm(g), label_name(label_[g]), "given", 0);
    if (g < 3 || (word >> 12 & 1)) start(g);
  }
  label_changes_ = world.domains.label_changes;
  permitted_ = {};
  seen_ = dc_->truth().edges().size();
  harm_.clear();
}

void Arena::end() {
  for (std::uint32_t g = 0; g < kGuests; ++g) stop(g);
  host_->close_links_of(machine_->dom0);
  dc_->world().backend->wipe(machine_->dom0);
  if (policy_ != 0) change_policy();
  // What a host remembers without purging would make a sequence hang on the ones before it.
  if (host_->cache()) const_cast<DecisionCache*>(host_->cache())->clear();
}

std::string Arena::play(const Sequence& sequence, ArenaTally& tally) {
  begin(sequence.front());
  for (std::size_t i = 1; i < sequence.size() && harm_.empty(); ++i) run(decode(sequence[i]), tally);
  ++tally.sequences;
  tally.operations += sequence.size() - 1;
  tally.decisions += std::exchange(decisions_, 0);
  std::string found = harm_;
  end();
  return found;
}

// Gives the call a handle that it is meant for, and the caller who has it; when there is none, it becomes the call that makes one.
void Arena::make_apt(Hypercall& call) const {
  const auto take = [&](std::uint32_t handle, VmId caller) {
    call.handle = handle;
    call.caller = caller;
  };
  const auto port = [&](EventChannels::State state, HypercallOp otherwise) {
    const auto& ports = host_->channels().ports();
    for (std::uint32_t i = 0; i < ports.size(); ++i) {
      if (ports[i].state == state)
        return take(i, state == EventChannels::State::offered ? ports[i].remote : ports[i].owner);
    }
    call.op = otherwise;
  };
  const auto grant = [&](GrantTable::State state, HypercallOp otherwise) {
    const auto& grants = host_->grants().grants();
    for (std::uint32_t i = 0; i < grants.size(); ++i) {
      if (grants[i].state == state) return take(i, grants[i].grantee);
    }
    call.op = otherwise;
  };
  switch (call.op) {
    case HypercallOp::evtchn_bind:
      return port(EventChannels::State::offered, HypercallOp::evtchn_alloc);
    case HypercallOp::evtchn_send:
      return port(EventChannels::State::bound, HypercallOp::evtchn_alloc);
    case HypercallOp::evtchn_close:
      if (!host_->channels().ports().empty()) take(0, host_->channels().port({0}).owner);
      return;
    case HypercallOp::grant_end:
      if (!host_->grants().grants().empty()) take(0, host_->grants().grant({0}).grantor);
      return;
    case HypercallOp::grant_map:
    case HypercallOp::grant_copy:
    case HypercallOp::grant_copy_to:
      return grant(GrantTable::State::granted, HypercallOp::grant_setup);
    case HypercallOp::page_read:
    case HypercallOp::page_write:
    case HypercallOp::grant_unmap:
      return grant(GrantTable::State::mapped, HypercallOp::grant_map);
    case HypercallOp::grant_transfer:
      return grant(GrantTable::State::accepting, HypercallOp::accept_transfer);
    case HypercallOp::foreign_read:
    case HypercallOp::foreign_write:
    case HypercallOp::foreign_unmap:
      if (!host_->foreign_maps().empty() && host_->foreign_maps()[0].live)
        return take(0, host_->foreign_maps()[0].mapper);
      call.op = HypercallOp::foreign_map;
      return;
    default:
      return;
  }
}

void Arena::run(const Operation& op, ArenaTally& tally) {
  if (op.what >= kCalls) {
    if (op.what == write_own && op.caller < kGuests && runs(op.caller)) {
      dc_->world()
          .backend->memory(vm(op.caller))
          .write(op.page % 3 * kPageSize, std::array<std::uint8_t, 4>{1, 2, 3, 4},
                 label_name(label_[op.caller]));
    }
    if (op.what == start_guest) start(op.caller % kGuests);
    if (op.what == stop_guest) stop(op.caller % kGuests);
    if (op.what == relabel_guest) relabel(op.caller % kGuests, op.label);
    if (op.what == new_policy) change_policy();
    return look(tally);
  }
  Hypercall call;
  call.op = static_cast<HypercallOp>(op.what);
  const auto id = [&](std::uint32_t party) {
    return party == kControl ? machine_->dom0 : party < kGuests ? vm(party) : VmId{party};
  };
  call.caller = id(op.caller);
  call.other = id(op.other);
  call.handle = op.handle;
  if (op.apt) make_apt(call);
  call.page = op.page;
  call.size = 8;
  call.text = "bytes";
  const std::string label = label_name(op.label);
  call.label = label;
  call.policy = dc_->setup().policies[op.label % 2];
  const std::uint64_t before = fingerprint();
  const std::string hash = thorough_ ? full_hash() : std::string();
  const HypercallAnswer answer = hypercall(dc_->world(), *machine_, call, 0);
  ++(answer.result == Result::done      ? tally.done
     : answer.result == Result::refused ? tally.refused
                                        : tally.failed);
  if (answer.result != Result::done) {
    if (fingerprint() != before) harm("a call that was not done has changed something");
    if (thorough_ && full_hash() != hash) harm("a call that was not done has changed the state's hash");
    if (thorough_) ++tally.hashes;
  } else if (call.caller != machine_->dom0 && for_the_control_domain_only(call.op)) {
    harm(fmt::format("a guest did {}", hypercall_infos()[static_cast<std::size_t>(call.op)].name));
  }
  look(tally);
}

void Arena::look(ArenaTally& tally) {
  const auto edges = dc_->truth().edges();
  for (; seen_ < edges.size(); ++seen_) {
    ++tally.edges;
    const auto& edge = edges[seen_];
    const std::uint32_t a = party(edge.source), b = party(edge.target);
    if (!permitted_[edge.medium == Medium::event][a][b])
      harm(fmt::format("{} reached {} by {} without a decision", edge.source, edge.target,
                       to_text(edge.medium)));
    if (!account_shares(a, b))
      harm(fmt::format("{} reached {}, whose label shares no type", edge.source, edge.target));
  }
  for (std::uint32_t g = 0; g < kGuests; ++g) {
    if (runs(g)) continue;
    for (auto& medium : permitted_) {
      medium[g].fill(false);
      for (auto& row : medium) row[g] = false;
    }
  }
  if (dc_->world().domains.label_changes != label_changes_) harm("a label changed without management");
  if (host_->monitor().epoch().value != epoch_) harm("the policy changed without management");
}

std::uint64_t Arena::edges() const { return dc_->truth().edges().size(); }

std::uint64_t Arena::fingerprint() const {
  std::uint64_t sum = 0xcbf29ce484222325;
  const auto mix = [&](std::uint64_t value) { sum = (sum ^ value) * 0x100000001b3; };
  for (const auto& domain : host_->domains()) {
    mix(domain.vm.value);
    mix(static_cast<std::uint64_t>(domain.state) << 32 | domain.vcpus);
    const ByteStore& memory = *dc_->world().domains.memory[domain.vm.value];
    mix(memory.pages() << 32 | memory.taken_pages());
  }
  for (const auto& port : host_->channels().ports()) {
    if (port.state == EventChannels::State::free) continue;
    mix(static_cast<std::uint64_t>(port.state) << 32 | port.owner.value);
    mix(std::uint64_t{port.remote.value} << 32 | port.received);
  }
  for (const auto& grant : host_->grants().grants()) {
    if (grant.state == GrantTable::State::free) continue;
    mix(static_cast<std::uint64_t>(grant.state) << 32 | grant.grantor.value);
    mix(std::uint64_t{grant.grantee.value} << 32 | grant.page);
  }
  for (const auto& map : host_->foreign_maps()) {
    if (map.live) mix(std::uint64_t{map.mapper.value} << 32 | map.owner.value);
  }
  mix(dc_->world().domains.label_changes);
  mix(host_->monitor().epoch().value);
  mix(edges());
  return sum;
}

std::string Arena::full_hash() {
  std::string hash = dc_->state_hash();
  for (const auto& memory : dc_->world().domains.memory) hash += fmt::format(" {:x}", memory->checksum());
  return hash;
}

std::string Arena::words(const Sequence& sequence) const {
  static constexpr std::string_view kDeeds[] = {"writes to its memory", "is started", "is stopped",
                                                "is relabelled", "sees another policy"};
  std::string text;
  for (std::uint32_t g = 0; g < kGuests; ++g)
    text += fmt::format("v{} is {}; ", g, label_name((sequence.front() >> 3 * g & 7) % kLabels));
  for (std::size_t i = 1; i < sequence.size(); ++i) {
    const Operation op = decode(sequence[i]);
    const std::string caller = op.caller == kControl ? "dom0" : "v" + std::to_string(op.caller);
    if (op.what >= kCalls)
      text += fmt::format("{} {}; ", caller, kDeeds[op.what - kCalls]);
    else
      text += fmt::format("{} {} other={} handle={} page={} label={}{}; ", caller,
                          hypercall_infos()[op.what].name, op.other, op.handle, op.page, op.label,
                          op.apt ? " apt" : "");
  }
  return text;
}

}  // namespace tvdsim::tests
