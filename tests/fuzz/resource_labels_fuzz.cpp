// Resource label files: read or refused with named findings; what is read survives being written, and each entry can be found,
// taken away and put back.
#include <cstdint>
#include <string>
#include <string_view>

#include "models/acm_io/label_name.hpp"
#include "models/acm_io/python_literal.hpp"
#include "models/acm_io/resource_labels.hpp"
#include "models/acm_io/resource_name.hpp"
#include "sim/base/error.hpp"

using namespace tvdsim;

namespace {

void check_findings(const sim::Findings& findings) {
  TVDSIM_ASSERT(findings.list().size() <= models::kMaxReported, "a text has no endless findings");
  for (const sim::Finding& finding : findings.list()) {
    TVDSIM_ASSERT(finding.code.starts_with("TVD-34"), "a finding about a label file has such a code");
    TVDSIM_ASSERT(finding.where.starts_with("r.py:"), "a finding names its place");
    TVDSIM_ASSERT(!finding.message.empty(), "a finding says something");
  }
}

void check_file(std::string_view text) {
  sim::Findings findings;
  const auto labels = models::read_resource_labels(text, "r.py", findings);
  check_findings(findings);
  TVDSIM_ASSERT(labels.has_value() == findings.list().empty(), "refused if and only if there is a finding");
  if (!labels) return;

  const std::string written = models::write_resource_labels(*labels);
  const auto again = models::read_resource_labels(written, "again", findings);
  TVDSIM_ASSERT(again.has_value() && *again == *labels, "what was written says the same");
  models::ResourceLabels changed = *labels;
  for (const models::ResourceEntry& entry : labels->entries()) {
    TVDSIM_ASSERT(changed.find(entry.resource) != nullptr, "what was read is found");
    TVDSIM_ASSERT(changed.change(entry.resource, entry.label, std::nullopt, false, findings), "and goes");
    TVDSIM_ASSERT(changed.find(entry.resource) == nullptr, "for good");
    TVDSIM_ASSERT(changed.change(entry.resource, std::nullopt, entry.label, false, findings),
                  "and comes back");
  }
  TVDSIM_ASSERT(changed == *labels && findings.list().empty(), "as it was");
}

// The same bytes as one name: of a label, of a resource.
void check_names(std::string_view text) {
  const models::ResourceName name = models::normalised_resource(text);
  TVDSIM_ASSERT(name.text.empty() != name.problem.empty(), "a resource has a name or a problem");
  if (!name.text.empty())
    TVDSIM_ASSERT(models::normalised_resource(name.text).text == name.text, "a normal name stays as it is");
  sim::Findings findings;
  const auto label = models::parse_label_name(text, "r.py:", models::LabelForms::full_or_older, findings);
  check_findings(findings);
  TVDSIM_ASSERT(label.has_value() == findings.list().empty(), "a label has a name or a problem");
  if (!label) return;
  const std::string written = models::write_label_name(*label);
  const auto again = models::parse_label_name(written, "r.py:", models::LabelForms::full, findings);
  TVDSIM_ASSERT(again == label, "what was written says the same");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_file(text);
  check_names(text);
  return 0;
}
