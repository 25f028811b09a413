#include "vtpm/evidence/openssl_errors.hpp"

#include <openssl/err.h>

namespace tvdsim::vtpm {

QuietErrors::QuietErrors() { ERR_set_mark(); }
QuietErrors::~QuietErrors() { ERR_pop_to_mark(); }

}  // namespace tvdsim::vtpm
