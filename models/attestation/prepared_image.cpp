#include "models/attestation/prepared_image.hpp"

#include <algorithm>

namespace tvdsim::models {

PreparedImage::PreparedImage(SoftwareImage image, MeasuredStore& store)
    : image_(std::move(image)), store_(store) {
  // Stages first, whatever the order they were written down in: a file needs a kernel to be read.
  std::stable_partition(image_.software.begin(), image_.software.end(),
                        [](const Component& row) { return !row.file(); });
  while (stages_ < image_.software.size() && !image_.software[stages_].file()) ++stages_;
  for (std::size_t i = 0; i < stages_; ++i) places_.push_back(place_of(image_, i));
  plain_.resize(image_.software.size());
  tampered_.resize(image_.software.size());
}

std::size_t PreparedImage::find(std::string_view name) const noexcept {
  std::size_t at = 0;
  while (at < image_.software.size() && image_.software[at].name != name) ++at;
  return at;
}

const Measured& PreparedImage::of(std::size_t at, bool tampered) const {
  const Measured*& known = (tampered ? tampered_ : plain_).at(at);
  if (known) return *known;
  const Component& own = image_.software[at];
  const std::string bytes = tampered ? tampered_bytes(image_, own) : bytes_of(image_, own);
  known = own.file() ? &store_.file(own, bytes) : &store_.stage(own, places_[at], bytes);
  return *known;
}

}  // namespace tvdsim::models
