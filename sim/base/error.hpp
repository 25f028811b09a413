// The four kinds of bad news, kept apart.
//
//   a refusal     a Decision value (sim/base/decision.hpp): an answer, not an error
//   your input    InputError: every finding at once, thrown before anything runs
//   the world     WorldError: a disk that is full, a library that returned a code; carries the code's own name
//   our bug       TVDSIM_ASSERT: abort, with version, seed and event number, and "please report"
//
// Cost       nothing until something is wrong.
// Threads    all functions may be called from any thread.
// Source     codes and sentences: sim/base/errors.def, the one table of them.
#pragma once

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace tvdsim::sim {

enum class Severity : unsigned char { error, warning };

// The rows of errors.def: docs/errors.md is written from them, and Findings takes no other code.
struct ErrorInfo {
  std::string_view code;  // "TVD-101"
  std::string_view name, what;
};
const std::vector<ErrorInfo>& error_infos();

// One thing wrong with what the user wrote: one sentence, the value as written, one way out.
struct Finding {
  std::string code;     // "TVD-101": a row of errors.def
  std::string where;    // "policy.xml:12:5", "vms[3].label", "two_tenants.py:21"
  std::string message;  // one sentence with the value as written
  std::string help;     // one way out, or empty
  Severity severity = Severity::error;
  friend bool operator==(const Finding&, const Finding&) = default;
};

// "error[TVD-101] label `acm` is not defined.\n  --> spec.json vms[0].label\n  help: did you mean `acme`?\n"
std::string to_text(const Finding& finding);

class InputError : public std::runtime_error {
 public:
  explicit InputError(std::vector<Finding> findings);
  explicit InputError(Finding finding);
  const std::vector<Finding>& findings() const noexcept { return findings_; }

 private:
  std::vector<Finding> findings_;
};

class WorldError : public std::runtime_error {
 public:
  // what: what we were doing; name: the failing code's own name ("ENOSPC", "TPM_RC_INITIALIZE", "SQLITE_FULL").
  WorldError(std::string_view what, std::string_view name, std::string_view help = {});
  const std::string& name() const noexcept { return name_; }
  const std::string& help() const noexcept { return help_; }

 private:
  std::string name_, help_;
};

// Collects findings; throw_if_any() throws InputError when one of them is an error.
class Findings {
 public:
  void error(std::string_view code, std::string where, std::string message, std::string help = {});
  void warning(std::string_view code, std::string where, std::string message, std::string help = {});
  bool any_error() const noexcept;
  const std::vector<Finding>& list() const noexcept { return list_; }
  void throw_if_any() const;

 private:
  std::vector<Finding> list_;
};

// The known word nearest to `word` (Damerau-Levenshtein distance <= a third of its length, at least 1), or "".
std::string nearest(std::string_view word, std::span<const std::string> known);

// "did you mean `acme`?", or "known: `a`, `b`, … and 7 more", or "" when nothing is known.
std::string suggest(std::string_view word, std::span<const std::string> known);

// What the abort message of TVDSIM_ASSERT names; the runner keeps it current.
struct RunContext {
  unsigned long long seed = 0;
  unsigned long long event = 0;
};
RunContext& run_context() noexcept;  // one per thread

[[noreturn]] void bug(const char* condition, const char* sentence, const char* file, int line) noexcept;

}  // namespace tvdsim::sim

#define TVDSIM_ASSERT(cond, sentence) \
  ((cond) ? void(0) : ::tvdsim::sim::bug(#cond, sentence, __FILE__, __LINE__))
