// What was measured once: a name, its class, the digests of its bytes and what goes into the PCR for it. Shared by all machines.
//
// Ten thousand hosts boot the same firmware: its bytes are made and hashed once, and a machine's log is a list of pointers.
//
// Invariant  one object per distinct measurement; it lives as long as its store.
// Cost       the first time some hashes of 4 KiB; later one look-up.
// Threads    the engine's; what a look-up gave may be read by any thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "models/attestation/image.hpp"
#include "vtpm/evidence/event_log.hpp"
#include "vtpm/evidence/pcr_bank.hpp"

namespace tvdsim::models {

inline constexpr std::uint32_t kImaPcr = 10;
inline constexpr std::uint32_t kQuotedPcrs = 0x0fff;                     // 0 to 11
inline constexpr std::uint32_t kLaunchedPcr = 17, kAfterLaunchPcr = 18;  // the hypervisor; what it starts
inline constexpr std::uint32_t kLaunchPcrs = 1u << kLaunchedPcr | 1u << kAfterLaunchPcr;
inline constexpr vtpm::HashAlg kBanks[] = {vtpm::HashAlg::sha1, vtpm::HashAlg::sha256};

struct Measured {
  std::string name;
  MeasuredClass kind{};
  std::uint32_t pcr = 0, event_type = 0;
  bool violation = false;  // nothing is known of the file's bytes: it could change meanwhile
  std::uint64_t size = 0;  // of the bytes
  vtpm::Digest sha256;     // of the bytes
  std::string hex;         // the same, for people
  std::vector<vtpm::LogDigest>
      extends;                          // what goes into the PCR, one per bank; of a boot stage: of its bytes
  std::vector<std::uint8_t> signature;  // of a file: what its attribute security.ima holds
};

class MeasuredStore {
 public:
  const Measured& stage(const Component& component, const StagePlace& place, std::string_view bytes);
  // A signature makes it an entry of an ima-sig log; with_signatures: in such a log all entries have a place for one.
  const Measured& file(const Component& component, std::string_view bytes, bool with_signatures = false,
                       std::vector<std::uint8_t> signature = {});
  const Measured& violation(const Component& component, bool with_signatures = false);
  const Measured& boot_aggregate(const vtpm::PcrBank& boot, bool with_signatures = false);
  std::size_t size() const noexcept { return items_.size(); }

 private:
  using Key = std::tuple<int, std::string, std::string>;  // form, name, hex
  const Measured& keep(int form, Measured item);
  const Measured* find(int form, std::string_view name, const std::string& hex) const;
  std::map<Key, std::unique_ptr<Measured>> items_;
};

// The PCRs after these measurements, as arithmetic.
vtpm::PcrBank replay(const std::vector<const Measured*>& list, vtpm::HashAlg bank);
// The logs that a machine shows of them: a crypto-agile event log; an IMA log in binary form.
std::vector<std::uint8_t> event_log_of(const std::vector<const Measured*>& boot);
std::vector<std::uint8_t> ima_log_of(const std::vector<const Measured*>& boot,
                                     const std::vector<const Measured*>& files, bool with_signatures = false);

}  // namespace tvdsim::models
