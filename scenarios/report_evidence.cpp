#include "scenarios/report_evidence.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

#include "scenarios/trace_view.hpp"

namespace tvdsim::scenarios {
namespace {

constexpr std::size_t kMostLines = 8;

double seconds(std::uint64_t ns) { return static_cast<double>(static_cast<std::int64_t>(ns)) / 1e9; }

// At most kMostLines of them, and how many more there are.
std::string paragraph(std::string_view title, const std::vector<std::string>& lines) {
  if (lines.empty()) return {};
  std::string out = fmt::format("\n{}\n", title);
  for (std::size_t i = 0; i < std::min(lines.size(), kMostLines); ++i) out += fmt::format("  {}\n", lines[i]);
  if (lines.size() > kMostLines) out += fmt::format("  … and {} more\n", lines.size() - kMostLines);
  return out;
}

// "12 trusted, 3 untrusted", most frequent first.
std::string tally(const std::map<std::string, std::uint64_t>& counts) {
  std::vector<std::pair<std::string, std::uint64_t>> rows(counts.begin(), counts.end());
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string out;
  for (const auto& [word, count] : rows) out += fmt::format("{}{} {}", out.empty() ? "" : ", ", count, word);
  return out;
}

std::string because(std::string_view reason) {
  return reason.empty() ? std::string() : fmt::format(": {}", reason);
}

// When evidence about somebody was first found bad, from `since` on; -1: never. `why` is told then.
std::int64_t first_bad(const TableView& attestations, std::string_view entity, std::int64_t since,
                       std::string& why) {
  for (std::size_t i = 0; i < attestations.rows(); ++i) {
    const auto at = static_cast<std::int64_t>(attestations.number(i, "time_ns"));
    const auto verdict = attestations.text(i, "verdict");
    if (at < since || attestations.text(i, "subject") != entity || verdict == "trusted") continue;
    why = fmt::format("{} ({}{}{})", verdict, attestations.text(i, "reason"),
                      attestations.text(i, "entity").empty() ? "" : " ", attestations.text(i, "entity"));
    return at;
  }
  return -1;
}

}  // namespace

std::string attestations_text(const sim::Trace& trace) {
  const TableView view(trace, sim::TableId::attestations);
  std::map<std::string, std::map<std::string, std::uint64_t>> verdicts;
  std::map<std::string, std::uint64_t> reasons;
  for (std::size_t i = 0; i < view.rows(); ++i) {
    ++verdicts[std::string(view.text(i, "kind"))][std::string(view.text(i, "verdict"))];
    if (view.text(i, "verdict") == "trusted") continue;
    const auto entity = view.text(i, "entity");
    ++reasons[fmt::format("{} is {}: {}{}{}", view.text(i, "subject"), view.text(i, "verdict"),
                          view.text(i, "reason"), entity.empty() ? "" : " ", entity)];
  }
  std::vector<std::string> lines;
  for (const auto& [kind, counts] : verdicts)
    lines.push_back(fmt::format("{:<5} {}", kind == "vm" ? "VMs" : "hosts", tally(counts)));
  for (const auto& [reason, count] : reasons) lines.push_back(fmt::format("{} × {}", count, reason));
  return paragraph("attestations", lines);
}

std::string detections_text(const sim::Trace& trace) {
  const TableView truth(trace, sim::TableId::truth_compromises);
  const TableView attestations(trace, sim::TableId::attestations);
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < truth.rows(); ++i) {
    const auto since = static_cast<std::int64_t>(truth.number(i, "time_ns"));
    const auto entity = truth.text(i, "entity");
    std::string why;
    const auto at = first_bad(attestations, entity, since, why);
    const auto what = fmt::format("{} at {:.3f} s{}", entity, seconds(static_cast<std::uint64_t>(since)),
                                  because(truth.text(i, "cause")));
    lines.push_back(at < 0 ? fmt::format("{} — not noticed", what)
                           : fmt::format("{} — noticed after {:.3f} s: {}", what,
                                         seconds(static_cast<std::uint64_t>(at - since)), why));
  }
  return paragraph("compromised, in truth", lines);
}

std::string migrations_text(const sim::Trace& trace) {
  const TableView view(trace, sim::TableId::migrations);
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < view.rows(); ++i) {
    auto line =
        fmt::format("{:.3f} s  {}: {} → {}  {}", seconds(view.number(i, "begin_ns")), view.text(i, "vm"),
                    view.text(i, "source"), view.text(i, "target"), view.text(i, "result"));
    if (view.text(i, "result") == "done") {
      line += fmt::format(" in {:.3f} s, {} rounds, quiet for {:.3f} s",
                          seconds(view.number(i, "time_ns") - view.number(i, "begin_ns")),
                          view.number(i, "rounds"), seconds(view.number(i, "downtime_ns")));
    }
    if (const auto vtpm = view.text(i, "vtpm"); vtpm == "moved" || vtpm == "stayed")
      line += fmt::format(", vTPM {}", vtpm);
    lines.push_back(line + because(view.text(i, "reason")));
  }
  return paragraph("migrations", lines);
}

std::string network_text(const sim::Trace& trace) {
  std::vector<std::string> lines;
  const TableView probes(trace, sim::TableId::probes);
  std::map<std::string, std::uint64_t> results;
  for (std::size_t i = 0; i < probes.rows(); ++i) ++results[std::string(probes.text(i, "result"))];
  if (!results.empty()) lines.push_back(fmt::format("probes: {}", tally(results)));
  if (trace.count(sim::TableId::frames) == 0) return paragraph("network", lines);
  const TableView frames(trace, sim::TableId::frames);
  if (frames.rows() == 0) {
    lines.push_back(fmt::format("{} hops of frames, not kept", trace.count(sim::TableId::frames)));
    return paragraph("network", lines);
  }
  std::uint64_t sent = 0, delivered = 0;
  std::map<std::string, std::uint64_t> drops;
  const auto event = frames.column("event"), place = frames.column("place"), reason = frames.column("reason");
  for (std::size_t i = 0; i < frames.rows(); ++i) {
    const auto word = frames.text(i, event);
    sent += word == "sent";
    delivered += word == "delivered";
    if (word == "dropped")
      ++drops[fmt::format("dropped at {}{}", frames.text(i, place), because(frames.text(i, reason)))];
  }
  lines.push_back(fmt::format("frames: {} sent, {} deliveries", sent, delivered));
  for (const auto& [what, count] : drops) lines.push_back(fmt::format("{} × {}", count, what));
  return paragraph("network", lines);
}

std::string audits_text(const sim::Trace& trace) {
  const TableView view(trace, sim::TableId::audits);
  std::map<std::string, std::uint64_t> findings;
  for (std::size_t i = 0; i < view.rows(); ++i)
    ++findings[fmt::format("from {}: {}", view.text(i, "host"), view.text(i, "finding"))];
  std::vector<std::string> lines;
  for (const auto& [what, count] : findings) lines.push_back(fmt::format("{} entries {}", count, what));
  return paragraph("audit", lines);
}

}  // namespace tvdsim::scenarios
