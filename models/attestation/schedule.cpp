#include "models/attestation/schedule.hpp"

#include <fmt/format.h>

#include "models/attestation/integrity.hpp"
#include "models/attestation/protocol.hpp"
#include "models/attestation/verifier.hpp"

namespace tvdsim::models {

using sim::Control;
using sim::ControlMode;

Schedule::Schedule(Verifier& verifier, Integrity& integrity) : verifier_(verifier), integrity_(integrity) {}

void Schedule::add(const Watched& machine) {
  sim::Engine& engine = integrity_.engine_;
  if (!begun_) tick_ = engine.kind(verifier_.name() + ".tick", sim::Handler::to<&Schedule::on_tick>(*this));
  begun_ = true;
  rows_.push_back({machine, engine.now(), 0, false, false, false});
  sim::Duration first = machine.period;
  if (machine.spread) first = engine.stream(verifier_.name() + ".phase").uniform({}, machine.period);
  engine.after(first, tick_, static_cast<std::uint32_t>(rows_.size() - 1));
}

sim::HostId Schedule::where(const Row& row) const {
  return row.what.vm.exists() ? integrity_.world_.where(row.what.vm) : sim::HostId{row.what.machine};
}

void Schedule::on_tick(const sim::Event& event) {
  Row& row = rows_.at(event.target);
  if (integrity_.setup_.controls[Control::schedule] != ControlMode::off || row.checks == 0)
    integrity_.engine_.after(row.what.period, tick_, event.target);
  if (!where(row).exists()) {
    row.heard = integrity_.engine_.now();
    return;
  }
  look(event.target);
  const bool again = integrity_.setup_.controls[Control::schedule] != ControlMode::off;
  if (!row.open && !row.stopped && (again || row.checks == 0)) ask(event.target, row.what.mode);
}

void Schedule::ask(std::uint32_t watch, WatchMode mode) {
  Row& row = rows_.at(watch);
  Challenge made;
  made.machine = row.what.machine;
  made.about_vm = row.what.vm.exists();
  made.host = where(row);
  made.mode = mode;
  made.watch = watch;
  row.open = true;
  ++row.checks;
  verifier_.ask(std::move(made));
}

// Has anything been heard of it in time?
void Schedule::look(std::uint32_t watch) {
  Row& row = rows_.at(watch);
  const ControlMode mode = integrity_.setup_.controls[Control::liveness];
  const sim::Duration limit = row.what.period * static_cast<std::int64_t>(row.what.patience);
  if (mode == ControlMode::off || row.lost || integrity_.engine_.now() - row.heard <= limit) return;
  row.lost = true;
  const std::string why = fmt::format("no evidence for {} periods", row.what.patience);
  const std::string& name = integrity_.machines_[row.what.machine].name;
  if (mode == ControlMode::monitor)
    return integrity_.world_.incident("warning", name, fmt::format("monitored: {}", why));
  Challenge none;
  none.id = integrity_.next_challenge_++;
  none.machine = row.what.machine;
  none.about_vm = row.what.vm.exists();
  none.host = where(row);
  none.asked = integrity_.engine_.now();
  none.watch = watch;
  const Verifier::Outcome lapsed{
      AttestationVerdict::unknown, std::string(kLiveness), why, name, {}, {}, {}, 0};
  verifier_.row(none, lapsed);
  verifier_.stand(none, lapsed);
  integrity_.world_.incident("attestation", name, fmt::format("unknown: {}", why));
  integrity_.world_.judged(name, AttestationVerdict::unknown, kLiveness, why);
}

bool Schedule::gives_up_on(std::uint32_t watch, std::string_view reason) {
  if (watch == kNoWatch || reason != "quote" || !rows_.at(watch).what.stops_on_error) return false;
  rows_[watch].stopped = true;
  return true;
}

void Schedule::tame(std::uint32_t watch, AttestationVerdict& verdict, const std::string& reason,
                    std::string& detail) {
  if (watch == kNoWatch || rows_.at(watch).checks < 2 || verdict == AttestationVerdict::trusted) return;
  if (integrity_.setup_.controls[Control::schedule] != ControlMode::monitor) return;
  detail = fmt::format("monitored: {}: {}", to_text(verdict), detail.empty() ? reason : detail);
  verdict = AttestationVerdict::trusted;
}

void Schedule::missed(std::uint32_t watch, sim::HostId asked_at) {
  const Row& row = rows_.at(watch);
  const ControlMode mode = integrity_.setup_.controls[Control::liveness];
  if (mode == ControlMode::off || row.lost || where(row) != asked_at) return;
  const std::string& name = integrity_.machines_[row.what.machine].name;
  constexpr std::string_view kWhy = "no evidence came when it was due";
  if (mode == ControlMode::monitor)
    return integrity_.world_.incident("warning", name, fmt::format("monitored: {}", kWhy));
  integrity_.world_.incident("silent", name, kWhy);
  integrity_.world_.judged(name, AttestationVerdict::unknown, kSilence, kWhy);
}

void Schedule::closed(std::uint32_t watch, std::string_view reason) {
  Row& row = rows_.at(watch);
  row.open = false;
  if (row.stopped) return;
  const bool came = reason != kSilence && reason != "tpm_quota";
  if (came) {
    row.heard = integrity_.engine_.now();
    row.lost = false;
  }
  if (!where(row).exists()) return;
  // A control domain's word is looked at again with a quote.
  if (reason == kQuoteRequired && integrity_.setup_.controls[Control::quote_required] == ControlMode::on)
    return ask(watch, WatchMode::scheduled);
  // An agent has the nonce of its next report before there is anything to report.
  const bool again = integrity_.setup_.controls[Control::schedule] != ControlMode::off;
  if (row.what.mode == WatchMode::agent && again) ask(watch, WatchMode::agent);
}

sim::Duration Schedule::good_for(std::uint32_t watch) const {
  const Row& row = rows_.at(watch);
  if (integrity_.setup_.controls[Control::liveness] != ControlMode::on) return sim::Duration{INT64_MAX};
  return row.what.period * static_cast<std::int64_t>(row.what.patience) + integrity_.setup_.verifier.wait +
         (row.what.mode == WatchMode::agent ? row.what.period : sim::Duration{});
}

}  // namespace tvdsim::models
