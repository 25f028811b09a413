// The Crypto & TPM service of one host: the one way to its TPM, and what the TPM offers as three roots of trust.
//
// Root of trust for measurement (what changes PCRs), for storage (what keeps secrets and keys), for reporting (what signs for the
// platform): each can be switched off, and with it its commands and no others (models/attestation/roots_of_trust.def). Services of the
// control domain ask here; their commands are passed on in the order in which they came, and a row of `tpm_commands` says who asked
// what, when it was its turn and how it ended. A guest has no way to the chip: it is refused (control `tpm_service`).
//
//   service.extend("audit", extend, done);
//   service.enable(RootOfTrust::storage, false);              // sealing and unsealing end with TPM_RC_COMMAND_CODE
//   service.unseal("storage", done);                            // over a protected session (control `protected_session`)
//
// Invariant  one question, one row, one answer, in the order of the questions; a refused one never reaches the chip.
// Cost       that of the chip; a map entry per open question.
// Threads    the engine's.
// Leaves out who may ask among the control domain's own services: it is one domain. vTPMs, whose guests speak to them directly.
// Source     seed 001 sections 2.1 and 4 (Crypto & TPM services); TCG Glossary (roots of trust).
#pragma once

#include <bitset>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/attestation/chips.hpp"
#include "sim/base/decision.hpp"

namespace tvdsim::models {

enum class RootOfTrust : std::uint8_t { none, measurement, storage, reporting };
inline constexpr std::size_t kRootsOfTrust = 4;  // `none` included
std::string_view to_text(RootOfTrust root) noexcept;
std::optional<RootOfTrust> root_of_trust(std::string_view name) noexcept;  // not `none`

struct TpmCommandInfo {
  std::string_view name;
  std::uint32_t code;
  RootOfTrust root;
};
std::span<const TpmCommandInfo> tpm_command_infos() noexcept;
// Of a command's bytes; what no table names belongs to no root.
RootOfTrust root_of(std::span<const std::uint8_t> command) noexcept;

// Who asks. A guest's question is one that came beside all services.
struct TpmCaller {
  std::string name;
  bool guest = false;
};

// How several commands in one question ended.
struct TpmOutcome {
  std::uint32_t code = 0;  // of the TPM's refusal
  std::string error;       // what was wrong, by name; empty: nothing
  std::vector<std::uint8_t> secret;
  bool ok() const noexcept { return code == 0 && error.empty(); }
  // The answer was not the TPM's own.
  bool forged() const noexcept { return error == "tpm_bus" || error == "short_response"; }
};

class TpmService {
 public:
  struct Setup {
    std::string host;
    sim::ControlMode guests = sim::ControlMode::on;    // what keeps them off: `tpm_service`
    sim::ControlMode sessions = sim::ControlMode::on;  // `protected_session`
    std::vector<RootOfTrust> disabled = {};
  };
  TpmService(sim::Engine& engine, Chips& chips, ChipId chip, Setup setup);
  ~TpmService();
  TpmService(const TpmService&) = delete;

  ChipId chip() const noexcept { return chip_; }
  void enable(RootOfTrust root, bool on);
  bool enabled(RootOfTrust root) const noexcept { return !disabled_.test(static_cast<std::size_t>(root)); }

  // As Chips has them; a question of a root that is off ends with TPM_RC_COMMAND_CODE, an empty quote.
  void boot(std::vector<PcrExtend> extends);
  void launch(std::vector<std::uint8_t> code, std::vector<PcrExtend> extends, ChipDone<Extended> done);
  void extend(const TpmCaller& caller, PcrExtend extend, ChipDone<Extended> done);
  void quote(const TpmCaller& caller, std::vector<std::uint8_t> nonce, std::uint32_t pcrs,
             ChipDone<QuoteAnswer> done);
  void execute(const TpmCaller& caller, std::vector<std::uint8_t> command,
               ChipDone<std::vector<std::uint8_t>> done);

  // Over a protected session, unless the control is not on.
  void measure(const TpmCaller& caller, PcrExtend extend, ChipDone<TpmOutcome> done);
  // To what PCRs 0 to 11 hold when its turn comes; the sealed object is kept here, as on a disk.
  void seal(const TpmCaller& caller, std::vector<std::uint8_t> secret, ChipDone<TpmOutcome> done);
  void unseal(const TpmCaller& caller, ChipDone<TpmOutcome> done);
  bool holds_secret() const noexcept { return sealed_.has_value(); }

 private:
  struct Open;
  struct Talk;
  enum class Purpose : std::uint8_t { measure, seal, unseal };
  // The row's beginning; false: refused, and how is in `refusal`.
  std::uint64_t begin(const TpmCaller& caller, std::string_view command, RootOfTrust root);
  std::uint32_t refusal_of(const TpmCaller& caller, RootOfTrust root) const;
  template <class Ask>
  void asked(std::uint64_t number, Ask&& ask);
  void ended(std::uint64_t number, std::uint32_t code, std::string_view error = {});
  void on_extended(std::uint64_t number, Extended& end);
  void on_quoted(std::uint64_t number, QuoteAnswer& answer);
  void on_executed(std::uint64_t number, std::vector<std::uint8_t>& response);
  void on_talked(std::uint64_t number, Extended& end);
  void converse(const TpmCaller& caller, Purpose purpose, std::string_view command, RootOfTrust root,
                std::shared_ptr<Talk> talk, ChipDone<TpmOutcome> done);

  sim::Engine& engine_;
  Chips& chips_;
  ChipId chip_;
  Setup setup_;
  std::bitset<kRootsOfTrust> disabled_;
  std::map<std::uint64_t, Open> open_;
  std::uint64_t next_ = 0;
  std::optional<vtpm::SealedSecret> sealed_;
  std::optional<vtpm::AttestationKey> storage_key_;  // as the first protected session found it
};

}  // namespace tvdsim::models
