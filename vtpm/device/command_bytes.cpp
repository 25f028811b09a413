#include "vtpm/device/command_bytes.hpp"

#include <fmt/format.h>

#include "sim/base/error.hpp"

namespace tvdsim::vtpm {

void Response::refuse() const {
  throw sim::WorldError(fmt::format("{}: the TPM's response ends before its contents do", doing_),
                        "short_response");
}

}  // namespace tvdsim::vtpm
