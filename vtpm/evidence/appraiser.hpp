// The steps of one appraisal: private to vtpm/evidence, used by appraise() alone.
//
// Threads    each belongs to one call.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "vtpm/evidence/appraisal.hpp"
#include "vtpm/evidence/quote.hpp"

namespace tvdsim::vtpm {

class Appraiser {
 public:
  Appraiser(const Evidence& evidence, std::span<const std::uint8_t> nonce, const Expectations& expectations,
            const ReferenceLookup* references, const Checks& checks);
  Appraisal run();

 private:
  using Bytes = std::span<const std::uint8_t>;
  // One per row of appraisal_checks.def: passes, fails, or says why not.
#define APPRAISAL_CHECK(name, holds, fails) void check_##name();
#include "vtpm/evidence/appraisal_checks.def"
#undef APPRAISAL_CHECK

  // How a step ends; the first fail() or lack() ends the appraisal.
  void pass();
  void not_applicable(std::string why);
  void lack(std::string why);
  void fail(std::string entity, std::string expected, std::string got, std::string detail);
  void fail(const QuoteVerdict& verdict);
  bool enabled(AppraisalCheck check) const { return checks_.on(check); }

  void read_quote();
  void read_logs();
  void read_key();
  void take_pcrs();
  bool find_prefix_in_digest();
  const char* without_believed_log() const;
  bool boot_services_explain(HashAlg bank, const Digest& held) const;
  bool compare_banks();
  const PcrBank* replayed(HashAlg bank) const;
  std::optional<Digest> value(HashAlg bank, std::uint32_t pcr) const;
  // The strongest bank in which this PCR is covered; nothing when none is.
  std::optional<HashAlg> bank_for(std::uint32_t pcr) const;
  // The same, or the one that the asker looks digests up in.
  std::optional<HashAlg> look_up_bank(std::uint32_t pcr) const;
  void look_up_events();
  void look_up_entries();
  void judge(const ReferenceLookup::Item& item, std::string_view what);
  void signature_broken(const ReferenceLookup::Item& item);

  const Evidence& evidence_;
  Bytes nonce_;
  const Expectations& expect_;
  const ReferenceLookup* references_;
  const Checks& checks_;

  Appraisal out_;
  AppraisalCheck now_ = AppraisalCheck::quote;
  bool ended_ = false;
  std::optional<Quote> quote_;
  std::optional<PublicKey> key_;
  std::optional<EventLog> log_;
  std::optional<ImaLog> ima_;
  std::string quote_fault_, log_fault_, ima_fault_, key_fault_;  // why it could not be read
  std::vector<PcrBank> banks_;                                   // replayed from the event log
  PcrValues values_;  // covered by the quote; reported by the machine, or led to by the logs
  std::size_t believed_ = 0;
};

}  // namespace tvdsim::vtpm
