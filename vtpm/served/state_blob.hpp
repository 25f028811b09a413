// A TPM's state as swtpm packs it: a header, then the blob of libtpms in two nested fields.
//
// Invariant  unpack(pack(blob)) == blob; unpack reads nothing beyond the bytes given and takes no blob that is longer or shorter
//            than its header says.
// Cost       one copy.
// Threads    all functions may be called from any thread.
// Leaves out encrypted and authenticated blobs: they are refused.
// Source     blobs of swtpm 0.7.1, read and written back.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace tvdsim::vtpm {

std::vector<std::uint8_t> pack_state_blob(std::span<const std::uint8_t> blob);
// Nothing: not packed like that, or encrypted.
std::optional<std::vector<std::uint8_t>> unpack_state_blob(std::span<const std::uint8_t> packed);

}  // namespace tvdsim::vtpm
