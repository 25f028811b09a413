// What this program was built from: version, commit, compiler, flags, libraries. For manifests; nothing depends on it.
//
// The commit is that of the checkout when it was configured; a source tree without git says "unknown".
//
// Threads    pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace tvdsim::scenarios {

struct BuildInfo {
  std::string version, commit, compiler, flags;
  std::vector<std::pair<std::string, std::string>> libraries;  // name, version
};
const BuildInfo& build_info();

}  // namespace tvdsim::scenarios
