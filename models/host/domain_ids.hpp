// The domain ids of one host: small numbers, 0 for the control domain, handed out in turn and used again.
//
// Invariant  no id is out twice.
// Cost       the next free one is usually the next one; a bit per id ever used.
// Threads    the engine's.
// Source     Xen's domain creation: from the last one given onwards, then from the start.
#pragma once

#include <cstdint>
#include <vector>

#include "models/acm/decision_cache.hpp"
#include "sim/base/error.hpp"

namespace tvdsim::models {

class DomainIds {
 public:
  static constexpr std::uint32_t kMost = 0x7ff0;  // Xen's first reserved id

  explicit DomainIds(std::uint32_t most) : most_(most == 0 || most > kMost ? kMost : most) {}

  DomainId control_domain() { return claim(0); }
  bool full() const noexcept { return out_ >= most_; }
  DomainId next() {
    TVDSIM_ASSERT(!full(), "a domain is built on a host without a free domain id");
    do {
      last_ = last_ + 1 < most_ ? last_ + 1 : 1;
    } while (last_ < taken_.size() && taken_[last_]);
    return claim(last_);
  }
  void give_back(DomainId id) {
    taken_.at(id.value) = false;
    --out_;
  }

 private:
  DomainId claim(std::uint32_t id) {
    if (taken_.size() <= id) taken_.resize(id + std::size_t{1});
    taken_[id] = true;
    ++out_;
    return {id};
  }

  std::uint32_t most_, last_ = 0, out_ = 0;
  std::vector<bool> taken_;
};

}  // namespace tvdsim::models
