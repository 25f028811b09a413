// Bell-LaPadula: secrets do not sink. Information flows only to clearances that dominate the one it comes from.
//
// Cost       that of models/acm/lattice.hpp, one dominance per direction of flow.
// Threads    const members may run concurrently.
// Leaves out the discretionary part: who owns what is not asked.
// Source     Bell & LaPadula, MTR-2997, 1976: simple security property and *-property.
#pragma once

#include "models/acm/lattice.hpp"

namespace tvdsim::models {

class BellLaPadula final : public Lattice {
 public:
  explicit BellLaPadula(std::shared_ptr<const LatticeDef> def, const Policy* policy = nullptr)
      : Lattice(std::move(def), policy) {}
  std::string_view name() const noexcept override { return "bell_lapadula"; }
  std::shared_ptr<const PolicyComponent> bound_to(const Policy& policy) const override {
    return std::make_shared<BellLaPadula>(def(), &policy);
  }

 private:
  bool may_flow(LabelId from, LabelId to) const noexcept override { return dominates(to, from); }
  std::string_view no_read() const noexcept override { return "no read up"; }
  std::string_view no_write() const noexcept override { return "no write down"; }
};

}  // namespace tvdsim::models
