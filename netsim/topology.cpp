#include "netsim/topology.hpp"

#include <algorithm>
#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/connected_components.hpp>
#include <boost/graph/dijkstra_shortest_paths.hpp>
#include <boost/graph/filtered_graph.hpp>
#include <compare>
#include <limits>
#include <map>

#include "sim/base/error.hpp"

namespace tvdsim::netsim {
namespace {

// What a path costs: its latency, then its number of links. A sum of integers, so that no order of addition shows.
struct Cost {
  std::int64_t ns = 0;
  std::uint32_t hops = 0;
  friend auto operator<=>(const Cost&, const Cost&) = default;
};
constexpr Cost kFar{std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::uint32_t>::max()};
Cost operator+(const Cost& a, const Cost& b) {
  return a == kFar || b == kFar ? kFar : Cost{a.ns + b.ns, a.hops + b.hops};
}

struct LinkProperty {
  std::uint32_t id = 0;
  Cost cost;
};
using Graph =
    boost::adjacency_list<boost::vecS, boost::vecS, boost::undirectedS, boost::no_property, LinkProperty>;

struct Node {
  std::string name;
  bool is_switch = false;
  std::vector<LinkId> links;
};

// Hosts stand only at the ends of a path.
struct MayCarry {
  const std::vector<Node>* nodes = nullptr;
  std::uint32_t from = 0, to = 0;
  bool operator()(std::size_t node) const { return (*nodes)[node].is_switch || node == from || node == to; }
};

}  // namespace

struct Topology::Impl {
  Graph graph;
  std::vector<Node> nodes;
  std::vector<Link> links;
  std::map<std::string, NodeId, std::less<>> by_name;

  NodeId add(std::string name, bool is_switch) {
    const NodeId id{static_cast<std::uint32_t>(nodes.size())};
    TVDSIM_ASSERT(by_name.emplace(name, id).second, "a node's name is used once");
    nodes.push_back({std::move(name), is_switch, {}});
    boost::add_vertex(graph);
    return id;
  }
  const Node& node(NodeId id) const {
    TVDSIM_ASSERT(id.value < nodes.size(), "a node's id comes from this topology");
    return nodes[id.value];
  }
  // How far every node is from `from` when only switches (and `to`) may be visited.
  std::vector<Cost> distances(NodeId from, NodeId to) const {
    TVDSIM_ASSERT(from.value < nodes.size() && to.value < nodes.size(),
                  "both ends are nodes of this topology");
    const boost::filtered_graph<Graph, boost::keep_all, MayCarry> carrying(
        graph, {}, MayCarry{&nodes, from.value, to.value});
    std::vector<Cost> out(nodes.size(), kFar);
    boost::dijkstra_shortest_paths(carrying, from.value,
                                   boost::weight_map(boost::get(&LinkProperty::cost, graph))
                                       .distance_map(boost::make_iterator_property_map(
                                           out.begin(), boost::get(boost::vertex_index, graph)))
                                       .distance_compare(std::less<Cost>{})
                                       .distance_combine([](const Cost& a, const Cost& b) { return a + b; })
                                       .distance_inf(kFar)
                                       .distance_zero(Cost{}));
    return out;
  }
};

Topology::Topology() : impl_(std::make_unique<Impl>()) {}
Topology::~Topology() = default;
Topology::Topology(Topology&&) noexcept = default;
Topology& Topology::operator=(Topology&&) noexcept = default;

NodeId Topology::add_host(std::string name) { return impl_->add(std::move(name), false); }
NodeId Topology::add_switch(std::string name) { return impl_->add(std::move(name), true); }

LinkId Topology::connect(NodeId a, NodeId b, sim::BitRate rate, sim::Duration latency) {
  TVDSIM_ASSERT(a.value < impl_->nodes.size() && b.value < impl_->nodes.size(),
                "both ends are nodes of this topology");
  TVDSIM_ASSERT(a != b, "a link has two ends");
  TVDSIM_ASSERT(latency.ns >= 0, "a latency is not negative");
  const LinkId id{static_cast<std::uint32_t>(impl_->links.size())};
  impl_->links.push_back({a, b, rate, latency});
  boost::add_edge(a.value, b.value, LinkProperty{id.value, {latency.ns, 1}}, impl_->graph);
  impl_->nodes[a.value].links.push_back(id);
  impl_->nodes[b.value].links.push_back(id);
  return id;
}

std::uint32_t Topology::nodes() const noexcept { return static_cast<std::uint32_t>(impl_->nodes.size()); }
std::uint32_t Topology::links() const noexcept { return static_cast<std::uint32_t>(impl_->links.size()); }

NodeId Topology::find(std::string_view name) const noexcept {
  const auto found = impl_->by_name.find(name);
  return found == impl_->by_name.end() ? NodeId::none() : found->second;
}

const std::string& Topology::name(NodeId node) const { return impl_->node(node).name; }
bool Topology::is_switch(NodeId node) const { return impl_->node(node).is_switch; }
std::span<const LinkId> Topology::links_of(NodeId node) const { return impl_->node(node).links; }

const Link& Topology::link(LinkId link) const {
  TVDSIM_ASSERT(link.value < impl_->links.size(), "a link's id comes from this topology");
  return impl_->links[link.value];
}

bool Topology::reachable(NodeId from, NodeId to) const {
  return impl_->distances(from, to)[to.value] != kFar;
}

std::optional<Path> Topology::shortest_path(NodeId from, NodeId to) const {
  const std::vector<Cost> cost = impl_->distances(from, to);
  if (cost[to.value] == kFar) return std::nullopt;
  Path path;
  for (NodeId at = to; at != from;) {
    // Of the links that lie on a best path the one connected first, whichever the search happened to come by.
    LinkId taken;
    NodeId before;
    for (const LinkId id : links_of(at)) {
      const Link& l = link(id);
      const NodeId other = l.a == at ? l.b : l.a;
      if (cost[other.value] + Cost{l.latency.ns, 1} == cost[at.value] && id < taken)
        taken = id, before = other;
    }
    TVDSIM_ASSERT(taken.exists(), "a node that the search reached has a link to the node before it");
    path.links.push_back(taken);
    path.latency = path.latency + link(taken).latency;
    path.rate = path.links.size() == 1 ? link(taken).rate : std::min(path.rate, link(taken).rate);
    at = before;
  }
  std::reverse(path.links.begin(), path.links.end());
  return path;
}

std::vector<std::uint32_t> Topology::components() const {
  std::vector<std::uint32_t> raw(impl_->nodes.size());
  if (raw.empty()) return raw;
  boost::connected_components(impl_->graph, boost::make_iterator_property_map(
                                                raw.begin(), boost::get(boost::vertex_index, impl_->graph)));
  std::map<std::uint32_t, std::uint32_t> renumbered;
  for (std::uint32_t& component : raw) {
    component = renumbered.emplace(component, static_cast<std::uint32_t>(renumbered.size())).first->second;
  }
  return raw;
}

}  // namespace tvdsim::netsim
