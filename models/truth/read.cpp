#include "models/truth/read.hpp"

#include <algorithm>

#include "models/truth/books.hpp"

namespace tvdsim::models {

namespace {

std::vector<bool> present(const Truth::Books& books, const Truth::Books::Place& place) {
  std::vector<bool> found(books.workloads.size());
  for (const auto& [number, page] : place.shadow) {
    Truth::Books::TaintId last = 0;
    for (const Truth::Books::TaintId taint : *page) {
      if (taint == last) continue;
      last = taint;
      for (const std::uint32_t which : books.taints[taint]) found[which] = true;
    }
  }
  return found;
}

std::vector<std::string> names(const Truth::Books& books, const std::vector<bool>& set) {
  std::vector<std::string> list;
  for (std::size_t i = 0; i < set.size(); ++i) {
    if (set[i]) list.push_back(books.workloads[i]);
  }
  std::sort(list.begin(), list.end());
  return list;
}

bool contains(const std::vector<std::string>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

bool overlap(const TruthReader::Stay& a, const TruthReader::Stay& b) {
  return a.since < b.until && b.since < a.until;
}

// The most stays that `pick` selects at one time: the count can only rise where one begins.
template <class Pick>
std::uint32_t most(std::span<const TruthReader::Stay> stays, Pick pick) {
  std::uint32_t best = 0;
  for (const auto& at : stays) {
    if (!pick(at)) continue;
    std::uint32_t now = 0;
    for (const auto& other : stays) {
      if (pick(other) && other.since <= at.since && at.since < other.until) ++now;
    }
    best = std::max(best, now);
  }
  return best;
}

}  // namespace

bool TruthReader::reached(std::string_view workload, std::string_view place) const {
  const auto* found = books_.find(place);
  const auto at = std::find(books_.workloads.begin(), books_.workloads.end(), workload);
  if (!found || at == books_.workloads.end()) return false;
  const auto which = static_cast<std::size_t>(at - books_.workloads.begin());
  return which < found->ever.size() && found->ever[which];
}

bool TruthReader::holds(std::string_view workload, std::string_view place) const {
  return contains(taint(place), workload);
}

std::vector<std::string> TruthReader::holders(std::string_view workload) const {
  std::vector<std::string> list;
  for (const auto& place : books_.places) {
    if (contains(names(books_, present(books_, place)), workload)) list.push_back(place.name);
  }
  return list;
}

std::vector<std::string> TruthReader::taint(std::string_view place) const {
  const auto* found = books_.find(place);
  if (!found) return {};
  return names(books_, present(books_, *found));
}

std::vector<std::string> TruthReader::taint(std::string_view place, std::uint64_t offset,
                                            std::uint64_t size) const {
  const auto* found = books_.find(place);
  if (!found) return {};
  std::vector<bool> set(books_.workloads.size());
  for (std::uint64_t at = offset; at < offset + size; ++at) {
    const auto page = found->shadow.find(at / Truth::Books::kPage);
    if (page == found->shadow.end()) continue;
    for (const std::uint32_t which : books_.taints[(*page->second)[at % Truth::Books::kPage]])
      set[which] = true;
  }
  return names(books_, set);
}

std::span<const TruthReader::Edge> TruthReader::edges() const noexcept { return books_.edges; }

bool TruthReader::flowed(std::string_view source, std::string_view target) const {
  return std::any_of(books_.edges.begin(), books_.edges.end(),
                     [&](const Edge& edge) { return edge.source == source && edge.target == target; });
}

std::span<const TruthReader::Stay> TruthReader::stays() const noexcept { return books_.stays; }
std::span<const TruthReader::Stay> TruthReader::drivers() const noexcept { return books_.drivers; }

bool TruthReader::ran(std::string_view vm) const {
  return std::any_of(books_.stays.begin(), books_.stays.end(),
                     [&](const Stay& stay) { return stay.vm == vm; });
}

bool TruthReader::ran_together(std::string_view a, std::string_view b) const {
  for (const Stay& one : books_.stays) {
    if (one.vm != a) continue;
    for (const Stay& two : books_.stays) {
      if (two.vm == b && two.where == one.where && overlap(one, two)) return true;
    }
  }
  return false;
}

std::uint32_t TruthReader::most_copies(std::string_view vm) const {
  return most(books_.stays, [&](const Stay& stay) { return stay.vm == vm; });
}

std::uint32_t TruthReader::most_drivers(std::string_view device) const {
  return most(books_.drivers, [&](const Stay& stay) { return stay.where == device; });
}

std::span<const TruthReader::Fact> TruthReader::executed() const noexcept { return books_.executed; }
std::span<const TruthReader::Fact> TruthReader::compromised() const noexcept { return books_.compromised; }

}  // namespace tvdsim::models
