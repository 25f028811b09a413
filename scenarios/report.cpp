#include "scenarios/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "scenarios/report_evidence.hpp"
#include "scenarios/spec_text.hpp"
#include "scenarios/trace_view.hpp"

namespace tvdsim::scenarios {
namespace {

constexpr std::size_t kMostReasons = 8;  // one screen in all
constexpr std::size_t kMostCauses = 5;

// "3" -> "      3", for columns.
std::string cell(std::uint64_t count) { return fmt::format("{:>9}", count); }

std::string heading(const Spec& spec, const Manifest& manifest) {
  std::string out = fmt::format("{} · seed {} · {} of {} · {}\n", spec.name, spec.seed,
                                sim::to_text(manifest.reached - sim::Time{}),
                                sim::to_text(spec.until - sim::Time{}), manifest.status);
  out += fmt::format("{} hosts, {} VMs, {} disks · {} events · fingerprint {}\n", spec.hosts.size(),
                     spec.vms.size(), spec.disks.size(), manifest.events, manifest.fingerprint.substr(0, 16));
  for (const auto& policy : manifest.policies) {
    out += fmt::format("policy {} {} ({})\n", policy.name, policy.version, policy.digest.substr(0, 12));
  }
  return out;
}

std::string decisions(const sim::Trace& trace) {
  const TableView view(trace, sim::TableId::decisions);
  std::map<std::string_view, std::array<std::uint64_t, 3>> by_hook;
  const auto hook = view.column("hook"), verdict = view.column("verdict");
  for (std::size_t i = 0; i < view.rows(); ++i) {
    const auto word = view.text(i, verdict);
    ++by_hook[view.text(i, hook)][word == "permit" ? 0 : word == "warn" ? 1 : 2];
  }
  std::string out = fmt::format("\ndecisions            permit     warn     deny\n");
  for (const auto& [name, counts] : by_hook) {
    out += fmt::format("  {:<16}{}{}{}\n", name, cell(counts[0]), cell(counts[1]), cell(counts[2]));
  }
  if (by_hook.empty()) out += "  none: nothing was asked\n";
  return out;
}

// "kind: text" with how often, most frequent first, equal counts by text.
std::string tally(std::string_view title, const std::map<std::string, std::uint64_t>& counts) {
  std::vector<std::pair<std::string, std::uint64_t>> rows(counts.begin(), counts.end());
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string out = fmt::format("\n{}\n", title);
  for (std::size_t i = 0; i < std::min(rows.size(), kMostReasons); ++i)
    out += fmt::format("{}  {}\n", cell(rows[i].second), rows[i].first);
  if (rows.size() > kMostReasons)
    out += fmt::format("           … and {} more kinds\n", rows.size() - kMostReasons);
  return out;
}

std::string denials(const sim::Trace& trace) {
  const TableView view(trace, sim::TableId::decisions);
  std::map<std::string, std::uint64_t> reasons;
  for (std::size_t i = 0; i < view.rows(); ++i) {
    if (view.text(i, "verdict") != "deny") continue;
    ++reasons[fmt::format("{}: {} → {}: {}", view.text(i, "hook"), view.text(i, "subject"),
                          view.text(i, "object"), view.text(i, "reason"))];
  }
  return reasons.empty() ? "\nnothing was denied\n" : tally("denied", reasons);
}

std::string controls(const Spec& spec) {
  std::string out;
  for (std::size_t i = 0; i < sim::kControls; ++i) {
    const auto control = static_cast<sim::Control>(i);
    const auto mode = control_mode(spec, control);
    if (mode != sim::ControlMode::on)
      out += fmt::format("  {} is {}\n", sim::to_text(control), sim::to_text(mode));
  }
  if (spec.deny_all) out += "  deny_all stands in for every control\n";
  return out.empty() ? "\nevery control was on\n" : "\ncontrols not on\n" + out;
}

std::string not_applied(const sim::Trace& trace) {
  const TableView view(trace, sim::TableId::components);
  std::map<std::string, std::uint64_t> counts;
  for (std::size_t i = 0; i < view.rows(); ++i) {
    const auto outcome = view.text(i, "outcome");
    if (outcome == "not_applicable" || outcome == "not_reached" || outcome == "off") {
      ++counts[fmt::format("{}: {}", view.text(i, "control"), outcome)];
    }
  }
  const TableView attestations(trace, sim::TableId::attestations);
  for (std::size_t i = 0; i < attestations.rows(); ++i) {
    if (const auto skipped = attestations.text(i, "skipped"); !skipped.empty())
      ++counts[fmt::format("attestation: {}", skipped)];
  }
  return counts.empty() ? "\nevery check that was asked applied\n"
                        : tally("checks that did not apply", counts);
}

std::string incidents(const sim::Trace& trace) {
  const TableView view(trace, sim::TableId::incidents);
  std::map<std::string, std::uint64_t> counts;
  for (std::size_t i = 0; i < view.rows(); ++i)
    ++counts[fmt::format("{}: {}: {}", view.text(i, "kind"), view.text(i, "entity"), view.text(i, "cause"))];
  return counts.empty() ? "\nno incidents\n" : tally("incidents", counts);
}

std::string ledger(const sim::Trace& trace) {
  const TableView view(trace, sim::TableId::charges);
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < view.rows(); ++i) {
    if (view.number(i, "count") != 0) rows.push_back(i);
  }
  std::stable_sort(rows.begin(), rows.end(), [&](std::size_t a, std::size_t b) {
    return view.number(a, "total_ns") > view.number(b, "total_ns");
  });
  std::string out = "\nsimulated time by cause\n";
  for (std::size_t i = 0; i < std::min(rows.size(), kMostCauses); ++i) {
    out += fmt::format(
        "{}  {:<18}{:>16.6f} s\n", cell(view.number(rows[i], "count")), view.text(rows[i], "cause"),
        static_cast<double>(static_cast<std::int64_t>(view.number(rows[i], "total_ns"))) / 1e9);
  }
  if (rows.size() > kMostCauses)
    out += fmt::format("           … and {} smaller causes\n", rows.size() - kMostCauses);
  return out;
}

std::string warnings(const Manifest& manifest) {
  std::string out;
  for (const auto& warning : manifest.warnings)
    out += fmt::format("  [{}] {} {}\n", warning.code, warning.where, warning.message);
  return out.empty() ? out : "\nwarnings of the check\n" + out;
}

}  // namespace

std::string report(const Spec& spec, const Manifest& manifest, const sim::Trace& trace) {
  return heading(spec, manifest) + decisions(trace) + denials(trace) + attestations_text(trace) +
         detections_text(trace) + migrations_text(trace) + network_text(trace) + audits_text(trace) +
         incidents(trace) + controls(spec) + not_applied(trace) + ledger(trace) + warnings(manifest);
}

}  // namespace tvdsim::scenarios
