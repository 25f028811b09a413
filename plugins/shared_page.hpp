// The plugin's end of the shared page: stops that wait for the next grant, records that wait for a place.
//
// Invariant  a record is in the ring before `head` says so; a stop's numbers are there before `reached` counts up.
// Cost       a record 40 bytes and two atomics; a stop two wake-ups.
// Threads    the vCPU's; on_exit handlers run on whichever thread ends the program, when no vCPU runs any more.
#pragma once

#include <cstdint>
#include <string>

#include "plugins/guest_page.h"
#include "plugins/options.hpp"

namespace tvdsim::plugins {

class SharedPage {
 public:
  SharedPage() = default;
  ~SharedPage();
  SharedPage(const SharedPage&) = delete;

  // "" when the page is mapped and is one of this version, else what is wrong with it.
  std::string open(const Options& options);

  tvdsim_guest_page& page() noexcept { return *page_; }
  std::uint64_t limit() const noexcept;
  bool quitting() const noexcept;

  void record(tvdsim_record_kind kind, std::uint64_t instructions, std::uint64_t a, std::uint64_t b = 0,
              std::uint16_t flags = 0, std::uint16_t size = 0);
  // Says why the guest stopped, and waits for the next grant. An order to quit ends the program here.
  void stop(tvdsim_guest_stop reason, std::uint64_t vtime);
  // The same without waiting: the last stop.
  void ended(std::uint64_t vtime);
  void fault(tvdsim_guest_fault bit) noexcept;

 private:
  void announce();
  bool wait_for_place();

  tvdsim_guest_page* page_ = nullptr;
  tvdsim_record* ring_ = nullptr;
  std::size_t size_ = 0;
  std::uint64_t sequence_ = 0;
  WhenFull when_full_ = WhenFull::block;
  int notify_ = -1;
};

}  // namespace tvdsim::plugins
