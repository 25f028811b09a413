#include "scenarios/analyse.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/breadth_first_search.hpp>
#include <map>
#include <set>

#include "scenarios/build.hpp"
#include "scenarios/spec_text.hpp"

namespace tvdsim::scenarios {
namespace {

using models::LabelId;
using models::Policy;
using Graph = boost::adjacency_list<boost::vecS, boost::vecS, boost::undirectedS>;
using Vertex = boost::graph_traits<Graph>::vertex_descriptor;

constexpr Vertex kNowhere = ~Vertex{0};
constexpr std::uint32_t kNobody = 0xffff'ffff;

bool acts(Party::Kind kind) { return kind == Party::Kind::vm || kind == Party::Kind::host; }

LabelId label_of(const Policy& policy, const Party& party) {
  if (party.kind == Party::Kind::host && party.label.empty()) return Policy::kBootstrap;
  const LabelId found = party.kind == Party::Kind::disk ? policy.find_resource_label(party.label)
                                                        : policy.find_vm_label(party.label);
  return found.exists() ? found : Policy::kUnlabelled;
}

std::vector<std::uint32_t> types_of(const Policy& policy, LabelId label) {
  std::vector<std::uint32_t> types;
  for (std::uint32_t t = 0; t < policy.ste_types().size(); ++t) {
    if (policy.ste(label)[t / 64] >> (t % 64) & 1) types.push_back(t);
  }
  return types;
}

// Where information can lie: an honest group once per type, everything else once; and the types themselves, as meeting places of
// whatever is permitted to share them.
class Flows {
 public:
  Flows(const Policy& policy, const std::vector<Analysis::Group>& groups, const sim::ControlModes& controls,
        bool compromise)
      : policy_(policy), groups_(groups), graph_(policy.ste_types().size() + 1) {
    const auto off = [&](sim::Control control) { return controls[control] == sim::ControlMode::off; };
    owner_.assign(boost::num_vertices(graph_), kNobody);
    // Without type enforcement any two may share, whatever their types: one meeting place of all.
    const Vertex anywhere = policy.ste_types().size();
    if (off(sim::Control::ste)) {
      for (Vertex type = 0; type < anywhere; ++type) boost::add_edge(type, anywhere, graph_);
    }
    for (std::uint32_t g = 0; g < groups.size(); ++g) {
      const auto& group = groups[g];
      std::vector<std::uint32_t> types;
      for (const auto& name : group.types) types.push_back(index_of(name));
      const bool apart = acts(group.kind) && !(group.compromised && compromise);
      auto& own = places_.emplace_back();
      const auto place = [&](std::span<const std::uint32_t> meets) {
        const Vertex at = boost::add_vertex(graph_);
        owner_.push_back(g);
        own.push_back(at);
        for (const std::uint32_t type : meets) boost::add_edge(at, type, graph_);
        return at;
      };
      if (apart && !types.empty()) {
        for (const std::uint32_t& type : types) place({&type, 1});
      } else {
        place(types);
      }
      if (group.decides && group.compromised && compromise) {
        for (Vertex type = 0; type < anywhere; ++type) boost::add_edge(own.front(), type, graph_);
        unguarded_.push_back(own.front());
      }
      const bool free = (acts(group.kind) && off(sim::Control::ste)) ||
                        (group.kind == Party::Kind::disk && off(sim::Control::resource_check)) ||
                        (group.kind == Party::Kind::vlan && off(sim::Control::vlan_label));
      if (!free) continue;
      for (const Vertex at : own) boost::add_edge(at, anywhere, graph_);
      if (acts(group.kind)) continue;
      // A disk or VLAN that nobody guards is everybody's.
      for (Vertex type = 0; type < anywhere; ++type) boost::add_edge(own.front(), type, graph_);
      unguarded_.push_back(own.front());
    }
    // … also of those that have no type to meet at.
    for (const Vertex at : unguarded_) {
      for (std::uint32_t g = 0; g < groups.size(); ++g) {
        if (acts(groups[g].kind) && groups[g].types.empty()) boost::add_edge(at, places_[g].front(), graph_);
      }
    }
  }

  // From wherever the group is, the shortest way to each vertex.
  struct Search {
    std::vector<Vertex> before;
    std::vector<std::uint32_t> distance;
  };
  Search from(Vertex start) const {
    Search search;
    search.before.assign(boost::num_vertices(graph_), kNowhere);
    search.distance.assign(boost::num_vertices(graph_), kNobody);
    search.distance[start] = 0;
    boost::breadth_first_search(
        graph_, start,
        boost::visitor(boost::make_bfs_visitor(
            std::make_pair(boost::record_predecessors(search.before.data(), boost::on_tree_edge()),
                           boost::record_distances(search.distance.data(), boost::on_tree_edge())))));
    return search;
  }
  // Groups on the shortest way from one group to each other one; empty where there is none.
  std::vector<std::vector<std::uint32_t>> ways(std::uint32_t group) const {
    std::vector<std::vector<std::uint32_t>> found(groups_.size());
    std::vector<std::uint32_t> best(groups_.size(), kNobody);
    for (const Vertex start : places_[group]) {
      const Search search = from(start);
      for (std::uint32_t g = 0; g < groups_.size(); ++g) {
        for (const Vertex end : places_[g]) {
          if (search.distance[end] >= best[g]) continue;
          best[g] = search.distance[end];
          found[g] = walk(search, end);
        }
      }
    }
    return found;
  }
  std::vector<std::uint32_t> way(std::uint32_t type, std::uint32_t other) const {
    const Search search = from(type);
    return search.distance[other] == kNobody ? std::vector<std::uint32_t>{} : walk(search, other);
  }
  bool joined(std::uint32_t type, std::uint32_t other) const { return from(type).distance[other] != kNobody; }
  // Is there somebody of the group from whom, or in whom, the type comes together with itself?
  bool meets_itself(std::uint32_t group) const {
    return std::any_of(places_[group].begin(), places_[group].end(),
                       [&](Vertex at) { return boost::out_degree(at, graph_) > 0; });
  }

