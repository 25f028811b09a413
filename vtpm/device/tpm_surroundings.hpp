// What a TPM finds around it while it executes: whose random bytes it draws, what time it is, from which locality it is spoken to.
//
// Keys, nonces of signatures and blinding come from OpenSSL's generator, not the TPM's: while a TPM is current on this thread,
// OpenSSL draws from that TPM's stream too, everywhere else from its own generator as before.
//
//   const TpmKey key = stream_key(7, "h1");            // seed and name
//   TpmStream stream(key, 12);                         // its 12th command
//   { const TpmSurroundings here(stream, now, 0); …execute…; }
//
// Invariant  one seed, name and number of the command, one sequence of bytes, whatever other TPMs, threads and visits do; what
//            parking draws moves no command's bytes.
// Cost       0.4 us per 32 bytes drawn; entering and leaving a few stores.
// Threads    each thread has its own surroundings; a stream belongs to one thread at a time.
// Source     OpenSSL RAND_set_rand_method(3); SHA-256 in counter mode.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "sim/base/units.hpp"

namespace tvdsim::vtpm {

// All that a TPM keeps of its stream between visits.
using TpmKey = std::array<std::uint8_t, 32>;
TpmKey stream_key(std::uint64_t seed, std::string_view name);

class TpmStream {
 public:
  TpmStream(const TpmKey& key, std::uint64_t command) noexcept : key_(key), command_(command) {}
  void draw(std::uint8_t* bytes, std::size_t size);
  // Which stream it is, 40 bytes; and how many bytes were drawn from it.
  std::uint64_t place(std::uint8_t* name) const noexcept;

 private:
  TpmKey key_;
  std::array<std::uint8_t, 32> block_;  // read where it was drawn alone
  std::uint64_t command_ = 0, counter_ = 0;
  std::size_t used_ = 32;  // of the block
};

class TpmSurroundings {
 public:
  TpmSurroundings(TpmStream& stream, sim::Time now, std::uint8_t locality) noexcept;
  ~TpmSurroundings();
  TpmSurroundings(const TpmSurroundings&) = delete;

  static void install();  // makes OpenSSL draw from the current TPM's stream; once per process
  static int random(std::uint8_t* bytes, int size);  // 1: done
  static int place(std::uint8_t* name,
                   std::uint64_t* drawn);  // of the current TPM's stream; 0: there is none
  static std::int64_t now_ns();            // since 1970: the run begins at a fixed instant
  static std::uint8_t locality() noexcept;

 private:
  TpmStream* stream_;
  sim::Time now_;
  std::uint8_t locality_;
  TpmSurroundings* outer_;
};

}  // namespace tvdsim::vtpm
