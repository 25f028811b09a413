// A command under construction and a response being read: big-endian, sizes filled in, nothing read beyond the end.
//
// Private to vtpm/device.
//
// Source     TCG TPM 2.0 Library 1.59, Part 1 §18 (command and response headers, authorization area).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace tvdsim::vtpm {

inline constexpr std::uint16_t kNoSessions = 0x8001, kSessions = 0x8002;  // TPM_ST
inline constexpr std::uint32_t kPasswordSession = 0x4000'0009;            // TPM_RS_PW
inline constexpr std::size_t kHeader = 10;                                // tag, size, code

// Commands and responses are big-endian; the size in the header is known when everything else is written.
class Command {
 public:
  Command(std::uint16_t tag, std::uint32_t code) {
    u16(tag);
    u32(0);
    u32(code);
  }
  Command& u8(std::uint32_t v) {
    bytes_.push_back(static_cast<std::uint8_t>(v));
    return *this;
  }
  Command& u16(std::uint32_t v) { return u8(v >> 8).u8(v); }
  Command& u32(std::uint32_t v) { return u16(v >> 16).u16(v); }
  Command& bytes(std::span<const std::uint8_t> v) {
    bytes_.insert(bytes_.end(), v.begin(), v.end());
    return *this;
  }
  Command& sized(std::span<const std::uint8_t> v) {
    return u16(static_cast<std::uint32_t>(v.size())).bytes(v);
  }
  // One authorization with the empty password: handle, no nonce, no attributes, no secret.
  Command& empty_password() { return u32(9).u32(kPasswordSession).u16(0).u8(0).u16(0); }
  std::vector<std::uint8_t> take() {
    const auto size = static_cast<std::uint32_t>(bytes_.size());
    for (std::uint32_t i = 0; i < 4; ++i) bytes_[2 + i] = static_cast<std::uint8_t>(size >> (24 - 8 * i));
    return std::move(bytes_);
  }

 private:
  std::vector<std::uint8_t> bytes_;
};

class Response {
 public:
  Response(std::span<const std::uint8_t> bytes, std::string_view doing) : left_(bytes), doing_(doing) {}
  std::uint32_t number(std::size_t width) {
    std::uint32_t v = 0;
    for (const std::uint8_t byte : take(width)) v = v << 8 | byte;
    return v;
  }
  std::span<const std::uint8_t> sized() { return take(number(2)); }
  std::size_t left() const noexcept { return left_.size(); }
  std::span<const std::uint8_t> take(std::size_t n) {
    if (n > left_.size()) refuse();
    const auto front = left_.first(n);
    left_ = left_.subspan(n);
    return front;
  }

 private:
  [[noreturn]] void refuse() const;  // WorldError "short_response"

  std::span<const std::uint8_t> left_;
  std::string_view doing_;
};

}  // namespace tvdsim::vtpm
