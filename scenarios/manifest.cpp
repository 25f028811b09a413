#include "scenarios/manifest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "models/acm_io/canonical.hpp"
#include "scenarios/build.hpp"
#include "scenarios/build_info.hpp"
#include "scenarios/json.hpp"
#include "scenarios/run_directory.hpp"
#include "scenarios/spec_text.hpp"
#include "sim/engine/flow_engine.hpp"
#include "vtpm/device/tpm.hpp"

namespace tvdsim::scenarios {
namespace {

[[noreturn]] void no_manifest(const std::string& path, std::string message) {
  throw sim::InputError(
      sim::Finding{"TVD-130", path, std::move(message), "name a run directory, or its manifest.json"});
}

bool flag_of(const Json& json, std::string_view name) {
  const Json* found = json.find(name);
  return found && found->kind == Json::Kind::boolean && found->boolean;
}

Json facts_json(const std::vector<DecisionLogFacts>& logs) {
  Json all = Json::array();
  for (const auto& log : logs) {
    Json one = Json::object();
    one.add("host", log.host)
        .add("files", log.files)
        .add("entries", log.entries)
        .add("decisions", log.decisions);
    one.add("lost", log.lost).add("anchors", log.anchors).add("chain", log.chain);
    if (!log.pcr.empty()) one.add("pcr12_sha256", log.pcr);
    all.items.push_back(std::move(one));
  }
  return all;
}

template <class Each>
void each_member(const Json& json, std::string_view name, Each each) {
  if (const Json* found = json.find(name)) {
    for (const auto& [key, value] : found->members) each(key, value);
  }
}

}  // namespace

Manifest begin_manifest(const Spec& spec, std::string_view argv, const std::vector<sim::Finding>& warnings) {
  const auto& build = build_info();
  Manifest manifest;
  manifest.version = build.version;
  manifest.commit = build.commit;
  manifest.compiler = build.compiler;
  manifest.flags = build.flags;
  manifest.libraries = build.libraries;
  manifest.name = spec.name;
  manifest.spec_hash = spec_hash(spec);
  manifest.argv = argv;
  manifest.seed = spec.seed;
  manifest.until = spec.until;
  sim::Findings ignored;  // run() has reported them
  for (const auto& policy : compile_policies(spec, spec.name, ignored)) {
    if (!policy) continue;
    const auto& def = policy->def();
    manifest.policies.push_back({def.name, fmt::format("{}.{}", def.version.major, def.version.minor),
                                 models::to_hex(policy->digest())});
  }
  manifest.flow_backend =
      sim::choose_flow_backend(&manifest.flow_backend_reason) == sim::FlowBackend::shim ? "shim" : "comm";
  const auto rooted = [](const auto& machine) {
    if constexpr (requires { machine.vtpm; })
      return machine.vtpm;
    else
      return machine.tpm;
  };
  if (std::any_of(spec.hosts.begin(), spec.hosts.end(), rooted) ||
      std::any_of(spec.vms.begin(), spec.vms.end(), rooted)) {
    manifest.tpm_path = vtpm::TpmFleet::default_path();
    manifest.deterministic = manifest.tpm_path == "private";
  }
  manifest.tpm_workers = spec.tpm_workers;
  manifest.warnings = warnings;
  return manifest;
}

std::string to_json(const Manifest& manifest) {
  Json all = Json::object();
  all.add("tvdsim_run", std::uint64_t{kRunVersion}).add("status", manifest.status);
  if (!manifest.error.empty()) all.add("error", manifest.error);
  all.add("fingerprint", manifest.fingerprint).add("name", manifest.name).add("seed", manifest.seed);
  all.add("spec_hash", manifest.spec_hash)
      .add("until_ns", manifest.until.ns)
      .add("reached_ns", manifest.reached.ns);
  Json policies = Json::array();
  for (const auto& policy : manifest.policies) {
    Json one = Json::object();
    policies.items.push_back(
        std::move(one.add("name", policy.name).add("version", policy.version).add("digest", policy.digest)));
  }
  all.add("policies", std::move(policies));
  all.add("events", manifest.events).add("decisions", manifest.decisions);
  all.add("denied", manifest.denied).add("warned", manifest.warned);
  Json counts = Json::object();
  for (const auto& [table, count] : manifest.counts) counts.add(table, count);
  all.add("counts", std::move(counts));
  if (!manifest.decision_logs.empty()) all.add("decision_logs", facts_json(manifest.decision_logs));
  sim::Findings ignored;
  all.add("warnings", parse_json(findings_json(manifest.warnings), "", ignored));
  all.add("tvdsim", manifest.version).add("commit", manifest.commit);
  all.add("compiler", manifest.compiler).add("flags", manifest.flags);
  Json libraries = Json::object();
  for (const auto& [name, version] : manifest.libraries) libraries.add(name, version);
  all.add("libraries", std::move(libraries));
  if (!manifest.tpm_path.empty())
    all.add("tpm_path", manifest.tpm_path).add("tpm_workers", manifest.tpm_workers);
  all.add("deterministic", manifest.deterministic).add("flow_backend", manifest.flow_backend);
  if (!manifest.flow_backend_reason.empty()) all.add("flow_backend_reason", manifest.flow_backend_reason);
  all.add("argv", manifest.argv).add("wall_s", manifest.wall_s);
  return to_text(all);
}

std::string run_directory_of(std::string_view run) {
  const std::filesystem::path path(run);
  if (std::filesystem::is_directory(path)) return path.string();
  const auto parent = path.parent_path();
  return parent.empty() ? std::string(".") : parent.string();
}

Manifest read_manifest(std::string_view run) {
  const auto path = std::filesystem::is_directory(std::filesystem::path(run))
                        ? fmt::format("{}/manifest.json", run)
                        : std::string(run);
  sim::Findings findings;
  const Json json = parse_json(read_file(path, "TVD-130"), path, findings);
  findings.throw_if_any();
  const auto version = json.natural_of("tvdsim_run");
  if (version == 0) no_manifest(path, "this is no manifest of a run.");
  if (version > static_cast<std::uint64_t>(kRunVersion)) {
    throw sim::InputError(
        sim::Finding{"TVD-602", path,
                     fmt::format("the run directory is of form {}; tvdsim {} reads up to form {}.", version,
                                 TVDSIM_VERSION, kRunVersion),
                     "use a newer tvdsim"});
  }
  Manifest manifest;
  manifest.status = json.text_of("status");
  manifest.error = json.text_of("error");
  manifest.version = json.text_of("tvdsim");
  manifest.commit = json.text_of("commit");
  manifest.compiler = json.text_of("compiler");
  manifest.flags = json.text_of("flags");
  manifest.name = json.text_of("name");
  manifest.spec_hash = json.text_of("spec_hash");
  manifest.argv = json.text_of("argv");
  manifest.flow_backend = json.text_of("flow_backend");
  manifest.flow_backend_reason = json.text_of("flow_backend_reason");
  manifest.fingerprint = json.text_of("fingerprint");
  manifest.seed = json.natural_of("seed");
  manifest.until.ns = static_cast<std::int64_t>(json.natural_of("until_ns"));
  manifest.reached.ns = static_cast<std::int64_t>(json.natural_of("reached_ns"));
  manifest.events = json.natural_of("events");
  manifest.decisions = json.natural_of("decisions");
  manifest.denied = json.natural_of("denied");
  manifest.warned = json.natural_of("warned");
  manifest.deterministic = flag_of(json, "deterministic");
  manifest.tpm_path = json.text_of("tpm_path");
  manifest.tpm_workers = static_cast<std::uint32_t>(json.natural_of("tpm_workers"));
  each_member(json, "libraries", [&](const std::string& name, const Json& value) {
    manifest.libraries.emplace_back(name, value.text);
  });
  each_member(json, "counts", [&](const std::string& name, const Json& value) {
    manifest.counts.emplace_back(name, value.natural);
  });
  if (const Json* policies = json.find("policies")) {
    for (const auto& policy : policies->items) {
      manifest.policies.push_back({std::string(policy.text_of("name")),
                                   std::string(policy.text_of("version")),
                                   std::string(policy.text_of("digest"))});
    }
  }
  if (const Json* wall = json.find("wall_s")) manifest.wall_s = wall->real;
  return manifest;
}

}  // namespace tvdsim::scenarios
