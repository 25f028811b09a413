#include "models/host/action.hpp"

namespace tvdsim::models {

const std::vector<ActionInfo>& action_infos() {
  static const std::vector<ActionInfo> kInfos = {
#define ACTION(name, principal, fields, what) {#name, #principal, fields, what},
#include "models/host/actions.def"
#undef ACTION
  };
  return kInfos;
}

}  // namespace tvdsim::models
