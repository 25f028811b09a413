// Data that nobody here wrote: read from the folder that TVDSIM_CONFORMANCE names, never copied into the tree.
//
//   const auto folder = oracle("guest-logs");
//   if (!folder) GTEST_SKIP() << oracle_absent(3);
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

namespace tvdsim::tests {

// Nothing when the variable is unset; a variable that names no such folder is a failure, not a skip.
inline std::optional<std::filesystem::path> oracle(const std::string& part) {
  const char* root = std::getenv("TVDSIM_CONFORMANCE");
  if (!root || !*root) return std::nullopt;
  std::filesystem::path folder = std::filesystem::path(root) / part;
  EXPECT_TRUE(std::filesystem::is_directory(folder)) << folder << " is no folder";
  return folder;
}

inline std::string oracle_absent(std::size_t cases) {
  return "SKIP " + std::to_string(cases) + " cases: TVDSIM_CONFORMANCE is not set";
}

inline std::vector<std::uint8_t> read_bytes(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path << " cannot be read";
  return {std::istreambuf_iterator<char>(in), {}};
}

inline std::string read_text(const std::filesystem::path& path) {
  const auto bytes = read_bytes(path);
  return {bytes.begin(), bytes.end()};
}

}  // namespace tvdsim::tests
