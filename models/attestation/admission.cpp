#include "models/attestation/admission.hpp"

#include <utility>

#include "models/attestation/integrity.hpp"
#include "models/attestation/verifier.hpp"

namespace tvdsim::models {

void Admission::asked(const sim::Message& message, sim::HostId host) {
  const sim::ControlMode mode = integrity_.setup_.controls[sim::Control::admission_queue];
  Line& line = lines_[host.value];
  const Challenge::Asker asker{message.from, message.correlation};
  if (line.open == 0 || mode == sim::ControlMode::off) return send(host.value, {asker});
  if (mode == sim::ControlMode::on) {
    line.waiting.push_back(asker);
    return;
  }
  if (!std::exchange(line.told, true)) {
    integrity_.world_.incident("warning", integrity_.machines_[host.value].name,
                               "monitored: many ask about it at once, each has a quote of his own");
  }
  send(host.value, {asker});
}

void Admission::send(std::uint32_t machine, std::vector<Challenge::Asker> askers) {
  ++lines_[machine].open;
  Challenge made;
  made.machine = machine;
  made.host = {machine};
  made.by_peer = true;
  made.asker = askers.front().service;
  made.correlation = askers.front().correlation;
  made.more.assign(askers.begin() + 1, askers.end());
  verifier_.ask(std::move(made));
}

void Admission::closed(std::uint32_t machine) {
  const auto found = lines_.find(machine);
  if (found == lines_.end() || --found->second.open > 0) return;
  auto waiting = std::move(found->second.waiting);
  lines_.erase(found);
  if (!waiting.empty()) send(machine, std::move(waiting));
}

}  // namespace tvdsim::models
