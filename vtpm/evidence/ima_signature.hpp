// Digital signatures of files as Linux keeps them in the attribute security.ima and shows them in logs of template ima-sig.
//
// A signature speaks for a file's digest: whoever trusts its signer needs no list of digests. It stays on the file when the file is
// changed, and then does not hold.
//
// Invariant  verify(signature of sign()) holds for the same digest and key, and for no other.
// Cost       verifying about 30 us (RSA-2048).
// Threads    all functions may be called from any thread.
// Leaves out version 1 signatures, version 3 (fs-verity), EVM's own (evm-sig).
// Source     Linux 6.1 security/integrity/digsig: type 3, version 2; evmctl(1) of ima-evm-utils.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "vtpm/evidence/ima_log.hpp"
#include "vtpm/evidence/publisher_key.hpp"

namespace tvdsim::vtpm {

// The last four bytes of the SHA-1 of the key: by it the kernel finds the key on its keyring.
std::uint32_t ima_key_id(const PublicKey& key);
// The attribute's value: type, version, hash, key, size and signature.
std::vector<std::uint8_t> ima_signature(const PublisherKey& key, HashAlg alg,
                                        std::span<const std::uint8_t> digest);

enum class FileSignature : std::uint8_t { none, stranger, broken, good };
// What the entry's signature says of its digest, when these are the keys that are trusted to sign files.
FileSignature check_file_signature(const ImaEntry& entry, std::span<const PublicKey> signers);

}  // namespace tvdsim::vtpm
