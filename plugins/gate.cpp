#include "plugins/gate.hpp"

#include <algorithm>

namespace tvdsim::plugins {

namespace {

tvdsim_guest_mode mode_for(GateMode wanted, bool usable) {
  if (wanted == GateMode::off) return TVDSIM_MODE_OFF;
  return wanted == GateMode::timer && usable ? TVDSIM_MODE_TIMER : TVDSIM_MODE_INSN;
}

}  // namespace

Gate::Gate(SharedPage& shared, const Internals& internals, const Options& options)
    : shared_(shared),
      internals_(internals),
      shift_(options.shift),
      mode_(mode_for(options.gate, internals.usable())) {
  shared_.page().mode = mode_;
  shared_.page().host_version = internals.version;
}

std::uint64_t Gate::counted() const noexcept { return shared_.page().instructions; }

// Only where the clock may be read: in a timer's callback, never inside a block.
std::uint64_t Gate::now() const {
  if (mode_ != TVDSIM_MODE_TIMER) return counted() << shift_;
  return static_cast<std::uint64_t>(internals_.clock_ns(kVirtualClock));
}

void Gate::translated(std::uint64_t instructions) {
  shared_.page().block_size = std::max(shared_.page().block_size, instructions);
  if (armed_ || mode_ != TVDSIM_MODE_TIMER) return;
  // The first block: the machine is complete, and its clock stands at its beginning.
  armed_ = true;
  const BigLock lock(internals_);
  limit_ = step_ = shared_.limit();
  for (Timer& timer : timers_) {
    timer.gate = this;
    internals_.timer_init(timer.place.data(), nullptr, kVirtualClock, 1, 0, &Gate::on_timer, &timer);
  }
  arm(timers_[0], limit_);
  arm(timers_[1], limit_ + step_);
}

// Not by way of the timer: its callback may come on the emulator's main thread, while the vCPU is still inside the block.
void Gate::end_block() { internals_.between_blocks(internals_.cpu(0), &Gate::on_vcpu, this); }

void Gate::between_blocks() {
  const std::uint64_t time = now();
  if (calling_) return stop_for_call(time);
  if (woken_) read_clock(time);
}

void Gate::block_begins() {
  if (mode_ == TVDSIM_MODE_INSN) {
    for (std::uint64_t limit = shared_.limit(); counted() >= limit; limit = shared_.limit()) {
      auto& page = shared_.page();
      page.overshoot = std::max(page.overshoot, counted() - limit);
      shared_.record(TVDSIM_RECORD_QUANTUM, counted(), now(), page.grant);
      shared_.stop(TVDSIM_STOP_LIMIT, now());
    }
    return;
  }
  if (mode_ != TVDSIM_MODE_TIMER || !halted_) return;
  halted_ = false;
  woken_ = true;  // while it was idle the clock ran without instructions
  end_block();
}

// A vCPU that has work is not idle: the emulator must not let idle time pass before this block's instructions were accounted for.
void Gate::halts() {
  halted_ = true;
  if (mode_ == TVDSIM_MODE_TIMER) end_block();
}

void Gate::calls(std::uint64_t number, std::uint64_t block) {
  if (calling_) return shared_.fault(TVDSIM_FAULT_TWO_CALLS);
  call_number_ = number;
  call_block_ = block;
  call_instructions_ = counted();
  calling_ = true;
  if (mode_ == TVDSIM_MODE_TIMER) return end_block();
  stop_for_call(now());
}

void Gate::read_clock(std::uint64_t vtime) {
  shared_.record(TVDSIM_RECORD_CLOCK, counted(), vtime);
  woken_ = false;
  for (const Late& it : late_) shared_.record(it.kind, it.instructions, it.a, it.b, it.flags, it.size);
  late_.clear();
}

void Gate::stop_for_call(std::uint64_t vtime) {
  read_clock(vtime);
  shared_.record(TVDSIM_RECORD_HYPERCALL, call_instructions_, call_number_, call_block_);
  shared_.page().call = call_number_;
  calling_ = false;
  shared_.stop(TVDSIM_STOP_CALL, vtime);
}

void Gate::on_timer(void* timer) {
  Timer& fired = *static_cast<Timer*>(timer);
  fired.gate->reached(fired);
}

void Gate::arm(Timer& timer, std::uint64_t at) {
  timer.at = at;
  internals_.timer_set(timer.place.data(), static_cast<std::int64_t>(at));
}

// The timer's callback: the emulator's lock is held, so that all of it stands still while the guest waits.
void Gate::reached(Timer& fired) {
  const std::uint64_t time = now();
  for (std::uint64_t limit = shared_.limit(); time >= limit; limit = shared_.limit()) {
    auto& page = shared_.page();
    page.overshoot = std::max(page.overshoot, time - limit);
    shared_.record(TVDSIM_RECORD_QUANTUM, counted(), time, page.grant);
    shared_.stop(TVDSIM_STOP_LIMIT, time);
  }
  const std::uint64_t limit = shared_.limit();
  if (limit > limit_) step_ = limit - limit_;
  limit_ = limit;
  Timer& other = &fired == &timers_[0] ? timers_[1] : timers_[0];
  if (other.at != limit) arm(other, limit);
  arm(fired, limit + step_);
}

void Gate::record(tvdsim_record_kind kind, std::uint64_t a, std::uint64_t b, std::uint16_t flags,
                  std::uint16_t size) {
  if (woken_) return late_.push_back({kind, counted(), a, b, flags, size});
  shared_.record(kind, counted(), a, b, flags, size);
}

void Gate::ended(int status) {
  for (const Late& it : late_) shared_.record(it.kind, it.instructions, it.a, it.b, it.flags, it.size);
  late_.clear();
  shared_.record(TVDSIM_RECORD_EXIT, counted(), static_cast<std::uint64_t>(status));
  shared_.ended(mode_ == TVDSIM_MODE_TIMER ? shared_.page().vtime : now());
}

}  // namespace tvdsim::plugins
