// Biba: trust does not sink. Information flows only to clearances that the one it comes from dominates.
//
// Cost       that of models/acm/lattice.hpp, one dominance per direction of flow.
// Threads    const members may run concurrently.
// Leaves out the discretionary part: who owns what is not asked.
// Source     Biba, MTR-3153, 1977: strict integrity, simple and *-property.
#pragma once

#include "models/acm/lattice.hpp"

namespace tvdsim::models {

class Biba final : public Lattice {
 public:
  explicit Biba(std::shared_ptr<const LatticeDef> def, const Policy* policy = nullptr)
      : Lattice(std::move(def), policy) {}
  std::string_view name() const noexcept override { return "biba"; }
  std::shared_ptr<const PolicyComponent> bound_to(const Policy& policy) const override {
    return std::make_shared<Biba>(def(), &policy);
  }

 private:
  bool may_flow(LabelId from, LabelId to) const noexcept override { return dominates(from, to); }
  std::string_view no_read() const noexcept override { return "no read down"; }
  std::string_view no_write() const noexcept override { return "no write up"; }
};

}  // namespace tvdsim::models
