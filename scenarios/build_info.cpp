#include "scenarios/build_info.hpp"

#include <openssl/crypto.h>
#include <sqlite3.h>

#include "build_info_values.hpp"

namespace tvdsim::scenarios {

const BuildInfo& build_info() {
  static const BuildInfo info{TVDSIM_VERSION,
                              TVDSIM_COMMIT,
                              TVDSIM_COMPILER,
                              TVDSIM_FLAGS,
                              {{"simgrid", TVDSIM_SIMGRID_VERSION},
                               {"openssl", OpenSSL_version(OPENSSL_FULL_VERSION_STRING)},
                               {"sqlite", sqlite3_libversion()},
                               {"libtpms", TVDSIM_LIBTPMS_VERSION}}};
  return info;
}

}  // namespace tvdsim::scenarios
