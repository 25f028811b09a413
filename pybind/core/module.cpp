#include "pybind/core/bindings.hpp"

PYBIND11_MODULE(_core, m) {
  m.doc() = "The core of tvdsim. Private: use the package `tvdsim`.";
  m.attr("__version__") = TVDSIM_VERSION;
  tvdsim::pybind::bind_errors(m);
  tvdsim::pybind::bind_units(m);
  tvdsim::pybind::bind_policy(m);
  tvdsim::pybind::bind_wall(m);
  tvdsim::pybind::bind_resource_labels(m);
  tvdsim::pybind::bind_policy_binary(m);
  tvdsim::pybind::bind_policy_explain(m);
  tvdsim::pybind::bind_decisions(m);
  tvdsim::pybind::bind_spec(m);
  tvdsim::pybind::bind_run(m);
  tvdsim::pybind::bind_analyse(m);
  tvdsim::pybind::bind_analysis(m);
  tvdsim::pybind::bind_dry_run(m);
  tvdsim::pybind::bind_attacks(m);
  tvdsim::pybind::bind_evidence(m);
  tvdsim::pybind::bind_appraisal(m);
  tvdsim::pybind::bind_references(m);
  tvdsim::pybind::bind_tpm(m);
  tvdsim::pybind::bind_tpm12(m);
  tvdsim::pybind::bind_served(m);
  tvdsim::pybind::bind_guest(m);
}
