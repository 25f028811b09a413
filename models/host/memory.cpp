#include "models/host/memory.hpp"

#include <algorithm>

#include "sim/base/error.hpp"

namespace tvdsim::models {

ByteStore::ByteStore(Truth& truth, std::string_view name, std::uint64_t size)
    : truth_(truth), region_(truth.add_region(name)), size_(size) {}

void ByteStore::put(std::uint64_t offset, std::span<const std::uint8_t> bytes) {
  TVDSIM_ASSERT(offset <= size_ && bytes.size() <= size_ - offset,
                "a write beyond the end of memory or disk");
  for (std::size_t done = 0; done < bytes.size();) {
    const std::uint64_t at = offset + done;
    const std::uint64_t n = std::min<std::uint64_t>(bytes.size() - done, kPageSize - at % kPageSize);
    const auto part = bytes.subspan(done, n);
    done += n;
    // Zeros need no page of their own: what was never written reads as zero. Most rings stay as they were reset.
    const bool zeros = std::all_of(part.begin(), part.end(), [](std::uint8_t byte) { return byte == 0; });
    if (zeros && !pages_.contains(at / kPageSize)) continue;
    auto& page = pages_[at / kPageSize];
    if (!page) page = std::make_unique<Page>();
    std::copy(part.begin(), part.end(), page->begin() + static_cast<std::ptrdiff_t>(at % kPageSize));
  }
}

void ByteStore::write(std::uint64_t offset, std::span<const std::uint8_t> bytes, std::string_view workload) {
  put(offset, bytes);
  if (!workload.empty()) truth_.wrote(region_, offset, bytes.size(), workload);
}

void ByteStore::copy_from(const ByteStore& from, std::uint64_t from_offset, std::uint64_t offset,
                          std::uint64_t size) {
  put(offset, from.read(from_offset, size));
  truth_.copied(from.region_, from_offset, region_, offset, size);
}

std::vector<std::uint8_t> ByteStore::read(std::uint64_t offset, std::uint64_t size) const {
  TVDSIM_ASSERT(offset <= size_ && size <= size_ - offset, "a read beyond the end of memory or disk");
  std::vector<std::uint8_t> bytes(size);
  for (std::uint64_t done = 0; done < size;) {
    const std::uint64_t at = offset + done;
    const std::uint64_t n = std::min(size - done, kPageSize - at % kPageSize);
    const auto page = pages_.find(at / kPageSize);
    if (page != pages_.end()) {
      std::copy_n(page->second->begin() + static_cast<std::ptrdiff_t>(at % kPageSize), n,
                  bytes.begin() + static_cast<std::ptrdiff_t>(done));
    }
    done += n;
  }
  return bytes;
}

void ByteStore::clear() {
  pages_.clear();
  next_page_ = 0;
  free_pages_.clear();
  truth_.cleared(region_);
}

void ByteStore::clear_page(std::uint64_t page) {
  pages_.erase(page);
  truth_.cleared_page(region_, page);
}

void ByteStore::copy_all_from(const ByteStore& from) {
  TVDSIM_ASSERT(from.size_ <= size_, "a copy is smaller than its original");
  for (const auto& [number, page] : from.pages_)
    copy_from(from, number * kPageSize, number * kPageSize, kPageSize);
  next_page_ = from.next_page_;
  free_pages_ = from.free_pages_;
}

std::uint64_t ByteStore::checksum() const noexcept {
  std::uint64_t sum = 0xcbf29ce484222325;
  const auto mix = [&](std::uint64_t byte) { sum = (sum ^ byte) * 0x100000001b3; };
  for (const auto& [number, page] : pages_) {
    for (int i = 0; i < 8; ++i) mix(number >> (8 * i) & 0xff);
    for (const std::uint8_t byte : *page) mix(byte);
  }
  return sum;
}

std::uint64_t ByteStore::take_page() {
  if (!free_pages_.empty()) {
    const std::uint64_t page = free_pages_.back();
    free_pages_.pop_back();
    return page;
  }
  TVDSIM_ASSERT((next_page_ + 1) * kPageSize <= size_, "a VM without a free page of memory");
  return next_page_++;
}

void ByteStore::release_page(std::uint64_t page) { free_pages_.push_back(page); }

}  // namespace tvdsim::models
