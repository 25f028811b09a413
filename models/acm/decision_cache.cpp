#include "models/acm/decision_cache.hpp"

#include <algorithm>

namespace tvdsim::models {

void DecisionCache::begin(DomainId subject) {
  if (rows_.size() <= subject.value) rows_.resize(subject.value + std::size_t{1});
  rows_[subject.value] = {};
}

void DecisionCache::forget(DomainId domain) {
  if (domain.value < rows_.size()) rows_[domain.value] = {};
  for (Row& row : rows_) {
    const auto end = row.objects.begin() + row.used;
    row.used =
        static_cast<std::uint32_t>(std::remove(row.objects.begin(), end, domain) - row.objects.begin());
  }
}

void DecisionCache::clear() noexcept { std::fill(rows_.begin(), rows_.end(), Row{}); }

void DecisionCache::keep(const Stamp& now) noexcept {
  if (now == stamp_) return;
  stamp_ = now;
  clear();
}

bool DecisionCache::look(CacheKind kind, DomainId subject, DomainId object) noexcept {
  const auto known = remembered(subject);
  const bool hit = std::find(known.begin(), known.end(), object) != known.end();
  Counts& counts = counts_[static_cast<std::size_t>(kind)];
  ++(hit ? counts.hits : counts.evaluated);
  return hit;
}

void DecisionCache::remember(DomainId subject, DomainId object) {
  if (rows_.size() <= subject.value) begin(subject);
  Row& row = rows_[subject.value];
  const auto end = row.objects.begin() + row.used;
  if (row.used == kEntries || std::find(row.objects.begin(), end, object) != end) return;
  row.objects[row.used++] = object;
}

std::span<const DomainId> DecisionCache::remembered(DomainId subject) const noexcept {
  if (subject.value >= rows_.size()) return {};
  const Row& row = rows_[subject.value];
  return {row.objects.data(), row.used};
}

}  // namespace tvdsim::models
