// How requests travel through a ring and are served: blocks of a disk, commands of a vTPM.
#include <fmt/format.h>

#include <algorithm>

#include "models/host/split_driver.hpp"
#include "models/host/vm_backend.hpp"
#include "models/host/vtpm_commands.hpp"
#include "models/host/world.hpp"

namespace tvdsim::models {

namespace {

enum Status : std::uint32_t { fine = 0, bad_request = 1, beyond_end = 2 };

// What a block holds, for a person: up to the first byte that is no printable character.
std::string printable(const std::vector<std::uint8_t>& bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) {
    if (byte < 0x20 || byte > 0x7e) break;
    text += static_cast<char>(byte);
  }
  return text;
}

}  // namespace

void SplitDrivers::submit(std::uint32_t at, IoRequest request) {
  FrontEnd& front = fronts_.at(at);
  if (front.state != State::active) {
    world_.commands.close(request.correlation, Result::failed, "the device is not connected");
    return;
  }
  front.waiting.push_back(std::move(request));
  fill_ring(at);
}

void SplitDrivers::fill_ring(std::uint32_t at) {
  FrontEnd& front = fronts_.at(at);
  std::uint64_t base = 0;
  ByteStore* page = machine_.hypervisor->shared_page(front.link, front.vm, base);
  if (!page) return;
  Ring ring(*page, base, slots(front.kind));
  bool asked = false;
  while (!front.waiting.empty() && !ring.full()) {
    IoRequest request = std::move(front.waiting.front());
    front.waiting.pop_front();
    if (request.bytes.size() > ring.payload_size()) {
      world_.commands.close(request.correlation, Result::failed, "the request does not fit into a ring slot");
      continue;
    }
    page->write(ring.next_payload(), request.bytes, world_.domains.label_name[front.vm.value]);
    ring.request({request.correlation, request.op, 0, request.block,
                  static_cast<std::uint32_t>(request.bytes.size())});
    front.in_flight.push_back(std::move(request));
    asked = true;
  }
  if (!asked) return;
  // The front-end's signal; what it tells the back-end is in the ring.
  machine_.hypervisor->notify(front.link, front.vm, 1);
  world_.after(world_.costs.charge(Cost::notify), Step::io_served, machine_.id, event_of(at));
}

std::uint64_t SplitDrivers::event_of(std::uint32_t front) const {
  return front | static_cast<std::uint64_t>(fronts_[front].generation) << 32;
}

SplitDrivers::FrontEnd* SplitDrivers::of_event(std::uint64_t event) {
  FrontEnd& front = fronts_.at(static_cast<std::uint32_t>(event));
  return front.state == State::active && front.generation == event >> 32 ? &front : nullptr;
}

void SplitDrivers::serve_ring(std::uint64_t event) {
  FrontEnd* found = of_event(event);
  if (!found) return;
  FrontEnd& front = *found;
  std::uint64_t base = 0;
  ByteStore* page = machine_.hypervisor->shared_page(front.link, machine_.dom0, base);
  if (!page) return;
  Ring ring(*page, base, slots(front.kind));
  sim::Duration wait{};
  while (const auto slot = ring.next_request()) {
    if (front.kind == DeviceKind::vtpm) return serve_vtpm(front, *slot, *page, event);
    std::uint32_t length = 0, status = bad_request;
    if (front.kind == DeviceKind::vbd) {
      status = serve_block(front, *slot, *page, length);
      wait = wait + world_.costs.charge(Cost::disk_block);
    }
    ring.answer(status, length);
  }
  if (machine_.hypervisor->notify(front.link, machine_.dom0, 1)) {
    world_.after(wait + world_.costs.charge(Cost::notify), Step::io_answered, machine_.id, event);
  }
}

std::uint32_t SplitDrivers::serve_block(FrontEnd& front, const Ring::Slot& slot, ByteStore& page,
                                        std::uint32_t& length) {
  VirtualDisk& disk = world_.disks.disk(front.disk);
  const std::uint64_t offset = slot.head.block * kBlockSize;
  if (slot.head.block >= disk.blocks()) return beyond_end;
  const std::string_view vm = world_.vm_name(front.vm);
  if (slot.head.op == IoOp::write) {
    length = slot.head.length;
    if (length > kBlockSize) return bad_request;
    disk.bytes->copy_from(page, slot.payload, offset, length);
    disk.note_writer({front.vm, world_.domains.label_name[front.vm.value], false});
    world_.truth.flow(world_.engine.now(), vm, disk.name, Medium::disk, disk.bytes->region(), offset, length);
    return fine;
  }
  if (slot.head.op != IoOp::read) return bad_request;
  length = kBlockSize;
  page.copy_from(*disk.bytes, offset, slot.payload, length);
  world_.truth.flow(world_.engine.now(), disk.name, vm, Medium::disk, disk.bytes->region(), offset, length);
  return fine;
}

