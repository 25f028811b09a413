// What a policy says that it must not say, and what it says in vain: every semantic finding at once.
//
//   TVD-312 names   TVD-313 duplicates   TVD-314 undefined types   TVD-315 bootstrap label
//   TVD-316 labels in conflict with themselves   TVD-317 conflict sets that say nothing
//   TVD-318 an update of something newer   TVD-319 a missing part
// What Xen's compiler refused is an error in both modes. What it let pass is a warning in xen33; in strict it is an
// error where a decision would depend on the order of starts or on a name that cannot be trusted.
//
// Threads    pure.
// Leaves out rules that can never fire (models/acm_io/lint.hpp) and the shape of the file (models/acm_io/xml_reader.hpp).
#pragma once

#include "models/acm/policy.hpp"
#include "sim/base/error.hpp"

namespace tvdsim::models {

void check_policy(const PolicyDef& def, PolicyMode mode, sim::Findings& findings);

}  // namespace tvdsim::models
