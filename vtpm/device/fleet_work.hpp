// Work on many TPMs at once: every home of a fleet on a thread of its own, as many threads as the fleet has workers.
//
//   for_each_tpm(fleet, tpms, [&](std::size_t i) { answers[i] = fleet.execute(tpms[i], command); });
//
// Invariant  each index is handed out once, on its TPM's home thread, in rising order within a home. After an exception the
//            other homes finish; then the exception of the lowest index is thrown, and its home did nothing after it.
// Cost       one thread per home beyond the first; none at one worker.
// Threads    from any, while nobody else is in the fleet.
// Leaves out stealing between homes: a TPM parked in one copy of the library would have to move as a blob.
#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "vtpm/device/tpm.hpp"

namespace tvdsim::vtpm {

void for_each_tpm(const TpmFleet& fleet, std::span<const TpmId> tpms,
                  const std::function<void(std::size_t index)>& work);

}  // namespace tvdsim::vtpm
