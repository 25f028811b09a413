// The sharing decision where it is walked a hundred million times a second: wait-free for readers while a policy is swapped.
//
//   ShareGate gate(policy, epoch, ControlMode::on);
//   ShareGate::Lane lane(gate);                       // one per thread that decides
//   if (lane.decide(subject, object) == Verdict::deny) return refuse();    // why: Monitor::decide says it, off this path
//   …
//   lane.rest();                                      // now and then: this thread holds no decision half made
//
// A lane reads one pointer to the table of the active policy. A new policy is one store of that pointer; the table before it is
// given back when every lane has rested since (quiescent states, as in RCU). A lane that never rests keeps old tables, and nothing else.
//
// Invariant  each decision is by one policy as a whole, the one before or the one after a swap, never a mixture; after replace()
//            returns, decisions that begin are by the new one.
// Cost       decide: the table's one load or AND, two counters of the lane's own; no lock, no atomic read-modify-write, no
//            allocation. replace: makes a table (models/acm/share_table.hpp).
// Threads    a lane belongs to one thread; replace(), collect() and counts() from any. The gate outlives its lanes.
// Leaves out the reason, the record and the chinese wall: models/acm/monitor.hpp.
// Source     McKenney and Slingwine, PDCS 1998 (quiescent states); Sailer et al., ACSAC 2005.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "models/acm/share_table.hpp"
#include "sim/base/decision.hpp"

namespace tvdsim::models {

class ShareGate {
  struct View {
    ShareTable table;
    sim::PolicyEpoch epoch;
    // When no type is shared, as the control's mode has it; and when one is.
    std::array<sim::Verdict, 2> verdict;
  };

 public:
  struct Counts {
    std::uint64_t evaluated = 0, refused = 0;  // refused: no type was shared, whatever the mode made of it
  };

  class alignas(64) Lane {
   public:
    explicit Lane(ShareGate& gate);
    ~Lane();
    Lane(const Lane&) = delete;

    sim::Verdict decide(LabelId subject, LabelId object) noexcept {
      const View* view = gate_.view_.load(std::memory_order_acquire);
      const bool shared = view->table.shares(subject, object);
      // Both are always written: a counter chosen by the answer would make each decision wait for the one before.
      add(evaluated_, 1);
      add(refused_, !shared);
      return view->verdict[shared];
    }
    sim::PolicyEpoch epoch() const noexcept { return gate_.view_.load(std::memory_order_acquire)->epoch; }
    // This thread is between decisions: tables replaced before now are nothing to it.
    void rest() noexcept {
      rested_.store(gate_.version_.load(std::memory_order_acquire), std::memory_order_release);
    }

   private:
    friend class ShareGate;
    // The lane's own thread is the only one that writes.
    static void add(std::atomic<std::uint64_t>& counter, std::uint64_t by) noexcept {
      counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
    }
    ShareGate& gate_;
    std::atomic<std::uint64_t> evaluated_{0}, refused_{0}, rested_{0};
  };

  ShareGate(const Policy& policy, sim::PolicyEpoch epoch, sim::ControlMode mode = sim::ControlMode::on,
            ShareTable::Path path = ShareTable::best_path(),
            std::size_t most_pair_bytes = ShareTable::kMostPairBytes);
  ~ShareGate();
  ShareGate(const ShareGate&) = delete;

  void replace(const Policy& policy, sim::PolicyEpoch epoch, sim::ControlMode mode = sim::ControlMode::on);
  // Gives back the tables that no lane can be reading; returns how many are still kept. replace() does it too.
  std::size_t collect();
  // Over all lanes, those that are gone included.
  Counts counts() const;

 private:
  struct Retired {
    std::uint64_t version;  // lanes that rested at this version or later do not read it
    std::unique_ptr<const View> view;
  };
  std::unique_ptr<const View> view_of(const Policy& policy, sim::PolicyEpoch epoch,
                                      sim::ControlMode mode) const;
  std::size_t collect_locked();

  std::atomic<const View*> view_{nullptr};
  std::atomic<std::uint64_t> version_{0};
  ShareTable::Path path_;
  std::size_t most_pair_bytes_;
  mutable std::mutex mutex_;  // below: for those who swap, count, come and go
  std::unique_ptr<const View> current_;
  std::vector<Retired> retired_;
  std::vector<Lane*> lanes_;
  Counts gone_;
};

}  // namespace tvdsim::models
