// A change that is being looked at: of the policy, or of the label of one VM or host. Private to models/acm.
//
// Each VM and each link has a label now and one afterwards; would the controls that are on have let it come to be afterwards?
//
// Threads    those of the monitor.
#pragma once

#include <string>

#include "models/acm/carried_labels.hpp"
#include "models/acm/monitor.hpp"

namespace tvdsim::models {

std::string quoted(const Policy& policy, LabelId label);

struct Monitor::Change {
  const Policy& now;
  const Policy& next;
  const CarriedLabels* carried;  // null: labels stay what they are
  VmId only;                     // the VM that gets another label, or none()
  LabelId label;                 // that one
  LabelId host_now, host;        // the host's label, and afterwards
  const NameOf& name_of;

  LabelId after(VmId vm, LabelId before) const {
    if (only.exists() && vm == only) return label;
    if (carried == nullptr || !before.exists()) return before;
    // The control domain carries its host's label.
    return before == host_now ? host : (*carried)[before];
  }
  bool concerns(VmId vm) const { return !only.exists() || vm == only; }
  // A VM or a resource with its label as it is now.
  std::string party(VmId vm, LabelId before) const;
};

}  // namespace tvdsim::models