 private:
  std::uint32_t index_of(const std::string& type) const {
    const auto types = policy_.ste_types();
    return static_cast<std::uint32_t>(std::lower_bound(types.begin(), types.end(), type) - types.begin());
  }
  std::vector<std::uint32_t> walk(const Search& search, Vertex end) const {
    std::vector<std::uint32_t> way;
    for (Vertex at = end; at != kNowhere; at = search.before[at]) {
      if (owner_[at] != kNobody) way.push_back(owner_[at]);
    }
    std::reverse(way.begin(), way.end());
    return way;
  }

  const Policy& policy_;
  const std::vector<Analysis::Group>& groups_;
  Graph graph_;
  std::vector<std::uint32_t> owner_;         // by vertex: the group, or kNobody for a meeting place
  std::vector<std::vector<Vertex>> places_;  // by group
  std::vector<Vertex> unguarded_;
};

class Analyser {
 public:
  Analyser(const Policy& policy, std::span<const Party> parties, const sim::ControlModes& controls,
           std::span<const std::string> compromised)
      : policy_(policy), controls_(controls) {
    name_compromised(parties, compromised);
    gather(parties);
  }

  Analysis run() {
    const Flows before(policy_, found_.groups, controls_, false);
    const Flows now(policy_, found_.groups, controls_, true);
    for (std::uint32_t a = 0; a < found_.groups.size(); ++a) {
      if (!acts(found_.groups[a].kind)) continue;
      const auto old_ways = before.ways(a), ways = now.ways(a);
      const auto& group = found_.groups[a];
      if (group.names.size() > 1 && now.meets_itself(a))
        found_.flows.push_back({a, a, group.types, {group.name, group.name}, {}});
      for (std::uint32_t b = a + 1; b < found_.groups.size(); ++b) {
        if (!acts(found_.groups[b].kind) || ways[b].empty()) continue;
        const bool is_new = old_ways[b].empty();
        const auto& way = is_new ? ways[b] : old_ways[b];
        found_.flows.push_back({a, b, shared(a, b), names(way), is_new ? opened_by(way) : Names{}});
      }
    }
    cross(before, now);
    return std::move(found_);
  }

 private:
  using Names = std::vector<std::string>;

  void name_compromised(std::span<const Party> parties, std::span<const std::string> compromised) {
    sim::Findings findings;
    for (const std::string& name : compromised) {
      bool known = false;
      Names candidates;
      for (const Party& party : parties) {
        if (!acts(party.kind)) continue;
        candidates.push_back(party.name);
        if (party.name != name && party.label != name) continue;
        known = true;
        compromised_.insert(party.name);
      }
      if (known) continue;
      findings.error("TVD-101", "compromised", fmt::format("there is no VM, host or label `{}`.", name),
                     sim::suggest(name, candidates));
    }
    findings.throw_if_any();
  }

  void gather(std::span<const Party> parties) {
    std::map<std::tuple<Party::Kind, std::string, std::string>, Analysis::Group> groups;
    for (const Party& party : parties) {
      const LabelId label = label_of(policy_, party);
      Names types;
      for (const std::uint32_t type : types_of(policy_, label)) types.push_back(policy_.ste_types()[type]);
      const bool bad = acts(party.kind) && compromised_.contains(party.name);
      const std::string label_name(policy_.label_name(label));
      // A host without a label has the bootstrap label: it is shown by that.
      if (types.size() > 1 && !bad)
        (acts(party.kind) ? found_.trusted : found_.conduits).push_back({party.kind, party.name, label_name});
      auto& group = groups[{party.kind, label_name, bad ? party.name : std::string()}];
      group.kind = party.kind;
      group.label = label_name;
      group.types = std::move(types);
      group.trusted = acts(party.kind) && group.types.size() > 1 && !bad;
      group.compromised = bad;
      group.decides = group.decides || party.decides;
      group.names.push_back(party.name);
    }
    for (auto& [key, group] : groups) {
      group.name = group.names.size() == 1 ? group.names.front() : group.label;
      found_.groups.push_back(std::move(group));
    }
    std::sort(found_.groups.begin(), found_.groups.end(), [](const auto& a, const auto& b) {
      return std::tie(a.kind, a.name) < std::tie(b.kind, b.name);
    });
  }

