#include "scenarios/run.hpp"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <vector>

#include "netsim/pcap.hpp"
#include "scenarios/decision_logs.hpp"
#include "scenarios/json.hpp"
#include "scenarios/manifest.hpp"
#include "scenarios/report.hpp"
#include "scenarios/run_directory.hpp"
#include "scenarios/simulation.hpp"
#include "sim/base/error.hpp"
#include "sim/trace/sinks/npy_sink.hpp"
#include "sim/trace/sinks/sqlite_sink.hpp"

namespace tvdsim::scenarios {
namespace {

constexpr std::string_view kCaptureFile = "frames.pcap", kCertificates = "certificates";
constexpr std::size_t kCapturedBytes = 64;  // of each frame: all headers and the start of its data

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Tells the caller how far it is; called by the engine about once a second.
struct Reporter {
  const Spec& spec;
  const RunOptions& options;
  Simulation& simulation;
  Clock::time_point start;

  static void tell(void* self, sim::Time now, std::uint64_t events) {
    auto& me = *static_cast<Reporter*>(self);
    const auto& counts = me.simulation.counts();
    me.options.progress(me.options.self, {now, me.spec.until, events, counts.decisions, counts.denied,
                                          seconds_since(me.start)});
  }
};

void record(Manifest& manifest, Simulation& simulation, bool finished) {
  auto& trace = simulation.engine().trace();
  const auto& counts = simulation.counts();
  manifest.status = finished ? "complete" : "interrupted";
  manifest.reached = simulation.engine().now();
  manifest.fingerprint = trace.fingerprint();
  manifest.events = simulation.engine().events_handled();
  manifest.decisions = counts.decisions;
  manifest.denied = counts.denied;
  manifest.warned = counts.warned;
  for (std::size_t i = 0; i < sim::table_infos().size(); ++i) {
    manifest.counts.emplace_back(sim::table_infos()[i].name, trace.count(static_cast<sim::TableId>(i)));
  }
}

// frames.pcap, written as the frames come.
class FrameFile {
 public:
  FrameFile(RunDirectory& directory, Simulation& simulation)
      : directory_(directory), file_(directory.part(kCaptureFile)) {
    simulation.datacenter().on_frame(&FrameFile::take, this);
  }
  void finish() {
    file_.close();
    directory_.adopt(kCaptureFile);
  }

 private:
  static void take(void* self, sim::Time when, std::string_view, std::span<const std::uint8_t> bytes) {
    static_cast<FrameFile*>(self)->file_.write(when, bytes, kCapturedBytes);
  }

  RunDirectory& directory_;
  netsim::PcapWriter file_;
};

// Everything but the manifest, which comes last.
void write_results(RunDirectory& directory, const Spec& spec, const Manifest& manifest,
                   const sim::Trace& trace) {
  sim::write_sqlite(trace, directory.part("run.sqlite"));
  directory.adopt("run.sqlite");
  auto tables = sim::stored_bulk_tables(trace);
  std::erase_if(tables, [&](sim::TableId table) { return trace.count(table) == 0; });
  if (!tables.empty()) {
    sim::write_npy(trace, directory.part("columns"), tables);
    directory.adopt("columns");
  }
  directory.write("report.txt", report(spec, manifest, trace));
}

// certificates/: who was certified by whom, as files that other tools read. Nothing without an authority.
void write_certificates(RunDirectory& directory, models::Datacenter& datacenter) {
  const auto files = datacenter.certificates();
  if (files.empty()) return;
  const std::string folder = directory.part(kCertificates);
  std::filesystem::create_directories(folder);
  for (const auto& [name, text] : files) {
    std::ofstream out(fmt::format("{}/{}", folder, name));
    out << text;
    if (!out.flush())
      throw sim::WorldError(fmt::format("writing `{}/{}`", folder, name), "certificates",
                            "free some space and run again");
  }
  directory.adopt(kCertificates);
}

// The manifest says why, if the disk still takes that much; if not, it goes on saying `running`.
void record_failure(RunDirectory& directory, Manifest manifest, std::string_view why) noexcept {
  try {
    manifest.status = "failed";
    manifest.error = why;
    directory.write("manifest.json", to_json(manifest));
    directory.finish();
  } catch (const std::exception&) {
  }
}

void simulate(const Spec& spec, const RunOptions& options, RunDirectory& directory, Manifest& manifest) {
  const auto start = Clock::now();
  Simulation simulation(spec, options.store_events);
  Reporter reporter{spec, options, simulation, start};
  if (options.progress) simulation.engine().on_progress(&Reporter::tell, &reporter);
  std::optional<FrameFile> capture;
  if (captures_frames(spec)) capture.emplace(directory, simulation);
  std::optional<DecisionLogs> decisions;
  if (spec.decision_log) {
    decisions.emplace(directory, spec, options.decision_file_bytes);
    simulation.datacenter().keep_decisions(*decisions);
  }
  const bool finished = simulation.run(options.stop);
  if (capture) capture->finish();
  if (decisions) manifest.decision_logs = decisions->finish(directory, simulation.datacenter());
  record(manifest, simulation, finished);
  if (const auto broken = simulation.datacenter().check_invariants(); !broken.empty()) {
    record_failure(directory, manifest, broken);
    sim::bug("Datacenter::check_invariants()", broken.c_str(), __FILE__, __LINE__);
  }
  write_results(directory, spec, manifest, simulation.engine().trace());
  write_certificates(directory, simulation.datacenter());
  manifest.wall_s = seconds_since(start);
}

}  // namespace

RunResult run(const Spec& spec, const RunOptions& options) {
  sim::Findings findings;
  check_spec(spec, "", findings);
  findings.throw_if_any();
  RunDirectory directory(options.out, spec_hash(spec));
  auto manifest = begin_manifest(spec, options.argv, findings.list());
  try {
    directory.write("manifest.json", to_json(manifest));
    directory.write("spec.json", write_spec(spec));
    simulate(spec, options, directory, manifest);
    directory.write("manifest.json", to_json(manifest));
  } catch (const std::exception& error) {
    record_failure(directory, manifest, error.what());
    throw;
  }
  directory.finish();
  return {manifest.status,    manifest.fingerprint, directory.path(), manifest.events,
          manifest.decisions, manifest.denied,      manifest.warned,  manifest.wall_s};
}

std::string to_json(const RunResult& result) {
  Json all = Json::object();
  all.add("status", result.status).add("fingerprint", result.fingerprint).add("directory", result.directory);
  all.add("events", result.events)
      .add("decisions", result.decisions)
      .add("denied", result.denied)
      .add("warned", result.warned);
  all.add("wall_s", result.wall_s);
  return to_line(all);
}

}  // namespace tvdsim::scenarios
