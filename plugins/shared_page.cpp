#include "plugins/shared_page.hpp"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstring>

namespace tvdsim::plugins {

namespace {

constexpr int kQuitStatus = 3;

void futex_wait(std::uint32_t* word, std::uint32_t while_it_is) {
  const timespec slice{0, 100'000'000};  // a wake-up that went astray costs this, not the run
  syscall(SYS_futex, word, FUTEX_WAIT, while_it_is, &slice, nullptr, 0);
}

}  // namespace

SharedPage::~SharedPage() {
  if (page_) munmap(page_, size_);
}

std::string SharedPage::open(const Options& options) {
  const int fd = ::open(options.page.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return "cannot open the page `" + options.page + "`: " + std::strerror(errno);
  struct stat status {};
  void* mapped = MAP_FAILED;
  if (fstat(fd, &status) == 0 && static_cast<std::size_t>(status.st_size) >= sizeof(tvdsim_guest_page)) {
    size_ = static_cast<std::size_t>(status.st_size);
    mapped = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  }
  close(fd);
  if (mapped == MAP_FAILED) return "the page `" + options.page + "` is too short or cannot be mapped";
  page_ = static_cast<tvdsim_guest_page*>(mapped);
  ring_ = reinterpret_cast<tvdsim_record*>(page_ + 1);
  if (page_->magic != TVDSIM_GUEST_PAGE_MAGIC || page_->version != TVDSIM_GUEST_PAGE_VERSION) {
    return "the page `" + options.page + "` is not one of version " +
           std::to_string(TVDSIM_GUEST_PAGE_VERSION);
  }
  const std::uint64_t slots = page_->slots;
  if (slots == 0 || (slots & (slots - 1)) != 0 || sizeof *page_ + slots * sizeof *ring_ > size_) {
    return "the page `" + options.page + "` has no room for " + std::to_string(slots) +
           " records, a power of two";
  }
  page_->header = {
      TVDSIM_RECORDS_MAGIC, TVDSIM_RECORDS_VERSION, sizeof(tvdsim_record), 1, page_->header.guest, 0};
  when_full_ = options.when_full;
  notify_ = options.notify;
  return {};
}

std::uint64_t SharedPage::limit() const noexcept { return __atomic_load_n(&page_->limit, __ATOMIC_ACQUIRE); }
bool SharedPage::quitting() const noexcept { return __atomic_load_n(&page_->quit, __ATOMIC_ACQUIRE) != 0; }

void SharedPage::fault(tvdsim_guest_fault bit) noexcept {
  __atomic_fetch_or(&page_->faults, static_cast<std::uint32_t>(bit), __ATOMIC_RELEASE);
}

bool SharedPage::wait_for_place() {
  const std::uint64_t head = page_->head;
  const auto full = [&] { return head - __atomic_load_n(&page_->tail, __ATOMIC_ACQUIRE) >= page_->slots; };
  if (!full()) return true;
  if (when_full_ == WhenFull::drop) {
    ++page_->header.dropped;
    return false;
  }
  __atomic_store_n(&page_->blocked, 1, __ATOMIC_RELEASE);
  announce();
  while (full()) {
    if (quitting()) _exit(kQuitStatus);
    const timespec pause{0, 50'000};
    nanosleep(&pause, nullptr);
  }
  __atomic_store_n(&page_->blocked, 0, __ATOMIC_RELEASE);
  return true;
}

void SharedPage::record(tvdsim_record_kind kind, std::uint64_t instructions, std::uint64_t a, std::uint64_t b,
                        std::uint16_t flags, std::uint16_t size) {
  const std::uint64_t sequence = sequence_++;  // a lost record leaves its number as a gap
  if (!wait_for_place()) return;
  tvdsim_record& slot = ring_[page_->head & (page_->slots - 1)];
  slot = {sequence, instructions, static_cast<std::uint16_t>(kind), 0, flags, size, a, b};
  __atomic_store_n(&page_->head, page_->head + 1, __ATOMIC_RELEASE);
}

void SharedPage::announce() {
  if (notify_ < 0) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(notify_, &one, sizeof one);
}

void SharedPage::stop(tvdsim_guest_stop reason, std::uint64_t vtime) {
  const std::uint32_t before = __atomic_load_n(&page_->grant, __ATOMIC_ACQUIRE);
  page_->reason = reason;
  page_->vtime = vtime;
  page_->instructions_at_stop = page_->instructions;
  __atomic_add_fetch(&page_->reached, 1, __ATOMIC_RELEASE);
  announce();
  while (__atomic_load_n(&page_->grant, __ATOMIC_ACQUIRE) == before) {
    if (quitting()) _exit(kQuitStatus);
    futex_wait(&page_->grant, before);
  }
  if (quitting()) _exit(kQuitStatus);
}

void SharedPage::ended(std::uint64_t vtime) {
  page_->reason = TVDSIM_STOP_EXIT;
  page_->vtime = vtime;
  page_->instructions_at_stop = page_->instructions;
  __atomic_add_fetch(&page_->reached, 1, __ATOMIC_RELEASE);
  announce();
}

}  // namespace tvdsim::plugins
