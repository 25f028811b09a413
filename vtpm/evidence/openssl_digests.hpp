// OpenSSL's implementations of the hashes of vtpm/algorithms.def, fetched once each.
//
// Asking OpenSSL for an algorithm by name costs more than hashing a PCR.
//
// Threads    any.
// Leaves out hashes that this OpenSSL was built without: null.
#pragma once

#include "vtpm/algorithms.hpp"

struct evp_md_st;

namespace tvdsim::vtpm {

const evp_md_st* openssl_digest(HashAlg alg);

}  // namespace tvdsim::vtpm
