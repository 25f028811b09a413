// Levels and categories: what Bell-LaPadula and Biba have in common.
//
// Each label has a level (of an ordered list) and a set of categories; one clearance dominates another when its level is no lower and
// its categories include the other's. A lattice policy says between which clearances information may flow; what a request needs:
//
//   a host is on one side        the host dominates the other: it holds what the VM or VLAN is cleared for
//   anything else                a flow from whoever sends to whoever receives, so both ways for channels and shared pages
//   … of a trusted party         it may exchange with whatever it dominates, both ways: it is trusted not to mix levels
//
// Invariant  a label without a clearance is refused; dominance is a partial order.
// Cost       one comparison and one AND per 64 categories.
// Threads    const members may run concurrently.
// Leaves out levels that change while a label is used (no floating labels, no low-water marks).
// Source     Bell & LaPadula, MTR-2997, 1976; Biba, MTR-3153, 1977.
#pragma once

#include <optional>
#include <vector>

#include "models/acm/policy_component.hpp"

namespace tvdsim::models {

struct Clearance {
  std::string label, level;
  std::vector<std::string> categories{};
  bool trusted = false;
};
struct LatticeDef {
  std::vector<std::string> levels;  // lowest first
  std::vector<Clearance> labels;    // a VM label and a resource label of one name have one clearance
};

class Lattice : public PolicyComponent {
 public:
  Answer answer(const sim::Request& request) const noexcept final;
  std::string words(const sim::Request& request, std::uint16_t reason) const final;
  bool knows(LabelId label) const noexcept { return row(label) != nullptr; }
  bool dominates(LabelId a, LabelId b) const noexcept;  // false when either is unknown

 protected:
  // A clearance that names an unknown level counts as none.
  Lattice(std::shared_ptr<const LatticeDef> def, const Policy* policy);
  // May information of the one label come to the other? Both are known.
  virtual bool may_flow(LabelId from, LabelId to) const noexcept = 0;
  // Why the subject may not read, or write: "no read up".
  virtual std::string_view no_read() const noexcept = 0;
  virtual std::string_view no_write() const noexcept = 0;
  const std::shared_ptr<const LatticeDef>& def() const noexcept { return def_; }

 private:
  struct Row {
    std::string name;
    std::uint32_t level = 0;
    bool trusted = false;
    std::vector<std::uint64_t> categories;
    std::string text;  // "secret {crypto}"
  };
  const Row* row(LabelId label) const noexcept;
  std::string text_of(LabelId label) const;
  std::shared_ptr<const LatticeDef> def_;
  std::vector<std::optional<Row>> rows_;  // by label
};

}  // namespace tvdsim::models
