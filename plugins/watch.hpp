// What is watched: marked calls, the first execution of each page, accesses to device registers; and the TPM, which holds the vCPU.
//
// A marked call is found when its block is translated, so nothing else costs anything. Device accesses cost a look-up for each
// memory access of the guest: they are off unless asked for. A TPM computes on the host's time: after the store that starts a
// command (TIS: status register; CRB: start register) the vCPU stands still until the TPM says that it is done, so that the guest
// polls once, always.
//
// Invariant  an instruction is counted when it begins, once, also when the emulator translates it again for input and output.
// Threads    the vCPU's.
// Leaves out x86 port accesses, which the plugin interface does not show; pages whose content is replaced later.
// Source     TCG PC Client Platform TPM Profile 1.05 (register offsets); Intel SDM for the NOP and HLT encodings.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "plugins/gate.hpp"
#include "plugins/qemu_plugin_v1.h"

namespace tvdsim::plugins {

class Watch {
 public:
  Watch(SharedPage& shared, Gate& gate, const Internals& internals, Options options);

  void translate(qemu_plugin_tb* block);

 private:
  static void on_block(unsigned, void* self);
  static void on_page(unsigned, void* page);
  static void on_call(unsigned, void* call);
  static void on_halt(unsigned, void* self);
  static void on_access(unsigned, qemu_plugin_meminfo_t info, std::uint64_t vaddr, void* self);
  void access(qemu_plugin_meminfo_t info, std::uint64_t vaddr);
  void hold_for_tpm(std::uint64_t address);
  void look_at(qemu_plugin_insn* instruction);
  std::uint64_t physical(const void* in_host);
  std::uint32_t device_number(const char* name);

  struct Page {
    Watch* watch;
    std::uint64_t vaddr, physical;
    bool seen;
  };
  struct Call {
    Watch* watch;
    std::uint64_t number;
  };
  SharedPage& shared_;
  Gate& gate_;
  const Internals& internals_;
  const Options options_;
  const bool holds_tpm_;
  std::map<std::uint64_t, Page> pages_;  // by the host's address of the page
  std::map<std::uint64_t, Call> calls_;  // by number
  bool ram_looked_for_ = false;
  std::uint64_t ram_begin_ = 0, ram_end_ = 0;  // where the guest's memory is mapped
};

}  // namespace tvdsim::plugins
