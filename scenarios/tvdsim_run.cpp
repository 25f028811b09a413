// tvdsim-run SPEC.json --out DIR [--json] [--check] [--store-events] [--quiet]: a Spec executed without Python.
//
// stdout is the result, stderr the talk. Exit 0: it ran (or the check is clean); 1: interrupted; 2: the input is wrong;
// 3: the world or tvdsim failed.
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "scenarios/run.hpp"
#include "scenarios/run_directory.hpp"
#include "sim/base/units.hpp"

namespace {

using namespace std::string_view_literals;
namespace scenarios = tvdsim::scenarios;
namespace sim = tvdsim::sim;

std::atomic<bool> stop{false};
extern "C" void on_interrupt(int) { stop.store(true); }

// As for ./tvdsim: a world that fails (a full disk) is the user's to mend, like an input; anything else is our bug.
constexpr int kFine = 0, kNo = 1, kInput = 2, kBug = 3;

constexpr std::string_view kUsage =
    "usage: tvdsim-run SPEC.json --out DIR [--json] [--store-events] [--quiet]\n"
    "       tvdsim-run SPEC.json --check [--json]\n";

struct Arguments {
  std::string spec, out, argv;
  bool json = false, check = false, quiet = false, store_events = false, help = false;
  std::string wrong;
};

void read_option(Arguments& arguments, std::string_view word, const std::vector<std::string>& words,
                 std::size_t& i) {
  if (word == "--json"sv) {
    arguments.json = true;
  } else if (word == "--check"sv) {
    arguments.check = true;
  } else if (word == "--quiet"sv) {
    arguments.quiet = true;
  } else if (word == "--store-events"sv) {
    arguments.store_events = true;
  } else if (word == "--help"sv || word == "-h"sv) {
    arguments.help = true;
  } else if (word == "--out"sv && i + 1 < words.size()) {
    arguments.out = words[++i];
  } else {
    arguments.wrong =
        word == "--out"sv ? "--out names no directory" : fmt::format("option `{}` is not known", word);
  }
}

Arguments read_arguments(const std::vector<std::string>& words) {
  Arguments arguments;
  arguments.argv = "tvdsim-run";
  for (const auto& word : words) arguments.argv += " " + word;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (word.starts_with('-')) {
      read_option(arguments, word, words, i);
    } else if (arguments.spec.empty()) {
      arguments.spec = word;
    } else {
      arguments.wrong = fmt::format("one Spec at a time: `{}` is a second", word);
    }
  }
  if (arguments.spec.empty() && arguments.wrong.empty()) arguments.wrong = "no Spec is named";
  if (arguments.out.empty() && !arguments.check && arguments.wrong.empty())
    arguments.wrong = "--out names no directory";
  return arguments;
}

void show_progress(void*, const scenarios::Progress& p) {
  const double share = static_cast<double>(p.now.ns) / static_cast<double>(p.until.ns);
  const double left = share > 0 ? p.wall_s * (1 - share) / share : 0;
  fmt::print(stderr,
             "\r  {:.3f} of {:.3f} s simulated · {:.1f} s, {:.0f} s left · {} decisions, {} denied   ",
             p.now.seconds(), p.until.seconds(), p.wall_s, left, p.decisions, p.denied);
  std::fflush(stderr);
}

void show_findings(const std::vector<sim::Finding>& findings, bool json) {
  for (const auto& finding : findings) fmt::print(stderr, "{}", sim::to_text(finding));
  if (json) fmt::print("{}\n", scenarios::findings_json(findings));
}

int check(const Arguments& arguments) {
  const auto findings =
      scenarios::check_text(scenarios::read_file(arguments.spec, "TVD-130"), arguments.spec);
  show_findings(findings, arguments.json);
  bool bad = false;
  for (const auto& finding : findings) bad |= finding.severity == sim::Severity::error;
  if (!arguments.json)
    fmt::print("{}\n", bad ? "refused" : findings.empty() ? "clean" : "clean, with warnings");
  return bad ? kInput : kFine;
}

int run(const Arguments& arguments) {
  const auto spec = scenarios::read_spec(scenarios::read_file(arguments.spec, "TVD-130"), arguments.spec);
  sim::Findings findings;
  scenarios::check_spec(spec, arguments.spec, findings);
  findings.throw_if_any();
  show_findings(findings.list(), false);
  scenarios::RunOptions options;
  options.out = arguments.out;
  options.argv = arguments.argv;
  options.store_events = arguments.store_events;
  options.stop = &stop;
  const bool talk = !arguments.quiet && ::isatty(STDERR_FILENO) == 1;
  if (talk) options.progress = &show_progress;
  const auto result = scenarios::run(spec, options);
  if (talk) fmt::print(stderr, "\n");
  if (!arguments.quiet) {
    fmt::print(stderr, "{} in {:.3f} s: {}/report.txt\n", result.status, result.wall_s, result.directory);
  }
  if (arguments.json) {
    fmt::print("{}\n", scenarios::to_json(result));
  } else {
    fmt::print("{} {} · {} events, {} decisions, {} denied, {} warned\n", result.status, result.fingerprint,
               result.events, result.decisions, result.denied, result.warned);
  }
  return result.status == "complete" ? kFine : kNo;
}

}  // namespace

int main(int argc, char** argv) {
  const auto arguments = read_arguments(std::vector<std::string>(argv + 1, argv + argc));
  if (arguments.help) {
    fmt::print("{}", kUsage);
    return kFine;
  }
  if (!arguments.wrong.empty()) {
    fmt::print(stderr, "error: {}\n{}", arguments.wrong, kUsage);
    return kInput;
  }
  std::signal(SIGINT, &on_interrupt);
  std::signal(SIGTERM, &on_interrupt);
  std::signal(SIGXFSZ, SIG_IGN);  // a file too big is an error of write(), not a death
  try {
    return arguments.check ? check(arguments) : run(arguments);
  } catch (const sim::InputError& error) {
    show_findings(error.findings(), arguments.json);
    return kInput;
  } catch (const sim::WorldError& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return kInput;
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return kBug;
  }
}
