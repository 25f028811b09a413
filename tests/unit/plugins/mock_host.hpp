// An emulator for unit tests of plugins: it offers version 1 of the plugin interface and runs blocks of made-up instructions.
//
// It keeps QEMU's promises as far as the plugin relies on them: blocks are translated once and again where a timer's date lies
// inside, callbacks come block first, then instruction by instruction, an instruction that reaches a device is translated again
// alone and only its memory callback comes then; a timer's callback comes between blocks, with the clock at its date.
//
// Threads    run() on a thread of its own, since the plugin waits inside; the rest before or after.
// Leaves out more than one vCPU.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "plugins/guest_page.h"
#include "plugins/qemu_plugin_v1.h"

namespace tvdsim::tests {

struct MockInstruction {
  std::vector<unsigned char> bytes = {0x90};
  std::uint64_t vaddr = 0x100000;
  std::uint64_t device = 0;  // physical address of the device register that it touches; 0: none
  bool store = false;
  std::uint64_t idle_ns = 0;  // it waits so long for an interrupt
};
using MockBlock = std::vector<MockInstruction>;

// A marker with this number.
MockInstruction marked(std::uint16_t number);
MockBlock plain(std::size_t instructions);

struct MockHost {
  int api_min = 0, api_cur = 1, vcpus = 1;
  bool whole_machine = true;
  std::uint32_t shift = 3;
  std::int64_t major = 7, minor = 2;  // what the version query says, where there is one
  std::vector<std::uint8_t> tpm_status = {
      0x80};  // what reading its register gives, time after time; the last stays

  // What qemu_plugin_install answers to these arguments; forgets an earlier plugin.
  int install(std::vector<std::string> arguments);
  void run(const std::vector<MockBlock>& blocks);
  void exit(int status);  // runs what the plugin left for the end

  // Counts of what happened.
  std::uint64_t executed = 0, clock_ns = 0, translated = 0, tpm_reads = 0, reads_inside_blocks = 0;
  std::vector<std::function<void()>> work;  // of the vCPU's thread, after this block
  struct Timer {
    void (*call)(void*) = nullptr;
    void* with = nullptr;
    bool set = false;
    std::uint64_t at = 0;
  };
  std::map<void*, Timer> timers;  // by their places
  Timer* next_timer();            // the one that is due first; null: none
};

// The one that the interface's functions belong to.
MockHost& mock_host();
void renew_mock_host();

}  // namespace tvdsim::tests