  Names shared(std::uint32_t a, std::uint32_t b) const {
    Names both;
    std::ranges::set_intersection(found_.groups[a].types, found_.groups[b].types, std::back_inserter(both));
    return both;
  }
  Names names(const std::vector<std::uint32_t>& way) const {
    Names list;
    for (const std::uint32_t group : way) list.push_back(found_.groups[group].name);
    return list;
  }
  Names opened_by(const std::vector<std::uint32_t>& way) const {
    Names list;
    for (const std::uint32_t group : way) {
      if (found_.groups[group].compromised) list.push_back(found_.groups[group].name);
    }
    return list;
  }

  void cross(const Flows& before, const Flows& now) {
    const auto types = policy_.ste_types();
    for (std::uint32_t t = 0; t < types.size(); ++t) {
      for (std::uint32_t u = t + 1; u < types.size(); ++u) {
        if (!now.joined(t, u)) continue;
        const bool is_new = !before.joined(t, u);
        const auto way = is_new ? now.way(t, u) : before.way(t, u);
        found_.crossings.push_back({types[t], types[u], names(way), is_new ? opened_by(way) : Names{}});
      }
    }
  }

  const Policy& policy_;
  const sim::ControlModes& controls_;
  std::set<std::string> compromised_;
  Analysis found_;
};

}  // namespace

std::string_view to_text(Party::Kind kind) noexcept {
  constexpr std::string_view kNames[] = {"vm", "host", "disk", "vlan"};
  return kNames[static_cast<std::size_t>(kind)];
}

bool Analysis::reachable(std::string_view a, std::string_view b) const {
  const auto is = [&](const Group& group, std::string_view who) {
    return group.label == who || std::find(group.names.begin(), group.names.end(), who) != group.names.end();
  };
  return std::any_of(flows.begin(), flows.end(), [&](const Flow& flow) {
    const Group &from = groups[flow.source], &to = groups[flow.target];
    return (is(from, a) && is(to, b)) || (is(from, b) && is(to, a));
  });
}

Analysis analyse(const Policy& policy, std::span<const Party> parties, const sim::ControlModes& controls,
                 std::span<const std::string> compromised) {
  return Analyser(policy, parties, controls, compromised).run();
}

Analysis analyse(const Policy& policy, std::span<const std::string> compromised) {
  std::vector<Party> parties;
  for (std::uint32_t row = 1; row < policy.labels(); ++row) {
    const LabelId label{row};
    const std::string name(policy.label_name(label));
    parties.push_back({policy.is_resource(label) ? Party::Kind::disk : Party::Kind::vm, name, name});
  }
  return analyse(policy, parties, sim::ControlModes{}, compromised);
}

namespace {

bool in_service(const sim::Placement& placement, sim::Hook one, sim::Hook two) {
  return placement[one] == sim::Point::dom0 && placement[two] == sim::Point::dom0;
}

Analysis::Base base_of(const models::HostSetup& host, const sim::Placement& placement) {
  const auto& info = models::info_of(host.kind);
  Analysis::Base base{host.name, std::string(info.name), info.tcb_kloc, {}, {}};
  for (std::size_t i = 0; i < sim::hook_infos().size(); ++i) {
    const auto hook = static_cast<sim::Hook>(i);
    if (!sim::Placement::movable(hook) || mediation(host.kind, hook) != models::Mediation::mediated) continue;
    (placement[hook] == sim::Point::core ? base.core : base.service).emplace_back(to_text(hook));
  }
  return base;
}

}  // namespace

Analysis analyse(const Spec& spec, std::span<const std::string> compromised) {
  const auto setup = build_setup(spec);
  // A channel, or a page, needs two decisions: whoever makes both can open one.
  const bool decides = in_service(setup.placement, sim::Hook::evtchn_alloc, sim::Hook::evtchn_bind) ||
                       in_service(setup.placement, sim::Hook::grant_setup, sim::Hook::grant_map);
  std::vector<Party> parties;
  for (const auto& vm : spec.vms) parties.push_back({Party::Kind::vm, vm.name, vm.label});
  for (const auto& host : spec.hosts)
    parties.push_back({Party::Kind::host, "dom0@" + host.name, host.label, decides});
  for (const auto& disk : spec.disks) parties.push_back({Party::Kind::disk, disk.name, disk.label});
  for (const auto& vlan : spec.vlans)
    parties.push_back({Party::Kind::vlan, fmt::format("vlan{}", vlan.vid), vlan.label});
  // A VM without a label gets that of the domain that is made with it.
  for (const auto& tvd : spec.tvds) {
    for (auto& party : parties) {
      const bool named = std::find(tvd.vms.begin(), tvd.vms.end(), party.name) != tvd.vms.end();
      if (party.kind == Party::Kind::vm && named && party.label.empty()) party.label = tvd.label;
    }
  }
  Analysis found = analyse(*setup.policies.front(), parties, setup.controls, compromised);
  for (const auto& host : setup.hosts) found.bases.push_back(base_of(host, setup.placement));
  return found;
}

}  // namespace tvdsim::scenarios
