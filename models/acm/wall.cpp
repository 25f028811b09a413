#include "models/acm/wall.hpp"

#include <bit>

#include "models/acm/bit_row.hpp"

namespace tvdsim::models {

Wall::Wall(std::shared_ptr<const Policy> policy, bool history)
    : policy_(std::move(policy)),
      running_(policy_->wall_types().size(), 0),
      excluded_(running_.size(), 0),
      meets_(policy_->conflict_sets(), 0),
      blocked_(words_for(running_.size()), 0),
      keeps_history_(history) {
  if (!history) return;
  history_.assign(blocked_.size(), 0);
  common_.assign(blocked_.size() * meets_.size(), ~std::uint64_t{0});
  ran_.assign(words_for(policy_->vm_labels()), 0);
}

Wall::Conflict Wall::conflict(LabelId label) const noexcept {
  if (!counts(label)) return {.exists = true, .type = Policy::kNoType};
  const auto row = policy_->wall(label);
  for (std::uint32_t word = 0; word < row.size(); ++word) {
    const std::uint64_t now = row[word] & blocked_[word];
    const std::uint64_t ever = keeps_history_ ? row[word] & history_[word] : 0;
    if ((now | ever) == 0) continue;
    const std::uint32_t type = word * kWordBits + static_cast<std::uint32_t>(std::countr_zero(now | ever));
    Conflict found{.exists = true, .type = type, .from_history = !has_bit(blocked_, type)};
    for (const std::uint32_t set : policy_->sets_naming(type)) {
      // All running VMs that carry `type` meet the set; any further one that meets it excludes `type`.
      const bool excludes =
          found.from_history
              ? !has_bit(std::span(common_).subspan(set * blocked_.size(), blocked_.size()), type)
              : meets_[set] > running_[type];
      if (!excludes) continue;
      found.set = set;
      break;
    }
    return found;
  }
  return {};
}

void Wall::take(LabelId label) noexcept {
  TVDSIM_ASSERT(counts(label), "a VM that starts has a VM label of the policy");
  for_each_bit(policy_->wall(label), [&](std::uint32_t type) { ++running_[type]; });
  for (const std::uint32_t set : policy_->sets_met(label)) ++meets_[set];
  for (const Policy::Exclusion& e : policy_->exclusions(label)) {
    excluded_[e.type] += e.sets;
    set_bit(blocked_, e.type);
  }
}

void Wall::remember(LabelId label) noexcept {
  if (!keeps_history_ || has_bit(ran_, label.value)) return;
  set_bit(ran_, label.value);
  remember(policy_->wall(label));
}

void Wall::stop(LabelId label) noexcept {
  TVDSIM_ASSERT(counts(label), "a VM that stops has a VM label of the policy");
  for_each_bit(policy_->wall(label), [&](std::uint32_t type) {
    TVDSIM_ASSERT(running_[type] > 0, "a VM that stops was started");
    --running_[type];
  });
  for (const std::uint32_t set : policy_->sets_met(label)) --meets_[set];
  for (const Policy::Exclusion& e : policy_->exclusions(label)) {
    TVDSIM_ASSERT(excluded_[e.type] >= e.sets, "a VM that stops was started");
    excluded_[e.type] -= e.sets;
    if (excluded_[e.type] == 0) clear_bit(blocked_, e.type);
  }
}

void Wall::remember(std::span<const std::uint64_t> row) noexcept {
  for (std::uint32_t set = 0; set < policy_->conflict_sets(); ++set) {
    const auto types = policy_->conflict_set(set);
    const auto common = std::span(common_).subspan(set * blocked_.size(), blocked_.size());
    if (!meet(row, types)) continue;
    for (std::size_t word = 0; word < row.size(); ++word) {
      common[word] &= row[word];
      history_[word] |= types[word] & ~row[word];
    }
  }
}

void Wall::inherit_history(const Wall& before) {
  TVDSIM_ASSERT(keeps_history_ && before.keeps_history_, "both walls keep history");
  const auto old_types = before.policy_->wall_types();
  const auto new_types = policy_->wall_types();
  const auto take = [&](std::span<const std::uint64_t> old_row) {
    std::vector<std::uint64_t> row(blocked_.size(), 0);
    for_each_bit(old_row, [&](std::uint32_t type) {
      for (std::uint32_t t = 0; t < new_types.size(); ++t) {
        if (new_types[t] == old_types[type]) set_bit(row, t);
      }
    });
    remember(row);
    rows_.insert(rows_.end(), row.begin(), row.end());
  };
  for_each_bit(before.ran_, [&](std::uint32_t label) { take(before.policy_->wall(LabelId{label})); });
  const std::size_t words = before.blocked_.size();
  for (std::size_t i = 0; i < before.rows_.size(); i += words)
    take(std::span(before.rows_).subspan(i, words));
}

std::span<const std::uint32_t> Wall::running() const noexcept { return running_; }
std::span<const std::uint32_t> Wall::excluded() const noexcept { return excluded_; }

Wall Wall::rebuild(std::shared_ptr<const Policy> policy, std::span<const LabelId> running, bool history) {
  Wall wall(std::move(policy), history);
  for (const LabelId label : running) wall.start(label);
  return wall;
}

}  // namespace tvdsim::models
