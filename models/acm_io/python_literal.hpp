// Reads the one thing that Xen's tools kept in Python source, `name = { 'key': ('a', 'b'), … }`, as data.
//
// Xen executed such files. Here strings, tuples, one dict and comments are read, and everything else is a finding with its place:
// calls, names, numbers, further statements. What Python 2 and Python 3 would read differently is refused, so that the file says the
// same to every reader: escapes of characters beyond ASCII in plain strings, another encoding than UTF-8, triple quotes, prefixes
// but `u`. After a finding, reading goes on behind the entry.
//
// Invariant  what is read without a finding, Python's own literal reader reads alike.
// Cost       one pass over the text, kMaxLiteralText at most; kMaxNesting levels of tuples.
// Threads    pure.
// Leaves out numbers, lists, nested dicts: no label is one.
// Source     The Python Language Reference, 2.4 and 6.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "models/acm_io/text_report.hpp"

namespace tvdsim::models {

inline constexpr std::size_t kMaxLiteralText = std::size_t{8} << 20, kMaxNesting = 8;

// A string, or a tuple of values.
struct PythonValue {
  std::size_t offset = 0;
  bool is_tuple = false;
  std::string text{};
  std::vector<PythonValue> items{};
};
struct PythonPair {
  std::size_t offset = 0;  // of the key
  std::string key{};
  PythonValue value{};
};

// The entries that could be read, in the file's order. Findings have code `code`.
std::vector<PythonPair> parse_python_dict(std::string_view text, std::string_view name, std::string_view code,
                                          TextReport& report);
// 'it\'s', so that Python 2 and 3 and this reader read the text again; the text is UTF-8.
std::string python_quoted(std::string_view text);

}  // namespace tvdsim::models
