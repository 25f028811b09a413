// Findings about one text, said by offset and told by line and column, and not without end.
//
// Cost       a finding counts its line's characters; of a text at most kMaxReported are told, so a hostile one costs what a bad one does.
// Threads    one reader.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "models/acm_io/xml_text.hpp"
#include "sim/base/error.hpp"

namespace tvdsim::models {

inline constexpr std::size_t kMaxReported = 100;

// After kMaxReported findings it says so and takes no more.
class TextReport {
 public:
  TextReport(std::string_view text, std::string_view where, sim::Findings& findings)
      : places_(text, where), findings_(findings) {}
  void error(std::string_view code, std::size_t offset, std::string message, std::string help = {});
  bool full() const noexcept { return reported_ >= kMaxReported; }
  bool any() const noexcept { return reported_ > 0; }
  std::string place(std::size_t offset) const { return places_.at(offset); }

 private:
  Places places_;
  sim::Findings& findings_;
  std::size_t reported_ = 0;
};

}  // namespace tvdsim::models
