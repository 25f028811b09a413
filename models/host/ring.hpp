// A request ring in a shared page: how a front-end's requests and a back-end's answers travel, as bytes.
//
// The page begins with three counters; then come slots of equal size, each with a head (number, operation, status, block,
// length) and a payload. The front-end fills the next slot and raises `requested`; the back-end answers in the same slot and raises
// `answered`; the front-end takes it and raises `taken`. What a party reads from the page was written by the other: a back-end
// checks every length it finds.
//
// Invariant  taken <= answered <= requested <= taken + slots, as long as both sides play by the rules.
// Cost       a handful of copies within one page.
// Threads    the engine's.
// Leaves out requests that span slots: a payload larger than a slot is refused.
// Source     the shared rings of Xen's split drivers; layout of our own.
#pragma once

#include <cstdint>
#include <optional>

#include "models/host/memory.hpp"

namespace tvdsim::models {

enum class IoOp : std::uint32_t { read = 1, write = 2, command = 3 };

class Ring {
 public:
  static constexpr std::uint64_t kHeader = 64, kSlotHead = 24;

  struct Head {
    std::uint64_t number = 0;
    IoOp op{};
    std::uint32_t status = 0;  // of an answer: 0 is fine
    std::uint32_t block = 0;
    std::uint32_t length = 0;  // of the payload
  };
  struct Slot {
    Head head;
    std::uint64_t payload = 0;  // where it lies in the store
  };

  Ring(ByteStore& store, std::uint64_t base, std::uint32_t slots)
      : store_(store), base_(base), slots_(slots) {}

  void reset();
  std::uint64_t payload_size() const noexcept { return (kPageSize - kHeader) / slots_ - kSlotHead; }
  bool full() const;
  // Front-end: reserves the next slot (the payload is filled by the caller), then publishes it.
  std::uint64_t next_payload() const;
  void request(const Head& head);
  std::optional<Slot> take_answer();
  // Back-end.
  std::optional<Slot> next_request() const;
  void answer(std::uint32_t status, std::uint32_t length);

 private:
  std::uint32_t counter(std::uint64_t at) const;
  void set_counter(std::uint64_t at, std::uint32_t value);
  std::uint64_t slot(std::uint32_t number) const;
  Head head(std::uint64_t at) const;
  void set_head(std::uint64_t at, const Head& head);

  ByteStore& store_;
  std::uint64_t base_;
  std::uint32_t slots_;
};

}  // namespace tvdsim::models
