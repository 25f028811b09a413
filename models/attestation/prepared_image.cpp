#include "models/attestation/prepared_image.hpp"

#include <algorithm>

#include "vtpm/evidence/ima_signature.hpp"

namespace tvdsim::models {

namespace {

std::span<const std::uint8_t> span_of(std::string_view bytes) {
  return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

}  // namespace

PreparedImage::PreparedImage(SoftwareImage image, MeasuredStore& store)
    : image_(std::move(image)), store_(store) {
  // Stages first, whatever the order they were written down in: a file needs a kernel to be read.
  std::stable_partition(image_.software.begin(), image_.software.end(),
                        [](const Component& row) { return !row.file(); });
  while (stages_ < image_.software.size() && !image_.software[stages_].file()) ++stages_;
  for (std::size_t i = 0; i < stages_; ++i) places_.push_back(place_of(image_, i));
  first_loaded_ = std::min(models::first_loaded(image_), stages_);
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
  known = own.file() ? &file(at, bytes) : &store_.stage(own, places_[at], bytes);
  return *known;
}

const Measured& PreparedImage::file(std::size_t at, std::string_view bytes) const {
  return store_.file(image_.software.at(at), bytes, signed_files(), signature(at));
}

const Measured& PreparedImage::violation(std::size_t at) const {
  return store_.violation(image_.software.at(at), signed_files());
}

std::vector<std::uint8_t> PreparedImage::signature(std::size_t at) const {
  if (!signed_files()) return {};
  const std::string bytes = bytes_of(image_, image_.software[at]);
  const auto digest = vtpm::hash(vtpm::HashAlg::sha256, {span_of(bytes)});
  return vtpm::ima_signature(vtpm::PublisherKey::of(kPublisher), vtpm::HashAlg::sha256, digest.view());
}

const Measured& PreparedImage::whole(const std::vector<bool>& tampered) const {
  SoftwareImage seen = seen_whole(image_);
  if (!tampered.empty()) {
    std::string& all = seen.software.back().content;
    all.clear();
    for (std::size_t i = first_loaded_; i < size(); ++i) {
      const Component& part = image_.software[i];
      all += tampered.at(i) ? tampered_bytes(image_, part) : bytes_of(image_, part);
    }
  }
  const std::size_t last = seen.software.size() - 1;
  return store_.stage(seen.software[last], place_of(seen, last), seen.software[last].content);
}

bool PreparedImage::signed_stage(std::size_t at, const Measured& read) const {
  const auto [known, is_new] = checked_.try_emplace({at, read.hex}, false);
  if (!is_new) return known->second;
  const vtpm::PublisherKey& publisher = vtpm::PublisherKey::of(kPublisher);
  const auto signature = publisher.sign(vtpm::HashAlg::sha256, of(at, false).sha256.view());
  known->second =
      vtpm::signed_by(publisher.public_key(), vtpm::HashAlg::sha256, read.sha256.view(), signature);
  return known->second;
}

}  // namespace tvdsim::models
