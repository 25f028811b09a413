// The text of an XML file before it is parsed: places in it, and what a lenient parser would let pass.
//
// pugixml reads more than well-formed XML: unknown entities, text beside the root, attributes with `<`. A policy that another
// reader would understand differently must not be accepted, so these are looked for first. A DOCTYPE is refused: it could
// define entities, and none but the five of XML is ever expanded.
//
// Cost       one pass over the text.
// Threads    pure.
// Leaves out tags that do not match and malformed tags: the parser finds those.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/acm/policy.hpp"

namespace tvdsim::models {

// "policy.xml:12:5" for an offset: lines and columns from 1, columns in characters.
class Places {
 public:
  Places(std::string_view text, std::string_view where);
  TextPlace place(std::size_t offset) const;
  std::string at(std::size_t offset) const;  // with the file
  const std::string& file() const noexcept { return where_; }

 private:
  std::string_view text_;
  std::string where_;
  std::vector<std::size_t> lines_;  // where each line begins
  bool plain_;                      // every byte is a character
};

inline constexpr std::size_t kMaxPolicyText = std::size_t{8} << 20;

// The code point at `offset` and how many bytes it takes; length 0 where the bytes are not UTF-8.
struct CodePoint {
  std::uint32_t value = 0;
  std::size_t length = 0;
};
CodePoint code_point(std::string_view text, std::size_t offset);

struct TextProblem {
  std::size_t offset;
  std::string message;
};
// The first thing that keeps the text from being well-formed UTF-8 XML of the kind that is read here.
std::optional<TextProblem> text_problem(std::string_view text);

// The first byte that is not part of a UTF-8 character; the text's length when all are.
std::size_t end_of_utf8(std::string_view text);

}  // namespace tvdsim::models
