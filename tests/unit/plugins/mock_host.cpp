#include "tests/unit/plugins/mock_host.hpp"

#include <deque>
#include <memory>
#include <utility>

extern "C" int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t* info, int count, char** arguments);

// One instruction as the plugin sees it, with what it asked to be told.
struct qemu_plugin_insn {
  const tvdsim::tests::MockInstruction* it;
  bool memory_only;
  std::vector<std::pair<qemu_plugin_vcpu_udata_cb_t, void*>> calls;
  std::vector<std::pair<std::uint64_t*, std::uint64_t>> adds;
  struct Memory {
    qemu_plugin_vcpu_mem_cb_t call;
    qemu_plugin_mem_rw rw;
    void* data;
  };
  std::vector<Memory> accesses;
};
struct qemu_plugin_tb {
  std::deque<qemu_plugin_insn> instructions;
  bool memory_only;
  std::vector<std::pair<qemu_plugin_vcpu_udata_cb_t, void*>> calls;
};
struct qemu_plugin_hwaddr {
  std::uint64_t address;
};

namespace tvdsim::tests {

namespace {

std::unique_ptr<MockHost> host = std::make_unique<MockHost>();
qemu_plugin_vcpu_tb_trans_cb_t on_translation = nullptr;
void (*at_end)(int, void*) = nullptr;
void* at_end_with = nullptr;
std::deque<qemu_plugin_tb> blocks_made;
qemu_plugin_hwaddr address_now{};
bool inside_block = false;

}  // namespace

bool mock_inside_block() { return inside_block; }

MockHost& mock_host() { return *host; }
void renew_mock_host() { host = std::make_unique<MockHost>(); }

MockHost::Timer* MockHost::next_timer() {
  Timer* first = nullptr;
  for (auto& [place, timer] : timers) {
    if (timer.set && (!first || timer.at < first->at)) first = &timer;
  }
  return first;
}

MockInstruction marked(std::uint16_t number) {
  return {.bytes = {0x0f, 0x1f, 0x80, static_cast<unsigned char>(number),
                    static_cast<unsigned char>(number >> 8), 0x56, 0x54}};
}
MockBlock plain(std::size_t instructions) { return MockBlock(instructions); }

int MockHost::install(std::vector<std::string> arguments) {
  qemu_info_t info{};
  info.target_name = "x86_64";
  info.version = {api_min, api_cur};
  info.system_emulation = whole_machine;
  info.of.system = {vcpus, vcpus};
  std::vector<char*> words;
  for (std::string& argument : arguments) words.push_back(argument.data());
  on_translation = nullptr;
  return qemu_plugin_install(1, &info, static_cast<int>(words.size()), words.data());
}

namespace {

qemu_plugin_tb& translate(const MockInstruction* first, std::size_t count, bool memory_only) {
  qemu_plugin_tb& made = blocks_made.emplace_back();
  made.memory_only = memory_only;
  for (std::size_t i = 0; i < count; ++i) made.instructions.push_back({first + i, memory_only, {}, {}, {}});
  ++host->translated;
  if (on_translation) on_translation(1, &made);
  return made;
}

void touch(qemu_plugin_insn& instruction) {
  address_now.address = instruction.it->device;
  for (const auto& wanted : instruction.accesses) {
    if ((wanted.rw & (instruction.it->store ? QEMU_PLUGIN_MEM_W : QEMU_PLUGIN_MEM_R)) == 0) continue;
    wanted.call(0, instruction.it->store ? 0x12 : 0x02, instruction.it->device, wanted.data);
  }
}

void run_due_timer() {
  for (auto* timer = host->next_timer(); timer && timer->at <= host->clock_ns; timer = host->next_timer()) {
    timer->set = false;
    timer->call(timer->with);
  }
}

// Executes a block up to the first of: its end, a device access (which is then done alone). How many instructions it did.
std::size_t execute(const MockInstruction* first, std::size_t count) {
  qemu_plugin_tb& block = translate(first, count, false);
  inside_block = true;
  for (const auto& [call, data] : block.calls) call(0, data);
  std::size_t done = 0;
  std::uint64_t idle = 0;
  for (qemu_plugin_insn& instruction : block.instructions) {
    for (const auto& [call, data] : instruction.calls) call(0, data);
    for (const auto& [number, add] : instruction.adds) *number += add;
    ++done;
    if (instruction.it->device) {
      touch(translate(instruction.it, 1, true).instructions.front());
      break;
    }
    idle += instruction.it->idle_ns;
    if (idle) break;
  }
  inside_block = false;
  host->executed += done;
  host->clock_ns += (done << host->shift);
  for (const auto& work : std::exchange(host->work, {})) work();
  while (idle) {  // the clock jumps from timer to timer
    const auto* timer = host->next_timer();
    const std::uint64_t to_timer = timer && timer->at > host->clock_ns ? timer->at - host->clock_ns : idle;
    const std::uint64_t step = std::min(idle, to_timer);
    host->clock_ns += step;
    idle -= step;
    run_due_timer();
  }
  return done;
}

}  // namespace

void MockHost::run(const std::vector<MockBlock>& blocks) {
  for (const MockBlock& block : blocks) {
    for (std::size_t at = 0; at < block.size();) {
      run_due_timer();
      std::size_t count = block.size() - at;
      if (const Timer* timer = next_timer())
        count = std::min<std::size_t>(count, std::max<std::uint64_t>(1, (timer->at - clock_ns) >> shift));
      at += execute(block.data() + at, count);
    }
    run_due_timer();
  }
}

void MockHost::exit(int status) { at_end(status, at_end_with); }

}  // namespace tvdsim::tests

