// Specs: every text is refused with named findings, or is a Spec whose canonical form reads back as itself.
#include <cstdint>
#include <string>
#include <string_view>

#include "scenarios/spec.hpp"
#include "sim/base/error.hpp"

using namespace tvdsim;

namespace {

constexpr std::string_view kFile = "spec.json";

void check_findings(const std::vector<sim::Finding>& findings) {
  for (const sim::Finding& finding : findings) {
    TVDSIM_ASSERT(finding.code.starts_with("TVD-"), "a finding has a code");
    TVDSIM_ASSERT(finding.where.starts_with(kFile), "a finding names the file");
    TVDSIM_ASSERT(!finding.message.empty(), "a finding says something");
  }
  // Whatever bytes the text held, the findings are JSON that another program can read.
  TVDSIM_ASSERT(scenarios::findings_json(findings).starts_with('['), "findings print as JSON");
}

bool any_error(const std::vector<sim::Finding>& findings) {
  for (const sim::Finding& finding : findings)
    if (finding.severity == sim::Severity::error) return true;
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto findings = scenarios::check_text(text, kFile);
  check_findings(findings);
  try {
    const scenarios::Spec spec = scenarios::read_spec(text, kFile);
    const std::string canonical = scenarios::write_spec(spec);
    TVDSIM_ASSERT(scenarios::write_spec(scenarios::read_spec(canonical, kFile)) == canonical,
                  "the canonical form is its own");
    TVDSIM_ASSERT(scenarios::spec_hash(spec).size() == 64, "a Spec has a hash");
  } catch (const sim::InputError& refused) {
    TVDSIM_ASSERT(any_error(findings), "what cannot be read is not clean either");
    check_findings(refused.findings());
  }
  return 0;
}
