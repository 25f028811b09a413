#include "scenarios/run.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "pybind/core/bindings.hpp"
#include "scenarios/replay.hpp"

namespace py = pybind11;

namespace tvdsim::pybind {
namespace {

// Calls Python back; its exception ends the run and is raised when the run has ended.
struct Reporter {
  py::function report;
  std::exception_ptr failure;

  static void call(void* self, const scenarios::Progress& p) {
    auto& reporter = *static_cast<Reporter*>(self);
    if (reporter.failure) return;
    const py::gil_scoped_acquire gil;
    try {
      reporter.report(p.now.ns, p.until.ns, p.events, p.decisions, p.denied, p.wall_s);
    } catch (const py::error_already_set&) {
      reporter.failure = std::current_exception();
      stop_flag() = true;
    }
  }
};

std::string run(std::string_view json, std::string_view where, const std::string& out,
                const std::string& argv, bool store_events, const py::object& progress) {
  const auto spec = scenarios::read_spec(json, where);
  Reporter reporter;
  scenarios::RunOptions options;
  options.out = out;
  options.argv = argv;
  options.store_events = store_events;
  options.stop = &stop_flag();
  if (!progress.is_none()) {
    reporter.report = progress;
    options.progress = &Reporter::call;
    options.self = &reporter;
  }
  scenarios::RunResult result;
  {
    const py::gil_scoped_release free;
    result = scenarios::run(spec, options);
  }
  if (reporter.failure) std::rethrow_exception(reporter.failure);
  return scenarios::to_json(result);
}

py::tuple replay(const std::string& directory, const std::string& scratch) {
  scenarios::Replay answer;
  {
    const py::gil_scoped_release free;
    answer = scenarios::replay(directory, {.scratch = scratch, .stop = &stop_flag()});
  }
  return py::make_tuple(scenarios::to_json(answer), scenarios::to_text(answer));
}

void stop_on_signal(int number) {
  struct sigaction action {};
  action.sa_handler = [](int) { stop_flag() = true; };
  ::sigaction(number, &action, nullptr);
}

}  // namespace

std::atomic<bool>& stop_flag() noexcept {
  static std::atomic<bool> flag{false};
  return flag;
}

void bind_run(py::module_& m) {
  m.def("run", &run, py::arg("spec"), py::arg("where"), py::arg("out"), py::arg("argv"),
        py::arg("store_events"), py::arg("progress"));
  m.def("replay", &replay, py::arg("run"), py::arg("scratch"));
  m.def("stop_on_signal", &stop_on_signal, py::arg("number"));
  m.def("die_with_parent", [] { ::prctl(PR_SET_PDEATHSIG, SIGKILL); });
}

}  // namespace tvdsim::pybind
