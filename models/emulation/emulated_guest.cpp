#include "models/emulation/emulated_guest.hpp"

#include <algorithm>
#include <utility>

#include "sim/base/error.hpp"
#include "vtpm/evidence/digest.hpp"

namespace tvdsim::models {

std::string_view to_text(GuestEventKind kind) noexcept {
  static constexpr std::string_view kNames[] = {"call", "page", "device", "ended"};
  return kNames[static_cast<std::size_t>(kind)];
}

EmulatedGuest::EmulatedGuest(sim::Engine& engine, GuestDoor& door, GuestSetup setup, sim::Duration quantum)
    : engine_(engine), door_(door), setup_(std::move(setup)), quantum_(quantum) {
  TVDSIM_ASSERT(quantum.ns >= std::int64_t{1} << setup_.shift, "a quantum is shorter than an instruction");
  engine_.add(*this);
}

EmulatedGuest::~EmulatedGuest() = default;

void EmulatedGuest::start(const std::string& command_line) {
  TVDSIM_ASSERT(!started_, "a guest is started twice");
  start_ = engine_.now();
  granted_ = quantum_;
  setup_.first_grant = granted_;
  setup_.command_line = command_line;
  process_ = std::make_unique<GuestProcess>(setup_);
  started_ = true;
}

void EmulatedGuest::pause() noexcept {
  if (paused_) return;
  paused_ = true;
  paused_at_ = engine_.now();
}

void EmulatedGuest::resume() noexcept {
  if (!paused_) return;
  paused_ = false;
  start_ = start_ + (engine_.now() - paused_at_);
}

void EmulatedGuest::end() noexcept {
  if (process_) note_figures();
  process_.reset();
}

sim::Time EmulatedGuest::date(std::uint64_t vtime_ns) const noexcept {
  return start_ + sim::Duration{static_cast<std::int64_t>(vtime_ns)};
}

sim::Time EmulatedGuest::next_date() {
  if (!process_ || paused_) return sim::Time::never();
  if (!stopped_) {
    try {
      stop_ = process_->wait([this] { drain(); });
    } catch (...) {
      end();
      throw;
    }
    stopped_ = true;
    ++figures_.stops;
    note_figures();
    // A guest that ended says when it did in instructions; without its timer it may be a block behind its grant.
    if (stop_.why == GuestStop::ended) {
      const std::uint64_t since = stop_.instructions - std::min(stop_.instructions, clock_instructions_);
      stop_.vtime_ns = std::max(stop_.vtime_ns, clock_ns_ + (since << setup_.shift));
      if (!events_.empty() && events_.back().kind == GuestEventKind::ended)
        events_.back().at = date(stop_.vtime_ns);
    }
  }
  return std::max(date(stop_.vtime_ns), engine_.now());
}

void EmulatedGuest::advance(sim::Time to) {
  TVDSIM_ASSERT(stopped_ && to >= date(stop_.vtime_ns), "a guest is advanced to where it does not stand");
  if (stop_.why == GuestStop::ended) {
    status_ = stop_.status;
    process_.reset();
    return door_.ended(*this);
  }
  if (stop_.why == GuestStop::call) {
    tvdsim_call& block = process_->call_block();
    block.answered = 1;
    door_.call(*this, stop_.number, block);
    stopped_ = false;
    if (process_) process_->answer();
    return;
  }
  granted_ = granted_ + quantum_;
  stopped_ = false;
  process_->grant(granted_);
}

void EmulatedGuest::drain() {
  while (const auto record = process_->take()) add(*record);
}

void EmulatedGuest::add(const tvdsim_record& record) {
  const std::uint64_t since = record.instructions - std::min(record.instructions, clock_instructions_);
  GuestEvent event{date(clock_ns_ + (since << setup_.shift)),
                   GuestEventKind::call,
                   (record.flags & TVDSIM_RECORD_IS_STORE) != 0,
                   record.instructions,
                   record.a,
                   record.b};
  switch (record.kind) {
    case TVDSIM_RECORD_CLOCK:
      clock_ns_ = record.a;
      clock_instructions_ = record.instructions;
      return;
    case TVDSIM_RECORD_HYPERCALL:
      event.at = date(clock_ns_);  // a call's clock was read when it stopped there
      break;
    case TVDSIM_RECORD_EXEC_PAGE:
      event.kind = GuestEventKind::page;
      break;
    case TVDSIM_RECORD_DEVICE:
      event.kind = GuestEventKind::device;
      break;
    case TVDSIM_RECORD_EXIT:
      event.kind = GuestEventKind::ended;
      break;
    default:
      return;  // where grants ended says nothing about the guest
  }
  events_.push_back(event);
}

void EmulatedGuest::note_figures() {
  figures_.instructions = stopped_ ? stop_.instructions : figures_.instructions;
  figures_.overshoot = process_->overshoot();
  figures_.block_size = process_->block_size();
  figures_.tpm_holds = process_->tpm_holds();
  figures_.dropped = process_->dropped();
  figures_.exact = process_->exact();
  figures_.deterministic = process_->deterministic();
}

std::string EmulatedGuest::fingerprint() const {
  std::vector<std::uint8_t> bytes;
  const auto put = [&](std::uint64_t number) {
    for (unsigned i = 0; i < 8; ++i) bytes.push_back(static_cast<std::uint8_t>(number >> (8 * i)));
  };
  for (const GuestEvent& event : events_) {
    put(static_cast<std::uint64_t>(event.at.ns));
    put(static_cast<std::uint64_t>(event.kind) << 1 | (event.store ? 1u : 0u));
    put(event.instructions);
    put(event.a);
    put(event.b);
  }
  return vtpm::to_hex(vtpm::hash(vtpm::HashAlg::sha256, {bytes}).view());
}

}  // namespace tvdsim::models
