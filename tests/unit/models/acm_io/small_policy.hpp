// A small policy and its bytes, for the tests of the binary format.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "models/acm_io/binary_format.hpp"
#include "models/acm_io/binary_writer.hpp"
#include "tests/support/policies.hpp"

namespace tvdsim::models {

using Bytes = std::vector<std::uint8_t>;

inline void put(Bytes& bytes, std::size_t at, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i) bytes.at(at + i) = static_cast<std::uint8_t>(value >> (24 - 8 * i));
}
inline std::uint32_t get(const Bytes& bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | bytes.at(at + i);
  return value;
}
inline std::size_t wall_at(const Bytes& bytes) { return get(bytes, Acm4::kPrimaryOffsetAt); }
inline std::size_t ste_at(const Bytes& bytes) { return get(bytes, Acm4::kSecondaryOffsetAt); }

inline std::string said(const sim::Findings& findings) {
  std::string all;
  for (const sim::Finding& f : findings.list()) all += to_text(f);
  return all;
}

// Four labels and a resource, three types, one conflict set.
inline PolicyDef small() {
  return tests::definition({.vms = {{"sys", {"A", "B"}, {}},
                                    {"a", {"A"}, {"A"}},
                                    {"b", {"B"}, {"B"}},
                                    {"__UNLABELED__", {"B"}, {"U"}}},
                            .resources = {{"disk", {"A"}, {}}},
                            .sets = {{"rivals", {"A", "B"}}},
                            .name = "small"});
}
inline std::shared_ptr<const Policy> compiled(const PolicyDef& def, PolicyMode mode = PolicyMode::strict) {
  sim::Findings findings;
  auto policy = Policy::compile(def, mode, {}, findings);
  EXPECT_TRUE(policy) << said(findings);
  return policy;
}
inline Bytes small_binary() { return write_policy_binary(*compiled(small())); }

}  // namespace tvdsim::models
