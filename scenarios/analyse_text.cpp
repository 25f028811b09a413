// What an analysis found, for people and for programs.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "scenarios/analyse.hpp"
#include "scenarios/json.hpp"

namespace tvdsim::scenarios {
namespace {

Json rows(const std::vector<Party>& parties, const Analysis& analysis) {
  Json list = Json::array();
  for (const Party& party : parties) {
    for (const auto& group : analysis.groups) {
      const bool of = group.kind == party.kind &&
                      std::find(group.names.begin(), group.names.end(), party.name) != group.names.end();
      if (!of) continue;
      Json one = Json::object();
      one.add("kind", to_text(party.kind)).add("name", party.name).add("label", group.label);
      list.items.push_back(std::move(one.add("types", group.types)));
    }
  }
  return list;
}

std::string way(const std::vector<std::string>& path) { return fmt::format("{}", fmt::join(path, " — ")); }

std::string named(std::size_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

}  // namespace

std::string to_json(const Analysis& analysis) {
  Json all = Json::object(), groups = Json::array(), flows = Json::array(), crossings = Json::array();
  for (const auto& group : analysis.groups) {
    Json one = Json::object();
    one.add("kind", to_text(group.kind)).add("name", group.name).add("label", group.label);
    one.add("names", group.names).add("types", group.types);
    groups.items.push_back(
        std::move(one.add("trusted", group.trusted).add("compromised", group.compromised)));
  }
  for (const auto& flow : analysis.flows) {
    const auto &from = analysis.groups[flow.source], &to = analysis.groups[flow.target];
    Json one = Json::object();
    one.add("source", from.name).add("target", to.name).add("source_label", from.label);
    one.add("target_label", to.label).add("shared", flow.shared).add("crosses", flow.crosses());
    flows.items.push_back(std::move(one.add("path", flow.path).add("opened_by", flow.opened_by)));
  }
  for (const auto& crossing : analysis.crossings) {
    Json one = Json::object();
    one.add("from_type", crossing.from).add("to_type", crossing.to).add("path", crossing.path);
    crossings.items.push_back(std::move(one.add("opened_by", crossing.opened_by)));
  }
  Json bases = Json::array();
  for (const auto& base : analysis.bases) {
    Json one = Json::object();
    one.add("host", base.host).add("kind", base.kind).add("tcb_kloc", base.tcb_kloc);
    bases.items.push_back(std::move(one.add("core", base.core).add("service", base.service)));
  }
  all.add("bases", std::move(bases))
      .add("groups", std::move(groups))
      .add("trusted", rows(analysis.trusted, analysis));
  all.add("conduits", rows(analysis.conduits, analysis)).add("flows", std::move(flows));
  return to_text(all.add("crossings", std::move(crossings)));
}

std::string to_text(const Analysis& analysis) {
  std::string text;
  const auto line = [&](std::string words) { text += words + "\n"; };
  const auto list = [&](const std::vector<Party>& parties) {
    for (const Party& party : parties)
      line(fmt::format("  {} {} (label `{}`)", to_text(party.kind), party.name, party.label));
  };
  line(named(analysis.trusted.size(), "party has several types and is assumed trusted",
             "parties have several types and are assumed trusted"));
  list(analysis.trusted);
  for (const auto& base : analysis.bases) {
    line(fmt::format("{} decides in its hypervisor ({}, {} kLOC): {}", base.host, base.kind, base.tcb_kloc,
                     fmt::join(base.core, ", ")));
    line(fmt::format("  and trusts dom0@{} with: {}", base.host, fmt::join(base.service, ", ")));
  }
  if (!analysis.conduits.empty()) {
    line(named(analysis.conduits.size(), "disk or VLAN joins types", "disks and VLANs join types"));
    list(analysis.conduits);
  }
  std::size_t opened = 0, crossing = 0;
  for (const auto& flow : analysis.flows) {
    opened += !flow.opened_by.empty();
    crossing += flow.crosses();
  }
  line(named(analysis.flows.size(), "flow", "flows") +
       fmt::format(", {} between labels without a common type, {} opened by compromise", crossing, opened));
  for (const auto& flow : analysis.flows) {
    if (!flow.crosses() && flow.opened_by.empty()) continue;
    const std::string by = flow.opened_by.empty()
                               ? std::string()
                               : fmt::format("   [opened by {}]", fmt::join(flow.opened_by, ", "));
    line("  " + way(flow.path) + by);
  }
  return text;
}

}  // namespace tvdsim::scenarios
