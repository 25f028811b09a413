// Asks the enforcement core what its Python oracle is asked: policies and questions as lines on stdin, one answer each on stdout.
//
//   policy MODE / vm NAME STE WALL / res NAME STE / set NAME WALL / end    types with commas, `-` for none; answers to `end`
//   share KIND:NAME KIND:NAME    auth NAME NAME    host NAME    start ID NAME    stop ID
// `end` answers `ok` or the codes of the errors; `start` and `stop` answer verdict, running counts, excluded counts.
#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <optional>
#include <sstream>

#include "models/acm/monitor.hpp"

namespace {

using namespace tvdsim::models;

std::vector<std::string> types(const std::string& text) {
  std::vector<std::string> names;
  std::istringstream in(text == "-" ? "" : text);
  for (std::string name; std::getline(in, name, ',');) names.push_back(name);
  return names;
}

void add_new(std::vector<std::string>& all, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (std::ranges::find(all, name) == all.end()) all.push_back(name);
  }
}

class Driver {
 public:
  std::string answer(const std::string& line) {
    std::istringstream in(line);
    std::string verb, a, b, c;
    in >> verb >> a >> b >> c;
    if (verb == "policy") return begin(a), "";
    if (verb == "vm") return add(def_.vm_labels, a, types(b), types(c)), "";
    if (verb == "res") return add(def_.resource_labels, a, types(b), {}), "";
    if (verb == "set") return add_set(a, types(b)), "";
    if (verb == "end") return compile();
    if (!policy_) return "none";
    if (verb == "share") return policy_->shares(label(a), label(b)) ? "permit" : "deny";
    if (verb == "auth") return policy_->authorizes(label("vm:" + a), label("vm:" + b)) ? "permit" : "deny";
    if (verb == "host") return host(label("vm:" + a)), "ok";
    if (verb == "start") return start(VmId{static_cast<std::uint32_t>(std::stoul(a))}, label("vm:" + b));
    if (verb == "stop") return monitor_->stop(VmId{static_cast<std::uint32_t>(std::stoul(a))}), counts("ok");
    return "what?";
  }

 private:
  void begin(const std::string& mode) {
    def_ = {};
    def_.name = "drawn";
    def_.version = {1, 0};
    def_.has_ste = def_.has_wall = true;
    mode_ = mode == "strict" ? PolicyMode::strict : PolicyMode::xen33;
  }
  void add(std::vector<LabelDef>& labels, const std::string& name, std::vector<std::string> ste,
           std::vector<std::string> wall) {
    if (def_.bootstrap.empty()) def_.bootstrap = name;
    add_new(def_.ste_types, ste);
    add_new(def_.wall_types, wall);
    LabelDef label;
    label.name = name;
    label.ste = std::move(ste);
    label.wall = std::move(wall);
    labels.push_back(std::move(label));
  }
  void add_set(const std::string& name, std::vector<std::string> names) {
    add_new(def_.wall_types, names);
    ConflictSetDef set;
    set.name = name;
    set.types = std::move(names);
    def_.conflict_sets.push_back(std::move(set));
  }
  std::string compile() {
    tvdsim::sim::Findings findings;
    monitor_.reset();
    policy_ = Policy::compile(def_, mode_, {}, findings);
    std::string codes;
    for (const auto& f : findings.list()) {
      if (f.severity == tvdsim::sim::Severity::error && codes.find(f.code) == std::string::npos)
        codes += " " + f.code;
    }
    return policy_ ? "ok" : "refused" + codes;
  }
  LabelId label(const std::string& name) const {
    return name.starts_with("res:") ? policy_->find_resource_label(name.substr(4))
                                    : policy_->find_vm_label(name.substr(3));
  }
  void host(LabelId host) {
    monitor_.emplace(policy_, PolicyEpoch{0},
                     Monitor::Setup{.host = HostId{0}, .host_label = host, .modes = {}});
  }
  std::string start(VmId vm, LabelId label) {
    Ticket ticket = monitor_->check({.hook = Hook::vm_start,
                                     .host = HostId{0},
                                     .subject = vm,
                                     .subject_label = label,
                                     .object_label = monitor_->host_label()});
    ticket.commit();
    return counts(ticket ? "permit" : to_text(ticket.decision().rule));
  }
  std::string counts(std::string_view verdict) const {
    return fmt::format("{} {} {}", verdict, fmt::join(monitor_->wall().running(), ","),
                       fmt::join(monitor_->wall().excluded(), ","));
  }

  PolicyDef def_;
  PolicyMode mode_ = PolicyMode::strict;
  std::shared_ptr<const Policy> policy_;
  std::optional<Monitor> monitor_;
};

}  // namespace

int main() {
  Driver driver;
  for (std::string line; std::getline(std::cin, line);) {
    if (line == "flush")
      std::cout << std::flush;
    else if (const std::string answer = driver.answer(line); !answer.empty())
      std::cout << answer << '\n';
  }
}
