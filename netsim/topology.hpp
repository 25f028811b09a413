// Who is cabled to whom: hosts and switches, and links with a rate and a latency.
//
// Switches pass traffic on; hosts do not, however many cables they have. So two hosts reach each other over a cable between
// them or over switches, never through a third host.
//
//   Topology t;
//   auto h1 = t.add_host("h1"), h2 = t.add_host("h2"), tor = t.add_switch("tor");
//   t.connect(h1, tor, 10_Gbit_s, 20_us), t.connect(h2, tor, 10_Gbit_s, 20_us);
//   t.shortest_path(h1, h2)->latency;      // 40 us
//
// Invariant  answers depend on the nodes and links and the order they were added in, on nothing else.
// Cost       reachable(), shortest_path(): one search, O(links log nodes); components(): O(nodes + links).
// Threads    const members may run concurrently; the rest may not.
// Leaves out VLANs, spanning trees, load on links: switches and flows know those.
// Source     Boost.Graph (Dijkstra, connected components), hidden in the .cpp file.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/ids.hpp"
#include "sim/base/units.hpp"

namespace tvdsim::netsim {

using NodeId = sim::Id<struct NodeTag>;
using LinkId = sim::Id<struct LinkTag>;

struct Link {
  NodeId a, b;
  sim::BitRate rate;
  sim::Duration latency;
};

struct Path {
  std::vector<LinkId> links;  // from the first node to the second
  sim::Duration latency;      // of all links together
  sim::BitRate rate;          // of the slowest; 0 for a path of no link
};

class Topology {
 public:
  Topology();
  ~Topology();
  Topology(Topology&&) noexcept;
  Topology& operator=(Topology&&) noexcept;

  // A name is used once, for a host or for a switch: who reads names checks before.
  NodeId add_host(std::string name);
  NodeId add_switch(std::string name);
  // Two different nodes; parallel links are welcome. Latency is not negative.
  LinkId connect(NodeId a, NodeId b, sim::BitRate rate, sim::Duration latency);

  std::uint32_t nodes() const noexcept;
  std::uint32_t links() const noexcept;
  NodeId find(std::string_view name) const noexcept;  // none() when nothing has it
  const std::string& name(NodeId node) const;
  bool is_switch(NodeId node) const;
  const Link& link(LinkId link) const;
  std::span<const LinkId> links_of(NodeId node) const;  // in order of connection

  // A node reaches itself.
  bool reachable(NodeId from, NodeId to) const;
  // The path of least latency; of those the one with fewest links; of those the one whose links, read from the end, were
  // connected first. Nothing when there is none.
  std::optional<Path> shortest_path(NodeId from, NodeId to) const;
  // Which nodes are cabled together at all: a number per node, counted from 0 in order of each component's first node.
  std::vector<std::uint32_t> components() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tvdsim::netsim
