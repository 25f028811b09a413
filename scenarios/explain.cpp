#include "scenarios/explain.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "scenarios/archive.hpp"
#include "scenarios/json.hpp"
#include "scenarios/manifest.hpp"
#include "sim/base/error.hpp"

namespace tvdsim::scenarios {
namespace {

// Characters, not bytes: texts hold `→` and `∅`.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string padded(std::string_view text, std::size_t to) {
  std::string out(text);
  for (auto have = width(text); have < to; ++have) out += ' ';
  return out;
}

void read_decision(Explanation& out, const Archive::Rows& row) {
  out.time.ns = row.number("time_ns");
  out.host = row.text("host");
  out.hook = row.text("hook");
  out.point = row.text("point");
  out.subject = row.text("subject");
  out.subject_label = row.text("subject_label");
  out.subject_types = row.text("subject_types");
  out.object = row.text("object");
  out.object_label = row.text("object_label");
  out.object_types = row.text("object_types");
  out.verdict = row.text("verdict");
  out.control = row.text("control");
  out.rule = row.text("rule");
  out.reason = row.text("reason");
  out.other = row.text("other");
  out.epoch = static_cast<std::uint32_t>(row.number("epoch"));
  out.correlation = static_cast<std::uint64_t>(row.number("correlation"));
}

std::string party(std::string_view name, std::string_view label, std::string_view types) {
  if (label.empty() && types.empty()) return std::string(name);
  return fmt::format("{} is {} {}", name, label.empty() ? "unlabelled" : label, types);
}

}  // namespace

Explanation explain(std::string_view run, std::uint64_t decision) {
  const auto directory = run_directory_of(run);
  const Archive archive(directory);
  Explanation out;
  out.id = decision;
  auto row = archive.rows("decisions", "id", static_cast<std::int64_t>(decision));
  if (!row.next()) {
    std::uint64_t count = 0;
    for (auto all = archive.rows("decisions"); all.next();) ++count;
    throw sim::InputError(sim::Finding{
        "TVD-101", directory, fmt::format("the run has no decision {}.", decision),
        count == 0 ? std::string("it made none at all") : fmt::format("known: 0 to {}", count - 1)});
  }
  read_decision(out, row);
  for (auto part = archive.rows("components", "decision", static_cast<std::int64_t>(decision));
       part.next();) {
    out.components.push_back({part.text("control"), part.text("outcome"), part.text("rule"),
                              part.text("reason"), part.number("decides") != 0});
  }
  // An epoch may be entered again by name only; its last row is the policy that was active.
  for (auto policy = archive.rows("policies", "epoch", out.epoch); policy.next();) {
    out.policy = policy.text("name");
    out.policy_version = policy.text("version");
    out.policy_digest = policy.text("digest");
  }
  return out;
}

std::string to_text(const Explanation& e) {
  constexpr std::size_t kVerdictColumn = 70;
  const auto head = fmt::format("{:.3f} s  {}  {} → {}", e.time.seconds(), e.hook, e.subject, e.object);
  std::string out = fmt::format("{} {}\n", padded(head, kVerdictColumn), e.verdict);
  std::size_t widest = 0;
  for (const auto& row : e.components) widest = std::max(widest, width(row.control));
  for (const auto& row : e.components) {
    auto text = row.reason;
    if (!row.rule.empty() && text.empty()) text = row.rule;
    out += fmt::format("{} {}{}\n",
                       padded(fmt::format("  {}  {}", padded(row.control, widest), text), kVerdictColumn),
                       row.outcome, row.decides ? "   ← decides" : "");
  }
  const bool decided =
      std::any_of(e.components.begin(), e.components.end(), [](const auto& row) { return row.decides; });
  if (!decided) out += fmt::format("  {}   ← decides\n", e.reason.empty() ? e.rule : e.reason);
  out += fmt::format("  {}; {}\n", party(e.subject, e.subject_label, e.subject_types),
                     party(e.object, e.object_label, e.object_types));
  if (!e.other.empty()) out += fmt::format("  in the way: {}\n", e.other);
  out += fmt::format("  decided in {} of {}, policy {} {} ({}), epoch {}\n", e.point, e.host,
                     e.policy.empty() ? "none" : e.policy, e.policy_version, e.policy_digest.substr(0, 12),
                     e.epoch);
  return out;
}

std::string to_json(const Explanation& e) {
  Json all = Json::object();
  all.add("id", e.id).add("time_s", e.time.seconds()).add("time_ns", e.time.ns);
  all.add("host", e.host).add("hook", e.hook).add("point", e.point);
  all.add("subject", e.subject).add("subject_label", e.subject_label).add("subject_types", e.subject_types);
  all.add("object", e.object).add("object_label", e.object_label).add("object_types", e.object_types);
  all.add("verdict", e.verdict)
      .add("control", e.control)
      .add("rule", e.rule)
      .add("reason", e.reason)
      .add("other", e.other);
  all.add("epoch", e.epoch).add("correlation", e.correlation);
  all.add("policy", e.policy).add("policy_version", e.policy_version).add("policy_digest", e.policy_digest);
  Json components = Json::array();
  for (const auto& row : e.components) {
    Json one = Json::object();
    one.add("control", row.control)
        .add("outcome", row.outcome)
        .add("rule", row.rule)
        .add("reason", row.reason)
        .add("decides", row.decides);
    components.items.push_back(std::move(one));
  }
  all.add("components", std::move(components));
  return to_line(all);
}

}  // namespace tvdsim::scenarios
