#include "models/host/migration_log.hpp"

#include <algorithm>

namespace tvdsim::models {

MigrationLog::Migration* MigrationLog::find(std::uint64_t correlation) {
  const auto found = open_.find(correlation);
  return found == open_.end() ? nullptr : &found->second;
}

void MigrationLog::begin(std::uint64_t correlation, std::string_view vm, std::string_view source,
                         std::string_view target) {
  Migration made;
  made.begin = engine_.now();
  made.vm = vm;
  made.source = source;
  made.target = target;
  open_.insert_or_assign(correlation, std::move(made));
}

void MigrationLog::evidence(std::uint64_t correlation, std::string_view verdict) {
  if (Migration* migration = find(correlation)) migration->evidence = verdict;
}

void MigrationLog::round(std::uint64_t correlation, std::uint64_t bytes) {
  Migration* migration = find(correlation);
  if (!migration) return;
  ++migration->rounds;
  migration->sent += bytes;
}

void MigrationLog::quiet(std::uint64_t correlation) {
  if (Migration* migration = find(correlation)) migration->quiet = engine_.now();
}

void MigrationLog::running(std::uint64_t correlation) {
  Migration* migration = find(correlation);
  if (migration && migration->running == sim::Time::never()) migration->running = engine_.now();
}

void MigrationLog::vtpm(std::uint64_t correlation, std::string_view what) {
  if (Migration* migration = find(correlation)) migration->vtpm = what;
}

void MigrationLog::close(std::uint64_t correlation, Result result, std::string_view reason) {
  const Migration* migration = find(correlation);
  if (!migration) return;
  sim::Trace& trace = engine_.trace();
  const sim::Time now = engine_.now();
  const bool was_quiet = migration->quiet != sim::Time::never();
  const sim::Time until = std::min(now, migration->running);
  trace.append(sim::rows::migrations{.correlation = correlation,
                                     .begin_ns = migration->begin,
                                     .time_ns = now,
                                     .vm = trace.text(migration->vm),
                                     .source = trace.text(migration->source),
                                     .target = trace.text(migration->target),
                                     .result = trace.text(to_text(result)),
                                     .reason = trace.text(reason),
                                     .target_evidence = trace.text(migration->evidence),
                                     .rounds = migration->rounds,
                                     .sent_bytes = migration->sent,
                                     .downtime_ns = was_quiet ? until - migration->quiet : sim::Duration{},
                                     .vtpm = trace.text(migration->vtpm)});
  open_.erase(correlation);
}

void MigrationLog::close_open() {
  while (!open_.empty()) close(open_.begin()->first, Result::failed, "not over when the run ended");
}

}  // namespace tvdsim::models
