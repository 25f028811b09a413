// Public keys: read or refused by name; a key that is read can be written as PEM and read back as the same key.
#include "sim/base/error.hpp"
#include "vtpm/evidence/public_key.hpp"

using namespace tvdsim;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const vtpm::PublicKey key = vtpm::PublicKey::parse({data, size});
    TVDSIM_ASSERT(key.bits() >= 256, "a key has bits");
    TVDSIM_ASSERT(key.name().empty() == !key.restricted_signing().has_value(),
                  "a public area has a name and attributes, PEM and TPM 1.2 have neither");
    const std::string pem = key.pem();
    const auto again =
        vtpm::PublicKey::parse({reinterpret_cast<const std::uint8_t*>(pem.data()), pem.size()});
    TVDSIM_ASSERT(again == key, "a key is read back from what was written");
  } catch (const sim::InputError& error) {
    TVDSIM_ASSERT(error.findings().size() == 1 && error.findings()[0].code.starts_with("TVD-52"),
                  "a refusal has its name");
  }
  return 0;
}
