#include "models/attestation/tpm_service.hpp"

#include <algorithm>
#include <utility>

#include "sim/base/error.hpp"
#include "vtpm/device/commands.hpp"
#include "vtpm/device/protected_session.hpp"

namespace tvdsim::models {

namespace {

constexpr std::uint32_t kCommandCode = 0x143;  // TPM_RC_COMMAND_CODE: it does not have this command
constexpr std::uint32_t kCreatePrimary = 0x131, kEndorsement = 0x4000'000b;
constexpr std::uint32_t kSealedTo = 0x0fff;  // PCRs 0 to 11
constexpr std::uint32_t kPlainCommands = 7,
                        kSessionCommands = 4;  // what sealing takes; what a session takes beside
constexpr std::size_t kDrawn = 512;            // random bytes that one conversation needs at most

constexpr std::string_view kRootNames[] = {"none", "measurement", "storage", "reporting"};

std::uint32_t word(std::span<const std::uint8_t> bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = at; i < at + 4; ++i) value = value << 8 | bytes[i];
  return value;
}

const TpmCommandInfo* info_of(std::span<const std::uint8_t> command) noexcept {
  if (command.size() < 10) return nullptr;
  const auto all = tpm_command_infos();
  const auto found = std::find_if(all.begin(), all.end(),
                                  [code = word(command, 6)](const auto& row) { return row.code == code; });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace

std::string_view to_text(RootOfTrust root) noexcept { return kRootNames[static_cast<std::size_t>(root)]; }

std::optional<RootOfTrust> root_of_trust(std::string_view name) noexcept {
  for (std::size_t i = 1; i < kRootsOfTrust; ++i) {
    if (kRootNames[i] == name) return static_cast<RootOfTrust>(i);
  }
  return std::nullopt;
}

std::span<const TpmCommandInfo> tpm_command_infos() noexcept {
  static constexpr TpmCommandInfo kInfos[] = {
#define TPM_COMMAND(name, code, root) {#name, code, RootOfTrust::root},
#include "models/attestation/roots_of_trust.def"
#undef TPM_COMMAND
  };
  return kInfos;
}

RootOfTrust root_of(std::span<const std::uint8_t> command) noexcept {
  const TpmCommandInfo* info = info_of(command);
  if (!info) return RootOfTrust::none;
  const bool endorses =
      info->code == kCreatePrimary && command.size() >= 14 && word(command, 10) == kEndorsement;
  return endorses ? RootOfTrust::reporting : info->root;
}

// What a conversation needs and what came of it. The chip's thread may have it longer than the service lives.
struct TpmService::Talk {
  PcrExtend extend;
  std::vector<std::uint8_t> secret, drawn;
  vtpm::SealedSecret sealed;
  std::optional<vtpm::AttestationKey> key;
  bool hidden = false;
  TpmOutcome outcome;

  vtpm::Draw draw() {
    return [this, used = std::size_t{0}](std::span<std::uint8_t> bytes) mutable {
      TVDSIM_ASSERT(used + bytes.size() <= drawn.size(), "a conversation draws more than it was given");
      std::copy_n(drawn.begin() + static_cast<std::ptrdiff_t>(used), bytes.size(), bytes.begin());
      used += bytes.size();
    };
  }
  std::vector<vtpm::BankDigest> digests() const {
    return {{vtpm::HashAlg::sha1, {extend.sha1.view().begin(), extend.sha1.view().end()}},
            {vtpm::HashAlg::sha256, {extend.sha256.view().begin(), extend.sha256.view().end()}}};
  }
  static std::vector<vtpm::BankSelection> selection() { return {{vtpm::HashAlg::sha256, kSealedTo}}; }

  void take(vtpm::UnsealResult&& opened) {
    outcome.code = opened.code;
    outcome.secret = std::move(opened.secret);
  }
  void plainly(const vtpm::Speak& speak, Purpose purpose) {
    switch (purpose) {
      case Purpose::measure:
        return vtpm::expect_success(speak(vtpm::pcr_extend_command(extend.pcr, digests())), "measuring");
      case Purpose::seal:
        sealed = vtpm::seal(speak, secret, selection());
        return;
      case Purpose::unseal:
        return take(vtpm::unseal(speak, sealed));
    }
  }
  void covertly(const vtpm::Speak& speak, Purpose purpose) {
    vtpm::ProtectedSession session(speak, draw(), key);
    key = session.storage_key();
    switch (purpose) {
      case Purpose::measure:
        return vtpm::extend_protected(session, extend.pcr, digests());
      case Purpose::seal:
        sealed = vtpm::seal_protected(session, secret, selection());
        return;
      case Purpose::unseal:
        return take(vtpm::unseal_protected(session, sealed));
    }
  }
  void run(const vtpm::Speak& speak, Purpose purpose) {
    try {
      hidden ? covertly(speak, purpose) : plainly(speak, purpose);
    } catch (const sim::WorldError& error) {
      outcome.error = error.name();
    }
  }
};

struct TpmService::Open {
  sim::rows::tpm_commands row;
  Purpose purpose{};
  std::shared_ptr<Talk> talk;
  ChipDone<Extended> extended;
  ChipDone<QuoteAnswer> quoted;
  ChipDone<std::vector<std::uint8_t>> executed;
  ChipDone<TpmOutcome> talked;
};

TpmService::TpmService(sim::Engine& engine, Chips& chips, ChipId chip, Setup setup)
    : engine_(engine), chips_(chips), chip_(chip), setup_(std::move(setup)) {
  for (const RootOfTrust root : setup_.disabled) enable(root, false);
}
TpmService::~TpmService() = default;

void TpmService::enable(RootOfTrust root, bool on) {
  TVDSIM_ASSERT(root != RootOfTrust::none, "what every root needs is not switched off");
  disabled_.set(static_cast<std::size_t>(root), !on);
}

std::uint32_t TpmService::refusal_of(const TpmCaller& caller, RootOfTrust root) const {
  const bool kept_off = caller.guest && setup_.guests == sim::ControlMode::on;
  return kept_off || !enabled(root) ? kCommandCode : 0;
}

std::uint64_t TpmService::begin(const TpmCaller& caller, std::string_view command, RootOfTrust root) {
  sim::Trace& trace = engine_.trace();
  const std::uint64_t number = next_++;
  Open& open = open_[number];
  open.row.asked_ns = engine_.now();
  open.row.host = trace.text(setup_.host);
  open.row.caller = trace.text(caller.name);
  open.row.command = trace.text(command);
  open.row.root = trace.text(to_text(root));
  return number;
}

// The question's turn comes when all that were asked before it are served.
template <class Ask>
void TpmService::asked(std::uint64_t number, Ask&& ask) {
  const sim::Duration before = chips_.line(chip_).waited;
  try {
    ask();
  } catch (...) {  // no room for it
    open_.erase(number);
    throw;
  }
  open_.at(number).row.begun_ns = engine_.now() + (chips_.line(chip_).waited - before);
}

void TpmService::ended(std::uint64_t number, std::uint32_t code, std::string_view error) {
  sim::Trace& trace = engine_.trace();
  sim::rows::tpm_commands& row = open_.at(number).row;
  row.time_ns = engine_.now();
  row.result = trace.text(!error.empty() ? error : code == 0 ? "TPM_RC_SUCCESS" : vtpm::describe(code).name);
  trace.append(row);
}

void TpmService::boot(std::vector<PcrExtend> extends) {
  const std::uint64_t number = begin({"firmware", false}, "boot", RootOfTrust::measurement);
  if (!enabled(RootOfTrust::measurement)) extends.clear();
  asked(number, [&] {
    chips_.boot(chip_, std::move(extends), ChipDone<Extended>::to<&TpmService::on_extended>(*this, number));
  });
}

void TpmService::launch(std::vector<std::uint8_t> code, std::vector<PcrExtend> extends,
                        ChipDone<Extended> done) {
  const std::uint64_t number = begin({"processor", false}, "launch", RootOfTrust::measurement);
  open_[number].extended = done;
  const auto end = ChipDone<Extended>::to<&TpmService::on_extended>(*this, number);
  asked(number, [&] {
    enabled(RootOfTrust::measurement) ? chips_.launch(chip_, std::move(code), std::move(extends), end)
                                      : chips_.refuse(chip_, kCommandCode, end);
  });
}

void TpmService::extend(const TpmCaller& caller, PcrExtend extend, ChipDone<Extended> done) {
  const std::uint64_t number = begin(caller, "PCR_Extend", RootOfTrust::measurement);
  open_[number].extended = done;
  const std::uint32_t refused = refusal_of(caller, RootOfTrust::measurement);
  const auto end = ChipDone<Extended>::to<&TpmService::on_extended>(*this, number);
  asked(number, [&] { refused ? chips_.refuse(chip_, refused, end) : chips_.extend(chip_, extend, end); });
}

void TpmService::quote(const TpmCaller& caller, std::vector<std::uint8_t> nonce, std::uint32_t pcrs,
                       ChipDone<QuoteAnswer> done) {
  const std::uint64_t number = begin(caller, "Quote", RootOfTrust::reporting);
  open_[number].quoted = done;
  const std::uint32_t refused = refusal_of(caller, RootOfTrust::reporting);
  const auto end = ChipDone<QuoteAnswer>::to<&TpmService::on_quoted>(*this, number);
  asked(number, [&] {
    refused ? chips_.refuse(chip_, refused, {}, end) : chips_.quote(chip_, std::move(nonce), pcrs, end);
  });
}

void TpmService::execute(const TpmCaller& caller, std::vector<std::uint8_t> command,
                         ChipDone<std::vector<std::uint8_t>> done) {
  const RootOfTrust root = root_of(command);
  const TpmCommandInfo* info = info_of(command);
  const std::uint64_t number = begin(caller, info ? info->name : "unknown", root);
  open_[number].executed = done;
  const std::uint32_t refused = refusal_of(caller, root);
  const auto end = ChipDone<std::vector<std::uint8_t>>::to<&TpmService::on_executed>(*this, number);
  asked(number, [&] {
    refused ? chips_.refuse(chip_, refused, {}, {}, end) : chips_.execute(chip_, std::move(command), end);
  });
}

void TpmService::converse(const TpmCaller& caller, Purpose purpose, std::string_view command,
                          RootOfTrust root, std::shared_ptr<Talk> talk, ChipDone<TpmOutcome> done) {
  const std::uint64_t number = begin(caller, command, root);
  Open& open = open_[number];
  open.talked = done;
  open.purpose = purpose;
  talk->hidden = setup_.sessions == sim::ControlMode::on;
  talk->key = storage_key_;
  std::uint32_t commands = purpose == Purpose::measure ? 1 : kPlainCommands;
  if (talk->hidden) {
    commands += kSessionCommands;
    sim::Stream& stream = engine_.stream("tpm.session@" + setup_.host);
    for (std::size_t i = 0; i < kDrawn; ++i)
      talk->drawn.push_back(static_cast<std::uint8_t>(stream.below(256)));
  }
  open.talk = std::move(talk);
  const std::uint32_t refused = refusal_of(caller, root);
  const auto end = ChipDone<Extended>::to<&TpmService::on_talked>(*this, number);
  asked(number, [&] {
    if (refused) return chips_.refuse(chip_, refused, end);
    const auto run = [talk = open.talk, purpose](const vtpm::Speak& speak) { talk->run(speak, purpose); };
    chips_.converse(chip_, run, commands, end);
  });
}

void TpmService::measure(const TpmCaller& caller, PcrExtend extend, ChipDone<TpmOutcome> done) {
  auto talk = std::make_shared<Talk>();
  talk->extend = extend;
  converse(caller, Purpose::measure, "PCR_Extend", RootOfTrust::measurement, std::move(talk), done);
}

void TpmService::seal(const TpmCaller& caller, std::vector<std::uint8_t> secret, ChipDone<TpmOutcome> done) {
  auto talk = std::make_shared<Talk>();
  talk->secret = std::move(secret);
  converse(caller, Purpose::seal, "Create", RootOfTrust::storage, std::move(talk), done);
}

void TpmService::unseal(const TpmCaller& caller, ChipDone<TpmOutcome> done) {
  TVDSIM_ASSERT(sealed_, "what was never sealed is unsealed");
  auto talk = std::make_shared<Talk>();
  talk->sealed = *sealed_;
  converse(caller, Purpose::unseal, "Unseal", RootOfTrust::storage, std::move(talk), done);
}

void TpmService::on_extended(std::uint64_t number, Extended& end) {
  ended(number, end.code);
  const auto open = open_.extract(number);
  const auto& done = open.mapped().extended;
  if (done.call) done.call(done.self, done.tag, end);
}

void TpmService::on_quoted(std::uint64_t number, QuoteAnswer& answer) {
  ended(number, answer.attest.empty() ? kCommandCode : 0);
  const auto open = open_.extract(number);
  const auto& done = open.mapped().quoted;
  if (done.call) done.call(done.self, done.tag, answer);
}

void TpmService::on_executed(std::uint64_t number, std::vector<std::uint8_t>& response) {
  ended(number, vtpm::response_code(response));
  const auto open = open_.extract(number);
  const auto& done = open.mapped().executed;
  if (done.call) done.call(done.self, done.tag, response);
}

void TpmService::on_talked(std::uint64_t number, Extended& end) {
  Talk& talk = *open_.at(number).talk;
  if (end.code != 0) talk.outcome.code = end.code;
  ended(number, talk.outcome.code, talk.outcome.error);
  const auto open = open_.extract(number);
  if (talk.outcome.ok()) {
    if (talk.hidden) storage_key_ = talk.key;
    if (open.mapped().purpose == Purpose::seal) sealed_ = talk.sealed;
  }
  const auto& done = open.mapped().talked;
  if (done.call) done.call(done.self, done.tag, talk.outcome);
}

}  // namespace tvdsim::models
