// One line of IMA's ASCII log, turned back into the template data that the kernel hashed.
//
// The line does not say everything: spaces in names may be printed as `_` or as spaces, and fields that are empty leave no
// trace on old kernels. What fits the template hash is what was meant; when nothing fits, the plain reading stands and
// ImaEntry::hash_matches() says no.
//
// Cost       one hash per reading; at most 256 readings of a line whose name has underscores.
// Threads    may be called from any thread.
#pragma once

#include <string_view>

#include "vtpm/evidence/ima_log.hpp"

namespace tvdsim::vtpm {

// `number` counts lines from 1, for messages. Throws as ImaLog::parse does.
ImaEntry parse_ima_line(std::string_view line, std::size_t number);

// Fills entry.parts from entry.data, for both forms of the log; false when the data are not what the template prescribes.
bool tile_ima_fields(ImaEntry& entry);
// What is wrong with a file signature, or nothing.
std::optional<std::string_view> fault_of_ima_signature(std::span<const std::uint8_t> field) noexcept;

}  // namespace tvdsim::vtpm
