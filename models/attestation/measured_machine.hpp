// One machine whose software is measured: what it boots from, what it measured since, into which TPM.
//
// Invariant  replaying boot_log and ima_log gives what its TPM holds in PCRs 0 to 11, unless a guest extended them by itself.
// Cost       about 400 bytes and a pointer per measurement.
// Threads    the engine's.
#pragma once

#include <bitset>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "models/attestation/chips.hpp"
#include "models/attestation/granularity.hpp"
#include "models/attestation/lies.hpp"
#include "models/attestation/prepared_image.hpp"

namespace tvdsim::models {

struct MeasuredMachine {
  std::string name;
  bool is_vm = false;
  const PreparedImage* image = nullptr;
  std::vector<bool> tampered;        // by component: of what runs
  std::vector<bool> swapped;         // by component: only after it was read to be measured
  std::vector<bool> uninstrumented;  // by component: starts the next stage without measuring it
  std::bitset<kMeasuredClasses> measured =
      std::bitset<kMeasuredClasses>().set();  // classes; the others are passed over
  BootGranularity granularity = BootGranularity::fine;
  bool static_crtm = true, ima = true, secure_boot = false;
  sim::Duration extend{};  // by which execution waits for the TPM
  ChipId chip;             // none: it has no TPM
  std::vector<const Measured*> boot_log, ima_log;
  std::vector<const Measured*>
      planned;                    // by component: the boot's entry that is made before it runs, or null
  std::size_t halted = SIZE_MAX;  // the component at which secure boot ended the boot
  std::size_t executed = 0;       // pieces of code that ran since the boot, and …
  std::vector<const Measured*> unlogged;  // … those whose digest was in no log when they did
  std::vector<const Measured*>
      current;  // by component: what is there now, if something changed it since the boot
  std::vector<const Measured*> cached;      // by component: what IMA measured last
  std::uint32_t boots = 0;                  // events of an earlier boot are stale
  sim::Time ready;                          // its last boot ends
  std::vector<std::uint8_t> enrolled;       // its attestation key, as registered when its TPM first quoted
  bool launches = false;                    // a host whose processor launches its hypervisor late
  std::vector<const Measured*> launch_log;  // what was launched last, the hypervisor first
  bool case_open = false;                   // somebody opened it: seen by who goes there, and by nobody else
  std::string hides;  // a forged statement leaves out this VM; empty: there is no forger
  ChipId stolen;      // a TPM of somebody else with this one's keys
  Lie lie = Lie::honest;
  bool keeps_quotes = false;                                 // somebody prepares a lie: …
  std::unique_ptr<QuoteAnswer> recorded;                     // … its first quote, and …
  std::vector<const Measured*> recorded_boot, recorded_ima;  // … the logs that led to it: for one that lies

  const Measured& now(std::size_t component) const {
    if (component < current.size() && current[component]) return *current[component];
    return image->of(component, marked(tampered, component) || marked(swapped, component));
  }
  // What is there when it is read for the first time.
  const Measured& first_read(std::size_t component) const {
    return marked(swapped, component) ? image->of(component, marked(tampered, component)) : now(component);
  }
  // Whether its kernel measures files.
  bool measures_files() const noexcept { return ima && granularity == BootGranularity::fine; }
  static bool marked(const std::vector<bool>& list, std::size_t at) { return at < list.size() && list[at]; }
};

}  // namespace tvdsim::models
