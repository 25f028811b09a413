#include "models/acm/lattice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

namespace tvdsim::models {

namespace {

// Why, as the component's own number.
constexpr std::uint16_t kPermitted = 0, kUnknown = 1, kHost = 2, kRead = 3, kWrite = 4;

// On which side of each hook a host stands.
enum class Side : std::uint8_t { neither, subject, object };
constexpr std::array kHostSide = {
#define HOOK(name, from, to, point, guards, refused) \
  std::string_view(#from) == "Host" ? Side::subject  \
  : std::string_view(#to) == "Host" ? Side::object   \
                                    : Side::neither,
#include "sim/base/hooks.def"
#undef HOOK
};

}  // namespace

Lattice::Lattice(std::shared_ptr<const LatticeDef> def, const Policy* policy) : def_(std::move(def)) {
  if (!policy) return;
  std::set<std::string> categories;
  for (const Clearance& one : def_->labels) categories.insert(one.categories.begin(), one.categories.end());
  rows_.resize(policy->labels());
  for (const Clearance& one : def_->labels) {
    const auto level = std::ranges::find(def_->levels, one.level);
    if (level == def_->levels.end()) continue;
    Row row{one.label, static_cast<std::uint32_t>(level - def_->levels.begin()), one.trusted, {}, one.level};
    row.categories.resize((categories.size() + 63) / 64);
    const std::set<std::string> own(one.categories.begin(), one.categories.end());
    for (const std::string& category : own) {
      const auto at = static_cast<std::size_t>(std::distance(categories.begin(), categories.find(category)));
      row.categories[at / 64] |= std::uint64_t{1} << (at % 64);
    }
    if (!own.empty()) row.text += fmt::format(" {{{}}}", fmt::join(own, ", "));
    for (const LabelId label : {policy->find_vm_label(one.label), policy->find_resource_label(one.label)}) {
      if (label.value < rows_.size()) rows_[label.value] = row;
    }
  }
}

const Lattice::Row* Lattice::row(LabelId label) const noexcept {
  return label.value < rows_.size() && rows_[label.value] ? &*rows_[label.value] : nullptr;
}

bool Lattice::dominates(LabelId a, LabelId b) const noexcept {
  const Row *above = row(a), *below = row(b);
  if (!above || !below || above->level < below->level) return false;
  for (std::size_t word = 0; word < above->categories.size(); ++word) {
    if (below->categories[word] & ~above->categories[word]) return false;
  }
  return true;
}

PolicyComponent::Answer Lattice::answer(const sim::Request& request) const noexcept {
  const LabelId subject = request.subject_label, object = request.object_label;
  const Row *one = row(subject), *other = row(object);
  if (!one || !other) return {Says::unknown, kUnknown};
  const auto verdict = [](bool permitted, std::uint16_t reason) {
    return permitted ? Answer{Says::permit, kPermitted} : Answer{Says::deny, reason};
  };
  switch (kHostSide[static_cast<std::size_t>(request.hook)]) {
    case Side::object:
      return verdict(dominates(object, subject), kHost);
    case Side::subject:
      return verdict(dominates(subject, object), kHost);
    case Side::neither:
      break;
  }
  if ((one->trusted && dominates(subject, object)) || (other->trusted && dominates(object, subject)))
    return {Says::permit, kPermitted};
  if (request.flow != sim::Flow::to_object && !may_flow(object, subject)) return {Says::deny, kRead};
  return verdict(request.flow == sim::Flow::to_subject || may_flow(subject, object), kWrite);
}

std::string Lattice::text_of(LabelId label) const {
  const Row* known = row(label);
  return known ? fmt::format("`{}` ({})", known->name, known->text) : std::string("a label without a level");
}

std::string Lattice::words(const sim::Request& request, std::uint16_t reason) const {
  const std::string subject = text_of(request.subject_label), object = text_of(request.object_label);
  switch (reason) {
    case kPermitted:
      return fmt::format("{}: {} and {} may meet", name(), subject, object);
    case kHost:
      return fmt::format("{}: the host's clearance does not dominate: {} and {}", name(), subject, object);
    case kRead:
      return fmt::format("{}: {} may not read from {}: {}", name(), subject, object, no_read());
    case kWrite:
      return fmt::format("{}: {} may not write to {}: {}", name(), subject, object, no_write());
    default:
      return fmt::format("{}: {} and {} cannot be compared", name(), subject, object);
  }
}

}  // namespace tvdsim::models
