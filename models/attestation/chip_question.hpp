// One question to a chip, from when it is asked to its answer: private to models/attestation/chips.cpp.
//
// Invariant  what a question computes depends on the chip's state and the question alone, not on the thread that computes it.
// Threads    compute() runs on the fleet's worker; everything else is the engine's.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "models/attestation/chips.hpp"
#include "models/attestation/measured.hpp"
#include "sim/base/error.hpp"
#include "vtpm/device/commands.hpp"
#include "vtpm/device/credential.hpp"
#include "vtpm/device/key_commands.hpp"

namespace tvdsim::models {

struct AskedChip {
  vtpm::TpmId tpm;
  std::uint32_t device = 0;
  ChipLatency latency;
  sim::Stream* draws = nullptr;  // of times, with a profile
  ChipLine line;
  bool alive = true;

  sim::Duration time(vtpm::CommandClass kind) {
    if (latency.profile) return latency.profile->draw(kind, *draws);
    return kind == vtpm::CommandClass::quote ? latency.quote : latency.command;
  }
  // Of a guest's own command; without a profile all of them take one time.
  sim::Duration time_of(std::span<const std::uint8_t> command) {
    return latency.profile ? time(vtpm::command_class(command)) : latency.command;
  }
  KeyChoice choice;                         // of the key that quotes
  std::optional<vtpm::AttestationKey> key;  // while it is loaded
  KeyChoice loaded;                         // what it was made from
  std::vector<std::uint8_t> key_public;
  BusProbe probe = BusProbe::off;
  std::vector<std::vector<std::uint8_t>> heard;
};

constexpr std::uint8_t kHighLocality = 2;  // of what a dynamic launch started

// Success, as a TPM says it to a command with one session: what somebody at the bus answers in its place.
std::vector<std::uint8_t> forged_success() {
  return {0x80, 0x02, 0, 0, 0, 19, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0};
}

bool is_extend(std::span<const std::uint8_t> command) {
  return vtpm::command_class(command) == vtpm::CommandClass::extend;
}

// One question and, in the end, its answer.
struct ChipQuestion {
  enum class Kind : std::uint8_t {
    boot,
    extend,
    quote,
    execute,
    launch,
    converse,
    refuse,
    keys,
    activate
  } kind{};
  std::map<std::uint64_t, std::unique_ptr<ChipQuestion>>* home = nullptr;
  std::uint64_t number = 0;
  vtpm::TpmFleet* fleet = nullptr;
  AskedChip* chip = nullptr;
  std::vector<PcrExtend> extends;
  std::uint32_t pcrs = 0;
  KeyChoice choice;
  sim::Time asked;
  std::vector<std::uint8_t> bytes;  // of a command; of a nonce; of launched code; of a credential
  std::function<void(const vtpm::Speak&)> talk;
  std::uint32_t code = 0;
  std::vector<std::vector<std::uint8_t>> heard;  // by who sits at the bus
  std::vector<std::uint8_t> hidden;              // a credential's secret, for the TPM alone
  std::vector<std::uint8_t> response;
  QuoteAnswer quoted;
  KeysAnswer shown;
  ActivationAnswer activated;
  std::atomic<bool> computed{false};
  ChipDone<Extended> extended;
  ChipDone<QuoteAnswer> on_quote;
  ChipDone<std::vector<std::uint8_t>> on_response;
  ChipDone<KeysAnswer> on_keys;
  ChipDone<ActivationAnswer> on_activation;

  // The TPM's clock shows when it was asked, not when its turn came: that depends on no thread.
  vtpm::CommandContext context() const { return {.now = asked}; }
  std::vector<std::uint8_t> run(std::span<const std::uint8_t> command, std::uint8_t locality = 0) {
    if (chip->probe == BusProbe::drop && is_extend(command)) return forged_success();
    vtpm::CommandContext where = context();
    where.locality = locality;
    std::vector<std::uint8_t> answered = fleet->execute(chip->tpm, command, where);
    if (chip->probe == BusProbe::off) return answered;
    heard.emplace_back(command.begin(), command.end());
    heard.push_back(answered);
    return answered;
  }

