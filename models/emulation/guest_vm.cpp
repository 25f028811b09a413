#include "models/emulation/guest_vm.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "models/host/world.hpp"
#include "sim/base/error.hpp"
#include "vtpm/device/commands.hpp"

namespace tvdsim::models {

namespace {

static_assert(static_cast<int>(Result::done) == TVDSIM_RESULT_DONE &&
              static_cast<int>(Result::refused) == TVDSIM_RESULT_REFUSED &&
              static_cast<int>(Result::failed) == TVDSIM_RESULT_FAILED);

// What the guest wrote, up to its zero byte or the block's end.
std::string text_of(const tvdsim_call& block) {
  return {block.text, ::strnlen(block.text, sizeof block.text)};
}

void put_text(tvdsim_call& block, std::string_view text) {
  const std::size_t size = std::min(text.size(), sizeof block.text - 1);
  std::memcpy(block.text, text.data(), size);
  block.text[size] = 0;
}

vtpm::Digest digest_of(const tvdsim_call& block) {
  return vtpm::Digest(std::span<const std::uint8_t>(block.digest));
}

}  // namespace

GuestVm::GuestVm(Datacenter& datacenter, sim::Engine& engine, std::string_view vm, GuestSetup setup,
                 sim::Duration quantum)
    : datacenter_(datacenter),
      engine_(engine),
      vm_(datacenter.vm(vm)),
      command_line_(setup.command_line),
      guest_(engine, *this, std::move(setup), quantum) {
  TVDSIM_ASSERT(vm_.exists(), "a real guest for a VM that is not there");
  engine_.add(*this);
}

sim::Time GuestVm::next_date() {
  const VmState state = datacenter_.state(vm_);
  if (!guest_.started()) {
    if (state != VmState::running) return sim::Time::never();
    start();
    return engine_.now();  // so that the guest is asked, too
  }
  if (guest_.running()) {
    if (state == VmState::paused) guest_.pause();
    if (state == VmState::running) guest_.resume();
    if (state != VmState::paused && state != VmState::running) guest_.end();
  }
  return sim::Time::never();
}

void GuestVm::start() {
  if (!script_.empty()) {
    if (!command_line_.empty()) command_line_ += ' ';
    command_line_ += words_of_script();
  }
  guest_.start(command_line_);
}

std::string GuestVm::words_of_script() const {
  std::string words;
  const auto& host = datacenter_.hypervisor(datacenter_.where(vm_));
  for (const GuestCallSetup& call : script_) {
    const auto* other = host.find(find_named(call.other));
    // A VM that is not there has no domain id; the guest asks about one that nobody has.
    const std::uint32_t domain = other ? other->id.value : 0xffff;
    words += fmt::format("{}{}:{}:{}:{}", words.empty() ? "calls=" : ",", static_cast<unsigned>(call.op),
                         domain, call.handle, call.page);
  }
  return words;
}

VmId GuestVm::find_named(std::string_view name) const {
  const World& world = datacenter_.world();
  return name == "dom0" ? world.machines.at(datacenter_.where(vm_).value).dom0 : datacenter_.vm(name);
}

void GuestVm::step(std::string_view what, std::string_view subject, std::string_view detail) {
  World& world = datacenter_.world();
  world.step(world.machine_of(vm_).name, world.vm_name(vm_), what, subject, detail, 0);
}

void GuestVm::call(EmulatedGuest&, std::uint32_t number, tvdsim_call& block) {
  World& world = datacenter_.world();
  switch (number) {
    case TVDSIM_CALL_HYPERCALL:
      return hypercall(block);
    case TVDSIM_CALL_MEASURED:
      world.trace.append(
          sim::rows::measurements{.time_ns = engine_.now(),
                                  .entity = world.trace.text(world.vm_name(vm_)),
                                  .pcr = block.pcr,
                                  .kind = world.trace.text("guest"),
                                  .name = world.trace.text(text_of(block)),
                                  .digest = world.trace.text(vtpm::to_hex(digest_of(block).view()))});
      return;
    case TVDSIM_CALL_PCR:
      if (block.pcr >= vtpm::kPcrs) return;
      pcrs_[block.pcr] = digest_of(block);
      return step("guest_pcr", fmt::format("PCR {}", block.pcr), vtpm::to_hex(digest_of(block).view()));
    case TVDSIM_CALL_SAYS:
      said_.push_back(text_of(block));
      return step("guest_says", world.vm_name(vm_), said_.back());
    case TVDSIM_CALL_TPM_FAILED:
      tpm_failure_ = fmt::format("{}: {}", text_of(block), vtpm::describe(block.result).name);
      return step("guest_tpm_failed", world.vm_name(vm_), tpm_failure_);
    default:
      block.answered = 0;  // a number that nobody knows
  }
}

void GuestVm::hypercall(tvdsim_call& block) {
  World& world = datacenter_.world();
  Machine& machine = world.machine_of(vm_);
  GuestCall made{engine_.now(), {}, {}, Result::failed, "there is no such hypercall"};
  block.id = 0;
  if (block.op < hypercall_infos().size()) {
    Hypercall asked;
    asked.op = static_cast<HypercallOp>(block.op);
    made.name = hypercall_infos()[block.op].name;
    asked.caller = vm_;
    asked.handle = block.handle;
    asked.page = block.page;
    asked.other = VmId::none();
    for (const auto& domain : machine.hypervisor->domains()) {
      if (domain.id.value == block.domain) asked.other = domain.vm;
    }
    // What it writes into a page that it shares is what its own memory holds there.
    const auto memory = guest_.process().memory();
    const std::uint64_t at = block.page * kPageSize;
    if (at + kPageSize <= memory.size())
      asked.text = {reinterpret_cast<const char*>(memory.data() + at), kPageSize};
    made.other = asked.other.exists() ? world.vm_name(asked.other) : "";
    Action action;
    action.kind = ActionKind::hypercall;
    action.at = engine_.now();
    action.vm = world.vm_name(vm_);
    action.other = made.other;
    action.mode = made.name;
    const std::uint64_t correlation = world.commands.add(action);
    world.commands.begin(correlation);
    const HypercallAnswer answer = models::hypercall(world, machine, asked, correlation);
    world.commands.close(correlation, answer.result, answer.why);
    made.result = answer.result;
    made.reason = answer.why;
    block.id = answer.id;
  }
  block.result = static_cast<std::uint32_t>(made.result);
  put_text(block, made.reason);
  calls_.push_back(std::move(made));
}

void GuestVm::ended(EmulatedGuest& guest) {
  step("guest_ended", datacenter_.world().vm_name(vm_), fmt::format("status {}", guest.status()));
}

}  // namespace tvdsim::models