// A vTPM's ring has one slot: its next request is served when this one is answered.
void SplitDrivers::serve_vtpm(FrontEnd& front, const Ring::Slot& slot, const ByteStore& page,
                              std::uint64_t event) {
  const ChipId chip = machine_.vtpms->instance(front.instance);
  std::vector<std::uint8_t> none;
  if (slot.head.op != IoOp::command || slot.head.length > kPageSize || !chip.exists())
    return vtpm_answered(event, none);
  world_.chips().execute(chip, page.read(slot.payload, slot.head.length),
                         ChipDone<std::vector<std::uint8_t>>::to<&SplitDrivers::vtpm_answered>(*this, event));
}

void SplitDrivers::vtpm_answered(std::uint64_t event, std::vector<std::uint8_t>& response) {
  FrontEnd* front = of_event(event);
  if (!front) return;
  std::uint64_t base = 0;
  ByteStore* page = machine_.hypervisor->shared_page(front->link, machine_.dom0, base);
  if (!page) return;
  Ring ring(*page, base, slots(front->kind));
  const auto slot = ring.next_request();
  if (!slot) return;
  const bool fits = !response.empty() && response.size() <= ring.payload_size();
  if (fits) page->write(slot->payload, response, world_.domains.label_name[front->instance.value]);
  ring.answer(fits ? fine : bad_request, fits ? static_cast<std::uint32_t>(response.size()) : 0);
  if (machine_.hypervisor->notify(front->link, machine_.dom0, 1))
    world_.after(world_.costs.charge(Cost::notify), Step::io_answered, machine_.id, event);
}

void SplitDrivers::take_answers(std::uint64_t event) {
  FrontEnd* found = of_event(event);
  if (!found) return;
  FrontEnd& front = *found;
  std::uint64_t base = 0;
  ByteStore* page = machine_.hypervisor->shared_page(front.link, front.vm, base);
  if (!page) return;
  Ring ring(*page, base, slots(front.kind));
  while (const auto slot = ring.take_answer()) {
    const auto asked =
        std::find_if(front.in_flight.begin(), front.in_flight.end(),
                     [&](const IoRequest& request) { return request.correlation == slot->head.number; });
    if (asked == front.in_flight.end()) continue;
    const IoRequest request = std::move(*asked);
    front.in_flight.erase(asked);
    finish(front, request, *slot, *page);
  }
  fill_ring(static_cast<std::uint32_t>(event));
}

void SplitDrivers::finish(const FrontEnd& front, const IoRequest& request, const Ring::Slot& slot,
                          const ByteStore& page) {
  if (slot.head.status != fine) {
    const std::string_view why =
        slot.head.status == beyond_end ? "no such block" : "the back-end did not understand it";
    world_.commands.close(request.correlation, Result::failed, why);
    return;
  }
  const auto bytes = page.read(slot.payload, slot.head.length);
  if (request.op == IoOp::write) {
    world_.commands.close(request.correlation, Result::done, fmt::format("wrote block {}", request.block));
  } else if (request.op == IoOp::read) {
    // What was read goes from the ring into the guest's own memory: the ring's slot is used again.
    ByteStore& memory = world_.backend->memory(front.vm);
    const std::uint64_t own = memory.take_page();
    memory.copy_from(page, slot.payload, own * kPageSize, slot.head.length);
    memory.release_page(own);
    world_.commands.close(request.correlation, Result::done,
                          fmt::format("block {}: \"{}\"", request.block, printable(bytes)));
  } else if (!response_ok(bytes)) {
    world_.commands.close(request.correlation, Result::failed, response_name(bytes));
  } else {
    const bool reading = world_.commands.action(request.correlation).kind == ActionKind::tpm_read;
    world_.commands.close(
        request.correlation, Result::done,
        reading ? fmt::format("PCR {}: {}", request.pcr, pcr_hex(bytes)) : response_name(bytes));
  }
}

}  // namespace tvdsim::models
