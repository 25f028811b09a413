#include "models/host/auditor.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "models/acm_io/canonical.hpp"
#include "models/host/world.hpp"

namespace tvdsim::models {

Auditor::Auditor(World& world, std::string_view name, const std::vector<AuditPacket>& wire)
    : world_(world),
      wire_(wire),
      look_(world.engine.kind("host.auditor_looks", sim::Handler::to<&Auditor::on_look>(*this))),
      service_(world.bus.add(fmt::format("auditor@{}", name),
                             sim::MessageHandler::to<&Auditor::on_message>(*this))) {
  files_.resize(world.machines.size());
  world.engine.after(world.costs.wait(Wait::heartbeat), look_);
}

void Auditor::watch(sim::HostId host, sim::ServiceId service, std::string_view name) {
  File& file = files_.at(host.value);
  file.host = name;
  file.from = service;
  file.heard = world_.engine.now();
}

void Auditor::on_message(const sim::Message& message) {
  const auto file =
      std::find_if(files_.begin(), files_.end(), [&](const File& each) { return each.from == message.from; });
  if (file == files_.end()) return;
  const AuditPacket& packet = wire_.at(message.data);
  if (world_.trace.text(message.method) == "audit_heartbeat") return heartbeat(*file, packet);
  take(*file, packet);
}

void Auditor::take(File& file, const AuditPacket& packet) {
  const bool looks = world_.setup.controls[Control::audit] != ControlMode::off;
  const std::uint64_t number = packet.sequence;
  const auto known = file.kept.find(number);
  if (known != file.kept.end()) {
    if (looks) return report(file, "replayed", number, packet.what, packet.chain);
    return row(file, "ok", number, packet.what, packet.chain);
  }
  file.kept[number] = {packet, world_.engine.now(), false};
  if (!looks) return row(file, "ok", number, packet.what, packet.chain);
  if (file.missing.erase(number) > 0) {
    report(file, "late", number, packet.what, packet.chain);
  } else {
    row(file, "ok", number, packet.what, packet.chain);
  }
  if (audit_chain(packet.previous, number, packet.what) != packet.chain) return altered(file, number);
  const auto before = number == 0 ? file.kept.end() : file.kept.find(number - 1);
  if (before != file.kept.end() && before->second.packet.chain != packet.previous) altered(file, number - 1);
  const auto after = file.kept.find(number + 1);
  if (after != file.kept.end() && after->second.packet.previous != packet.chain) altered(file, number);
}

void Auditor::heartbeat(File& file, const AuditPacket& packet) {
  file.heard = world_.engine.now();
  file.silent = false;
  if (world_.setup.controls[Control::audit] == ControlMode::off) return;
  for (; file.complete < packet.sequence; ++file.complete) {
    if (file.kept.contains(file.complete)) continue;
    file.missing[file.complete] = true;
    report(file, "gap", file.complete, "", {});
  }
  if (packet.sequence == 0) return;
  const auto last = file.kept.find(packet.sequence - 1);
  if (last != file.kept.end() && last->second.packet.chain != packet.chain) altered(file, last->first);
}

void Auditor::altered(File& file, std::uint64_t sequence) {
  Kept& kept = file.kept.at(sequence);
  if (kept.altered) return;
  kept.altered = true;
  report(file, "altered", sequence, kept.packet.what, kept.packet.chain);
}

void Auditor::on_look(const sim::Event&) {
  const sim::Duration period = world_.costs.wait(Wait::heartbeat);
  const ControlMode mode = world_.setup.controls[Control::audit];
  for (File& file : files_) {
    if (mode == ControlMode::off || file.silent || world_.engine.now() - file.heard < period * 2) continue;
    file.silent = true;
    world_.incident(mode == ControlMode::on ? "audit_silent" : "warning", file.host,
                    fmt::format("nothing was heard of its audit log for {}", sim::to_text(period * 2)));
  }
  world_.engine.after(period, look_);
}

void Auditor::report(const File& file, std::string_view finding, std::uint64_t sequence,
                     std::string_view what, const Digest& chain) {
  row(file, finding, sequence, what, chain);
  const bool on = world_.setup.controls[Control::audit] == ControlMode::on;
  const std::string_view words = finding == "gap"        ? "is missing"
                                 : finding == "altered"  ? "was changed on its way"
                                 : finding == "replayed" ? "came again"
                                                         : "came after it had been missed";
  world_.incident(on ? fmt::format("audit_{}", finding) : std::string("warning"), file.host,
                  fmt::format("entry {} of its audit log {}", sequence, words));
}

void Auditor::row(const File& file, std::string_view finding, std::uint64_t sequence, std::string_view what,
                  const Digest& chain) {
  sim::Trace& trace = world_.trace;
  trace.append(sim::rows::audits{.time_ns = world_.engine.now(),
                                 .host = trace.text(file.host),
                                 .sequence = sequence,
                                 .what = trace.text(what),
                                 .chain = trace.text(finding == "gap" ? std::string() : to_hex(chain)),
                                 .finding = trace.text(finding)});
}

}  // namespace tvdsim::models
