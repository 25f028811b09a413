#include "plugins/watch.hpp"

#include <time.h>

#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "plugins/guest_calls.h"

namespace tvdsim::plugins {

namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kTpm = 0xfed40000, kTpmEnd = 0xfed45000;
constexpr std::uint64_t kTisStatus = 0x18, kCrbStart = 0x4c;
constexpr std::uint8_t kTisDone = 0x10 | 0x40;  // data available, or ready for a command

// The number of the call, when these bytes are a marker.
bool is_marker(const unsigned char* bytes, std::size_t size, std::uint64_t& number) {
  if (size != 7 || bytes[0] != 0x0f || bytes[1] != 0x1f || bytes[2] != 0x80) return false;
  if ((bytes[5] | bytes[6] << 8) != TVDSIM_CALL_MAGIC) return false;
  number = static_cast<std::uint64_t>(bytes[3] | bytes[4] << 8);
  return true;
}

std::uint64_t milliseconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1000 + static_cast<std::uint64_t>(now.tv_nsec) / 1'000'000;
}

}  // namespace

Watch::Watch(SharedPage& shared, Gate& gate, const Internals& internals, Options options)
    : shared_(shared),
      gate_(gate),
      internals_(internals),
      options_(std::move(options)),
      holds_tpm_(options_.tpm && internals.usable()) {
  if (options_.tpm && !holds_tpm_) shared_.fault(TVDSIM_FAULT_NO_TPM_HOLD);
}

void Watch::on_block(unsigned, void* self) { static_cast<Watch*>(self)->gate_.block_begins(); }
void Watch::on_halt(unsigned, void* self) { static_cast<Watch*>(self)->gate_.halts(); }
void Watch::on_page(unsigned, void* data) {
  Page& page = *static_cast<Page*>(data);
  if (page.seen) return;
  page.seen = true;
  page.watch->gate_.record(TVDSIM_RECORD_EXEC_PAGE, page.vaddr, page.physical, 0, 0);
}
void Watch::on_call(unsigned, void* data) {
  const Call& call = *static_cast<Call*>(data);
  call.watch->gate_.calls(call.number, TVDSIM_CALL_BLOCK);
}
void Watch::on_access(unsigned, qemu_plugin_meminfo_t info, std::uint64_t vaddr, void* self) {
  static_cast<Watch*>(self)->access(info, vaddr);
}

void Watch::translate(qemu_plugin_tb* block) {
  const std::size_t count = qemu_plugin_tb_n_insns(block);
  gate_.translated(count);
  if (count == 0) return;
  qemu_plugin_register_vcpu_tb_exec_cb(block, &Watch::on_block, QEMU_PLUGIN_CB_NO_REGS, this);
  if (options_.pages) {
    const auto* first = qemu_plugin_tb_get_insn(block, 0);
    const void* host = qemu_plugin_insn_haddr(first);
    const auto key = reinterpret_cast<std::uintptr_t>(host) / kPage;
    const std::uint64_t vaddr = qemu_plugin_insn_vaddr(first) & ~(kPage - 1);
    auto found = pages_.find(key);
    if (host && found == pages_.end())
      found = pages_.emplace(key, Page{this, vaddr, physical(host), false}).first;
    if (host && !found->second.seen)
      qemu_plugin_register_vcpu_tb_exec_cb(block, &Watch::on_page, QEMU_PLUGIN_CB_NO_REGS, &found->second);
  }
  for (std::size_t i = 0; i < count; ++i) look_at(qemu_plugin_tb_get_insn(block, i));
}

