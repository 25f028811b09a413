// The emulator's own functions, as the plugin looks for them by name; linked only into the test of a host that has them.
#include "tests/unit/plugins/mock_host.hpp"

namespace tvdsim::tests {
bool mock_inside_block();
}  // namespace tvdsim::tests

using namespace tvdsim::tests;

namespace {
thread_local bool lock_held = false;
struct Triple {
  std::int64_t major, minor, micro;
} triple;
struct Info {
  Triple* numbers;
  char* package;
} info{&triple, nullptr};
}  // namespace

extern "C" {
std::int64_t qemu_clock_get_ns(int) {
  if (mock_inside_block()) ++mock_host().reads_inside_blocks;  // the real one would end the emulator
  return static_cast<std::int64_t>(mock_host().clock_ns);
}
void timer_init_full(void* place, void*, int, int, int, void (*call)(void*), void* with) {
  mock_host().timers[place] = {call, with, false, 0};
}
void timer_mod_ns(void* place, std::int64_t at) {
  MockHost::Timer& timer = mock_host().timers.at(place);
  timer.set = true;
  timer.at = static_cast<std::uint64_t>(at);
}
void* qemu_get_cpu(int) { return &mock_host(); }
void async_run_on_cpu(void* cpu, void (*call)(void*, void*), void* with) {
  mock_host().work.push_back([=] { call(cpu, with); });
}
void qemu_mutex_lock_iothread_impl(const char*, int) { lock_held = true; }
void qemu_mutex_unlock_iothread() { lock_held = false; }
bool qemu_mutex_iothread_locked() { return lock_held; }
void cpu_physical_memory_rw(std::uint64_t, void* bytes, std::uint64_t, bool) {
  MockHost& host = mock_host();
  const std::size_t at =
      host.tpm_reads < host.tpm_status.size() ? host.tpm_reads : host.tpm_status.size() - 1;
  ++host.tpm_reads;
  *static_cast<std::uint8_t*>(bytes) = host.tpm_status[at];
}
void* qmp_query_version(void*) {
  triple = {mock_host().major, mock_host().minor, 0};
  return &info;
}
}
