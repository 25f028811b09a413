#include "models/host/pre_copy.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace tvdsim::models {

namespace {

std::uint64_t pages_of(sim::Bytes size) { return (size.count + PreCopy::kPage - 1) / PreCopy::kPage; }

}  // namespace

std::string_view to_text(CopyStop stop) noexcept {
  static constexpr std::array<std::string_view, 6> kNames = {"goes on",       "little is left", "round limit",
                                                             "sent too much", "no progress",    "rate limit"};
  return kNames[static_cast<std::size_t>(stop)];
}

PreCopy::PreCopy(GuestMemory guest, CopyRules rules)
    : all_(pages_of(guest.size)),
      working_set_(guest.working_set.count == 0 ? all_ : std::min(all_, pages_of(guest.working_set))),
      dirty_rate_(guest.dirty_rate),
      cap_(rules.first_rate),
      rules_(rules),
      left_(all_) {}

std::uint64_t PreCopy::dirtied_in(sim::Duration time) const noexcept {
  // In doubles: the product of a rate and a span of nanoseconds may exceed 64 bits; each operation is exactly rounded everywhere.
  const double bytes = static_cast<double>(dirty_rate_.bit_s) / 8.0 * (static_cast<double>(time.ns) / 1e9);
  const double pages = std::ceil(bytes / static_cast<double>(kPage));
  return pages >= static_cast<double>(working_set_) ? working_set_ : static_cast<std::uint64_t>(pages);
}

void PreCopy::sent(sim::Duration took) {
  const std::uint64_t carried = left_;
  sent_ += carried;
  ++rounds_;
  if (last()) {
    left_ = 0;
    return;
  }
  left_ = dirtied_in(took);
  stop_ = judge(carried, took);
  if (last()) cap_ = {0};
}

CopyStop PreCopy::judge(std::uint64_t carried, sim::Duration took) {
  const bool adaptive = rules_.max_rate.bit_s != 0;
  double wanted = 0;  // bit/s
  if (adaptive) {
    const double dirtied = static_cast<double>(left_ * kPage) * 8.0;
    wanted = dirtied / (static_cast<double>(std::max<std::int64_t>(took.ns, 1)) / 1e9) +
             static_cast<double>(rules_.step.bit_s);
  }
  if (left_ <= rules_.small_pages) return CopyStop::small_remainder;
  if (rounds_ >= rules_.max_rounds) return CopyStop::round_limit;
  if (sent_ > rules_.max_factor * all_) return CopyStop::sent_too_much;
  if (!adaptive) return left_ >= carried ? CopyStop::no_progress : CopyStop::none;
  if (wanted > static_cast<double>(rules_.max_rate.bit_s)) return CopyStop::rate_limit;
  cap_ = {std::max(rules_.first_rate.bit_s, static_cast<std::uint64_t>(wanted))};
  return CopyStop::none;
}

}  // namespace tvdsim::models
