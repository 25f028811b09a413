// The checks of an appraisal that are about what the firmware's events mean. None of them believes a word that was not measured.
#include <fmt/format.h>

#include <algorithm>

#include "vtpm/evidence/appraiser.hpp"

namespace tvdsim::vtpm {
namespace {

constexpr std::uint32_t kSeparator = 4, kFirmwarePcrs = 8;

const Digest* sound_digest_of(const LogEvent& event, HashAlg bank) {
  for (const LogDigest& digest : event.digests) {
    if (digest.alg == static_cast<std::uint16_t>(bank)) return &digest.value;
  }
  return nullptr;
}

bool says(const LogEvent& event, std::string_view text) {
  return event.data.size() == text.size() &&
         std::equal(text.begin(), text.end(), event.data.begin(),
                    [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; });
}

}  // namespace

// Why the words of the event log cannot be looked at; null when they can.
const char* Appraiser::without_believed_log() const {
  if (!log_) return "there is no event log";
  if (!enabled(AppraisalCheck::event_log)) return "the event log is not compared with the PCRs";
  return nullptr;
}

// Does the end of the boot services, extended after what is logged, lead to this PCR 5?
bool Appraiser::boot_services_explain(HashAlg bank, const Digest& held) const {
  const PcrBank* led = replayed(bank);
  if (!led) return false;
  PcrBank after = *led;
  for (const std::string_view text : kExitBootServices) {
    const Bytes bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
    after.extend(kBootServicesPcr, hash(bank, {bytes}).view());
  }
  return after.value(kBootServicesPcr) == held;
}

void Appraiser::check_event_data() {
  if (const char* why = without_believed_log()) return not_applicable(why);
  for (std::size_t i = 0; i < log_->events().size(); ++i) {
    const LogEvent& event = log_->events()[i];
    if (event.type == kNoAction || !bank_for(event.pcr)) continue;
    if (!must_say_what_was_measured(event.type, expect_.hashed_words) || says_what_was_measured(event))
      continue;
    out_.pcr = event.pcr;
    return fail(
        event_name(event), "", "",
        fmt::format("event {}, {}: its digest is not that of its data", i, event_type_name(event.type)));
  }
  pass();
}

// By their digests, not by their type: four bytes of zeros (or ones) end a PCR's part whatever the event calls itself.
void Appraiser::check_separators() {
  if (const char* why = without_believed_log()) return not_applicable(why);
  std::array<std::size_t, kFirmwarePcrs> found{};
  for (std::size_t i = 0; i < log_->events().size(); ++i) {
    const LogEvent& event = log_->events()[i];
    if (event.type == kNoAction || event.pcr >= kFirmwarePcrs) continue;
    const auto bank = bank_for(event.pcr);
    const Digest* digest = bank ? sound_digest_of(event, *bank) : nullptr;
    if (!digest) continue;
    out_.pcr = event.pcr;
    const bool plain = *digest == separator_digest(*bank, 0) || *digest == separator_digest(*bank, 0xff);
    if (!plain && event.type == kSeparator) {
      return fail(event_name(event), "", to_hex(event.data),
                  fmt::format("event {} ends PCR {} with an error of the firmware", i, event.pcr));
    }
    if (plain && ++found[event.pcr] > 1)
      return fail("separator", "", "", fmt::format("event {} ends PCR {} a second time", i, event.pcr));
  }
  for (std::uint32_t pcr = 0; expect_.separators && pcr < kFirmwarePcrs; ++pcr) {
    out_.pcr = pcr;
    if (found[pcr] == 0 && bank_for(pcr))
      return fail("separator", "", "", fmt::format("the firmware never ended its part of PCR {}", pcr));
  }
  out_.pcr.reset();
  pass();
}

void Appraiser::check_startup_locality() {
  if (!expect_.startup_locality) return not_applicable("no locality is asked for");
  if (const char* why = without_believed_log()) return lack(why);
  if (!bank_for(0)) return lack("PCR 0, which tells the locality of the start, is not known");
  if (log_->startup_locality() == *expect_.startup_locality) return pass();
  out_.pcr = 0;
  fail("start-up locality", fmt::format("{}", *expect_.startup_locality),
       fmt::format("{}", log_->startup_locality()),
       fmt::format("the TPM was started from locality {}", log_->startup_locality()));
}

void Appraiser::check_exit_boot_services() {
  if (const char* why = without_believed_log())
    return expect_.exit_boot_services == ExitBootServices::logged ? lack(why) : not_applicable(why);
  bool invoked = false, returned = false;
  for (const LogEvent& event : log_->events()) {
    if (event.pcr != kBootServicesPcr || event.type == kNoAction || !says_what_was_measured(event)) continue;
    invoked |= says(event, kExitBootServices[0]);
    returned |= invoked && says(event, kExitBootServices[1]);
  }
  if (invoked && returned) return pass();
  if (expect_.exit_boot_services == ExitBootServices::logged) {
    out_.pcr = kBootServicesPcr;
    return fail("PCR 5", "", "",
                invoked ? "the boot services were left, and not with success" : "neither event is there");
  }
  const auto bank = bank_for(kBootServicesPcr);
  const auto held = bank ? value(*bank, kBootServicesPcr) : std::nullopt;
  if (held && boot_services_explain(*bank, *held))
    return not_applicable("extended and not logged, which is allowed");
  not_applicable(invoked ? "the log ends before they returned" : "the log does not speak of boot services");
}

void Appraiser::check_secure_boot() {
  if (!expect_.secure_boot) return not_applicable("no state of Secure Boot is asked for");
  if (const char* why = without_believed_log()) return lack(why);
  const auto bank = bank_for(kSecureBootPcr);
  if (!bank) return lack("PCR 7, which holds the state of Secure Boot, is not known");
  out_.pcr = kSecureBootPcr;
  std::optional<bool> state;
  for (const LogEvent& event : log_->events()) {
    if (event.pcr != kSecureBootPcr || event.type == kNoAction) continue;
    const Digest* digest = sound_digest_of(event, *bank);
    // What is measured after the PCR was closed is the operating system's word, not the firmware's.
    if (digest && (*digest == separator_digest(*bank, 0) || *digest == separator_digest(*bank, 0xff))) break;
    const auto variable = secure_boot_variable(event);
    if (!variable) continue;
    if (!says_what_was_measured(event))
      return fail("SecureBoot", "", "", "the variable in the log is not the one that was measured");
    if (!variable->on) return fail("SecureBoot", "", "", "the variable has a value that it cannot have");
    if (state) return fail("SecureBoot", "", "", "the variable was measured twice");
    state = variable->on;
  }
  const auto word = [](bool on) { return on ? "on" : "off"; };
  if (!state)
    return fail("SecureBoot", word(*expect_.secure_boot), "", "no event before the separator says its state");
  if (*state != *expect_.secure_boot)
    return fail("SecureBoot", word(*expect_.secure_boot), word(*state),
                fmt::format("Secure Boot was {}", word(*state)));
  out_.pcr.reset();
  pass();
}

}  // namespace tvdsim::vtpm
