#include "models/attestation/chips.hpp"

#include <algorithm>
#include <atomic>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "models/attestation/chip_question.hpp"
#include "models/attestation/measured.hpp"
#include "sim/base/error.hpp"
#include "sim/engine/device.hpp"
#include "vtpm/device/commands.hpp"
#include "vtpm/device/credential.hpp"
#include "vtpm/device/key_commands.hpp"

namespace tvdsim::models {

using Bytes = std::vector<std::uint8_t>;

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
  std::vector<std::unique_ptr<AskedChip>> chips;
  std::map<std::uint64_t, std::unique_ptr<ChipQuestion>> open;  // asked and not answered yet, by number
  std::uint64_t asked = 0;
  std::size_t alive = 0;
  std::unordered_map<std::string, std::uint32_t> born;  // how many were made under a name

  AskedChip& at(ChipId chip) { return *chips.at(chip.value); }

  ChipId keep(vtpm::TpmId tpm, ChipLatency latency, const std::string& name) {
    auto chip = std::make_unique<AskedChip>();
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
  std::unique_ptr<ChipQuestion> ask(ChipId chip, ChipQuestion::Kind kind) {
    TVDSIM_ASSERT(chip.exists() && at(chip).alive, "a TPM that is not there is asked");
    AskedChip& asked_chip = at(chip);
    if (asked_chip.latency.room > 0 && asked_chip.line.open >= asked_chip.latency.room) {
      ++asked_chip.line.refused;
      throw sim::WorldError("asking a TPM", "tpm_queue_full",
                            "its line has room for " + std::to_string(asked_chip.latency.room));
    }
    auto question = std::make_unique<ChipQuestion>();
    question->kind = kind;
    question->fleet = fleet.get();
    question->chip = &at(chip);
    question->asked = engine.now();
    return question;
  }
  void submit(std::unique_ptr<ChipQuestion> question, sim::Duration time) {
    const std::uint32_t device = question->chip->device;
    ChipLine& line = question->chip->line;
    question->home = &open;
    question->number = asked++;
    const sim::Job job{[](void* work) { static_cast<ChipQuestion*>(work)->compute(); },
                       [](void* work, sim::Time) {
                         auto& done = *static_cast<ChipQuestion*>(work);
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
  AskedChip& dropped = impl_->at(chip);
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
  auto question = impl_->ask(chip, ChipQuestion::Kind::boot);
  sim::Duration time{};
  for (std::size_t i = 0; i < extends.size(); ++i)
    time = time + impl_->at(chip).time(vtpm::CommandClass::extend);
  question->extends = std::move(extends);
  question->extended = done;
  impl_->submit(std::move(question), time);
}

void Chips::launch(ChipId chip, Bytes code, std::vector<PcrExtend> extends, ChipDone<Extended> done) {
  auto question = impl_->ask(chip, ChipQuestion::Kind::launch);
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
  auto question = impl_->ask(chip, ChipQuestion::Kind::converse);
  sim::Duration time{};
  for (std::uint32_t i = 0; i < commands; ++i) time = time + impl_->at(chip).time(vtpm::CommandClass::other);
  question->talk = std::move(talk);
  question->extended = done;
  impl_->submit(std::move(question), time);
}

void Chips::refuse(ChipId chip, std::uint32_t code, ChipDone<Extended> extended, ChipDone<QuoteAnswer> quoted,
                   ChipDone<Bytes> executed) {
  auto question = impl_->ask(chip, ChipQuestion::Kind::refuse);
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
  auto question = impl_->ask(chip, ChipQuestion::Kind::extend);
  question->extends = {extend};
  question->extended = done;
  impl_->submit(std::move(question), impl_->at(chip).time(vtpm::CommandClass::extend));
}

void Chips::quote(ChipId chip, std::vector<std::uint8_t> nonce, std::uint32_t pcrs,
                  ChipDone<QuoteAnswer> done) {
  auto question = impl_->ask(chip, ChipQuestion::Kind::quote);
  question->bytes = std::move(nonce);
  question->pcrs = pcrs;
  question->choice = impl_->at(chip).choice;
  question->on_quote = done;
  impl_->submit(std::move(question), impl_->at(chip).time(vtpm::CommandClass::quote));
}

void Chips::keys(ChipId chip, KeyChoice choice, ChipDone<KeysAnswer> done) {
  auto question = impl_->ask(chip, ChipQuestion::Kind::keys);
  question->choice = std::move(choice);
  question->on_keys = done;
  // Two keys are made.
  const sim::Duration time = impl_->at(chip).time(vtpm::CommandClass::keygen);
  impl_->submit(std::move(question), time + impl_->at(chip).time(vtpm::CommandClass::keygen));
}

void Chips::activate(ChipId chip, KeyChoice choice, Bytes blob, Bytes secret,
                     ChipDone<ActivationAnswer> done) {
  auto question = impl_->ask(chip, ChipQuestion::Kind::activate);
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
  auto question = impl_->ask(chip, ChipQuestion::Kind::execute);
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
  AskedChip& saved = impl_->at(chip);
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
