// How a verifier comes to hear of a machine again and again.
//
//   scheduled    it asks every period; a compromise shows at the next question, and costs two messages and a quote each time
//   agent        the machine's agent reports: when a file was newly measured, and at the latest after a period; it uses a nonce that
//                the verifier gave it with its last verdict. What an agent that was killed would say is not seen, but its silence is
//   out_of_band  the verifier asks the host's control domain for the VM's measurements: no agent takes part, nothing is signed, and
//                what is not seen is a control domain that lies
//
// Source     seed 002 section 2.2.2 (agent) and section 3.2 (scheduled task; measurements from the management VM).
#pragma once

#include <cstdint>
#include <string_view>

namespace tvdsim::models {

enum class WatchMode : std::uint8_t { scheduled, agent, out_of_band };
std::string_view to_text(WatchMode mode) noexcept;

}  // namespace tvdsim::models
