// Carries the private shared object inside the program, so that it is wherever the program is.
#include "vtpm/device/tpm_library.hpp"

#ifdef TVDSIM_PRIVATE_LIBTPMS
asm(".section .rodata\n"
    ".balign 16\n"
    "tvdsim_private_libtpms:\n"
    ".incbin \"" TVDSIM_PRIVATE_LIBTPMS
    "\"\n"
    "tvdsim_private_libtpms_end:\n"
    ".byte 0\n"
    ".previous\n");
extern "C" {
extern const std::uint8_t tvdsim_private_libtpms[] __attribute__((visibility("hidden")));
extern const std::uint8_t tvdsim_private_libtpms_end[] __attribute__((visibility("hidden")));
}
#endif

namespace tvdsim::vtpm {

std::span<const std::uint8_t> private_object() noexcept {
#ifdef TVDSIM_PRIVATE_LIBTPMS
  return {tvdsim_private_libtpms, tvdsim_private_libtpms_end};
#else
  return {};
#endif
}

}  // namespace tvdsim::vtpm
