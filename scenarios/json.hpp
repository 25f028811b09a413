// A JSON value that keeps what a library's usually loses: the order of members, and that a key came twice.
//
// parse_json() survives hostile bytes: depth, bytes and number of values are limited, duplicates are findings, bad text is one finding
// with line and column. to_text() writes one form only, so that its hash means something.
//
// Invariant  parse_json(to_text(v)) == v; to_text is the same bytes on every machine.
// Cost       a vector per array or object; depth at most kMaxDepth.
// Threads    plain data.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/base/error.hpp"

namespace tvdsim::scenarios {

struct Json {
  enum class Kind : unsigned char { null, boolean, negative, natural, real, text, array, object };

  static constexpr std::size_t kMaxDepth = 32;
  static constexpr std::size_t kMaxBytes = 256u << 20;
  static constexpr std::size_t kMaxValues = 8'000'000;

  Kind kind = Kind::null;
  bool boolean = false;
  std::int64_t negative = 0;  // an integer below zero
  std::uint64_t natural = 0;  // an integer of zero or more
  double real = 0;
  std::string text;
  std::vector<Json> items;
  std::vector<std::pair<std::string, Json>> members;  // in the order written

  Json() = default;
  static Json of(bool value);
  static Json of(std::uint64_t value);
  static Json of(std::uint32_t value) { return of(std::uint64_t{value}); }
  static Json of(std::int64_t value);
  static Json of(double value);
  static Json of(std::string_view value);
  static Json of(const char* value) { return of(std::string_view(value)); }
  static Json of(const std::string& value) { return of(std::string_view(value)); }
  static Json of(const std::vector<std::string>& values);
  static Json array() {
    Json j;
    j.kind = Kind::array;
    return j;
  }
  static Json object() {
    Json j;
    j.kind = Kind::object;
    return j;
  }

  template <class T>
  Json& add(std::string_view name, const T& value) {
    members.emplace_back(std::string(name), of(value));
    return *this;
  }
  Json& add(std::string_view name, Json value) {
    members.emplace_back(std::string(name), std::move(value));
    return *this;
  }
  const Json* find(std::string_view name) const noexcept;  // null when absent
  // The member's text, or natural number; "" or 0 when it is absent or of another kind.
  std::string_view text_of(std::string_view name) const noexcept;
  std::uint64_t natural_of(std::string_view name) const noexcept;

  friend bool operator==(const Json&, const Json&) = default;
};

// Findings: TVD-120 at "where:line:column" when the text is not JSON (then nothing else is reported), TVD-102 for members given twice.
Json parse_json(std::string_view text, std::string_view where, sim::Findings& findings);

std::string to_text(const Json& value);  // indented by two, one member a line, a newline at the end
std::string to_line(const Json& value);  // all on one line, no newline
std::string_view kind_name(const Json& value) noexcept;  // "a text", "an array", …: for messages
std::string shown(const Json& value);  // as one short line for messages, cut after 40 characters

}  // namespace tvdsim::scenarios
