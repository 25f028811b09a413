#include "models/acm/xen33_host.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "models/acm/bit_row.hpp"
#include "models/acm/carried_labels.hpp"

namespace tvdsim::models {

namespace {

std::uint16_t plus(std::uint16_t count, std::uint16_t by) noexcept {
  return static_cast<std::uint16_t>(count + by);
}
constexpr std::uint16_t kOneMore = 1, kOneLess = 0xffff;

// What Xen takes for its default policy: one wall type, and no label beside the first two.
bool is_default(const Policy& policy) {
  return policy.wall_types().size() == 1 && policy.vm_labels() == 2 && policy.labels() == 2;
}

}  // namespace

Xen33Host::Xen33Host(std::shared_ptr<const Policy> boot)
    : policy_(std::move(boot)), counts_(none(*policy_)), update_only_(!is_default(*policy_)) {}

Xen33Host::Counts Xen33Host::none(const Policy& policy) {
  const std::vector<std::uint16_t> zeros(policy.wall_types().size(), 0);
  return {zeros, zeros};
}

void Xen33Host::exclude(const Policy& policy, LabelId label, std::uint16_t by, Counts& counts) {
  for (const Policy::Exclusion& e : policy.exclusions(label)) {
    for (std::uint32_t set = 0; set < e.sets; ++set)
      counts.excluded[e.type] = plus(counts.excluded[e.type], by);
  }
}

int Xen33Host::create(std::uint32_t domain, LabelId label) {
  if (label.value >= policy_->vm_labels() || domains_.contains(domain)) return kNoSuchLabel;
  bool conflict = false;
  for_each_bit(policy_->wall(label), [&](std::uint32_t type) { conflict |= counts_.excluded[type] > 0; });
  if (conflict) return kDenied;
  exclude(*policy_, label, kOneMore, counts_);
  for_each_bit(policy_->wall(label),
               [&](std::uint32_t type) { counts_.running[type] = plus(counts_.running[type], kOneMore); });
  Domain made{.label = label, .label_before = label, .cache = {}};
  made.cache.fill(kFree);
  domains_.emplace(domain, made);
  order_.push_back(domain);
  return kDone;
}

void Xen33Host::destroy(std::uint32_t domain) {
  const auto found = domains_.find(domain);
  if (found == domains_.end()) return;
  const LabelId label = found->second.label;
  for_each_bit(policy_->wall(label),
               [&](std::uint32_t type) { counts_.running[type] = plus(counts_.running[type], kOneLess); });
  exclude(*policy_, label, kOneLess, counts_);
  domains_.erase(found);
  std::erase(order_, domain);
  std::erase_if(links_, [&](const Link& link) { return link.owner == domain || link.remote == domain; });
  for (auto& [id, other] : domains_) std::ranges::replace(other.cache, domain, kFree);
}

void Xen33Host::connect(Kind kind, std::uint32_t owner, std::uint32_t remote) {
  links_.push_back({kind, owner, remote});
}

int Xen33Host::ask(Hook hook, std::uint32_t subject, std::uint32_t object) {
  const bool grant = hook == Hook::grant_map || hook == Hook::grant_setup;
  Statistics& statistics = grant ? grants_ : event_channels_;
  const auto asking = domains_.find(subject), other = domains_.find(object);
  if (asking == domains_.end() || other == domains_.end()) return kDenied;
  auto& cache = asking->second.cache;
  if (std::ranges::find(cache, object) != cache.end()) {
    ++statistics.cache_hits;
    return kDone;
  }
  ++statistics.evaluated;
  // Only the control domain is privileged; a cached permit came before the question.
  if (hook == Hook::grant_setup && subject != 0) return kDenied;
  if (!policy_->shares(asking->second.label, other->second.label)) {
    ++statistics.denied;
    return kDenied;
  }
  // A full cache stays as it is.
  if (const auto free = std::ranges::find(cache, kFree); free != cache.end()) *free = object;
  return kDone;
}

std::vector<std::uint32_t> Xen33Host::cached(std::uint32_t domain) const {
  std::vector<std::uint32_t> list;
  for (const std::uint32_t entry : domains_.at(domain).cache) {
    if (entry != kFree) list.push_back(entry);
  }
  return list;
}

bool Xen33Host::recount(const Policy& policy, Counts& counts, std::vector<Reason>* reasons) const {
  counts = none(policy);
  for (auto it = order_.rbegin(); it != order_.rend(); ++it) {
    const LabelId label = domains_.at(*it).label;
    std::uint32_t conflict = Policy::kNoType;
    for_each_bit(policy.wall(label), [&](std::uint32_t type) {
      counts.running[type] = plus(counts.running[type], kOneMore);
      if (conflict == Policy::kNoType && counts.excluded[type] > 0) conflict = type;
    });
    if (conflict != Policy::kNoType) {
      if (reasons) reasons->push_back({Error::wall_conflict, conflict});
      return false;
    }
    exclude(policy, label, kOneMore, counts);
  }
  return true;
}

bool Xen33Host::replay(const Policy& policy, std::vector<Reason>& reasons) const {
  for (const auto& [id, domain] : domains_) {
    for (const Kind kind : {Kind::event_channel, Kind::grant}) {
      for (const Link& link : links_) {
        if (link.kind != kind || link.owner != id) continue;
        const auto remote = domains_.find(link.remote);
        if (remote == domains_.end()) {
          reasons.push_back({Error::domain_lookup, link.remote});
          return false;
        }
        if (policy.shares(domain.label, remote->second.label)) continue;
        reasons.push_back({kind == Kind::grant ? Error::grant_sharing : Error::event_channel_sharing,
                           link.owner << 16 | link.remote});
        return false;
      }
    }
  }
  return true;
}

// Xen did not ask this and read past its tables.
bool Xen33Host::fits(const Policy& policy, std::vector<Reason>& reasons) const {
  for (const std::uint32_t id : order_) {
    const LabelId label = domains_.at(id).label;
    if (label.value < policy.vm_labels()) continue;
    reasons.push_back({Error::label_in_use, label.value});
    return false;
  }
  return true;
}

void Xen33Host::restore() {
  for (auto& [id, domain] : domains_) domain.label = domain.label_before;
  recount(*policy_, counts_, nullptr);
}

int Xen33Host::set_policy(std::shared_ptr<const Policy> next) {
  if (update_only_) {
    recount(*policy_, counts_, nullptr);
    return kFault;
  }
  update_only_ = true;
  return change(std::move(next), {}, {}).code;
}

Xen33Host::Answer Xen33Host::change_policy(std::shared_ptr<const Policy> next,
                                           std::span<const LabelId> deleted,
                                           std::span<const LabelChange> changed) {
  update_only_ = true;
  return change(std::move(next), deleted, changed);
}

Xen33Host::Answer Xen33Host::change(std::shared_ptr<const Policy> next, std::span<const LabelId> deleted,
                                    std::span<const LabelChange> changed) {
  Answer answer{.code = kFault};
  for (auto& [id, domain] : domains_) domain.label_before = domain.label;
  const auto used = [&](LabelId label) {
    return std::ranges::any_of(domains_, [&](const auto& each) { return each.second.label == label; });
  };
  if (const auto in_use = std::ranges::find_if(deleted, used); in_use != deleted.end()) {
    answer.reasons.push_back({Error::label_in_use, in_use->value});
    restore();
    return answer;
  }
  for (auto& [id, domain] : domains_) {
    const auto to = std::ranges::find(changed, domain.label, &LabelChange::first);
    if (to != changed.end()) domain.label = to->second;
  }
  Counts tried;
  if (!fits(*next, answer.reasons) || !recount(*next, tried, &answer.reasons) ||
      !replay(*next, answer.reasons)) {
    restore();
    return answer;
  }
  policy_ = std::move(next);
  counts_ = std::move(tried);
  for (auto& [id, domain] : domains_) domain.cache.fill(kFree);
  if (is_default(*policy_)) update_only_ = false;
  answer.code = kDone;
  return answer;
}

// The caches are not cleared: that was forgotten.
Xen33Host::Answer Xen33Host::relabel(std::span<const DomainLabel> changed) {
  Answer answer;
  for (auto& [id, domain] : domains_) {
    domain.label_before = domain.label;
    const auto to = std::ranges::find(changed, id, &DomainLabel::first);
    if (to != changed.end()) domain.label = to->second;
  }
  // Both components say what they have against it.
  bool good = fits(*policy_, answer.reasons);
  if (good) {
    good = recount(*policy_, counts_, &answer.reasons);
    good = replay(*policy_, answer.reasons) && good;
  }
  if (good) return answer;
  restore();
  answer.code = kFault;
  return answer;
}

std::string_view to_text(Xen33Host::Error error) noexcept {
  switch (error) {
    case Xen33Host::Error::event_channel_sharing:
      return "ACM_EVTCHN_SHARING_VIOLATION";
    case Xen33Host::Error::grant_sharing:
      return "ACM_GNTTAB_SHARING_VIOLATION";
    case Xen33Host::Error::domain_lookup:
      return "ACM_DOMAIN_LOOKUP";
    case Xen33Host::Error::wall_conflict:
      return "ACM_CHWALL_CONFLICT";
    case Xen33Host::Error::label_in_use:
      return "ACM_SSIDREF_IN_USE";
  }
  return "";
}

std::string to_text(const Xen33Host::Answer& answer) {
  std::string text = fmt::format("{}", answer.code);
  for (const Xen33Host::Reason& reason : answer.reasons)
    text += fmt::format("{} {}({:#x})", text.find(':') == std::string::npos ? ":" : ",",
                        to_text(reason.error), reason.parameter);
  return text;
}

Xen33Host::Answer xen33_change(const Monitor& monitor, std::shared_ptr<const Policy> next,
                               std::span<const Monitor::Link> links) {
  Xen33Host xen(monitor.shared_policy());
  std::map<VmId, bool> here;
  for (const Monitor::Running& vm : monitor.running()) {
    if (xen.create(vm.vm.value, vm.label) == Xen33Host::kDone) here[vm.vm] = true;
  }
  for (const Monitor::Link& link : links) {
    const bool channel = link.hook == Hook::evtchn_bind, grant = link.hook == Hook::grant_map;
    if ((!channel && !grant) || !here.contains(link.subject) || !here.contains(link.object)) continue;
    xen.connect(channel ? Xen33Host::Kind::event_channel : Xen33Host::Kind::grant, link.subject.value,
                link.object.value);
  }
  std::vector<LabelId> deleted;
  std::vector<Xen33Host::LabelChange> changed;
  const Policy& old = monitor.policy();
  const CarriedLabels in_next(old, *next);
  for (std::uint32_t i = Policy::kBootstrap.value; i < old.vm_labels(); ++i) {
    const LabelId carried = in_next[LabelId{i}];
    if (!carried.exists())
      deleted.push_back(LabelId{i});
    else if (carried.value != i)
      changed.push_back({LabelId{i}, carried});
  }
  return xen.change_policy(std::move(next), deleted, changed);
}

}  // namespace tvdsim::models
