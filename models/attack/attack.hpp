// An attack as a typed value with three runs.
//
//   ablated      the control is off: the harm must really happen, in ground truth
//   controlled   the control is on (or monitor): stopped, or detected as claimed
//   near miss    the legitimate operation that looks the same must still work, with the control on
//
// An Attack knows its steps (as actions on a datacenter), the control it is about, and how to judge from ground truth and
// from the evidence whether harm was done. scenarios/ builds the little datacenter it is staged in.
//
// Source     the attack catalogue, by id (docs/attacks.md).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "models/host/datacenter.hpp"

namespace tvdsim::models {

enum class Staging : std::uint8_t { ablated, controlled, near_miss };
std::string_view to_text(Staging) noexcept;

struct Verdicts {
  bool harm = false;     // ground truth: the bad outcome happened
  bool refused = false;  // evidence: some decision denied a step
  bool noticed = false;  // evidence: a warning or incident names it
  bool worked = false;   // near miss: the legitimate operation succeeded
  std::string witness;   // one sentence: what was seen
};

class Attack {
 public:
  virtual ~Attack() = default;
  virtual std::string_view id() const = 0;  // "A-01"
  virtual std::string_view title() const = 0;
  virtual std::string_view source() const = 0;
  virtual Control control() const = 0;  // the control it ablates
  // Its control does not keep the harm off, it makes it known.
  virtual bool detects() const { return false; }
  // The datacenter it is staged in and the steps it takes there.
  virtual DatacenterSetup stage(Staging staging, ControlMode mode) const = 0;
  virtual std::vector<Action> steps(Staging staging) const = 0;
  virtual sim::Duration duration() const = 0;
  virtual Verdicts judge(Staging staging, Datacenter& datacenter, sim::Trace& evidence) const = 0;
};

const std::vector<const Attack*>& attacks();  // every attack of the catalogue that is modelled, by id
const Attack* find_attack(std::string_view id) noexcept;

}  // namespace tvdsim::models
