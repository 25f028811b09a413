// Bytes that exist only where somebody wrote them: a VM's memory, a disk's blocks.
//
// Pages of 4 KiB appear when something other than zero is first written; what was never written reads as zero. Each store is
// a region of ground truth, and every write and copy goes through both at once, so that bytes and taint cannot drift apart.
//
// Invariant  a byte of taint stands beside each byte that a workload wrote.
// Cost       one hash look-up per page touched; 4 KiB per touched page and twice that of shadow.
// Threads    the engine's.
// Leaves out caches, paging, ballooning.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "models/truth/record.hpp"

namespace tvdsim::models {

inline constexpr std::uint64_t kPageSize = 4096;

class ByteStore {
 public:
  ByteStore(Truth& truth, std::string_view name, std::uint64_t size);

  std::uint64_t size() const noexcept { return size_; }
  RegionId region() const noexcept { return region_; }
  std::size_t pages() const noexcept { return pages_.size(); }
  std::uint64_t checksum() const noexcept;  // FNV-1a over what is there

  // The bytes are a workload's own making, or (empty workload) nobody's: counters and headers of a protocol.
  void write(std::uint64_t offset, std::span<const std::uint8_t> bytes, std::string_view workload);
  // The bytes come from another store: taint comes with them.
  void copy_from(const ByteStore& from, std::uint64_t from_offset, std::uint64_t offset, std::uint64_t size);
  std::vector<std::uint8_t> read(std::uint64_t offset, std::uint64_t size) const;
  void clear();                               // every byte zero, no taint, no page taken
  void clear_page(std::uint64_t page);        // its bytes go, whoever has taken it keeps it
  void copy_all_from(const ByteStore& from);  // every byte that is there, and which pages are taken

  // A page that nobody uses, for sharing; release gives it back as it is.
  std::uint64_t take_page();
  bool has_free_page() const noexcept {
    return !free_pages_.empty() || (next_page_ + 1) * kPageSize <= size_;
  }
  void release_page(std::uint64_t page);
  std::size_t taken_pages() const noexcept { return next_page_ - free_pages_.size(); }

 private:
  using Page = std::array<std::uint8_t, kPageSize>;

  void put(std::uint64_t offset, std::span<const std::uint8_t> bytes);

  Truth& truth_;
  RegionId region_;
  std::uint64_t size_;
  std::map<std::uint64_t, std::unique_ptr<Page>> pages_;
  std::uint64_t next_page_ = 0;
  std::vector<std::uint64_t> free_pages_;
};

}  // namespace tvdsim::models
