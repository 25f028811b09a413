// Attacks, run: control off, monitor and on, and the near miss that must work; as cells of a matrix with a witness each.
//
//   outcome   harm       ground truth says that the bad thing happened, and nothing in the evidence says so
//             detected   it happened, or was about to, and the evidence names it
//             stopped    a decision refused it and no harm was done
//             works      near miss: the legitimate operation succeeded without harm
//             broken     none of these: the near miss failed, or the attack fizzled
//
// Invariant  one datacenter per cell, built anew: cells do not depend on each other.
// Threads    one run per process at a time.
// Source     docs/attacks.md.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/attack/attack.hpp"

namespace tvdsim::scenarios {

struct AttackCell {
  std::string attack, control;
  std::string staging;  // ablated | controlled | near_miss
  std::string mode;     // off | monitor | on
  std::string outcome, witness;
  bool harm = false, refused = false, noticed = false, worked = false;
  std::string fingerprint;
};
AttackCell run_attack(const models::Attack& attack, models::Staging staging, models::ControlMode mode,
                      std::uint64_t seed = 1);

// The same attack in every order that its simultaneous events allow.
struct Interleavings {
  std::string attack, mode;
  std::uint64_t visited = 0;  // orders in all
  std::uint64_t harmed = 0;   // of them: harm in ground truth
  std::uint64_t refused = 0;  // of them: a decision refused something
  bool complete = true;       // false: `limit` cut it short, so "all" must not be claimed
};
Interleavings run_interleavings(const models::Attack& attack, models::ControlMode mode,
                                std::uint64_t seed = 1, std::uint64_t limit = 100'000);

struct AttackRow {
  std::string attack, title, source, control;
  AttackCell off, monitor, on, near_miss;
  std::vector<Interleavings> orders;  // of races: off and on; empty elsewhere
};
struct AttackMatrix {
  std::vector<AttackRow> rows;
};
// Empty `ids`: every modelled attack. Throws InputError TVD-101 for an id that is not modelled.
AttackMatrix attack_matrix(std::span<const std::string> ids = {}, std::uint64_t seed = 1);

// Every attack against every control: what it comes to while that one control alone is off and all others are on.
struct AblationRow {
  std::string attack, title, control;  // control: the one that the attack is about
  std::vector<AttackCell> cells;       // in the order of controls.def; each names the control that is off
};
struct Ablation {
  std::vector<AblationRow> rows;
};
Ablation attack_ablation(std::span<const std::string> ids = {}, std::uint64_t seed = 1);

std::string to_text(const AttackCell& cell);
std::string to_text(const AttackMatrix& matrix);
std::string to_text(const Ablation& ablation);
std::string to_json(const AttackCell& cell);
std::string to_json(const AttackMatrix& matrix);
std::string to_json(const Ablation& ablation);

}  // namespace tvdsim::scenarios
