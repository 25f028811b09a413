// Who goes first when several events are due at the same instant.
//
// The engine's rule is registration order. A test can put a chooser in its place and drive it through every order:
// AllOrders runs the same scenario once per permutation of the ties that really occur.
//
//   AllOrders orders;
//   do { Engine engine(1); engine.set_chooser(&orders); …run, check…; } while (orders.next());
//
// Invariant  AllOrders visits each sequence of choices exactly once.
// Cost       without a chooser: nothing. With one: the tied events are collected at each instant.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/engine/event.hpp"

namespace tvdsim::sim {

class Chooser {
 public:
  virtual ~Chooser() = default;
  // Which of these simultaneous events is next: an index below tied.size() (>= 2).
  virtual std::size_t choose(std::span<const Event> tied) = 0;
};

class AllOrders final : public Chooser {
 public:
  std::size_t choose(std::span<const Event> tied) override;
  bool next();  // prepares the next order; false when all were visited
  std::uint64_t visited() const noexcept { return visited_; }

 private:
  struct Choice {
    std::uint32_t taken, of;
  };
  std::vector<Choice> path_;
  std::size_t depth_ = 0;
  std::uint64_t visited_ = 1;
};

}  // namespace tvdsim::sim
