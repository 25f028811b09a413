#include "vtpm/device/tpm.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <shared_mutex>
#include <string>

#include "sim/base/error.hpp"
#include "vtpm/device/commands.hpp"
#include "vtpm/device/key_commands.hpp"
#include "vtpm/device/tpm_home.hpp"

namespace tvdsim::vtpm {
namespace {

using Bytes = std::vector<std::uint8_t>;

// SHA-256 of what is put in one after the other.
class Sum {
 public:
  Sum() {
    TVDSIM_ASSERT(context_ && EVP_DigestInit_ex(context_, EVP_sha256(), nullptr) == 1, "OpenSSL has SHA-256");
  }
  ~Sum() { EVP_MD_CTX_free(context_); }
  Sum(const Sum&) = delete;
  void add(std::span<const std::uint8_t> bytes) { EVP_DigestUpdate(context_, bytes.data(), bytes.size()); }
  void add(std::uint64_t number) {
    std::uint8_t bytes[8];
    for (unsigned i = 0; i < 8; ++i) bytes[i] = static_cast<std::uint8_t>(number >> 8 * i);
    add(bytes);
  }
  std::array<std::uint8_t, 32> take() {
    std::array<std::uint8_t, 32> out{};
    TVDSIM_ASSERT(EVP_DigestFinal_ex(context_, out.data(), nullptr) == 1, "OpenSSL ends a digest");
    return out;
  }

 private:
  EVP_MD_CTX* context_ = EVP_MD_CTX_new();
};

bool asked_for(const char* variable, std::string_view value) noexcept {
  const char* asked = std::getenv(variable);
  return asked && asked == value;
}
bool stock_wanted() noexcept { return asked_for("TVDSIM_LIBTPMS", "stock"); }

}  // namespace

std::array<std::uint8_t, 32> TpmState::compute_digest() const {
  Sum sum;
  for (const Bytes* part : {&permanent, &running}) {
    sum.add(part->size());
    sum.add(*part);
  }
  return sum.take();
}

struct TpmFleet::Impl {
  TpmFleetSetup setup;
  std::vector<std::unique_ptr<Home>> homes;
  std::deque<Tpm> tpms;  // each stays where it is while the fleet grows; a destroyed one leaves its place
  mutable std::shared_mutex growing;
  std::size_t living = 0;

