// May two tenants share, and may rivals run beside each other? With the enforcement core alone.
#include <cstdio>

#include "models/acm/monitor.hpp"

using namespace tvdsim;

int main() {
  models::PolicyDef def;
  def.name = "two-banks";
  def.version = {1, 0};
  def.has_ste = def.has_wall = true;
  def.ste_types = def.wall_types = {"acme", "bolt", "sys"};
  def.conflict_sets = {{"rivals", {"acme", "bolt"}}};
  for (const char* name : {"acme", "bolt"}) def.vm_labels.push_back({name, {name}, {name}});
  def.vm_labels.push_back({"sys", {"acme", "bolt", "sys"}, {"sys"}});
  def.bootstrap = "sys";

  sim::Findings findings;
  const auto policy = models::Policy::compile(def, models::PolicyMode::strict, {}, findings);
  findings.throw_if_any();
  const auto acme = policy->find_vm_label("acme"), bolt = policy->find_vm_label("bolt"),
             sys = policy->find_vm_label("sys");
  std::printf("acme shares with sys: %d, with bolt: %d\n", policy->shares(acme, sys),
              policy->shares(acme, bolt));

  models::Monitor monitor(policy, sim::PolicyEpoch{0},
                          {.host = sim::HostId{0}, .host_label = sys, .modes = {}});
  const auto start = [&](unsigned vm, sim::LabelId label) {
    sim::Request request{sim::Hook::vm_start, sim::HostId{0}, sim::VmId{vm}, label, sys, 0};
    auto ticket = monitor.check(request);
    std::printf("VM %u: %s\n", vm, sim::to_text(ticket.decision().verdict).data());
    if (ticket) ticket.commit();
  };
  start(1, acme);
  start(2, bolt);
  monitor.stop(sim::VmId{1});
  start(2, bolt);
}