  void extend_all(std::uint8_t locality = 0) {
    for (const PcrExtend& row : extends) {
      const vtpm::BankDigest digests[] = {
          {vtpm::HashAlg::sha1, {row.sha1.view().begin(), row.sha1.view().end()}},
          {vtpm::HashAlg::sha256, {row.sha256.view().begin(), row.sha256.view().end()}}};
      vtpm::expect_success(run(vtpm::pcr_extend_command(row.pcr, digests), locality), "extending a PCR");
    }
  }

  void launch() {
    using enum vtpm::TpmSignal;
    for (const auto& [signal, data] : {std::pair{hash_start, std::span<const std::uint8_t>{}},
                                       std::pair{hash_data, std::span<const std::uint8_t>{bytes}},
                                       std::pair{hash_end, std::span<const std::uint8_t>{}}})
      fleet->signal(chip->tpm, signal, data, {.now = asked, .locality = 4});
    extend_all(kHighLocality);
  }

  void start_up() {
    fleet->power_cycle(chip->tpm, context());
    vtpm::expect_success(run(vtpm::startup_command(vtpm::StartupType::clear)), "starting a TPM");
    chip->key.reset();
  }

  vtpm::AttestationKey make_key() const {
    return vtpm::make_attestation_key(*fleet, chip->tpm, context(), choice.label, choice.anonymous);
  }
  vtpm::Speak speak() const {
    return [this](std::span<const std::uint8_t> command) {
      return fleet->execute(chip->tpm, command, context());
    };
  }

  void show_keys() {
    shown.endorsement = vtpm::read_endorsement_key(speak());
    const vtpm::AttestationKey key = make_key();
    shown.attestation = key.public_area;
    run(vtpm::flush_command(key.handle));
  }

  void open_credential() {
    const vtpm::AttestationKey key = make_key();
    const vtpm::ActivationResult result = vtpm::activate_credential(speak(), key.handle, bytes, hidden);
    activated = {result.secret, result.code};
    run(vtpm::flush_command(key.handle));
  }

  void quote() {
    if (chip->key && chip->loaded != choice) {
      vtpm::expect_success(run(vtpm::flush_command(chip->key->handle)), "unloading a key");
      chip->key.reset();
    }
    if (!chip->key) {
      chip->key = make_key();
      chip->loaded = choice;
      chip->key_public = chip->key->public_area;
    }
    std::vector<vtpm::BankSelection> selection;
    for (const vtpm::HashAlg bank : kBanks) selection.push_back({bank, pcrs});
    vtpm::QuoteBytes made = vtpm::make_quote(*fleet, chip->tpm, *chip->key, bytes, selection, context());
    quoted.attest = std::move(made.attest);
    quoted.signature = std::move(made.signature);
    const auto ask = [this](std::span<const std::uint8_t> command) { return run(command); };
    for (const vtpm::PcrRead& read : vtpm::read_pcrs(ask, std::move(selection)))
      quoted.pcrs[read.bank][read.pcr] = vtpm::Digest(read.value);
  }

  // Whoever waits for the TPM to be at rest is told, even when the work throws.
  struct Ends {
    std::atomic<bool>& flag;
    ~Ends() {
      flag.store(true);
      flag.notify_all();
    }
  };

  void compute() {
    const Ends ends{computed};
    switch (kind) {
      case Kind::boot:
        start_up();
        return extend_all();
      case Kind::extend:
        return extend_all();
      case Kind::quote:
        return quote();
      case Kind::execute:
        response = run(bytes);
        return;
      case Kind::launch:
        return launch();
      case Kind::converse:
        return talk([this](std::span<const std::uint8_t> command) { return run(command); });
      case Kind::refuse:
        response = vtpm::refusal(code);
        return;
      case Kind::keys:
        return show_keys();
      case Kind::activate:
        return open_credential();
    }
  }

  void answer() {
    --chip->line.open;
    if (!chip->alive) return;
    chip->heard.insert(chip->heard.end(), heard.begin(), heard.end());
    Extended end{code};
    if (extended.call) extended.call(extended.self, extended.tag, end);
    if (on_quote.call) on_quote.call(on_quote.self, on_quote.tag, quoted);
    if (on_keys.call) on_keys.call(on_keys.self, on_keys.tag, shown);
    if (on_activation.call) on_activation.call(on_activation.self, on_activation.tag, activated);
    if (on_response.call) on_response.call(on_response.self, on_response.tag, response);
  }
};

}  // namespace tvdsim::models
