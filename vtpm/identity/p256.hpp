// Private keys on NIST P-256 that follow from a seed: signatures and shared secrets without a drop of chance.
//
//   const SigningKey key = SigningKey::from_seed("privacy CA", 7);
//   const auto signature = key.sign(message);             // ECDSA over SHA-256, DER
//
// Invariant  same label and seed: the same key; same key and message: the same signature, on any machine.
// Cost       about 30 us each: one multiplication on the curve.
// Threads    const members may run concurrently.
// Leaves out protection against who measures time or power: these keys guard nothing outside a simulation.
// Source     RFC 6979 section 3.2 (the nonce of a signature); SEC 1 section 4.1.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace tvdsim::vtpm {

class SigningKey {
 public:
  using Scalar = std::array<std::uint8_t, 32>;
  struct Point {
    Scalar x{}, y{};
    friend bool operator==(const Point&, const Point&) = default;
  };

  static SigningKey from_seed(std::string_view label, std::uint64_t seed);
  // The number itself, big-endian: 1 to the group's order minus 1, else our bug.
  explicit SigningKey(const Scalar& secret);

  const Point& point() const noexcept { return point_; }
  std::vector<std::uint8_t> sign(std::span<const std::uint8_t> message) const;  // ECDSA-Sig-Value, DER
  // The x coordinate of what this key and the other's point make; the other must be on the curve: else WorldError "not_on_curve".
  Scalar shared_x(const Point& other) const;

 private:
  Scalar secret_{};
  Point point_;
};

// Did the key of this SubjectPublicKeyInfo sign it? ECDSA with SHA-256; anything unreadable is no.
bool verify_signature(std::span<const std::uint8_t> key_info, std::span<const std::uint8_t> message,
                      std::span<const std::uint8_t> signature);

// SubjectPublicKeyInfo of a point, DER.
std::vector<std::uint8_t> public_key_info(const SigningKey::Point& point);

}  // namespace tvdsim::vtpm
