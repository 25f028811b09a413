// A random walk over a fleet: TPMs in an order of their own start, extend, make keys, quote, write NV, open sessions, lose power,
// and are spoken to in ways that they refuse. What they answer is all that the walk gives.
//
// Source     TCG TPM 2.0 Library 1.59, Part 3.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sim/base/random.hpp"
#include "vtpm/device/command_bytes.hpp"
#include "vtpm/device/commands.hpp"
#include "vtpm/device/fleet_work.hpp"
#include "vtpm/device/key_commands.hpp"
#include "vtpm/device/tpm.hpp"

namespace tvdsim::vtpm {

using Bytes = std::vector<std::uint8_t>;

// A signing key of the owner's, RSA-2048 with RSASSA and SHA-256.
inline Bytes create_rsa_command() {
  Command command(kSessions, 0x131);
  command.u32(0x4000'0001).empty_password();
  command.u16(4).u16(0).u16(0);  // no secret, no data
  Command inner(0, 0);
  inner.u16(0x0001)
      .u16(0x000b)
      .u32(0x0004'0072)
      .u16(0)
      .u16(0x0010)
      .u16(0x0014)
      .u16(0x000b)
      .u16(2048)
      .u32(0)
      .u16(0);
  const Bytes made = inner.take();
  return command.sized(std::span(made).subspan(kHeader)).u16(0).u32(0).take();
}

// TPM2_Sign of a digest with the key's own scheme.
inline Bytes sign_command(std::uint32_t key, const Bytes& digest) {
  return Command(kSessions, 0x15d)
      .u32(key)
      .empty_password()
      .sized(digest)
      .u16(0x0010)
      .u16(0x8024)
      .u32(0x4000'0007)
      .u16(0)
      .take();
}

// An index of 64 bytes that its owner reads and writes.
inline Bytes nv_define_command(std::uint32_t index, bool protects) {
  Command command(kSessions, 0x12a);
  command.u32(0x4000'0001).empty_password().u16(0);
  return command.u16(14)
      .u32(index)
      .u16(0x000b)
      .u32(protects ? 0x0004'0004 : 0x0204'0004)
      .u16(0)
      .u16(64)
      .take();
}
inline Bytes nv_write_command(std::uint32_t index, const Bytes& data) {
  return Command(kSessions, 0x137).u32(index).u32(index).empty_password().sized(data).u16(0).take();
}
inline Bytes nv_read_command(std::uint32_t index, std::uint16_t size) {
  return Command(kSessions, 0x14e).u32(index).u32(index).empty_password().u16(size).u16(0).take();
}
inline Bytes policy_session_command() {
  return Command(kNoSessions, 0x176)
      .u32(0x4000'0007)
      .u32(0x4000'0007)
      .sized(Bytes(16, 3))
      .u16(0)
      .u8(1)
      .u16(0x0010)
      .u16(0x000b)
      .take();
}

struct Walk {
  std::vector<std::vector<Bytes>> answers;  // of each TPM
  std::array<std::uint8_t, 32> states{};
  std::size_t refused = 0, quotes = 0;
};

// `plain`: without what the library's own blobs do not keep in their entirety (models/CAVEATS.md#device): how a state that was
// saved by TPM2_Shutdown is spelt, uses of secrets that are protected against guessing, NV that is defined and never written, a
// refused TPM2_Startup.
inline Walk walk(TpmFleetSetup setup, std::uint32_t tpms, std::uint32_t steps, bool plain = false) {
  TpmFleet fleet(setup);
  Walk out;
  std::vector<TpmId> ids;
  for (std::uint32_t i = 0; i < tpms; ++i) ids.push_back(fleet.create("machine" + std::to_string(i)));
  // What each TPM is asked is drawn for it alone, and when: the order of visits is the homes' own.
  std::vector<sim::Stream> streams;
  for (std::uint32_t i = 0; i < tpms; ++i) streams.emplace_back(setup.seed, "walk" + std::to_string(i));
  std::vector<std::int64_t> now(tpms, 0);
  std::vector<std::uint32_t> key(tpms, 0x8000'0000);
  out.answers.resize(tpms);
  const auto step = [&](std::size_t i) {
    sim::Stream& draw = streams[i];
    now[i] += static_cast<std::int64_t>(draw.below(3'000'000'000));
    const CommandContext context{.now = sim::Time{now[i]}};
    const auto byte = static_cast<std::uint8_t>(draw.below(256));
    const BankDigest digests[] = {{HashAlg::sha1, Bytes(20, byte)}, {HashAlg::sha256, Bytes(32, byte)}};
    const BankSelection selection{HashAlg::sha256, 0x4ff};
    const std::uint32_t index = 0x0180'0000u + static_cast<std::uint32_t>(draw.below(3));
    Bytes command;
    switch (draw.below(16)) {
      case 0:
        command = startup_command(StartupType::clear);
        break;
      case 1:
        command = create_attestation_key_command();
        break;
      case 2:
      case 3:
        command = quote_command(key[i], Bytes(16, byte), {&selection, 1});
        break;
      case 4:
        if (plain) fleet.execute(ids[i], nv_define_command(index, false), context);
        command = plain ? nv_write_command(index, Bytes(64, 1)) : nv_define_command(index, byte % 2 == 0);
        break;
      case 5:
        command = nv_write_command(index, Bytes(64, byte));
        break;
      case 6:
        command = nv_read_command(index, 64);
        break;
      case 7:
        command = policy_session_command();
        break;
      case 8:
        command = flush_command(key[i]);
        break;
      case 9:
        command = get_random_command(24);
        break;
      case 10:
        command = Bytes{0x80, 0x01, 0, 0, 0, 10, 0, 0, 0x01, 0x81};
        break;  // ReadClock
      case 11:
        command = pcr_extend_command(byte % 28u, digests);
        break;
      case 12:
        if (byte < 40) fleet.power_cycle(ids[i], context);
        command = startup_command(byte % 2 && !plain ? StartupType::state : StartupType::clear);
        break;
      case 13:
        command = shutdown_command(plain ? StartupType::clear : StartupType::state);
        break;
      default:
        command = pcr_extend_command(10, digests);
        break;
    }
    out.answers[i].push_back(fleet.execute(ids[i], command, context));
  };
  for (const TpmId id : ids)
    expect_success(fleet.execute(id, startup_command(StartupType::clear)), "starting");
  for (std::uint32_t n = 0; n < steps / tpms; ++n) for_each_tpm(fleet, ids, step);
  for (const auto& own : out.answers) {
    for (const Bytes& answer : own) {
      out.refused += response_code(answer) != 0;
      out.quotes += response_code(answer) == 0 && answer.size() > 200;
    }
  }
  out.states = fleet.state_digest();
  return out;
}

}  // namespace tvdsim::vtpm
