#include "models/host/ring.hpp"

#include <array>

namespace tvdsim::models {

namespace {

constexpr std::uint64_t kRequested = 0, kAnswered = 4, kTaken = 8;

template <class T>
void put(std::uint8_t* at, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) at[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

template <class T>
T get(const std::uint8_t* at) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) value |= static_cast<T>(static_cast<T>(at[i]) << (8 * i));
  return value;
}

}  // namespace

std::uint32_t Ring::counter(std::uint64_t at) const {
  return get<std::uint32_t>(store_.read(base_ + at, 4).data());
}

void Ring::set_counter(std::uint64_t at, std::uint32_t value) {
  std::array<std::uint8_t, 4> bytes{};
  put(bytes.data(), value);
  store_.write(base_ + at, bytes, {});
}

std::uint64_t Ring::slot(std::uint32_t number) const {
  return base_ + kHeader + (number % slots_) * ((kPageSize - kHeader) / slots_);
}

Ring::Head Ring::head(std::uint64_t at) const {
  const auto bytes = store_.read(at, kSlotHead);
  return {get<std::uint64_t>(bytes.data()), static_cast<IoOp>(get<std::uint32_t>(bytes.data() + 8)),
          get<std::uint32_t>(bytes.data() + 12), get<std::uint32_t>(bytes.data() + 16),
          get<std::uint32_t>(bytes.data() + 20)};
}

void Ring::set_head(std::uint64_t at, const Head& head) {
  std::array<std::uint8_t, kSlotHead> bytes{};
  put(bytes.data(), head.number);
  put(bytes.data() + 8, static_cast<std::uint32_t>(head.op));
  put(bytes.data() + 12, head.status);
  put(bytes.data() + 16, head.block);
  put(bytes.data() + 20, head.length);
  store_.write(at, bytes, {});
}

void Ring::reset() {
  for (const std::uint64_t at : {kRequested, kAnswered, kTaken}) set_counter(at, 0);
}

bool Ring::full() const { return counter(kRequested) - counter(kTaken) >= slots_; }

std::uint64_t Ring::next_payload() const { return slot(counter(kRequested)) + kSlotHead; }

void Ring::request(const Head& head) {
  const std::uint32_t number = counter(kRequested);
  set_head(slot(number), head);
  set_counter(kRequested, number + 1);
}

std::optional<Ring::Slot> Ring::take_answer() {
  const std::uint32_t number = counter(kTaken);
  if (number == counter(kAnswered)) return std::nullopt;
  set_counter(kTaken, number + 1);
  return Slot{head(slot(number)), slot(number) + kSlotHead};
}

std::optional<Ring::Slot> Ring::next_request() const {
  const std::uint32_t number = counter(kAnswered);
  if (number == counter(kRequested)) return std::nullopt;
  return Slot{head(slot(number)), slot(number) + kSlotHead};
}

void Ring::answer(std::uint32_t status, std::uint32_t length) {
  const std::uint32_t number = counter(kAnswered);
  Head reply = head(slot(number));
  reply.status = status;
  reply.length = length;
  set_head(slot(number), reply);
  set_counter(kAnswered, number + 1);
}

}  // namespace tvdsim::models
