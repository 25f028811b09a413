// An image whose components are hashed already, as they are and with one bit changed: what machines boot from, by the thousand.
//
// Invariant  of(i, false) is what ReferenceStore::add_image() vouches for; of(i, true) is not.
// Cost       a component is hashed when it is first asked for; 24 bytes per component otherwise.
// Threads    the engine's.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "models/attestation/image.hpp"
#include "models/attestation/measured.hpp"

namespace tvdsim::models {

// Who signs boot stages and files, by the name of the key.
inline constexpr std::string_view kPublisher = "publisher";

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
  // A file that holds other bytes: a signature that it carried stays on it.
  const Measured& file(std::size_t at, std::string_view bytes) const;
  const Measured& violation(std::size_t at) const;
  // All from first_loaded() on as one boot stage, of these parts; by component: is it tampered with?
  const Measured& whole(const std::vector<bool>& tampered) const;
  std::size_t first_loaded() const noexcept { return first_loaded_; }
  bool signed_files() const noexcept { return image_.signed_files; }
  // Did the publisher sign the bytes that this is the measurement of, as this boot stage?
  bool signed_stage(std::size_t at, const Measured& read) const;

 private:
  SoftwareImage image_;
  MeasuredStore& store_;
  std::size_t stages_ = 0, first_loaded_ = 0;
  std::vector<StagePlace> places_;
  std::vector<std::uint8_t> signature(std::size_t at) const;
  mutable std::vector<const Measured*> plain_, tampered_;
  mutable std::map<std::pair<std::size_t, std::string>, bool> checked_;  // stage and digest
};

}  // namespace tvdsim::models
