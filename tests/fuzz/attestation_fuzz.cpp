// Whole evidence and increments of it: whatever a stranger sends gets a verdict, with a reason, and is never trusted.
//
// The input is a kind (bit 0: an increment; bit 1: TPM 1.2; bits 2 to 5: what is asked for; bit 6: the PCRs are reported as
// the logs lead to them), then quote, signature, event log and IMA
// log, each with its size before it (two bytes, big-endian); the IMA log is what is left.
#include <algorithm>

#include "sim/base/error.hpp"
#include "vtpm/evidence/attestation_verdict.hpp"
#include "vtpm/evidence/incremental.hpp"
#include "vtpm/evidence/quote.hpp"

using namespace tvdsim;

namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::string_view kNobodysKey =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEuy2S29usTyNFjuMYyDZ+RGWAPOQE\n"
    "nlqPCHTCSvXC5Kktel3F2+EIFWMKtJ/U4+xRi+hemx+xY/GjSxsFCDuPsg==\n"
    "-----END PUBLIC KEY-----\n";

struct Anything : vtpm::ReferenceLookup {
  Standing look_up(const Item& item) const override {
    TVDSIM_ASSERT(item.digest.size() <= vtpm::kMaxDigest, "a digest is no longer than one");
    return Standing::good;
  }
};

Bytes next(Bytes& rest) {
  if (rest.size() < 2) return {};
  const std::size_t size =
      std::min<std::size_t>(static_cast<std::size_t>(rest[0]) << 8 | rest[1], rest.size() - 2);
  const Bytes out = rest.subspan(2, size);
  rest = rest.subspan(2 + size);
  return out;
}

// What a machine would report whose logs say the truth.
vtpm::PcrValues led_to(const vtpm::Evidence& evidence) {
  vtpm::PcrValues out;
  try {
    const vtpm::Quote quote = vtpm::Quote::parse(evidence.attest, evidence.signature);
    const vtpm::ImaLog ima = vtpm::ImaLog::parse_beginning(evidence.ima_log);
    const vtpm::EventLog events = vtpm::EventLog::parse(evidence.event_log);
    for (const vtpm::PcrBank& bank : events.replay()) {
      for (std::uint32_t pcr = 0; pcr < vtpm::PcrBank::kCount; ++pcr) {
        if (quote.covers(bank.alg(), pcr))
          out[bank.alg()][pcr] =
              pcr == 10 && !ima.entries().empty() ? ima.replay(bank.alg()) : bank.value(pcr);
      }
    }
  } catch (const sim::InputError&) {
    out.clear();
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  static const vtpm::PublicKey key =
      vtpm::PublicKey::parse({reinterpret_cast<const std::uint8_t*>(kNobodysKey.data()), kNobodysKey.size()});
  const std::uint8_t kind = data[0];
  Bytes rest(data + 1, size - 1);
  vtpm::Evidence evidence;
  evidence.attest = next(rest);
  evidence.signature = next(rest);
  evidence.event_log = next(rest);
  evidence.ima_log = rest;
  evidence.tpm12 = (kind & 2) != 0;
  if ((kind & 64) != 0) evidence.pcrs = led_to(evidence);
  vtpm::Expectations expect;
  expect.key = key;
  expect.separators = expect.hashed_words = (kind & 4) != 0;
  if ((kind & 8) != 0) expect.secure_boot = true;
  if ((kind & 16) != 0) expect.startup_locality = 3;
  expect.exit_boot_services =
      (kind & 32) != 0 ? vtpm::ExitBootServices::gap_allowed : vtpm::ExitBootServices::logged;
  const std::uint8_t nonce[4] = {1, 2, 3, 4};
  const Anything anything;
  const auto judged = [](const vtpm::Appraisal& appraisal) {
    TVDSIM_ASSERT(appraisal.verdict != vtpm::Appraisal::Verdict::trusted, "nobody signed with this key");
    TVDSIM_ASSERT(appraisal.reason && !appraisal.detail.empty(), "a refusal has its name");
    TVDSIM_ASSERT(verdict_of(appraisal) != vtpm::AttestationVerdict::trusted, "one verdict is the other");
  };
  judged(appraise(evidence, nonce, expect, &anything));
  // Whoever looks at neither key nor signature goes further in.
  vtpm::Checks checks;
  for (const auto check :
       {vtpm::AppraisalCheck::key, vtpm::AppraisalCheck::signature, vtpm::AppraisalCheck::nonce})
    checks.set(check, false);
  vtpm::TrackedTpm tracked;
  const vtpm::Appraisal first = begin_tracking(tracked, evidence, nonce, expect, &anything, checks);
  TVDSIM_ASSERT(first || !first.detail.empty(), "a refusal says why");
  vtpm::PreparedKey prepared(key);
  if ((kind & 1) != 0)
    judged(appraise_increment(tracked, {evidence.attest, evidence.signature, rest}, nonce, expect, prepared,
                              &anything));
  const vtpm::Appraisal again = appraise_increment(tracked, {evidence.attest, evidence.signature, rest},
                                                   nonce, expect, prepared, &anything, checks);
  TVDSIM_ASSERT(again || again.reason, "a refusal has its name");
  return 0;
}
