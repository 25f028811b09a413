// The parts of a report that tell of evidence, migrations, frames and what became of attacks.
//
// Each is a paragraph that begins with an empty line, or nothing when the run had none of it.
//
// Threads    pure.
#pragma once

#include <string>

#include "sim/trace/trace.hpp"

namespace tvdsim::scenarios {

std::string attestations_text(const sim::Trace& trace);  // verdicts by kind of subject, and why they were bad
std::string detections_text(
    const sim::Trace& trace);  // who was compromised, and how long until somebody knew
std::string migrations_text(const sim::Trace& trace);  // one line each
std::string network_text(const sim::Trace& trace);     // probes, frames and why they were dropped
std::string audits_text(const sim::Trace& trace);      // what the auditor found

}  // namespace tvdsim::scenarios
