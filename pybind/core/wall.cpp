#include "models/acm/wall.hpp"

#include <fmt/format.h>
#include <pybind11/stl.h>

#include <map>

#include "pybind/core/answer.hpp"
#include "pybind/core/bindings.hpp"
#include "sim/base/error.hpp"

namespace py = pybind11;

namespace tvdsim::pybind {
namespace {

// A monitor whose only control is the wall; VMs are numbered as they come and known by their labels.
class HostWall {
 public:
  explicit HostWall(PolicyPtr policy)
      : policy_(std::move(policy)),
        monitor_(policy_, sim::PolicyEpoch{0}, only(sim::Control::wall, models::Policy::kBootstrap)) {}

  Answer start(std::string_view label) {
    const auto id = find_label(*policy_, label);
    const sim::VmId vm{next_};
    const sim::Request request{.hook = sim::Hook::vm_start,
                               .host = sim::HostId{0},
                               .subject = vm,
                               .subject_label = id,
                               .object_label = models::Policy::kBootstrap,
                               .object = 0};
    auto ticket = monitor_.check(request);
    const auto decision = ticket.decision();
    if (ticket) {
      ++next_;
      names_.emplace(vm, label);
      ticket.commit();
    }
    const auto other = names_.find(decision.other);
    return answer(*policy_, request, decision, other == names_.end() ? std::string_view() : other->second);
  }

  Answer stop(std::string_view label) {
    const auto id = find_label(*policy_, label);
    for (const auto& running : monitor_.running()) {
      if (running.label != id) continue;
      const auto vm = running.vm;
      monitor_.stop(vm);
      names_.erase(vm);
      return {"permit", "wall_free", fmt::format("a VM labelled `{}` stopped", label), "wall", ""};
    }
    throw sim::InputError(sim::Finding{
        "TVD-106", "wall", fmt::format("no VM labelled `{}` runs here, so none can stop.", label), {}});
  }

  std::vector<std::uint32_t> running() const {
    return {monitor_.wall().running().begin(), monitor_.wall().running().end()};
  }
  std::vector<std::uint32_t> excluded() const {
    return {monitor_.wall().excluded().begin(), monitor_.wall().excluded().end()};
  }

 private:
  PolicyPtr policy_;
  models::Monitor monitor_;
  std::map<sim::VmId, std::string> names_;
  std::uint32_t next_ = 0;
};

}  // namespace

void bind_wall(py::module_& m) {
  py::class_<HostWall>(m, "Wall")
      .def(py::init([](const std::shared_ptr<models::Policy>& policy) {
             return std::make_unique<HostWall>(policy);
           }),
           py::arg("policy"))
      .def("start", &HostWall::start, py::arg("label"))
      .def("stop", &HostWall::stop, py::arg("label"))
      .def("running", &HostWall::running)
      .def("excluded", &HostWall::excluded);
}

}  // namespace tvdsim::pybind
