// Threads of steps, run in every order in which their steps can interleave: each thread's own steps keep their order.
//
//   const auto orders = tests::sweep([&] { return Play(script); });        // one Play per order, made anew
//
// A Play has threads(), how many there are, and step(thread, index): it takes that step and says whether another follows.
// At the end of each order `over` is called with the Play. The orders are those of sim::AllOrders: a step is an event, and all
// events are due at the same instant.
#pragma once

#include <cstdint>

#include "sim/engine/chooser.hpp"
#include "sim/engine/engine.hpp"

namespace tvdsim::tests {

template <class Play>
struct Interleaver {
  explicit Interleaver(Play& with, sim::AllOrders& orders)
      : play(with), kind(engine.kind("step", sim::Handler::to<&Interleaver::on_step>(*this))) {
    engine.set_chooser(&orders);
    for (std::uint32_t thread = 0; thread < play.threads(); ++thread) engine.at({1}, kind, thread, 0);
  }
  void on_step(const sim::Event& event) {
    if (play.step(event.target, event.data)) engine.after({0}, kind, event.target, event.data + 1);
  }
  sim::Engine engine{1};
  Play& play;
  sim::EventKind kind;
};

// Returns how many orders there are.
template <class Make, class Over>
std::uint64_t sweep(Make make, Over over) {
  sim::AllOrders orders;
  do {
    auto play = make();
    Interleaver<decltype(play)> run(play, orders);
    run.engine.run_until(sim::Time::never());
    over(play);
  } while (orders.next());
  return orders.visited();
}

}  // namespace tvdsim::tests
