#include "models/emulation/guest_command.hpp"

#include <fmt/format.h>

namespace tvdsim::models {

namespace {

// In an option's value a comma is written twice.
std::string quoted(const std::string& value) {
  std::string out;
  for (const char c : value) out.append(c == ',' ? 2 : 1, c);
  return out;
}

}  // namespace

std::vector<std::string> guest_command(const GuestSetup& setup) {
  const std::uint64_t mib = setup.memory.count >> 20;
  std::vector<std::string> words = {
      setup.qemu,
      "-nodefaults",
      "-no-user-config",
      "-no-reboot",
      "-display",
      "none",
      "-accel",
      "tcg",
      "-smp",
      "1",
      "-m",
      fmt::format("{}M", mib),
      "-object",
      fmt::format("memory-backend-file,id=ram,size={}M,mem-path=/proc/self/fd/{},share=on", mib, kMemoryFd),
      "-machine",
      setup.machine == GuestMachine::microvm
          ? "microvm,rtc=on,pic=on,pit=on,auto-kernel-cmdline=off,memory-backend=ram"
          : "pc,memory-backend=ram",
      "-icount",
      fmt::format("shift={},sleep=off", setup.shift),
      "-rtc",
      "base=2026-01-01,clock=vm",
      "-seed",
      std::to_string(setup.seed & 0x7fffffff),
      "-device",
      "isa-debug-exit,iobase=0xf4,iosize=4",
      "-kernel",
      setup.image,
      "-append",
      setup.command_line,
      "-plugin",
      fmt::format("{},page=/proc/self/fd/{},ram=/memfd:{},notify={},gate={},shift={},pages=on,tpm={},ring={},"
                  "devices={},tpm_wait_ms={}{}",
                  quoted(setup.plugin), kPageFd, kMemoryName, kNotifyFd,
                  setup.gate == GuestGate::timer ? "timer" : "insn", setup.shift,
                  setup.tpm != GuestTpm::none && setup.hold_for_tpm ? "on" : "off",
                  setup.drop_when_full ? "drop" : "block", setup.device_stores ? "stores" : "off",
                  setup.patience.count() / 2, setup.more_plugin_arguments)};
  if (setup.tpm != GuestTpm::none) {
    words.insert(words.end(), {"-chardev", "socket,id=tpm-control,path=" + quoted(setup.tpm_socket),
                               "-tpmdev", "emulator,id=tpm,chardev=tpm-control", "-device",
                               setup.tpm == GuestTpm::tis ? "tpm-tis,tpmdev=tpm" : "tpm-crb,tpmdev=tpm"});
  }
  return words;
}

}  // namespace tvdsim::models
