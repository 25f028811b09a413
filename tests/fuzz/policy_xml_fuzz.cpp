// Policies in XML: read or refused with named findings; what is read survives being written, and strict is the narrower mode.
#include <cstdint>
#include <string>
#include <string_view>

#include "models/acm_io/canonical.hpp"
#include "models/acm_io/lint.hpp"
#include "models/acm_io/xml_reader.hpp"
#include "models/acm_io/xml_writer.hpp"
#include "sim/base/error.hpp"

using namespace tvdsim;

namespace {

constexpr std::string_view kFile = "policy.xml";

void check_findings(const sim::Findings& findings) {
  for (const sim::Finding& finding : findings.list()) {
    TVDSIM_ASSERT(finding.code.starts_with("TVD-3"), "a finding about a policy has a policy's code");
    TVDSIM_ASSERT(finding.where.starts_with(kFile), "a finding names the file");
    TVDSIM_ASSERT(!finding.message.empty(), "a finding says something");
  }
}

// Accepted? Then it can be written, and what was written says the same.
bool check_mode(std::string_view text, models::PolicyMode mode) {
  const models::LoadedPolicy loaded = models::load_policy_xml(text, kFile, mode);
  check_findings(loaded.findings);
  TVDSIM_ASSERT((loaded.policy == nullptr) == loaded.findings.any_error(),
                "refused if and only if there is an error");
  if (!loaded.policy) return false;

  sim::Findings findings;
  const auto def = models::parse_policy_xml(text, kFile, mode, findings);
  TVDSIM_ASSERT(def.has_value(), "what was loaded can be parsed");
  const std::string written = models::write_policy_xml(*def);
  const auto again = models::parse_policy_xml(written, kFile, mode, findings);
  TVDSIM_ASSERT(again.has_value(), "what was written can be read");
  TVDSIM_ASSERT(models::same_definitions(*def, *again), "what was written says the same");
  TVDSIM_ASSERT(models::policy_digest(*def) == models::policy_digest(*again), "and has the same digest");
  models::lint(*def, findings);
  check_findings(findings);
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const bool strict = check_mode(text, models::PolicyMode::strict);
  const bool xen33 = check_mode(text, models::PolicyMode::xen33);
  TVDSIM_ASSERT(!strict || xen33, "strict refuses more than xen33, never less");
  return 0;
}
