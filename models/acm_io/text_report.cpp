#include "models/acm_io/text_report.hpp"

#include <fmt/format.h>

namespace tvdsim::models {

void TextReport::error(std::string_view code, std::size_t offset, std::string message, std::string help) {
  if (full()) return;
  ++reported_;
  if (full()) {
    message = fmt::format("there are {} findings and more; the rest is not listed.", kMaxReported - 1);
    help.clear();
  }
  findings_.error(code, places_.at(offset), std::move(message), std::move(help));
}

}  // namespace tvdsim::models
