// Plugged-in policies, kinds of hypervisors and places of decision, against oracles of a few lines, on random policies and requests.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "models/acm/bell_lapadula.hpp"
#include "models/acm/biba.hpp"
#include "tests/support/policies.hpp"

namespace tvdsim::models {
namespace {

using tests::Host;

tests::PolicyLines some_labels() {
  tests::PolicyLines lines{.vms = {{"sys", {"t0", "t1", "t2"}, {}}}};
  const int labels = *rc::gen::inRange(2, 7);
  for (int i = 0; i < labels; ++i) {
    std::vector<std::string> ste;
    for (int t = 0; t < 3; ++t) {
      if (*rc::gen::inRange(0, 3) > 0) ste.push_back("t" + std::to_string(t));
    }
    const std::string name = "l" + std::to_string(i);
    lines.vms.push_back({name, ste, {"w" + std::to_string(*rc::gen::inRange(0, 3))}});
    if (!ste.empty()) lines.resources.push_back({name + "_disk", {ste.front()}, {}});
  }
  lines.sets = {{"rivals", {"w0", "w1"}}};
  return lines;
}

// The oracle's clearance: how high, and what for.
struct Naive {
  int level = 0;
  std::set<std::string> categories;
  bool trusted = false;
};
bool dominates(const Naive& a, const Naive& b) {
  return a.level >= b.level && std::ranges::includes(a.categories, b.categories);
}

struct NaiveLattice {
  bool secrecy = true;  // Bell-LaPadula, else Biba
  std::map<std::string, Naive> of;

  bool permits(Hook hook, const std::string& subject, const std::string& object, sim::Flow flow) const {
    if (!of.contains(subject) || !of.contains(object)) return false;
    const Naive &one = of.at(subject), &two = of.at(object);
    if (hook == Hook::vm_start || hook == Hook::vm_resume || hook == Hook::vm_migrate_in)
      return dominates(two, one);
    if ((one.trusted && dominates(one, two)) || (two.trusted && dominates(two, one))) return true;
    const auto flows = [&](const Naive& from, const Naive& to) {
      return secrecy ? dominates(to, from) : dominates(from, to);
    };
    const bool reads = flow == sim::Flow::to_object || flows(two, one);
    const bool writes = flow == sim::Flow::to_subject || flows(one, two);
    return reads && writes;
  }
};

NaiveLattice random_lattice(const tests::PolicyLines& lines, bool secrecy, LatticeDef& def) {
  NaiveLattice naive{secrecy, {}};
  def.levels = {"L0", "L1", "L2"};
  const auto add = [&](const tests::LabelLine& label) {
    if (*rc::gen::inRange(0, 8) == 0) return;  // forgotten
    Naive one{*rc::gen::inRange(0, 3), {}, *rc::gen::inRange(0, 3) == 0};
    for (const char* category : {"x", "y"}) {
      if (*rc::gen::arbitrary<bool>()) one.categories.insert(category);
    }
    def.labels.push_back({label.name,
                          "L" + std::to_string(one.level),
                          {one.categories.begin(), one.categories.end()},
                          one.trusted});
    naive.of[label.name] = one;
  };
  for (const auto& label : lines.vms) add(label);
  for (const auto& label : lines.resources) add(label);
  return naive;
}

struct Asked {
  Request request;
  std::string subject, object;
};

Asked random_request(const Host& host, const tests::PolicyLines& lines) {
  const Policy& policy = host.monitor.policy();
  Asked asked;
  asked.subject = (*rc::gen::elementOf(lines.vms)).name;
  const Hook hook = *rc::gen::element(Hook::vm_start, Hook::vm_resume, Hook::vm_migrate_in,
                                      Hook::evtchn_alloc, Hook::evtchn_bind, Hook::grant_setup,
                                      Hook::grant_map, Hook::disk_attach, Hook::vlan_join);
  LabelId object;
  if (hook == Hook::disk_attach && !lines.resources.empty()) {
    asked.object = (*rc::gen::elementOf(lines.resources)).name;
    object = policy.find_resource_label(asked.object);
  } else {
    const bool life = hook == Hook::vm_start || hook == Hook::vm_resume || hook == Hook::vm_migrate_in;
    asked.object = life ? "sys" : (*rc::gen::elementOf(lines.vms)).name;
    object = policy.find_vm_label(asked.object);
  }
  asked.request = host.between(hook, policy.find_vm_label(asked.subject), object);
  asked.request.flow = *rc::gen::element(sim::Flow::both, sim::Flow::to_subject, sim::Flow::to_object);
  return asked;
}

// F-017
RC_GTEST_PROP(PluggedIn, TheCombinedDecisionIsTheConjunctionOfAllPolicies, ()) {
  const auto lines = some_labels();
  const auto policy = tests::compile(lines);
  auto blp = std::make_shared<LatticeDef>(), biba = std::make_shared<LatticeDef>();
  const auto secrecy = random_lattice(lines, true, *blp), integrity = random_lattice(lines, false, *biba);
  Monitor::Setup setup = Host::standard();
  setup.components = {std::make_shared<BellLaPadula>(blp), std::make_shared<Biba>(biba)};
  Host combined(policy, setup), core(policy);
  for (int i = 0; i < 40; ++i) {
    const auto asked = random_request(core, lines);
    const bool primary = static_cast<bool>(core.monitor.decide(asked.request));
    const bool first = secrecy.permits(asked.request.hook, asked.subject, asked.object, asked.request.flow);
    const bool second =
        integrity.permits(asked.request.hook, asked.subject, asked.object, asked.request.flow);
    const Decision decision = combined.monitor.decide(asked.request);
    RC_ASSERT(static_cast<bool>(decision) == (primary && first && second));
    if (!primary) RC_ASSERT(control_of(decision.rule) != Control::component);
    if (asked.request.hook == Hook::vm_start && decision) {
      // The wall moves on in both alike.
      combined.monitor.check(asked.request).commit();
      core.monitor.check(asked.request).commit();
    }
  }
}

// F-021
RC_GTEST_PROP(HypervisorKind, WhereAKindAsksItDecidesAsXenDoes, ()) {
  const auto lines = some_labels();
  const auto policy = tests::compile(lines);
  const auto kind = *rc::gen::element(HypervisorKind::rhype, HypervisorKind::phyp, HypervisorKind::l4,
                                      HypervisorKind::vmware);
  Monitor::Setup setup = Host::standard();
  setup.kind = kind;
  Host xen(policy), other(policy, setup);
  for (int i = 0; i < 40; ++i) {
    const auto asked = random_request(xen, lines);
    const Decision here = xen.monitor.decide(asked.request), there = other.monitor.decide(asked.request);
    if (mediation(kind, asked.request.hook) == Mediation::mediated) {
      RC_ASSERT(here == there);
      if (asked.request.hook == Hook::vm_start && here) {
        xen.monitor.check(asked.request).commit();
        other.monitor.check(asked.request).commit();
      }
    } else {
      RC_ASSERT(there.verdict == Verdict::deny);
    }
  }
}

}  // namespace
}  // namespace tvdsim::models