using tvdsim::tests::mock_host;

extern "C" {
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, qemu_plugin_vcpu_tb_trans_cb_t call) {
  tvdsim::tests::on_translation = call;
}
void qemu_plugin_register_vcpu_tb_exec_cb(qemu_plugin_tb* tb, qemu_plugin_vcpu_udata_cb_t call,
                                          qemu_plugin_cb_flags, void* data) {
  if (!tb->memory_only) tb->calls.emplace_back(call, data);
}
void qemu_plugin_register_vcpu_insn_exec_cb(qemu_plugin_insn* insn, qemu_plugin_vcpu_udata_cb_t call,
                                            qemu_plugin_cb_flags, void* data) {
  if (!insn->memory_only) insn->calls.emplace_back(call, data);
}
void qemu_plugin_register_vcpu_insn_exec_inline(qemu_plugin_insn* insn, qemu_plugin_op, void* number,
                                                std::uint64_t add) {
  if (!insn->memory_only) insn->adds.emplace_back(static_cast<std::uint64_t*>(number), add);
}
void qemu_plugin_register_vcpu_mem_cb(qemu_plugin_insn* insn, qemu_plugin_vcpu_mem_cb_t call,
                                      qemu_plugin_cb_flags, qemu_plugin_mem_rw rw, void* data) {
  insn->accesses.push_back({call, rw, data});
}
size_t qemu_plugin_tb_n_insns(const qemu_plugin_tb* tb) { return tb->instructions.size(); }
qemu_plugin_insn* qemu_plugin_tb_get_insn(const qemu_plugin_tb* tb, size_t index) {
  return &const_cast<qemu_plugin_tb*>(tb)->instructions.at(index);
}
const void* qemu_plugin_insn_data(const qemu_plugin_insn* insn) { return insn->it->bytes.data(); }
size_t qemu_plugin_insn_size(const qemu_plugin_insn* insn) { return insn->it->bytes.size(); }
uint64_t qemu_plugin_insn_vaddr(const qemu_plugin_insn* insn) { return insn->it->vaddr; }
void* qemu_plugin_insn_haddr(const qemu_plugin_insn* insn) {
  return reinterpret_cast<void*>(insn->it->vaddr + 0x7f0000000000);
}
unsigned int qemu_plugin_mem_size_shift(qemu_plugin_meminfo_t info) { return info & 0xf; }
bool qemu_plugin_mem_is_store(qemu_plugin_meminfo_t info) { return (info & 0x10) != 0; }
qemu_plugin_hwaddr* qemu_plugin_get_hwaddr(qemu_plugin_meminfo_t, uint64_t) {
  return &tvdsim::tests::address_now;
}
bool qemu_plugin_hwaddr_is_io(const qemu_plugin_hwaddr* address) { return address->address != 0; }
uint64_t qemu_plugin_hwaddr_phys_addr(const qemu_plugin_hwaddr* address) { return address->address; }
const char* qemu_plugin_hwaddr_device_name(const qemu_plugin_hwaddr* address) {
  return address->address >= 0xfed40000 && address->address < 0xfed45000 ? "tpm-tis-mmio" : "apic-msi";
}
// In place of the C library's: the plugin's last word is wanted when a test says so.
int on_exit(void (*call)(int, void*), void* with) noexcept {
  tvdsim::tests::at_end = call;
  tvdsim::tests::at_end_with = with;
  return 0;
}
}
