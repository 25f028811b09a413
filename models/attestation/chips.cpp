#include "models/attestation/chips.hpp"

#include <algorithm>
#include <atomic>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "models/attestation/measured.hpp"
#include "sim/base/error.hpp"
#include "sim/engine/device.hpp"
#include "vtpm/device/commands.hpp"
#include "vtpm/device/credential.hpp"
#include "vtpm/device/key_commands.hpp"

namespace tvdsim::models {

using Bytes = std::vector<std::uint8_t>;

namespace {

struct Chip {
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
  Bytes key_public;
  BusProbe probe = BusProbe::off;
  std::vector<Bytes> heard;
};

constexpr std::uint8_t kHighLocality = 2;  // of what a dynamic launch started

// Success, as a TPM says it to a command with one session: what somebody at the bus answers in its place.
Bytes forged_success() { return {0x80, 0x02, 0, 0, 0, 19, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0}; }

bool is_extend(std::span<const std::uint8_t> command) {
  return vtpm::command_class(command) == vtpm::CommandClass::extend;
}

// One question and, in the end, its answer.
struct Question {
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
  std::map<std::uint64_t, std::unique_ptr<Question>>* home = nullptr;
  std::uint64_t number = 0;
  vtpm::TpmFleet* fleet = nullptr;
  Chip* chip = nullptr;
  std::vector<PcrExtend> extends;
  std::uint32_t pcrs = 0;
  KeyChoice choice;
  sim::Time asked;
  Bytes bytes;  // of a command; of a nonce; of launched code; of a credential
  std::function<void(const vtpm::Speak&)> talk;
  std::uint32_t code = 0;
  std::vector<Bytes> heard;  // by who sits at the bus
  Bytes hidden;              // a credential's secret, for the TPM alone
  Bytes response;
  QuoteAnswer quoted;
  KeysAnswer shown;
  ActivationAnswer activated;
  std::atomic<bool> computed{false};
  ChipDone<Extended> extended;
  ChipDone<QuoteAnswer> on_quote;
  ChipDone<Bytes> on_response;
  ChipDone<KeysAnswer> on_keys;
  ChipDone<ActivationAnswer> on_activation;

  // The TPM's clock shows when it was asked, not when its turn came: that depends on no thread.
  vtpm::CommandContext context() const { return {.now = asked}; }
  Bytes run(std::span<const std::uint8_t> command, std::uint8_t locality = 0) {
    if (chip->probe == BusProbe::drop && is_extend(command)) return forged_success();
    vtpm::CommandContext where = context();
    where.locality = locality;
    Bytes answered = fleet->execute(chip->tpm, command, where);
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
    for (const vtpm::HashAlg bank : kBanks) {
      for (std::uint32_t pcr = 0; pcr < vtpm::PcrBank::kCount; ++pcr) {
        if ((pcrs >> pcr & 1) == 0) continue;
        quoted.pcrs[bank][pcr] =
            vtpm::Digest(vtpm::read_pcr_response(run(vtpm::pcr_read_command(bank, pcr))));
      }
    }
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

}  // namespace

PcrExtend extend_of(const Measured& item) {
  PcrExtend extend{item.pcr, {}, {}};
  for (const vtpm::LogDigest& digest : item.extends) {
    const bool sha1 = digest.alg == static_cast<std::uint16_t>(vtpm::HashAlg::sha1);
    (sha1 ? extend.sha1 : extend.sha256) = digest.value;
  }
  return extend;
}

struct Chips::Impl {
  Impl(sim::Engine& with, unsigned threads) : engine(with), workers(threads) {}

  sim::Engine& engine;
  unsigned workers;
  std::unique_ptr<vtpm::TpmFleet> fleet;  // made with the first chip
  std::unique_ptr<sim::DevicePool> pool;
  std::vector<std::unique_ptr<Chip>> chips;
  std::map<std::uint64_t, std::unique_ptr<Question>> open;  // asked and not answered yet, by number
  std::uint64_t asked = 0;
  std::size_t alive = 0;
  std::unordered_map<std::string, std::uint32_t> born;  // how many were made under a name

  Chip& at(ChipId chip) { return *chips.at(chip.value); }

