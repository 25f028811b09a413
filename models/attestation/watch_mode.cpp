#include "models/attestation/watch_mode.hpp"

namespace tvdsim::models {

std::string_view to_text(WatchMode mode) noexcept {
  switch (mode) {
    case WatchMode::scheduled:
      return "scheduled";
    case WatchMode::agent:
      return "agent";
    case WatchMode::out_of_band:
      break;
  }
  return "out_of_band";
}

}  // namespace tvdsim::models
