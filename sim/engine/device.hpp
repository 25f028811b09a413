// An asynchronous device: submit now, completion at t + latency; the work itself may be computed meanwhile by a worker thread.
//
// Each device serves first come, first served: a job starts when the one before it is done. Its result is awaited only at
// its completion event, so the simulated order never depends on how fast the threads were.
//
// Invariant  completion times and order are the same at 0, 1, 2 and 4 workers.
// Cost       one event per job; with workers one queue operation under a lock.
// Threads    submit() from the engine's thread; Job::compute runs on the device's home worker, alone for that device.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "sim/engine/engine.hpp"

namespace tvdsim::sim {

struct Job {
  void (*compute)(void* work) = nullptr;              // on a worker; touches only *work; what it throws, the
                                                      // completion event throws
  void (*complete)(void* work, Time when) = nullptr;  // on the engine's thread, at the completion event
  void* work = nullptr;                               // lives until complete() was called
};

class DevicePool {
 public:
  // workers 0: compute() runs inside submit(). Device d belongs to worker d % workers. `name` is that of its kind of event.
  DevicePool(Engine& engine, unsigned workers, std::string_view name = "device");
  ~DevicePool();  // waits for jobs under way
  DevicePool(const DevicePool&) = delete;

  std::uint32_t add_device();
  // Charged to `cause`. Returns when it will be complete.
  Time submit(std::uint32_t device, Duration service_time, Cause cause, Job job);
  std::vector<std::uint64_t> jobs_per_worker()
      const;  // how the work was shared; one entry when there are none

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tvdsim::sim
