#include "models/network/traffic.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace tvdsim::models {

void Traffic::add(const Row& row) {
  if (row.among.size() < 2 || row.rate_milli_s == 0) return;
  if (!known_) due_ = engine_.kind("net.traffic", sim::Handler::to<&Traffic::on_due>(*this));
  known_ = true;
  rows_.push_back(row);
  draws_.push_back(&engine_.stream(fmt::format("traffic/{}", rows_.size() - 1)));
  wait(static_cast<std::uint32_t>(rows_.size() - 1));
}

void Traffic::wait(std::uint32_t row) {
  const sim::Duration mean{static_cast<std::int64_t>(1'000'000'000'000ull / rows_[row].rate_milli_s)};
  const sim::Duration gap = rows_[row].poisson ? draws_[row]->exponential(mean) : mean;
  engine_.after(std::max(gap, sim::Duration{1}), due_, row);
}

void Traffic::on_due(const sim::Event& event) {
  const std::uint32_t at = event.target;
  const Row& row = rows_[at];
  const std::uint64_t members = row.among.size();
  const std::uint64_t first = draws_[at]->below(members);
  const std::uint64_t second = (first + 1 + draws_[at]->below(members - 1)) % members;
  wait(at);
  ++messages_;
  const sim::VmId from = row.among[first], to = row.among[second];
  if (!fabric_.connected(from)) {
    ++unsent_;
    return;
  }
  for (std::uint64_t left = std::max<std::uint64_t>(row.size.count, 1); left > 0;) {
    const auto part = static_cast<std::uint32_t>(std::min<std::uint64_t>(left, kPayload));
    fabric_.send(from, to, 0, part);
    left -= part;
  }
}

}  // namespace tvdsim::models