void Watch::look_at(qemu_plugin_insn* instruction) {
  const auto* bytes = static_cast<const unsigned char*>(qemu_plugin_insn_data(instruction));
  const std::size_t size = qemu_plugin_insn_size(instruction);
  std::uint64_t number = 0;
  if (is_marker(bytes, size, number)) {
    Call& call = calls_.emplace(number, Call{this, number}).first->second;
    qemu_plugin_register_vcpu_insn_exec_cb(instruction, &Watch::on_call, QEMU_PLUGIN_CB_NO_REGS, &call);
  }
  if (size == 1 && bytes[0] == 0xf4)
    qemu_plugin_register_vcpu_insn_exec_cb(instruction, &Watch::on_halt, QEMU_PLUGIN_CB_NO_REGS, this);
  qemu_plugin_register_vcpu_insn_exec_inline(instruction, QEMU_PLUGIN_INLINE_ADD_U64,
                                             &shared_.page().instructions, 1);
  if (options_.devices != Devices::off || holds_tpm_) {
    qemu_plugin_register_vcpu_mem_cb(
        instruction, &Watch::on_access, QEMU_PLUGIN_CB_NO_REGS,
        options_.devices == Devices::all ? QEMU_PLUGIN_MEM_RW : QEMU_PLUGIN_MEM_W, this);
  }
}

void Watch::access(qemu_plugin_meminfo_t info, std::uint64_t vaddr) {
  const qemu_plugin_hwaddr* where = qemu_plugin_get_hwaddr(info, vaddr);
  if (!where || !qemu_plugin_hwaddr_is_io(where)) return;
  const std::uint64_t address = qemu_plugin_hwaddr_phys_addr(where);
  const bool store = qemu_plugin_mem_is_store(info);
  if (options_.devices != Devices::off) {
    const std::uint32_t device = device_number(qemu_plugin_hwaddr_device_name(where));
    gate_.record(TVDSIM_RECORD_DEVICE, address, device, store ? TVDSIM_RECORD_IS_STORE : 0,
                 static_cast<std::uint16_t>(1u << qemu_plugin_mem_size_shift(info)));
  }
  if (holds_tpm_ && store && address >= kTpm && address < kTpmEnd) hold_for_tpm(address);
}

void Watch::hold_for_tpm(std::uint64_t address) {
  const std::uint64_t offset = address & (kPage - 1);
  if (offset != kTisStatus && offset != kCrbStart) return;
  const std::uint64_t until = milliseconds() + options_.tpm_wait_ms;
  ++shared_.page().tpm_holds;
  for (;;) {
    std::uint8_t bytes[4] = {};
    internals_.memory(address, bytes, sizeof bytes, false);
    if (offset == kTisStatus ? (bytes[0] & kTisDone) != 0 : (bytes[0] & 1) == 0) return;
    if (shared_.quitting()) return;
    if (milliseconds() >= until) return shared_.fault(TVDSIM_FAULT_TPM_SILENT);
    const timespec pause{0, 10'000};
    nanosleep(&pause, nullptr);
  }
}

// Where in the guest's memory; all ones for what does not lie in its file (ROM).
std::uint64_t Watch::physical(const void* in_host) {
  if (!ram_looked_for_ && !options_.ram.empty()) {
    ram_looked_for_ = true;
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
      if (line.find(options_.ram) == line.npos) continue;
      std::uint64_t begin = 0, end = 0, offset = 0;
      if (std::sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64 " %*4c %" SCNx64, &begin, &end, &offset) != 3)
        continue;
      ram_begin_ = begin - offset;
      ram_end_ = end;
      break;
    }
  }
  const auto at = reinterpret_cast<std::uintptr_t>(in_host);
  return at >= ram_begin_ && at < ram_end_ ? (at - ram_begin_) & ~(kPage - 1) : ~std::uint64_t{0};
}

std::uint32_t Watch::device_number(const char* name) {
  auto& devices = shared_.page().devices;
  const std::string_view wanted = std::string_view(name ? name : "?").substr(0, sizeof devices[0] - 1);
  for (std::uint32_t i = 0; i < TVDSIM_GUEST_DEVICES; ++i) {
    if (wanted == devices[i]) return i;
    if (devices[i][0] != 0) continue;
    std::memcpy(devices[i], wanted.data(), wanted.size());
    return i;
  }
  return TVDSIM_GUEST_DEVICES;  // one more than there are names
}

}  // namespace tvdsim::plugins
