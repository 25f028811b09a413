#include "plugins/internals.hpp"

#include <dlfcn.h>

namespace tvdsim::plugins {

namespace {

constexpr std::uint32_t kKnownVersions[] = {702};

template <class Function>
void find(Function*& into, const char* name) {
  into = reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
}

// What the query for the version gives: a pointer to three numbers, and the name of the package.
struct VersionTriple {
  std::int64_t major, minor, micro;
};
struct VersionInfo {
  VersionTriple* numbers;
  char* package;
};

}  // namespace

bool Internals::usable() const noexcept {
  if (!clock_ns || !timer_init || !timer_set || !cpu || !between_blocks || !lock || !unlock || !locked ||
      !memory)
    return false;
  for (const std::uint32_t known : kKnownVersions) {
    if (version == known) return true;
  }
  return false;
}

Internals find_internals() {
  Internals found;
  find(found.clock_ns, "qemu_clock_get_ns");
  find(found.timer_init, "timer_init_full");
  find(found.timer_set, "timer_mod_ns");
  find(found.cpu, "qemu_get_cpu");
  find(found.between_blocks, "async_run_on_cpu");
  find(found.lock, "qemu_mutex_lock_iothread_impl");
  find(found.unlock, "qemu_mutex_unlock_iothread");
  find(found.locked, "qemu_mutex_iothread_locked");
  find(found.memory, "cpu_physical_memory_rw");
  VersionInfo* (*version)(void* error) = nullptr;
  find(version, "qmp_query_version");
  if (version) {
    const VersionInfo* info = version(nullptr);  // a few bytes, once; they are the emulator's to keep
    if (info && info->numbers && info->numbers->major > 0 && info->numbers->major < 1000) {
      found.version = static_cast<std::uint32_t>(info->numbers->major * 100 + info->numbers->minor);
    }
  }
  return found;
}

}  // namespace tvdsim::plugins
