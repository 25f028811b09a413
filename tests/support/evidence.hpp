// A machine that boots, runs programs and quotes, in a few lines: for tests of whoever appraises it.
//
//   tests::Machine machine;                      // booted: firmware, loader, kernel, and IMA's boot aggregate
//   machine.run("/bin/sh", "a shell");
//   const tests::Sent sent = machine.quote(nonce);
//   appraise(sent.evidence(), nonce, machine.expectations(), &references, checks);
//
// The key is a fresh one of OpenSSL's; nothing that a test asserts depends on its bytes.
#pragma once

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "sim/base/error.hpp"
#include "tests/support/ablation.hpp"
#include "vtpm/evidence/appraisal.hpp"
#include "vtpm/evidence/event_log_writer.hpp"
#include "vtpm/evidence/ima_log_writer.hpp"
#include "vtpm/evidence/quote.hpp"
#include "vtpm/evidence/writer.hpp"

namespace tvdsim::tests {

using Buffer = std::vector<std::uint8_t>;

inline Buffer bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

// A private key that signs as a TPM does.
class SigningKey {
 public:
  static SigningKey p256() { return SigningKey(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")); }
  static SigningKey rsa2048() {
    return SigningKey(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048}));
  }

  bool ecc() const { return EVP_PKEY_is_a(key_.get(), "EC") == 1; }
  std::string pem() const {
    Buffer der = spki();
    std::string text(4 * ((der.size() + 2) / 3) + 1, '\0');
    const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), der.data(),
                                     static_cast<int>(der.size()));
    text.resize(static_cast<std::size_t>(size));
    return "-----BEGIN PUBLIC KEY-----\n" + text + "\n-----END PUBLIC KEY-----\n";
  }
  vtpm::PublicKey public_key() const {
    const std::string text = pem();
    return vtpm::PublicKey::parse(bytes_of(text));
  }

  // TPMT_PUBLIC of an attestation key; `restricted` as TPM2_Create was asked.
  Buffer tpmt_public(bool restricted = true) const {
    Buffer out;
    vtpm::ByteWriter w(out);
    w.be16(ecc() ? 0x0023 : 0x0001);
    w.be16(0x000b);
    w.be32((restricted ? 1u << 16 : 0) | 1u << 18 | 0x72);
    w.tpm2b({});
    w.be16(0x0010);  // no symmetric algorithm
    w.be16(ecc() ? 0x0018 : 0x0014);
    w.be16(0x000b);
    if (ecc()) {
      w.be16(0x0003);
      w.be16(0x0010);
      w.tpm2b(number(OSSL_PKEY_PARAM_EC_PUB_X, 32));
      w.tpm2b(number(OSSL_PKEY_PARAM_EC_PUB_Y, 32));
    } else {
      w.be16(2048);
      w.be32(0);
      w.tpm2b(number(OSSL_PKEY_PARAM_RSA_N, 256));
    }
    return out;
  }

  vtpm::QuoteSignature sign(std::span<const std::uint8_t> message, bool pss = false,
                            vtpm::HashAlg hash = vtpm::HashAlg::sha256) const {
    std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    EVP_PKEY_CTX* scheme = nullptr;
    const std::string name(vtpm::to_text(hash));
    TVDSIM_ASSERT(EVP_DigestSignInit_ex(context.get(), &scheme, name.c_str(), nullptr, nullptr, key_.get(),
                                        nullptr) == 1,
                  "OpenSSL signs");
    TVDSIM_ASSERT(!pss || EVP_PKEY_CTX_ctrl_str(scheme, "rsa_padding_mode", "pss") == 1, "OpenSSL signs");
    std::size_t size = 0;
    TVDSIM_ASSERT(EVP_DigestSign(context.get(), nullptr, &size, message.data(), message.size()) == 1,
                  "OpenSSL signs");
    Buffer bytes(size);
    TVDSIM_ASSERT(EVP_DigestSign(context.get(), bytes.data(), &size, message.data(), message.size()) == 1,
                  "OpenSSL signs");
    bytes.resize(size);
    vtpm::QuoteSignature out;
    out.hash = hash;
    if (!ecc()) {
      out.scheme = pss ? vtpm::SignatureScheme::rsapss : vtpm::SignatureScheme::rsassa;
      out.rsa = bytes;
      return out;
    }
    const unsigned char* der = bytes.data();
    std::unique_ptr<ECDSA_SIG, void (*)(ECDSA_SIG*)> both(
        d2i_ECDSA_SIG(nullptr, &der, static_cast<long>(size)), ECDSA_SIG_free);
    out.r.resize(32), out.s.resize(32);
    BN_bn2binpad(ECDSA_SIG_get0_r(both.get()), out.r.data(), 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(both.get()), out.s.data(), 32);
    return out;
  }

 private:
  explicit SigningKey(EVP_PKEY* key) : key_(key, EVP_PKEY_free) { TVDSIM_ASSERT(key, "OpenSSL makes keys"); }

  Buffer spki() const {
    unsigned char* der = nullptr;
    const int size = i2d_PUBKEY(key_.get(), &der);
    Buffer out(der, der + size);
    OPENSSL_free(der);
    return out;
  }
  Buffer number(const char* name, std::size_t size) const {
    BIGNUM* value = nullptr;
    TVDSIM_ASSERT(EVP_PKEY_get_bn_param(key_.get(), name, &value) == 1, "a key has its numbers");
    Buffer out(size);
    BN_bn2binpad(value, out.data(), static_cast<int>(size));
    BN_free(value);
    return out;
  }

  std::shared_ptr<EVP_PKEY> key_;
};

