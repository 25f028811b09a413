// An image whose components are hashed already, as they are and with one bit changed: what machines boot from, by the thousand.
//
// Invariant  of(i, false) is what ReferenceStore::add_image() vouches for; of(i, true) is not.
// Cost       a component is hashed when it is first asked for; 24 bytes per component otherwise.
// Threads    the engine's.
#pragma once

#include <vector>

#include "models/attestation/image.hpp"
#include "models/attestation/measured.hpp"

namespace tvdsim::models {

class PreparedImage {
 public:
  PreparedImage(SoftwareImage image, MeasuredStore& store);

  const SoftwareImage& image() const noexcept { return image_; }
  std::size_t size() const noexcept { return image_.software.size(); }
  const Component& component(std::size_t at) const { return image_.software.at(at); }
  const StagePlace& place(std::size_t at) const { return places_.at(at); }
  std::size_t find(std::string_view name) const noexcept;  // size() when there is none
  std::size_t stages() const noexcept { return stages_; }  // they come first
  // What measuring this component gives.
  const Measured& of(std::size_t at, bool tampered) const;

 private:
  SoftwareImage image_;
  MeasuredStore& store_;
  std::size_t stages_ = 0;
  std::vector<StagePlace> places_;
  mutable std::vector<const Measured*> plain_, tampered_;
};

}  // namespace tvdsim::models
