#include "scenarios/replay.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "scenarios/json.hpp"
#include "scenarios/manifest.hpp"
#include "scenarios/run.hpp"
#include "scenarios/run_directory.hpp"

namespace tvdsim::scenarios {
namespace {

// A directory for the second run: the caller's, which stays, or one of our own, which goes away.
class Scratch {
 public:
  explicit Scratch(const std::string& wanted) : path_(wanted), ours_(wanted.empty()) {
    if (!ours_) return;
    path_ = (std::filesystem::temp_directory_path() / "tvdsim-replay-XXXXXX").string();
    if (!::mkdtemp(path_.data())) {
      throw sim::WorldError(fmt::format("making `{}`: {}", path_, std::strerror(errno)), errno_name(errno),
                            "set TMPDIR");
    }
  }
  ~Scratch() {
    std::error_code ignored;
    if (ours_) std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
  bool ours_;
};

[[noreturn]] void refuse(std::string_view code, std::string where, std::string message, std::string help) {
  throw sim::InputError(
      sim::Finding{std::string(code), std::move(where), std::move(message), std::move(help)});
}

std::string programs(const Replay& replay) {
  if (replay.stored_version == replay.version) return fmt::format("tvdsim {} both times", replay.version);
  return fmt::format("tvdsim {} → {}", replay.stored_version, replay.version);
}

// TVD-601's sentence: the earliest row that differs, and what could be the reason.
std::string difference(const Replay& replay) {
  if (replay.diff.tables.empty()) {
    return fmt::format(
        "replay differs, though every stored table is the same: the engine's events do. Spec is the same; "
        "{}.",
        programs(replay));
  }
  const auto& first = replay.diff.tables.front();
  std::string out = fmt::format("replay differs at {} {}", first.table, first.row);
  if (first.time_ns >= 0) out += fmt::format(" (t={} s)", static_cast<double>(first.time_ns) / 1e9);
  return out + fmt::format(": stored `{}`, now `{}`. Spec is the same; {}.",
                           first.before.empty() ? "no such row" : first.before,
                           first.after.empty() ? "no such row" : first.after, programs(replay));
}

}  // namespace

Replay replay(std::string_view run_path, const ReplayOptions& options) {
  const auto stored = read_manifest(run_path);
  const auto directory = run_directory_of(run_path);
  if (stored.status != "complete") {
    refuse("TVD-132", directory,
           fmt::format("the run is not complete (status {}), so there is nothing to compare with.",
                       stored.status),
           "run its spec.json again");
  }
  const auto spec_path = fmt::format("{}/spec.json", directory);
  const auto spec = read_spec(read_file(spec_path, "TVD-130"), spec_path);
  if (spec_hash(spec) != stored.spec_hash) {
    refuse("TVD-602", spec_path, "spec.json is not the Spec that the manifest's run was made from.",
           "restore the file, or run the Spec anew");
  }
  const Scratch scratch(options.scratch);
  RunOptions again;
  again.out = scratch.path();
  again.argv = "replay";
  again.stop = options.stop;
  const auto result = run(spec, again);

  Replay out;
  out.finished = result.status == "complete";
  out.stored_fingerprint = stored.fingerprint;
  out.fingerprint = result.fingerprint;
  out.stored_version = stored.version;
  out.version = TVDSIM_VERSION;
  out.same = out.finished && stored.fingerprint == result.fingerprint;
  if (!out.finished) {
    out.message = "the replay was stopped before its end: nothing is known.";
  } else if (out.same) {
    out.message = fmt::format("the same fingerprint again: {}", result.fingerprint);
  } else {
    out.diff = diff_runs(directory, scratch.path());
    out.message = difference(out);
  }
  return out;
}

std::string to_text(const Replay& replay) {
  if (replay.same || !replay.finished) return replay.message + "\n";
  return sim::to_text(sim::Finding{"TVD-601", "", replay.message, ""}) + to_text(replay.diff);
}

std::string to_json(const Replay& replay) {
  Json all = Json::object();
  all.add("same", replay.same).add("finished", replay.finished).add("message", replay.message);
  all.add("stored_fingerprint", replay.stored_fingerprint).add("fingerprint", replay.fingerprint);
  all.add("stored_version", replay.stored_version).add("version", replay.version);
  sim::Findings ignored;
  all.add("diff", parse_json(to_json(replay.diff), "", ignored));
  return to_line(all);
}

}  // namespace tvdsim::scenarios