// What a machine sent, kept alive.
struct Sent {
  Buffer attest, signature, event_log, ima_log, ak;
  vtpm::PcrValues pcrs;
  vtpm::Evidence evidence() const { return {attest, signature, event_log, ima_log, ak, pcrs}; }
};

// The quote of these PCRs in these banks, signed.
inline Sent quote_of(const SigningKey& key, std::span<const std::uint8_t> nonce,
                     std::vector<vtpm::PcrSelection> selection, const vtpm::PcrValues& pcrs) {
  vtpm::QuoteStatement said;
  said.qualified_signer = Buffer(34, 0x0b);
  said.extra_data.assign(nonce.begin(), nonce.end());
  said.clock_ms = 123456, said.reset_count = 7, said.restart_count = 1, said.safe = true,
  said.firmware_version = 42;
  said.selection = std::move(selection);
  Buffer all;
  for (const vtpm::PcrSelection& s : said.selection) {
    for (std::uint32_t pcr = 0; pcr < vtpm::PcrBank::kCount; ++pcr) {
      if (s.covers(pcr)) vtpm::ByteWriter(all).bytes(pcrs.at(s.bank).at(pcr).view());
    }
  }
  said.pcr_digest = vtpm::hash(vtpm::HashAlg::sha256, {all});
  Sent out;
  out.attest = vtpm::write_attest(said);
  out.signature = vtpm::write_signature(key.sign(out.attest));
  out.pcrs = pcrs;
  return out;
}

// Good is what was recorded as such, exactly: kind, PCR, type, name, digest and the event's own words.
class ExactReferences : public vtpm::ReferenceLookup {
 public:
  Standing look_up(const Item& item) const override {
    const auto key = key_of(item);
    return bad_.contains(key) ? Standing::bad : good_.contains(key) ? Standing::good : Standing::unknown;
  }
  void know(const vtpm::EventLog& log) {
    for (const vtpm::LogEvent& event : log.events()) {
      const std::string name = event_name(event);
      for (const vtpm::LogDigest& d : event.digests)
        good_.insert(key_of({Kind::boot, event.pcr, event.type, name, d.alg, d.value.view(), event.data}));
    }
  }
  void know(const vtpm::ImaLog& log) {
    for (const vtpm::ImaEntry& e : log.entries()) {
      good_.insert(key_of(item_of(e)));
    }
  }
  void condemn(const Item& item) { bad_.insert(key_of(item)); }

 private:
  using Key = std::tuple<Kind, std::uint32_t, std::uint32_t, std::string, std::uint16_t, Buffer, Buffer>;
  static Key key_of(const Item& i) {
    return {i.kind,
            i.pcr,
            i.type,
            std::string(i.name),
            i.alg,
            Buffer(i.digest.begin(), i.digest.end()),
            Buffer(i.data.begin(), i.data.end())};
  }
  std::set<Key> good_, bad_;
};

// Good is a digest that was recorded as such, of the same kind; of a file under its path. It believes no word of a boot event, and
// knows the stage that a digest is.
class DigestReferences : public vtpm::ReferenceLookup {
 public:
  Standing look_up(const Item& item) const override {
    return good_.contains(key_of(item)) ? Standing::good : Standing::unknown;
  }
  std::optional<std::string> known_as(const Item& item) const override {
    const auto found = good_.find(key_of(item));
    return found == good_.end() ? std::string() : found->second;
  }
  void know(const vtpm::EventLog& log) {
    for (const vtpm::LogEvent& event : log.events()) {
      const std::string name = event_name(event);
      for (const vtpm::LogDigest& d : event.digests)
        good_[key_of({Kind::boot, event.pcr, event.type, name, d.alg, d.value.view(), event.data})] = name;
    }
  }
  void know(const vtpm::ImaLog& log) {
    for (const vtpm::ImaEntry& e : log.entries()) good_[key_of(item_of(e))] = e.path();
  }

