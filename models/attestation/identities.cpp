#include "models/attestation/identities.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "vtpm/identity/credential.hpp"

namespace tvdsim::models {

namespace {

using vtpm::Certificate;
using vtpm::CertificateUse;

constexpr sim::Duration kDay{86'400'000'000'000};

std::string print_of(const Certificate& certificate) {
  return vtpm::to_hex(certificate.key_fingerprint().view());
}

}  // namespace

Identities::Identities(std::uint64_t seed, sim::Time now)
    : seed_(seed),
      maker_("TPM maker", seed, now),
      line_("TPM maker line 1", seed, now, maker_),
      management_("management CA", seed, now),
      privacy_("privacy CA", seed, now, management_),
      stranger_("a stranger's CA", seed, now) {
  makers_.believe(maker_.certificate());
  managed_.believe(management_.certificate());
  publish(now);
}

const MachineIdentity* Identities::find(std::uint32_t machine) const {
  const auto found = machines_.find(machine);
  return found == machines_.end() ? nullptr : &found->second;
}

vtpm::Authority& Identities::vtpm_authority(const std::string& host, sim::Time now) {
  auto& made = hosts_[host];
  if (!made) {
    made = std::make_unique<vtpm::Authority>("vTPM CA of " + host, seed_, now, management_);
    managed_.add_revocations(made->revocations(now));
  }
  return *made;
}

std::vector<std::uint8_t> Identities::key_info(const MachineIdentity& identity) const {
  return vtpm::public_key_info(vtpm::point_of(identity.endorsement_key));
}

void Identities::certify_chip(std::uint32_t machine, const std::string& name, sim::Time now) {
  MachineIdentity& identity = machines_[machine];
  identity.endorsement =
      line_.issue({CertificateUse::endorsement, "TPM of " + name, key_info(identity), {}}, now);
  identity.between = {line_.certificate()};
}

void Identities::certify_vtpm(std::uint32_t machine, const std::string& name, const std::string& host,
                              sim::Time now) {
  MachineIdentity& identity = machines_[machine];
  vtpm::Authority& authority = vtpm_authority(host, now);
  identity.endorsement = authority.issue(
      {CertificateUse::endorsement, "vTPM of " + name, key_info(identity), "attest@" + host}, now);
  identity.between = {authority.certificate()};
}

void Identities::forge(std::uint32_t machine, const std::string& name, const std::string& host,
                       sim::Time now) {
  MachineIdentity& identity = machines_[machine];
  vtpm::Authority& signer = identity.forged == "stranger" ? stranger_ : vtpm_authority(host, now);
  identity.endorsement =
      signer.issue({CertificateUse::endorsement, "TPM of " + name, key_info(identity), {}}, now);
  identity.between = {signer.certificate()};
}

std::vector<Doubt> Identities::doubts(std::uint32_t machine, const std::string& name, bool is_vm,
                                      sim::Time now) {
  keep_current(now);
  const MachineIdentity& identity = machines_[machine];
  std::vector<Doubt> all;
  const Certificate& shown = identity.endorsement;
  // The mark decides who may vouch: its maker for a chip, the management's authorities for what they made.
  const auto check = [&](const vtpm::Trust& trust, bool lists) {
    return trust.check(shown, identity.between, CertificateUse::endorsement, now, lists);
  };
  const bool marked = shown.is_virtual();
  vtpm::PathVerdict path = check(marked ? managed_ : makers_, true);
  if (!path && !marked && check(managed_, false)) {
    // A chip's certificate by who makes no chips. What else is wrong with it is asked along that path.
    all.push_back(
        {sim::Control::vtpm_certificate, "vtpm_certificate",
         fmt::format(
             "the certificate of {} lacks the mark of a virtual TPM, and {}, which makes no chips, issued it",
             name, shown.issuer())});
    path = check(managed_, true);
  }
  if (!path) all.push_back({sim::Control::ek_path, std::string(to_text(path.reason)), path.detail});
  if (is_vm && !marked && makers_.check(shown, identity.between, CertificateUse::endorsement, now, false))
    all.push_back({sim::Control::vtpm_certificate, "vtpm_certificate",
                   fmt::format("{} shows a chip's certificate", name)});
  const auto public_key = vtpm::hash(vtpm::HashAlg::sha256, {key_info(identity)});
  if (!(public_key == shown.key_fingerprint()))
    all.push_back({sim::Control::ek_path, "key",
                   fmt::format("the certificate of {} is for another key than its TPM's", name)});
  const auto known = registered_.find(print_of(shown));
  if (known != registered_.end() && known->second != machine) {
    all.push_back({sim::Control::unique_identity, "unique_identity",
                   fmt::format("the endorsement key of {} is another machine's already", name)});
  }
  return all;
}

const Certificate& Identities::certify(std::uint32_t machine, const std::string& name, KeyChoice choice,
                                       std::span<const std::uint8_t> attestation_key, sim::Time now) {
  MachineIdentity& identity = machines_[machine];
  const auto info = vtpm::public_key_info(vtpm::point_of(attestation_key));
  registered_.try_emplace(print_of(identity.endorsement), machine);
  // A pseudonym says of the key what the key says of itself.
  const std::string pseudonym =
      "key " + vtpm::to_hex(vtpm::hash(vtpm::HashAlg::sha256, {info}).view().first(8));
  identity.attestation = privacy_.issue(
      {CertificateUse::attestation, choice.anonymous ? pseudonym : name, info,
       choice.anonymous && identity.endorsement.is_virtual() ? "attest@anonymous"
                                                             : identity.endorsement.attestation_service()},
      now);
  identity.choice = std::move(choice);
  return identity.attestation;
}

void Identities::publish(sim::Time now) {
  for (vtpm::Authority* each : {&maker_, &line_}) makers_.add_revocations(each->revocations(now));
  for (vtpm::Authority* each : {&management_, &privacy_}) managed_.add_revocations(each->revocations(now));
  for (auto& [host, authority] : hosts_) managed_.add_revocations(authority->revocations(now));
  published_ = now;
  checked_.clear();
}

void Identities::keep_current(sim::Time now) {
  if (now - published_ > kDay) publish(now);
}

// The privacy CA holds to what its certificates were issued upon.
std::vector<std::uint32_t> Identities::withdraw_dependents(sim::Time now) {
  publish(now);
  std::vector<std::uint32_t> affected;
  for (auto& [machine, identity] : machines_) {
    if (!identity.attestation || privacy_.revoked(identity.attestation.serial())) continue;
    const auto withdrawn = [&identity = identity, now](const vtpm::Trust& trust) {
      return trust.check(identity.endorsement, identity.between, CertificateUse::endorsement, now).reason ==
             vtpm::PathReason::revoked;
    };
    if (!withdrawn(makers_) && !withdrawn(managed_)) continue;
    privacy_.revoke(identity.attestation.serial(), now);
    affected.push_back(machine);
  }
  publish(now);
  return affected;
}

std::vector<std::uint32_t> Identities::revoke_endorsement(std::uint32_t machine, sim::Time now) {
  const Certificate& withdrawn = machines_[machine].endorsement;
  if (!withdrawn) return {};
  if (withdrawn.issuer() == line_.name()) line_.revoke(withdrawn.serial(), now);
  for (auto& [host, authority] : hosts_) {
    if (withdrawn.issuer() == authority->name()) authority->revoke(withdrawn.serial(), now);
  }
  return withdraw_dependents(now);
}

std::vector<std::uint32_t> Identities::revoke_vtpm_authority(const std::string& host, sim::Time now) {
  management_.revoke(vtpm_authority(host, now).certificate().serial(), now);
  return withdraw_dependents(now);
}

bool Identities::publish_rogue(std::uint32_t machine) {
  const MachineIdentity* identity = find(machine);
  if (!identity || !identity->attestation) return false;
  rogue_.insert(print_of(identity->attestation));
  return true;
}

std::vector<Doubt> Identities::doubts(const Certificate& shown, sim::Time now) {
  keep_current(now);
  const std::string der(shown.der().begin(), shown.der().end());
  auto found = checked_.find(der);
  if (found == checked_.end()) {
    const Certificate between[] = {privacy_.certificate()};
    const auto check = [&](bool lists) {
      return managed_.check(shown, between, CertificateUse::attestation, now, lists);
    };
    found = checked_.emplace(der, std::pair{check(true), check(false)}).first;
  }
  const auto& [with_lists, without] = found->second;
  std::vector<Doubt> all;
  if (!without) {
    all.push_back({sim::Control::ek_path, std::string(to_text(without.reason)), without.detail});
  } else if (!with_lists) {
    all.push_back({sim::Control::revocation, std::string(to_text(with_lists.reason)), with_lists.detail});
  }
  if (rogue_.contains(print_of(shown))) {
    all.push_back({sim::Control::revocation, "rogue_key",
                   fmt::format("the key of {} is published as stolen", shown.subject())});
  }
  return all;
}

bool Identities::shared(const Certificate& shown, std::uint32_t machine) {
  auto& speakers = spoke_[print_of(shown)];
  speakers.insert(machine);
  return speakers.size() > 1;
}

std::vector<std::pair<std::string, std::string>> Identities::files(
    sim::Time now, const std::map<std::uint32_t, std::string>& names) {
  std::vector<std::pair<std::string, std::string>> all;
  std::string authorities = line_.certificate().pem() + privacy_.certificate().pem(), lists;
  for (const auto& [host, authority] : hosts_) authorities += authority->certificate().pem();
  const auto list = [&](vtpm::Authority& of) { lists += vtpm::to_pem("X509 CRL", of.revocations(now)); };
  for (vtpm::Authority* each : {&maker_, &line_, &management_, &privacy_}) list(*each);
  for (auto& [host, authority] : hosts_) list(*authority);
  all.emplace_back("roots.pem", maker_.certificate().pem() + management_.certificate().pem());
  all.emplace_back("authorities.pem", std::move(authorities));
  all.emplace_back("revocations.pem", std::move(lists));
  for (const auto& [machine, name] : names) {
    const MachineIdentity* identity = find(machine);
    if (!identity) continue;
    if (identity->endorsement) all.emplace_back(name + ".ek.pem", identity->endorsement.pem());
    if (identity->attestation) all.emplace_back(name + ".ak.pem", identity->attestation.pem());
  }
  return all;
}

}  // namespace tvdsim::models
