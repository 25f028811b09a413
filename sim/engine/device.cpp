#include "sim/engine/device.hpp"

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <string>
#include <thread>

#include "sim/base/error.hpp"

namespace tvdsim::sim {
namespace {

// A submitted job in its slot. `done` and `thrown` are written by the worker under its lock.
struct Slot {
  Job job;
  std::uint32_t device = 0;
  bool done = false;
  std::exception_ptr thrown;
};

struct Worker {
  std::mutex lock;
  std::condition_variable wake;      // the worker: something to do, or leave
  std::condition_variable finished;  // the engine: some job is done
  std::deque<Slot*> queue;
  bool leave = false;
  std::uint64_t jobs = 0;
  std::thread thread;
};

void compute(Slot& slot) noexcept {
  try {
    if (slot.job.compute) slot.job.compute(slot.job.work);
  } catch (...) {
    slot.thrown = std::current_exception();
  }
}

void serve(Worker& worker) {
  std::unique_lock guard(worker.lock);
  for (;;) {
    worker.wake.wait(guard, [&] { return worker.leave || !worker.queue.empty(); });
    if (worker.queue.empty()) return;
    Slot* slot = worker.queue.front();
    worker.queue.pop_front();
    guard.unlock();
    compute(*slot);
    guard.lock();
    slot->done = true;
    ++worker.jobs;
    worker.finished.notify_one();
  }
}

}  // namespace

struct DevicePool::Impl {
  Engine& engine;
  EventKind completion;
  std::vector<Time> busy_until;  // by device
  std::deque<Slot> slots;        // addresses stay: workers hold them
  std::vector<std::uint32_t> free;
  std::vector<std::unique_ptr<Worker>> workers;
  std::uint64_t jobs_inline = 0;

  Impl(Engine& with, unsigned count, std::string_view name)
      : engine(with), completion(engine.kind(name, Handler::to<&Impl::complete>(*this))) {
    for (unsigned i = 0; i < count; ++i) {
      auto& worker = *workers.emplace_back(std::make_unique<Worker>());
      worker.thread = std::thread([&worker] { serve(worker); });
    }
  }

  // Jobs that were submitted are computed even when nobody awaits them any more: their work objects outlive the pool.
  ~Impl() {
    for (auto& worker : workers) {
      {
        const std::lock_guard guard(worker->lock);
        worker->leave = true;
      }
      worker->wake.notify_one();
    }
    for (auto& worker : workers) worker->thread.join();
  }

  Worker* home(std::uint32_t device) {
    return workers.empty() ? nullptr : workers[device % workers.size()].get();
  }

  void complete(const Event& event) {
    Slot& slot = slots[event.data];
    if (Worker* worker = home(slot.device)) {
      std::unique_lock guard(worker->lock);
      worker->finished.wait(guard, [&] { return slot.done; });
    }
    const Slot result = slot;
    slot = {};
    free.push_back(static_cast<std::uint32_t>(event.data));
    if (result.thrown) std::rethrow_exception(result.thrown);
    if (result.job.complete) result.job.complete(result.job.work, event.time);
  }
};

DevicePool::DevicePool(Engine& engine, unsigned workers, std::string_view name)
    : impl_(std::make_unique<Impl>(engine, workers, name)) {}
DevicePool::~DevicePool() = default;

std::uint32_t DevicePool::add_device() {
  impl_->busy_until.push_back(impl_->engine.now());
  return static_cast<std::uint32_t>(impl_->busy_until.size() - 1);
}

Time DevicePool::submit(std::uint32_t device, Duration service_time, Cause cause, Job job) {
  Impl& self = *impl_;
  TVDSIM_ASSERT(device < self.busy_until.size(), "no such device");
  Time& busy = self.busy_until[device];
  const Time begin = busy > self.engine.now() ? busy : self.engine.now();
  busy = begin + self.engine.charge(cause, service_time);

  std::uint32_t index;
  if (self.free.empty()) {
    index = static_cast<std::uint32_t>(self.slots.size());
    self.slots.emplace_back();
  } else {
    index = self.free.back();
    self.free.pop_back();
  }
  Slot& slot = self.slots[index];
  slot.job = job;
  slot.device = device;
  if (Worker* worker = self.home(device)) {
    {
      const std::lock_guard guard(worker->lock);
      worker->queue.push_back(&slot);
    }
    worker->wake.notify_one();
  } else {
    compute(slot);
    slot.done = true;
    ++self.jobs_inline;
  }
  self.engine.at(busy, self.completion, device, index);
  return busy;
}

std::vector<std::uint64_t> DevicePool::jobs_per_worker() const {
  if (impl_->workers.empty()) return {impl_->jobs_inline};
  std::vector<std::uint64_t> jobs;
  for (auto& worker : impl_->workers) {
    const std::lock_guard guard(worker->lock);
    jobs.push_back(worker->jobs);
  }
  return jobs;
}

}  // namespace tvdsim::sim