  ~Impl() {
    for (auto& home : homes) TpmLibrary::give_back(home->library());
  }
  Tpm& find(TpmId id, std::string_view doing) {
    const std::shared_lock guard(growing);
    if (id.value >= tpms.size())
      throw sim::WorldError(fmt::format("{}: there is no TPM {}", doing, id.value), "ENODEV");
    Tpm& tpm = tpms[id.value];
    if (!tpm.exists)
      throw sim::WorldError(fmt::format("{}: TPM {} was destroyed", doing, id.value), "ENODEV");
    return tpm;
  }
  Tpm& find_whole(TpmId id, std::string_view doing) {
    Tpm& tpm = find(id, doing);
    if (!tpm.lost) return tpm;
    throw sim::WorldError(fmt::format("{}: TPM {} was lost with its worker", doing, id.value), "tpm_lost",
                          "load a saved state into it, or destroy it");
  }
  Home& home(TpmId id) { return *homes[id.value % homes.size()]; }
};

TpmFleet::TpmFleet(TpmFleetSetup setup) : impl_(std::make_unique<Impl>()) {
  setup.stock = setup.stock || stock_wanted() || !TpmLibrary::private_copies();
  bool segments =
      setup.parking == Parking::segments && !setup.stock && !asked_for("TVDSIM_TPM_PARKING", "blobs");
  const unsigned homes = setup.stock ? 1 : std::max(setup.workers, 1u);
  for (unsigned i = 0; i < homes; ++i) {
    TpmLibrary& copy = TpmLibrary::borrow(setup.stock);
    impl_->homes.push_back(std::make_unique<Home>(copy, segments));
    segments = segments && segments_trusted(copy);
  }
  if (!segments) {
    for (auto& home : impl_->homes) home->park_as_blobs();
  }
  setup.parking = segments ? Parking::segments : Parking::blobs;
  impl_->setup = setup;
}

TpmFleet::~TpmFleet() {
  for (std::uint32_t i = 0; i < impl_->tpms.size(); ++i) {
    if (!impl_->tpms[i].exists) continue;
    Home& home = impl_->home(TpmId{i});
    const Home::Entry entry(home);
    home.forget(impl_->tpms[i]);
  }
}

TpmId TpmFleet::create(std::string_view name, sim::Time now) {
  const std::unique_lock guard(impl_->growing);
  const auto number = static_cast<std::uint32_t>(impl_->tpms.size());
  Tpm& tpm = impl_->tpms.emplace_back();
  tpm.key = name.empty() ? stream_key(impl_->setup.seed, fmt::format("#{}", number))
                         : stream_key(impl_->setup.seed, name);
  tpm.made_at = now;
  ++impl_->living;
  return TpmId{number};
}

Bytes TpmFleet::execute(TpmId id, std::span<const std::uint8_t> command, CommandContext context) {
  Home& home = impl_->home(id);
  const Home::Entry entry(home);
  return home.execute(impl_->find_whole(id, "executing a command"), command, context);
}

std::vector<Bytes> TpmFleet::execute_all(TpmId id, std::span<const Bytes> commands, CommandContext context) {
  Home& home = impl_->home(id);
  const Home::Entry entry(home);
  Tpm& tpm = impl_->find_whole(id, "executing commands");
  std::vector<Bytes> out;
  out.reserve(commands.size());
  for (const Bytes& command : commands) out.push_back(home.execute(tpm, command, context));
  return out;
}

void TpmFleet::power_cycle(TpmId id, CommandContext context) {
  Home& home = impl_->home(id);
  const Home::Entry entry(home);
  home.power_off(impl_->find_whole(id, "power-cycling"), context.now);
}

bool TpmFleet::signal(TpmId id, TpmSignal signal, std::span<const std::uint8_t> data,
                      CommandContext context) {
  Home& home = impl_->home(id);
  const Home::Entry entry(home);
  return home.signal(impl_->find_whole(id, "signalling"), signal, data, context);
}

TpmState TpmFleet::save(TpmId id) {
  Home& home = impl_->home(id);
  const Home::Entry entry(home);
  return home.save(impl_->find_whole(id, "saving"));
}

void TpmFleet::load(TpmId id, const TpmState& state, CommandContext context) {
  Home& home = impl_->home(id);
  const Home::Entry entry(home);
  Tpm& mine = impl_->find(id, "loading a state");
  if (state.permanent.empty())
    throw sim::WorldError("loading a TPM state", "state_empty", "there is no permanent part");
  if (state.digest != state.compute_digest()) {
    throw sim::WorldError("loading a TPM state", "state_digest", "the state was changed on its way");
  }
  home.load(mine, state, context.now);
}

void TpmFleet::destroy(TpmId id) {
  Home& home = impl_->home(id);
  const Home::Entry entry(home);
  Tpm& tpm = impl_->find(id, "destroying");
  const std::unique_lock guard(impl_->growing);
  home.forget(tpm);
  --impl_->living;
}

TpmId TpmFleet::clone(TpmId source, std::string_view name, CloneIdentity identity, CommandContext context) {
  const TpmState state = save(source);
  const TpmId made = create(name, context.now);
  try {
    load(made, state, context);
    if (identity == CloneIdentity::shared) return made;
    // Its random generator is its source's: without this the new seeds of two clones would be the same.
    for (const auto& [command, doing] :
         {std::pair{stir_random_command(impl_->tpms[made.value].key), "a clone's randomness"},
          std::pair{change_eps_command(), "a clone's endorsement seed"},
          std::pair{change_pps_command(), "a clone's platform seed"},
          std::pair{clear_command(), "a clone's storage seed"}})
      expect_success(execute(made, command, context), doing);
  } catch (...) {
    destroy(made);
    throw;
  }
  return made;
}

void TpmFleet::fail(TpmId id, TpmFault fault, std::span<const std::uint8_t> command, CommandContext context) {
  Home& home = impl_->home(id);
  const Home::Entry entry(home);
  Tpm& tpm = impl_->find_whole(id, "breaking a TPM");
  switch (fault) {
    case TpmFault::failure_mode:
      return home.fail(tpm, context.now);
    case TpmFault::power_cut:
      home.execute(tpm, command, context);
      return home.power_off(tpm, context.now);
    case TpmFault::worker_crash:
      return home.crash(tpm, command, context);
  }
}

bool TpmFleet::exists(TpmId id) const noexcept {
  const std::shared_lock guard(impl_->growing);
  return id.value < impl_->tpms.size() && impl_->tpms[id.value].exists;
}

std::size_t TpmFleet::size() const noexcept { return impl_->living; }

unsigned TpmFleet::workers() const noexcept { return static_cast<unsigned>(impl_->homes.size()); }

std::vector<std::uint64_t> TpmFleet::commands_per_worker() const {
  std::vector<std::uint64_t> out;
  for (const auto& home : impl_->homes) out.push_back(home->commands);
  return out;
}

std::string_view TpmFleet::path() const noexcept { return impl_->setup.stock ? "stock" : "private"; }
bool TpmFleet::deterministic() const noexcept { return !impl_->setup.stock; }

Parking TpmFleet::parking() const noexcept { return impl_->setup.parking; }

std::string_view TpmFleet::default_path() noexcept {
  return stock_wanted() || !TpmLibrary::private_copies() ? "stock" : "private";
}

// A running blob also keeps books about the host's clock between visits, which depend on when its TPM was parked. What counts
// is what the TPM would answer: its permanent state, clock, PCRs and loaded objects.
std::array<std::uint8_t, 32> TpmFleet::state_digest(TpmId id) {
  constexpr std::uint8_t kReadClock[] = {0x80, 0x01, 0, 0, 0, 10, 0, 0, 0x01, 0x81};
  constexpr std::uint8_t kLoaded[] = {0x80, 0x01, 0, 0,    0, 22, 0, 0, 0x01, 0x7a, 0,
                                      0,    0,    1, 0x80, 0, 0,  0, 0, 0,    0,    64};
  Home& home = impl_->home(id);
  const Home::Entry entry(home);
  Tpm& tpm = impl_->find(id, "hashing a TPM's state");
  Sum sum;
  if (tpm.lost) {
    sum.add(0);
    return sum.take();
  }
  sum.add(home.settled(tpm));
  sum.add(home.ask(tpm, kReadClock));
  sum.add(home.ask(tpm, kLoaded));
  for (const HashAlg bank : kHashAlgs) {
    for (std::uint32_t pcr = 0; pcr < kPcrs; ++pcr) sum.add(home.ask(tpm, pcr_read_command(bank, pcr)));
  }
  return sum.take();
}

std::array<std::uint8_t, 32> TpmFleet::state_digest() {
  Sum sum;
  for (std::uint32_t i = 0; i < impl_->tpms.size(); ++i) {
    sum.add(i);
    if (exists(TpmId{i})) sum.add(state_digest(TpmId{i}));
  }
  return sum.take();
}

}  // namespace tvdsim::vtpm
