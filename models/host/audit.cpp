#include "models/host/audit.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <utility>

#include "models/host/auditor.hpp"
#include "models/host/world.hpp"
#include "sim/base/error.hpp"

namespace tvdsim::models {

Digest audit_chain(const Digest& previous, std::uint64_t sequence, std::string_view what) {
  std::uint8_t number[8];
  for (int i = 0; i < 8; ++i) number[i] = static_cast<std::uint8_t>(sequence >> (8 * i));
  Digest chain{};
  unsigned size = 0;
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  const bool fine = EVP_DigestInit_ex(context, EVP_sha256(), nullptr) == 1 &&
                    EVP_DigestUpdate(context, previous.data(), previous.size()) == 1 &&
                    EVP_DigestUpdate(context, number, sizeof number) == 1 &&
                    EVP_DigestUpdate(context, what.data(), what.size()) == 1 &&
                    EVP_DigestFinal_ex(context, chain.data(), &size) == 1;
  EVP_MD_CTX_free(context);
  TVDSIM_ASSERT(fine && size == chain.size(), "SHA-256 of an audit entry failed");
  return chain;
}

Audit::Audit(World& world, std::string_view auditor)
    : world_(world),
      heartbeat_(world.engine.kind("host.audit_heartbeat", sim::Handler::to<&Audit::on_heartbeat>(*this))) {
  auditor_ = std::make_unique<Auditor>(world, auditor, wire_);
  logs_.resize(world.machines.size());
  for (const Machine& machine : world.machines) {
    Log& log = logs_[machine.id.value];
    log.service = world.bus.add("audit@" + machine.name, sim::MessageHandler::to<&Audit::on_message>(*this));
    hosts_.emplace(machine.name, machine.id.value);
    auditor_->watch(machine.id, log.service, machine.name);
  }
  world.decisions.listen(
      {[](void* self, std::string_view host, std::uint64_t id, std::string_view verdict,
          std::string_view words) { static_cast<Audit*>(self)->decided(host, id, verdict, words); },
       this});
  world.engine.after(world.costs.wait(Wait::heartbeat), heartbeat_);
}

Audit::~Audit() = default;

bool Audit::parse(std::string_view mode, Suppression& suppression) noexcept {
  constexpr std::pair<std::string_view, Suppression> kModes[] = {{"none", Suppression::none},
                                                                 {"drop", Suppression::drop},
                                                                 {"alter", Suppression::alter},
                                                                 {"delay", Suppression::delay}};
  for (const auto& [name, value] : kModes) {
    if (name != mode) continue;
    suppression = value;
    return true;
  }
  return false;
}

void Audit::decided(std::string_view host, std::uint64_t id, std::string_view verdict,
                    std::string_view words) {
  const auto found = hosts_.find(host);
  if (found == hosts_.end()) return;  // the manager is no hypervisor
  Log& log = logs_[found->second];
  AuditPacket packet{fmt::format("{} {}: {}", id, verdict, words), log.entries.size(), log.chain, {}};
  packet.chain = audit_chain(packet.previous, packet.sequence, packet.what);
  log.entries.push_back(packet.what);
  log.chain = packet.chain;
  world_.costs.charge(Cost::audit_entry);
  const Suppression how = log.left == 0 ? Suppression::none : log.how;
  if (log.left > 0) --log.left;
  switch (how) {
    case Suppression::none:
      return send(log, "audit_entry", std::move(packet));
    case Suppression::drop:
      return;
    case Suppression::alter:
      // The forger makes the entry fit its own chain value; what comes after it was chained to the true one.
      packet.what = fmt::format("{} permit: nothing of note", id);
      packet.chain = audit_chain(packet.previous, packet.sequence, packet.what);
      return send(log, "audit_entry", std::move(packet));
    case Suppression::delay:
      log.held.push_back(std::move(packet));
      return;
  }
}

void Audit::suppress(sim::HostId host, Suppression how, std::uint64_t count) {
  Log& log = logs_.at(host.value);
  log.how = how;
  log.left = how == Suppression::none ? 0 : count;
  if (how != Suppression::none) return;
  std::vector<AuditPacket> held;
  held.swap(log.held);
  for (AuditPacket& packet : held) send(log, "audit_entry", std::move(packet));
}

void Audit::send(Log& log, std::string_view method, AuditPacket packet) {
  wire_.push_back(std::move(packet));
  world_.bus.send(log.service, auditor_->service(), method, world_.bus.name(log.service), 0,
                  wire_.size() - 1);
}

void Audit::on_heartbeat(const sim::Event&) {
  for (Log& log : logs_) send(log, "audit_heartbeat", {{}, log.entries.size(), log.chain, log.chain});
  world_.engine.after(world_.costs.wait(Wait::heartbeat), heartbeat_);
}

void Audit::on_message(const sim::Message&) {}

}  // namespace tvdsim::models
