// The private extension module `_core`: narrow, JSON text in and out, one file per concern.
//
// Nothing here decides, checks or formats: it hands text and numbers through and turns the two kinds of bad news into the
// Python exceptions of tvdsim/errors.py. What users see is the typed package above it.
//
// Threads    the GIL is released while a run, a replay or an attack is under way; all of them one at a time per process.
// Leaves out everything that Python can say itself: values, tables, plots, the command line.
#pragma once

#include <pybind11/pybind11.h>

#include <atomic>

namespace tvdsim::pybind {

void bind_errors(pybind11::module_& m);           // InputError and WorldError, translated
void bind_units(pybind11::module_& m);            // quantities, did-you-mean
void bind_policy(pybind11::module_& m);           // Policy and its decisions
void bind_wall(pybind11::module_& m);             // one host's Chinese Wall
void bind_resource_labels(pybind11::module_& m);  // names and labels of resources
void bind_policy_binary(pybind11::module_& m);    // Xen's binary format and map files
void bind_policy_explain(pybind11::module_& m);   // what each control says to one question
void bind_decisions(pybind11::module_& m);        // decision logs
void bind_spec(pybind11::module_& m);             // check, canonical form, catalogue
void bind_run(pybind11::module_& m);              // run, replay, stop
void bind_analyse(pybind11::module_& m);          // reachability
void bind_analysis(pybind11::module_& m);         // explain, diff
void bind_dry_run(pybind11::module_& m);          // what stands against a change
void bind_attacks(pybind11::module_& m);          // attacks, their orders, the matrix
void bind_evidence(pybind11::module_& m);         // measurement logs and quotes
void bind_appraisal(pybind11::module_& m);        // whole evidence, check by check
void bind_references(pybind11::module_& m);       // known digests, and who says so
void bind_tpm(pybind11::module_& m);              // real TPMs
void bind_tpm12(pybind11::module_& m);            // TPM 1.2s
void bind_served(pybind11::module_& m);           // real TPMs for other programs
void bind_guest(pybind11::module_& m);            // real guests

// Set by a signal or by stop(): the run under way ends at its next event and is kept as interrupted.
std::atomic<bool>& stop_flag() noexcept;

}  // namespace tvdsim::pybind