 private:
  using Key = std::tuple<Kind, std::string, std::uint16_t, Buffer>;
  static Key key_of(const Item& i) {
    return {i.kind, i.kind == Kind::boot ? std::string() : std::string(i.name), i.alg,
            Buffer(i.digest.begin(), i.digest.end())};
  }
  std::map<Key, std::string> good_;
};

// A machine with a TPM of two banks: what it measures goes into its logs and, in the same step, into its PCRs.
class Machine {
 public:
  static constexpr vtpm::HashAlg kBanks[] = {vtpm::HashAlg::sha1, vtpm::HashAlg::sha256};

  explicit Machine(std::string_view kernel = "vmlinuz 6.1")
      : key(SigningKey::p256()), events(kBanks), ima(kBanks) {
    using vtpm::EventType;
    boot(0, EventType::EV_S_CRTM_VERSION, "CRTM 1.0", "CRTM 1.0");
    boot(0, EventType::EV_POST_CODE, "firmware image", "POST CODE");
    for (std::uint32_t pcr = 0; pcr < 8; ++pcr) extend(pcr, events.separator(pcr));
    boot(4, EventType::EV_IPL, "GRUB 2.06", "grub");
    boot(8, EventType::EV_IPL, "grub.cfg", "grub.cfg");
    boot(9, EventType::EV_IPL, kernel, "vmlinuz");
    extend(10, ima.boot_aggregate(pcrs[1]));
  }
  void boot(std::uint32_t pcr, std::uint32_t type, std::string_view image, std::string_view name) {
    extend(pcr, events.record(pcr, type, vtpm::measure(kBanks, image), name));
  }
  void run(std::string_view path, std::string_view content) {
    extend(10, ima.file(path, vtpm::HashAlg::sha256,
                        vtpm::hash(vtpm::HashAlg::sha256, {bytes_of(content)}).view()));
  }
  void extend(std::uint32_t pcr, std::span<const vtpm::LogDigest> digests) {
    for (std::size_t i = 0; i < digests.size(); ++i) pcrs[i].extend(pcr, digests[i].value.view());
  }
  // PCRs 0 to 10 of both banks, with the logs as they are.
  Sent quote(std::span<const std::uint8_t> nonce) const {
    vtpm::PcrValues values;
    for (const vtpm::PcrBank& bank : pcrs) values.merge(vtpm::pcr_values(bank, 0x7ff));
    Sent out = quote_of(key, nonce, selection(), values);
    out.event_log = events.bytes();
    out.ima_log = ima.bytes();
    out.ak = key.tpmt_public();
    return out;
  }
  static std::vector<vtpm::PcrSelection> selection() {
    return {{vtpm::HashAlg::sha1, 0x7ff, 3}, {vtpm::HashAlg::sha256, 0x7ff, 3}};
  }
  vtpm::Expectations expectations() const {
    vtpm::Expectations out;
    out.key = vtpm::PublicKey::parse(key.tpmt_public());
    out.selection = selection();
    out.chain = {"CRTM 1.0", "POST CODE", "grub", "grub.cfg", "vmlinuz"};
    return out;
  }
  void vouch(ExactReferences& references) const {
    references.know(vtpm::EventLog::parse(events.bytes()));
    references.know(vtpm::ImaLog::parse(ima.bytes()));
  }

  SigningKey key;
  vtpm::EventLogWriter events;
  vtpm::ImaLogWriter ima;
  std::vector<vtpm::PcrBank> pcrs{vtpm::PcrBank(kBanks[0]), vtpm::PcrBank(kBanks[1])};
};

// The checks that remain when a control of sim/base/controls.def is off.
inline vtpm::Checks checks_under(const sim::ControlModes& modes) {
  using vtpm::AppraisalCheck;
  vtpm::Checks checks;
  const auto follow = [&](sim::Control control, std::initializer_list<AppraisalCheck> these) {
    for (const AppraisalCheck check : these)
      checks.set(check, checks.on(check) && modes[control] != sim::ControlMode::off);
  };
  follow(sim::Control::quote_signature, {AppraisalCheck::key, AppraisalCheck::signature});
  follow(sim::Control::nonce, {AppraisalCheck::nonce});
  follow(sim::Control::log_replay,
         {AppraisalCheck::pcr_digest, AppraisalCheck::event_log, AppraisalCheck::ima_log,
          AppraisalCheck::ima_entry, AppraisalCheck::boot_aggregate, AppraisalCheck::chain});
  follow(sim::Control::reference_values, {AppraisalCheck::reference});
  return checks;
}

}  // namespace tvdsim::tests