  ChipId keep(vtpm::TpmId tpm, ChipLatency latency, const std::string& name) {
    auto chip = std::make_unique<Chip>();
    chip->tpm = tpm;
    chip->device = pool->add_device();
    chip->latency = latency;
    if (latency.profile) chip->draws = &engine.stream("tpm.latency." + name);
    chips.push_back(std::move(chip));
    ++alive;
    return {static_cast<std::uint32_t>(chips.size() - 1)};
  }
  void power() {
    if (fleet) return;
    fleet = std::make_unique<vtpm::TpmFleet>(vtpm::TpmFleetSetup{.seed = engine.seed(), .workers = workers});
    pool = std::make_unique<sim::DevicePool>(engine, workers == 0 ? 0 : fleet->workers(), "tpm");
  }
  // Twins of one name would draw the same random numbers: each is named apart.
  std::string unique(const std::string& name) {
    const std::uint32_t before = born[name]++;
    return before == 0 ? name : name + " #" + std::to_string(before + 1);
  }
  // The fleet changes only while no thread is in it.
  void rest() const {
    for (const auto& [number, question] : open) question->computed.wait(false);
  }
  std::unique_ptr<Question> ask(ChipId chip, Question::Kind kind) {
    TVDSIM_ASSERT(chip.exists() && at(chip).alive, "a TPM that is not there is asked");
    Chip& asked_chip = at(chip);
    if (asked_chip.latency.room > 0 && asked_chip.line.open >= asked_chip.latency.room) {
      ++asked_chip.line.refused;
      throw sim::WorldError("asking a TPM", "tpm_queue_full",
                            "its line has room for " + std::to_string(asked_chip.latency.room));
    }
    auto question = std::make_unique<Question>();
    question->kind = kind;
    question->fleet = fleet.get();
    question->chip = &at(chip);
    question->asked = engine.now();
    return question;
  }
  void submit(std::unique_ptr<Question> question, sim::Duration time) {
    const std::uint32_t device = question->chip->device;
    ChipLine& line = question->chip->line;
    question->home = &open;
    question->number = asked++;
    const sim::Job job{[](void* work) { static_cast<Question*>(work)->compute(); },
                       [](void* work, sim::Time) {
                         auto& done = *static_cast<Question*>(work);
                         const auto kept = done.home->extract(done.number);
                         done.answer();
                       },
                       question.get()};
    open.emplace(question->number, std::move(question));
    const sim::Time done = pool->submit(device, time, sim::Cause::tpm_command, job);
    ++line.asked;
    line.longest = std::max(line.longest, ++line.open);
    line.served = line.served + time;
    line.waited = line.waited + (done - engine.now() - time);
  }
};

Chips::Chips(sim::Engine& engine, unsigned workers) : impl_(std::make_unique<Impl>(engine, workers)) {}
Chips::~Chips() = default;

ChipId Chips::add(const std::string& name, ChipLatency latency) {
  impl_->power();
  const std::string called = impl_->unique(name);
  const ChipId chip = impl_->keep(impl_->fleet->create(called, impl_->engine.now()), latency, called);
  boot(chip, {});
  return chip;
}

void Chips::drop(ChipId chip) {
  Chip& dropped = impl_->at(chip);
  if (!dropped.alive) return;
  impl_->rest();
  dropped.alive = false;
  dropped.key_public.clear();
  impl_->fleet->destroy(dropped.tpm);
  --impl_->alive;
}

bool Chips::exists(ChipId chip) const noexcept {
  return chip.exists() && chip.value < impl_->chips.size() && impl_->chips[chip.value]->alive;
}

std::size_t Chips::size() const noexcept { return impl_->alive; }

const ChipLine& Chips::line(ChipId chip) const { return impl_->at(chip).line; }

void Chips::boot(ChipId chip, std::vector<PcrExtend> extends, ChipDone<Extended> done) {
  auto question = impl_->ask(chip, Question::Kind::boot);
  sim::Duration time{};
  for (std::size_t i = 0; i < extends.size(); ++i)
    time = time + impl_->at(chip).time(vtpm::CommandClass::extend);
  question->extends = std::move(extends);
  question->extended = done;
  impl_->submit(std::move(question), time);
}

void Chips::launch(ChipId chip, Bytes code, std::vector<PcrExtend> extends, ChipDone<Extended> done) {
  auto question = impl_->ask(chip, Question::Kind::launch);
  sim::Duration time{};
  for (std::size_t i = 0; i < extends.size() + 1; ++i)
    time = time + impl_->at(chip).time(vtpm::CommandClass::extend);
  question->bytes = std::move(code);
  question->extends = std::move(extends);
  question->extended = done;
  impl_->submit(std::move(question), time);
}

void Chips::converse(ChipId chip, std::function<void(const vtpm::Speak&)> talk, std::uint32_t commands,
                     ChipDone<Extended> done) {
  auto question = impl_->ask(chip, Question::Kind::converse);
  sim::Duration time{};
  for (std::uint32_t i = 0; i < commands; ++i) time = time + impl_->at(chip).time(vtpm::CommandClass::other);
  question->talk = std::move(talk);
  question->extended = done;
  impl_->submit(std::move(question), time);
}

void Chips::refuse(ChipId chip, std::uint32_t code, ChipDone<Extended> extended, ChipDone<QuoteAnswer> quoted,
                   ChipDone<Bytes> executed) {
  auto question = impl_->ask(chip, Question::Kind::refuse);
  question->code = code;
  question->extended = extended;
  question->on_quote = quoted;
  question->on_response = executed;
  impl_->submit(std::move(question), {});
}

void Chips::probe(ChipId chip, BusProbe mode) {
  impl_->rest();
  impl_->at(chip).probe = mode;
}

const std::vector<Bytes>& Chips::heard(ChipId chip) const { return impl_->at(chip).heard; }

void Chips::extend(ChipId chip, PcrExtend extend, ChipDone<Extended> done) {
  auto question = impl_->ask(chip, Question::Kind::extend);
  question->extends = {extend};
  question->extended = done;
  impl_->submit(std::move(question), impl_->at(chip).time(vtpm::CommandClass::extend));
}

void Chips::quote(ChipId chip, std::vector<std::uint8_t> nonce, std::uint32_t pcrs,
                  ChipDone<QuoteAnswer> done) {
  auto question = impl_->ask(chip, Question::Kind::quote);
  question->bytes = std::move(nonce);
  question->pcrs = pcrs;
  question->choice = impl_->at(chip).choice;
  question->on_quote = done;
  impl_->submit(std::move(question), impl_->at(chip).time(vtpm::CommandClass::quote));
}

void Chips::keys(ChipId chip, KeyChoice choice, ChipDone<KeysAnswer> done) {
  auto question = impl_->ask(chip, Question::Kind::keys);
  question->choice = std::move(choice);
  question->on_keys = done;
  // Two keys are made.
  const sim::Duration time = impl_->at(chip).time(vtpm::CommandClass::keygen);
  impl_->submit(std::move(question), time + impl_->at(chip).time(vtpm::CommandClass::keygen));
}

void Chips::activate(ChipId chip, KeyChoice choice, Bytes blob, Bytes secret,
                     ChipDone<ActivationAnswer> done) {
  auto question = impl_->ask(chip, Question::Kind::activate);
  question->choice = std::move(choice);
  question->bytes = std::move(blob);
  question->hidden = std::move(secret);
  question->on_activation = done;
  // Both keys are made anew, and one multiplication as long as a signature opens the credential.
  const sim::Duration keys =
      impl_->at(chip).time(vtpm::CommandClass::keygen) + impl_->at(chip).time(vtpm::CommandClass::keygen);
  impl_->submit(std::move(question), keys + impl_->at(chip).time(vtpm::CommandClass::sign));
}

void Chips::use_key(ChipId chip, KeyChoice choice) { impl_->at(chip).choice = std::move(choice); }

void Chips::execute(ChipId chip, Bytes command, ChipDone<Bytes> done) {
  auto question = impl_->ask(chip, Question::Kind::execute);
  const sim::Duration time = impl_->at(chip).time_of(command);
  question->bytes = std::move(command);
  question->on_response = done;
  impl_->submit(std::move(question), time);
}

vtpm::Digest Chips::read_pcr(ChipId chip, vtpm::HashAlg bank, std::uint32_t pcr) {
  TVDSIM_ASSERT(exists(chip), "a TPM that is not there is read");
  impl_->rest();
  const vtpm::CommandContext now{.now = impl_->engine.now()};
  return vtpm::Digest(vtpm::read_pcr_response(
      impl_->fleet->execute(impl_->at(chip).tpm, vtpm::pcr_read_command(bank, pcr), now)));
}

const Bytes& Chips::attestation_key(ChipId chip) const { return impl_->at(chip).key_public; }

vtpm::TpmState Chips::save(ChipId chip) {
  TVDSIM_ASSERT(exists(chip), "a TPM that is not there is saved");
  // The attestation key is made anew from the seed where the state is loaded: it need not take a place in it.
  impl_->rest();
  Chip& saved = impl_->at(chip);
  if (saved.key) {
    const vtpm::CommandContext now{.now = impl_->engine.now()};
    vtpm::expect_success(impl_->fleet->execute(saved.tpm, vtpm::flush_command(saved.key->handle), now),
                         "unloading a key");
    saved.key.reset();
  }
  return impl_->fleet->save(impl_->at(chip).tpm);
}

ChipId Chips::load(const std::string& name, const vtpm::TpmState& state, ChipLatency latency) {
  impl_->power();
  const sim::Time now = impl_->engine.now();
  impl_->rest();
  const std::string called = impl_->unique(name);
  const vtpm::TpmId tpm = impl_->fleet->create(called, now);
  impl_->fleet->load(tpm, state, {.now = now});
  return impl_->keep(tpm, latency, called);
}

}  // namespace tvdsim::models
