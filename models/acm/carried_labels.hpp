// The labels of one policy in the next: the same name, or the name that `from` says was renamed.
//
//   const CarriedLabels carried(now, next);
//   carried[label]                                    // none(): the next policy does not have it
//   carried.of_host(label)
//
// A rename goes before an equal name. VM labels and resource labels are names of their own. `__UNLABELED__` is always itself.
// Going back to DEFAULT takes a host and its control domain along to the bootstrap label in xen33, as Xen's tools did.
//
// Cost       one look-up of each name, once.
// Threads    const members may run concurrently.
// Source     Xen 3.3 policy updates: attribute `from` of label names, xm resetpolicy.
#pragma once

#include <vector>

#include "models/acm/policy.hpp"

namespace tvdsim::models {

class CarriedLabels {
 public:
  CarriedLabels(const Policy& from, const Policy& to);

  LabelId operator[](LabelId label) const noexcept {
    return label.value < labels_.size() ? labels_[label.value] : LabelId::none();
  }
  LabelId of_host(LabelId label) const noexcept;

 private:
  std::vector<LabelId> labels_;
  bool back_to_default_;
};

}  // namespace tvdsim::models
