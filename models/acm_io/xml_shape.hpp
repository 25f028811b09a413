// Walks a parsed document along the grammar and reports every element, attribute and text that stands where it must not.
//
// Cost       linear in the number of elements.
// Threads    pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/error.hpp"

namespace pugi {
class xml_node;
}

namespace tvdsim::models {

// Line and column of a byte offset, by one look-up in the offsets of line ends.
class Places {
 public:
  Places(std::string_view text, std::string_view where);
  std::string at(std::ptrdiff_t offset) const;  // "policy.xml:12:5"
  std::string at(const pugi::xml_node& node) const;

 private:
  std::string where_;
  std::vector<std::size_t> line_starts_;
};

// False when the root is something else altogether: then nothing below it was looked at.
bool check_shape(const pugi::xml_node& root, const Places& places, sim::Findings& findings);

}  // namespace tvdsim::models
