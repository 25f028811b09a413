// Writes a policy in binary format 4 of Xen's ACM, byte for byte as Xen's own compiler wrote it.
//
// One exception: bytes 40..59, the hash of the XML. Xen hashed the document as its XML library wrote it again; here it is SHA-1
// over the canonical form (models/acm_io/binary_hash.hpp), so that comments and layout do not count. Who has the XML at hand and
// wants Xen's very bytes gives xen_hash(text).
//
// A policy without a ChineseWall part is written as Xen's compiler wrote it, with a header that Xen's hypervisor refuses; the
// reader here refuses it too, and names the reason. binary_loads() says so beforehand.
//
// Invariant  read_policy_binary() gives back the tables of every policy for which binary_loads().
// Cost       two bytes for each pair of row and type.
// Threads    pure.
// Leaves out the running counters that a hypervisor's dump carries; label, type and set names (models/acm_io/map_file.hpp).
// Source     Xen 3.3 to 4.1, ACM policy compiler and public interface; layout in binary_format.hpp.
#pragma once

#include <cstdint>
#include <vector>

#include "models/acm/policy.hpp"
#include "models/acm_io/binary_hash.hpp"

namespace tvdsim::models {

std::vector<std::uint8_t> write_policy_binary(const Policy& policy);
std::vector<std::uint8_t> write_policy_binary(const Policy& policy, const XmlHash& hash);
// Would Xen's hypervisor take the compiled policy? Not without wall types: it finds the wrong section.
bool binary_loads(const Policy& policy) noexcept;

}  // namespace tvdsim::models
