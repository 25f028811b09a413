#include <fmt/format.h>

#include <algorithm>

#include "scenarios/json.hpp"
#include "scenarios/object_reader.hpp"
#include "scenarios/spec.hpp"
#include "scenarios/spec_fields.hpp"
#include "scenarios/spec_text.hpp"

namespace tvdsim::scenarios {
namespace {

// False when the text is of a version that cannot be read at all: then its fields say nothing.
bool known_version(const Json& json, std::string_view where, sim::Findings& findings) {
  const Json* version = json.find("tvdsim_spec");
  if (!version) {
    findings.error("TVD-104", place(where, ""), "field `tvdsim_spec` is missing: this is no Spec.",
                   fmt::format("\"tvdsim_spec\": {}", kSpecVersion));
    return true;  // the rest may well be a Spec: report what is wrong with it too
  }
  if (version->kind != Json::Kind::natural || version->natural == 0) {
    findings.error("TVD-103", place(where, "tvdsim_spec"),
                   fmt::format("tvdsim_spec={}: a version number is wanted.", shown(*version)),
                   fmt::format("\"tvdsim_spec\": {}", kSpecVersion));
    return true;
  }
  if (version->natural > static_cast<std::uint64_t>(kSpecVersion)) {
    findings.error("TVD-121", place(where, "tvdsim_spec"),
                   fmt::format("the Spec is of version {}; tvdsim {} reads up to version {}.",
                               version->natural, TVDSIM_VERSION, kSpecVersion),
                   "use a newer tvdsim");
    return false;
  }
  return true;
}

bool read_into(std::string_view text, std::string_view where, Spec& spec, sim::Findings& findings) {
  const Json json = parse_json(text, where, findings);
  const auto bad_json = [](const sim::Finding& finding) { return finding.code == "TVD-120"; };
  if (std::any_of(findings.list().begin(), findings.list().end(), bad_json)) return false;
  ObjectReader reader(json, where, "", findings);
  if (!reader.is_object() || !known_version(json, where, findings)) return false;
  reader.knows("tvdsim_spec");
  fields(reader, spec);
  reader.finish();
  return true;
}

}  // namespace

Spec read_spec(std::string_view json, std::string_view where) {
  sim::Findings findings;
  Spec spec;
  read_into(json, where, spec, findings);
  findings.throw_if_any();
  return spec;
}

std::vector<sim::Finding> check_text(std::string_view json, std::string_view where) {
  sim::Findings findings;
  Spec spec;
  // Meaning is looked at only when the form is right: a Spec with a field missing would give misleading findings.
  read_into(json, where, spec, findings);
  if (!findings.any_error()) check_spec(spec, where, findings);
  return findings.list();
}

std::string findings_json(const std::vector<sim::Finding>& findings) {
  Json list = Json::array();
  for (const auto& finding : findings) {
    Json one = Json::object();
    one.add("code", finding.code);
    one.add("severity", finding.severity == sim::Severity::error ? "error" : "warning");
    one.add("where", finding.where).add("message", finding.message).add("help", finding.help);
    list.items.push_back(std::move(one));
  }
  return to_line(list);
}

}  // namespace tvdsim::scenarios
