// Served TPMs, for Python: a fleet of its own, one server per TPM.
#include <fmt/format.h>
#include <pybind11/stl.h>

#include <chrono>
#include <memory>

#include "pybind/core/bindings.hpp"
#include "sim/base/error.hpp"
#include "vtpm/device/commands.hpp"
#include "vtpm/served/fleet_tpm.hpp"
#include "vtpm/served/served_tpm.hpp"

namespace py = pybind11;

namespace tvdsim::pybind {
namespace {

using Clock = std::chrono::steady_clock;
using Place = std::tuple<std::string, std::string, int>;    // control path, data path, port or -1
using State = std::tuple<py::bytes, py::bytes, py::bytes>;  // permanent, running, digest

std::vector<std::uint8_t> bytes_of_text(const py::bytes& bytes) {
  const std::string_view text = bytes;
  return {text.begin(), text.end()};
}
template <class Range>
py::bytes text_of(const Range& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

vtpm::TpmState state_of(const State& given) {
  vtpm::TpmState out{bytes_of_text(std::get<0>(given)), bytes_of_text(std::get<1>(given)), {}};
  const std::string_view digest = std::get<2>(given);
  if (digest.size() != out.digest.size())
    throw sim::WorldError("loading a TPM state", "state_digest", "its digest is not 32 bytes");
  std::copy(digest.begin(), digest.end(), out.digest.begin());
  return out;
}

class Servers {
 public:
  // `states`: one per TPM, or none at all. `began_ns`: what the clocks show first; with `ticking` they go with the machine's.
  Servers(const std::vector<std::string>& names, std::uint64_t seed, unsigned workers,
          const std::vector<Place>& places, const std::vector<State>& states, bool powered, bool ticking,
          std::int64_t began_ns)
      : fleet_({.seed = seed, .workers = workers}), shared_(fleet_), ticking_(ticking), began_ns_(began_ns) {
    std::vector<vtpm::TpmState> given;
    given.reserve(states.size());
    for (const State& state : states) given.push_back(state_of(state));
    const py::gil_scoped_release free;
    for (std::size_t i = 0; i < names.size(); ++i) {
      const vtpm::TpmId id = fleet_.create(names[i]);
      tpms_.push_back(std::make_unique<vtpm::FleetTpm>(shared_, id, [this] { return sim::Time{now_ns()}; }));
      if (!given.empty()) tpms_[i]->load(given[i]);
      if (given.empty() || given[i].running.empty()) start(*tpms_[i]);
    }
    for (std::size_t i = 0; i < names.size(); ++i) {
      const auto& [control, data, port] = places[i];
      vtpm::ServedTpmSetup setup{.control_path = control, .data_path = data, .powered = powered};
      if (port >= 0) setup.port = static_cast<std::uint16_t>(port);
      servers_.push_back(std::make_unique<vtpm::ServedTpm>(*tpms_[i], setup));
    }
  }

  void stop() {
    const py::gil_scoped_release free;
    for (auto& server : servers_) server->stop();
  }
  // Are all of them over, at the latest after so many milliseconds?
  bool wait(int most_ms) {
    const py::gil_scoped_release free;
    const auto until = Clock::now() + std::chrono::milliseconds(most_ms);
    for (const auto& server : servers_) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now());
      if (!server->wait_for(std::max(left, std::chrono::milliseconds(0)))) return false;
    }
    return true;
  }
  int port(std::size_t tpm) const { return servers_.at(tpm)->port(); }
  std::string failure(std::size_t tpm) const { return servers_.at(tpm)->failure(); }
  py::dict counts(std::size_t tpm) const {
    const vtpm::ServedCounts counts = servers_.at(tpm)->counts();
    py::dict out;
    out["clients"] = counts.clients;
    out["commands"] = counts.commands;
    out["controls"] = counts.controls;
    out["refused"] = counts.refused;
    out["dropped"] = counts.dropped;
    return out;
  }
  State state(std::size_t tpm) {
    vtpm::TpmState out;
    {
      const py::gil_scoped_release free;
      out = tpms_.at(tpm)->save();
    }
    return {text_of(out.permanent), text_of(out.running), text_of(out.digest)};
  }
  std::int64_t now_ns() const {
    if (!ticking_) return began_ns_;
    return began_ns_ + std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - begun_).count();
  }
  bool deterministic() const { return fleet_.deterministic(); }

 private:
  static void start(vtpm::FleetTpm& tpm) {
    vtpm::expect_success(tpm.execute(vtpm::startup_command(vtpm::StartupType::clear)), "TPM2_Startup");
  }

  vtpm::TpmFleet fleet_;
  vtpm::SharedFleet shared_;
  bool ticking_;
  std::int64_t began_ns_;
  Clock::time_point begun_ = Clock::now();
  std::vector<std::unique_ptr<vtpm::FleetTpm>> tpms_;
  std::vector<std::unique_ptr<vtpm::ServedTpm>> servers_;
};

}  // namespace

void bind_served(py::module_& m) {
  py::class_<Servers>(m, "TpmServers")
      .def(py::init<const std::vector<std::string>&, std::uint64_t, unsigned, const std::vector<Place>&,
                    const std::vector<State>&, bool, bool, std::int64_t>(),
           py::arg("names"), py::arg("seed"), py::arg("workers"), py::arg("places"), py::arg("states"),
           py::arg("powered"), py::arg("ticking"), py::arg("began_ns"))
      .def("stop", &Servers::stop)
      .def("wait", &Servers::wait, py::arg("most_ms"))
      .def("port", &Servers::port, py::arg("tpm"))
      .def("failure", &Servers::failure, py::arg("tpm"))
      .def("counts", &Servers::counts, py::arg("tpm"))
      .def("state", &Servers::state, py::arg("tpm"))
      .def("now_ns", &Servers::now_ns)
      .def("deterministic", &Servers::deterministic);
}

}  // namespace tvdsim::pybind
