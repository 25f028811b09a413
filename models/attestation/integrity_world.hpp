// What attestation needs to know of the datacenter around it; models/host answers.
//
// Threads    the engine's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "models/attestation/challenge.hpp"
#include "sim/base/ids.hpp"

namespace tvdsim::models {

class IntegrityWorld {
 public:
  virtual ~IntegrityWorld() = default;
  // Where a VM runs now; none() when it does not.
  virtual sim::HostId where(sim::VmId vm) const = 0;
  // The answer to an administrator's command, from a verifier.
  virtual void answer(sim::ServiceId from, std::uint64_t correlation, AttestationVerdict verdict,
                      std::string_view reason) = 0;
  // A guest's command (run_program, tamper_file) is over.
  virtual void executed(std::uint64_t correlation, std::string_view what) = 0;
  // What a verifier now holds of a machine, and why.
  virtual void judged(std::string_view subject, AttestationVerdict verdict, std::string_view reason,
                      std::string_view why) = 0;
  // A command to a host's TPM service, or to the host itself, is over.
  enum class End : std::uint8_t { done, refused, failed };
  virtual void ended(std::uint64_t correlation, End end, std::string_view reason) = 0;
  // The VMs that run on a host, by name, each with its label.
  virtual std::vector<std::pair<std::string, std::string>> running(sim::HostId host) const = 0;
  virtual void incident(std::string_view kind, std::string_view entity, std::string_view cause) = 0;
};

}  // namespace tvdsim::models
