#include "sim/base/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace tvdsim::sim {
namespace {

std::string joined(const std::vector<Finding>& findings) {
  std::string text;
  for (const auto& finding : findings) text += to_text(finding);
  return text;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// An edit counts two, a letter in the wrong case one: `GIB` is nearer to `GiB` than to `GB`.
constexpr std::size_t kEdit = 2, kCase = 1;

// Cost of the edits (insert, delete, replace, swap of neighbours) from one word to the other.
std::size_t edits(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) above[j] = j * kEdit;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i * kEdit;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = a[i - 1] == b[j - 1];
      const std::size_t replace = same ? 0 : lower(a[i - 1]) == lower(b[j - 1]) ? kCase : kEdit;
      row[j] = std::min({above[j] + kEdit, row[j - 1] + kEdit, above[j - 1] + replace});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + kEdit);
      }
    }
    before.swap(above);
    above.swap(row);
  }
  return above[b.size()];
}

bool known_code(std::string_view code) {
  for (const auto& info : error_infos()) {
    if (code == info.code) return true;
  }
  return false;
}

}  // namespace

const std::vector<ErrorInfo>& error_infos() {
  static const std::vector<ErrorInfo> infos{
#define ERROR(number, name, what) {"TVD-" #number, #name, what},
#include "sim/base/errors.def"
#undef ERROR
  };
  return infos;
}

std::string to_text(const Finding& finding) {
  std::string text = fmt::format("{}[{}] {}\n", finding.severity == Severity::error ? "error" : "warning",
                                 finding.code, finding.message);
  if (!finding.where.empty()) text += fmt::format("  --> {}\n", finding.where);
  if (!finding.help.empty()) text += fmt::format("  help: {}\n", finding.help);
  return text;
}

InputError::InputError(std::vector<Finding> findings)
    : std::runtime_error(joined(findings)), findings_(std::move(findings)) {
  TVDSIM_ASSERT(!findings_.empty(), "an InputError carries at least one finding");
}
InputError::InputError(Finding finding) : InputError(std::vector<Finding>{std::move(finding)}) {}

WorldError::WorldError(std::string_view what, std::string_view name, std::string_view help)
    : std::runtime_error(help.empty() ? fmt::format("{}: {}", what, name)
                                      : fmt::format("{}: {}\n  help: {}", what, name, help)),
      name_(name),
      help_(help) {}

void Findings::error(std::string_view code, std::string where, std::string message, std::string help) {
  TVDSIM_ASSERT(known_code(code), "a finding carries a code that errors.def does not list");
  list_.push_back(
      {std::string(code), std::move(where), std::move(message), std::move(help), Severity::error});
}

void Findings::warning(std::string_view code, std::string where, std::string message, std::string help) {
  TVDSIM_ASSERT(known_code(code), "a finding carries a code that errors.def does not list");
  list_.push_back(
      {std::string(code), std::move(where), std::move(message), std::move(help), Severity::warning});
}

bool Findings::any_error() const noexcept {
  return std::any_of(list_.begin(), list_.end(),
                     [](const Finding& finding) { return finding.severity == Severity::error; });
}

void Findings::throw_if_any() const {
  if (any_error()) throw InputError(list_);
}

std::string nearest(std::string_view word, std::span<const std::string> known) {
  const std::size_t limit = std::max<std::size_t>(1, word.size() / 3) * kEdit;
  std::size_t least = limit + 1;
  const std::string* best = nullptr;
  for (const auto& candidate : known) {
    const std::size_t distance = edits(word, candidate);
    if (distance < least) {
      least = distance;
      best = &candidate;
    }
  }
  return best ? *best : std::string{};
}

std::string suggest(std::string_view word, std::span<const std::string> known) {
  constexpr std::size_t kShown = 6;
  if (known.empty()) return {};
  if (const auto near = nearest(word, known); !near.empty()) return fmt::format("did you mean `{}`?", near);
  std::string text = "known: ";
  for (std::size_t i = 0; i < std::min(kShown, known.size()); ++i) {
    text += fmt::format("{}`{}`", i == 0 ? "" : ", ", known[i]);
  }
  if (known.size() > kShown) text += fmt::format(", … and {} more", known.size() - kShown);
  return text;
}

RunContext& run_context() noexcept {
  thread_local RunContext context;
  return context;
}

void bug(const char* condition, const char* sentence, const char* file, int line) noexcept {
  const auto& context = run_context();
  std::fprintf(stderr,
               "tvdsim: this is a bug in tvdsim, please report it.\n"
               "  %s\n"
               "  condition `%s` does not hold at %s:%d\n"
               "  version " TVDSIM_VERSION ", seed %llu, event %llu\n",
               sentence, condition, file, line, context.seed, context.event);
  std::fflush(stderr);
  std::abort();
}

}  // namespace tvdsim::sim
