// The time master's end of a page, for unit tests of the plugin: it grants, answers, and writes down what it saw.
//
// Threads    the test's; the mock emulator runs on another one.
#pragma once

#include <gtest/gtest.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/plugins/mock_host.hpp"

namespace tvdsim::tests {

class PluginMaster {
 public:
  explicit PluginMaster(std::uint32_t slots = 1024, std::uint64_t limit = 1000)
      : fd_(memfd_create("page", 0)), size_(sizeof(tvdsim_guest_page) + slots * sizeof(tvdsim_record)) {
    EXPECT_EQ(ftruncate(fd_, static_cast<off_t>(size_)), 0);
    page_ = static_cast<tvdsim_guest_page*>(mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0));
    page_->magic = TVDSIM_GUEST_PAGE_MAGIC;
    page_->version = TVDSIM_GUEST_PAGE_VERSION;
    page_->slots = slots;
    page_->limit = limit;
  }
  ~PluginMaster() {
    munmap(page_, size_);
    close(fd_);
  }
  PluginMaster(const PluginMaster&) = delete;

  std::string argument() const { return "page=/proc/self/fd/" + std::to_string(fd_); }
  tvdsim_guest_page& page() { return *page_; }

  struct Stop {
    std::uint32_t reason;
    std::uint64_t vtime, instructions, call;
    friend bool operator==(const Stop&, const Stop&) = default;
  };
  // Lets the emulator run these blocks, granting `quantum` more at each limit, until it exits.
  void run(const std::vector<MockBlock>& blocks, std::uint64_t quantum, bool drain = true) {
    std::thread emulator([&] {
      mock_host().run(blocks);
      mock_host().exit(33);
    });
    for (std::uint32_t seen = 0;;) {
      if (drain) take();
      if (__atomic_load_n(&page_->reached, __ATOMIC_ACQUIRE) == seen) {
        std::this_thread::sleep_for(std::chrono::microseconds(20));
        continue;
      }
      ++seen;
      stops.push_back({page_->reason, page_->vtime, page_->instructions_at_stop, page_->call});
      if (page_->reason == TVDSIM_STOP_EXIT) break;
      if (page_->reason == TVDSIM_STOP_LIMIT) __atomic_fetch_add(&page_->limit, quantum, __ATOMIC_RELEASE);
      __atomic_fetch_add(&page_->grant, 1, __ATOMIC_RELEASE);
      syscall(SYS_futex, &page_->grant, FUTEX_WAKE, 1, nullptr, nullptr, 0);
    }
    emulator.join();
    take();
  }
  void take() {
    const auto* ring = reinterpret_cast<const tvdsim_record*>(page_ + 1);
    const std::uint64_t head = __atomic_load_n(&page_->head, __ATOMIC_ACQUIRE);
    for (; page_->tail < head; __atomic_fetch_add(&page_->tail, 1, __ATOMIC_RELEASE))
      records.push_back(ring[page_->tail & (page_->slots - 1)]);
  }
  std::vector<tvdsim_record> of(tvdsim_record_kind kind) const {
    std::vector<tvdsim_record> out;
    for (const tvdsim_record& record : records) {
      if (record.kind == kind) out.push_back(record);
    }
    return out;
  }
  std::vector<Stop> stops_for(tvdsim_guest_stop reason) const {
    std::vector<Stop> out;
    for (const Stop& stop : stops) {
      if (stop.reason == reason) out.push_back(stop);
    }
    return out;
  }

  std::vector<Stop> stops;
  std::vector<tvdsim_record> records;

 private:
  int fd_;
  std::size_t size_;
  tvdsim_guest_page* page_;
};

}  // namespace tvdsim::tests
