#include <pybind11/stl.h>

#include <nlohmann/json.hpp>

#include "models/emulation/guest_stand.hpp"
#include "pybind/core/answer.hpp"
#include "pybind/core/bindings.hpp"
#include "sim/base/error.hpp"

namespace py = pybind11;

namespace tvdsim::pybind {
namespace {

using Json = nlohmann::json;

// The place of a word in a table of rows that have names; an unknown word is the user's.
template <class Rows, class NameOf>
std::size_t place(const std::string& word, const std::string& where, const Rows& rows, NameOf name_of) {
  std::vector<std::string> known;
  for (const auto& row : rows) {
    known.emplace_back(name_of(row));
    if (known.back() == word) return known.size() - 1;
  }
  throw sim::InputError(
      sim::Finding{"TVD-101", where, "`" + word + "` is none of them.", sim::suggest(word, known)});
}

std::size_t place(const std::string& word, const std::string& where,
                  std::initializer_list<const char*> words) {
  return place(word, where, words, [](const char* name) { return name; });
}

sim::ControlModes modes_of(const Json& controls) {
  constexpr std::string_view kNames[] = {
#define CONTROL(name, stops, without) #name,
#include "sim/base/controls.def"
#undef CONTROL
  };
  sim::ControlModes modes;
  for (const auto& [name, mode] : controls.items()) {
    const auto control = place(name, "controls", kNames, [](std::string_view row) { return row; });
    modes.set(static_cast<sim::Control>(control),
              static_cast<sim::ControlMode>(
                  place(mode.get<std::string>(), "controls." + name, {"off", "monitor", "on"})));
  }
  return modes;
}

models::GuestStandSetup setup_of(const PolicyPtr& policy, const Json& from) {
  const auto text = [&](const char* key) { return from.at(key).get<std::string>(); };
  models::GuestStandSetup out;
  out.policy = policy;
  out.controls = modes_of(from.at("controls"));
  out.name = text("name");
  out.label = text("label");
  out.host_label = text("host_label");
  for (const auto& row : from.at("neighbours")) out.neighbours.emplace_back(row.at(0), row.at(1));
  const auto hypercalls = models::hypercall_infos();
  for (const auto& row : from.at("calls")) {
    const auto op = place(row.at(0).get<std::string>(), "calls", hypercalls,
                          [](const models::HypercallInfo& info) { return info.name; });
    out.calls.push_back({static_cast<models::HypercallOp>(op), row.at(1), row.at(2), row.at(3)});
  }
  out.words = text("words");
  out.quantum = {from.at("quantum_ns").get<std::int64_t>()};
  out.until = {from.at("until_ns").get<std::int64_t>()};
  out.seed = from.at("seed").get<std::uint64_t>();
  out.guest.image = text("image");
  out.guest.plugin = text("plugin");
  out.guest.qemu = models::find_qemu();
  out.guest.machine = static_cast<models::GuestMachine>(place(text("machine"), "machine", {"microvm", "pc"}));
  out.guest.gate = static_cast<models::GuestGate>(place(text("gate"), "gate", {"timer", "insn"}));
  out.guest.tpm = static_cast<models::GuestTpm>(place(text("tpm"), "tpm", {"none", "tis", "crb"}));
  return out;
}

Json pcrs(const std::map<std::uint32_t, vtpm::Digest>& values) {
  Json out = Json::array();
  for (const auto& [pcr, value] : values) out.push_back({pcr, vtpm::to_hex(value.view())});
  return out;
}

std::string to_json(const models::GuestReport& report) {
  Json out;
  out["command_line"] = report.command_line;
  out["expected"] = pcrs(report.expected);
  out["read"] = pcrs(report.read);
  out["held"] = pcrs(report.held);
  out["parts"] = out["calls"] = out["events"] = Json::array();
  for (const auto& part : report.parts)
    out["parts"].push_back({part.pcr, part.name, vtpm::to_hex(part.sha256.view())});
  for (const auto& call : report.calls) {
    out["calls"].push_back({call.at.ns, call.name, call.other, models::to_text(call.result), call.reason});
  }
  for (const auto& event : report.events) {
    out["events"].push_back({event.at.ns, models::to_text(event.kind), event.instructions, event.a, event.b});
  }
  out["said"] = report.said;
  out["fingerprint"] = report.fingerprint;
  out["tpm_failure"] = report.tpm_failure;
  out["tpm_commands"] = report.tpm_commands;
  out["status"] = report.status;
  out["state"] = report.state;
  out["started_ns"] = report.started.ns;
  out["instructions"] = report.figures.instructions;
  out["overshoot"] = report.figures.overshoot;
  out["stops"] = report.figures.stops;
  out["exact"] = report.figures.exact;
  out["deterministic"] = report.figures.deterministic;
  return out.dump();
}

}  // namespace

void bind_guest(py::module_& m) {
  m.def("find_qemu", &models::find_qemu);
  m.def(
      "run_guest",
      [](const std::shared_ptr<models::Policy>& policy, const std::string& setup) {
        const auto read = setup_of(policy, Json::parse(setup));
        const py::gil_scoped_release free;
        return to_json(models::run_guest(read));
      },
      py::arg("policy"), py::arg("setup"));
}

}  // namespace tvdsim::pybind
