// Policies in Xen's binary format: refused with one finding, or read to tables that are written again as the same bytes.
#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "models/acm_io/binary_reader.hpp"
#include "models/acm_io/binary_writer.hpp"
#include "models/acm_io/map_file.hpp"
#include "sim/base/error.hpp"

using namespace tvdsim;

namespace {

constexpr std::string_view kFile = "policy.bin";

void check_codes(const sim::Findings& findings) {
  for (const sim::Finding& finding : findings.list())
    TVDSIM_ASSERT(finding.code.starts_with("TVD-33"), "a finding about a binary has a binary's code");
}

void check_findings(const sim::Findings& findings) {
  check_codes(findings);
  for (const sim::Finding& finding : findings.list()) {
    TVDSIM_ASSERT(finding.where.starts_with("policy.bin, byte "), "a finding names the byte");
    TVDSIM_ASSERT(!finding.message.empty(), "a finding says something");
  }
}

void check_table(const models::TypeTable& table) {
  TVDSIM_ASSERT(table.cells.size() == std::size_t{table.rows} * table.types, "a table has all its cells");
  for (const std::uint8_t cell : table.cells) TVDSIM_ASSERT(cell <= 1, "a cell is 0 or 1");
}

// A map with other names, types or order than its binary's is never taken.
void check_foreign_maps(const models::BinaryPolicy& binary, const models::PolicyMap& map) {
  const auto refused = [&](const models::PolicyMap& foreign) {
    sim::Findings findings;
    TVDSIM_ASSERT(!models::binary_definitions(binary, &foreign, kFile, findings),
                  "a foreign map does not fit");
    check_codes(findings);
  };
  models::PolicyMap foreign = map;
  foreign.policy += "x";
  refused(foreign);
  foreign = map;
  foreign.wall_types.emplace_back("x");
  refused(foreign);
  foreign = map;
  (foreign.rows[1].wall.empty() ? foreign.rows[1].wall.emplace_back(map.wall_types[0])
                                : foreign.rows[1].wall[0])
      .append("x");
  refused(foreign);
  if (map.vm_labels < 4) return;
  foreign = map;
  std::swap(foreign.rows[2].label, foreign.rows[3].label);
  refused(foreign);
}

// The policy that the tables make, with its own map beside it, is the same policy.
void check_map(const models::Policy& policy, const models::BinaryPolicy& binary,
               std::span<const std::uint8_t> bytes) {
  std::string text;
  try {
    text = models::write_policy_map(policy);
  } catch (const sim::InputError&) {
    return;  // a policy's name may have a blank in it, and a map's may not
  }
  sim::Findings findings;
  const models::PolicyMap map = models::read_policy_map(text, "policy.map", findings);
  TVDSIM_ASSERT(findings.list().empty(), "a map that was written is read without a finding");
  check_foreign_maps(binary, map);
  const auto named = models::compile_binary(binary, &map, models::PolicyMode::xen33, kFile, findings);
  TVDSIM_ASSERT(named != nullptr, "and fits the binary that it was written with");
  TVDSIM_ASSERT(std::ranges::equal(models::write_policy_binary(*named, binary.hash), bytes),
                "which is compiled to the same bytes again");
}

models::BinaryPolicy read(std::span<const std::uint8_t> bytes, models::PolicyMode mode, bool& good) {
  sim::Findings findings;
  const models::BinaryPolicy binary = models::read_policy_binary(bytes, kFile, findings, mode);
  check_findings(findings);
  check_table(binary.ste);
  check_table(binary.wall);
  check_table(binary.conflicts);
  good = !findings.any_error();
  if (good) {
    TVDSIM_ASSERT(mode == models::PolicyMode::xen33 || findings.list().empty(),
                  "strict has nothing to warn of");
    sim::Findings of_meaning;
    (void)models::compile_binary(binary, nullptr, mode, kFile, of_meaning);
  } else {
    TVDSIM_ASSERT(binary == models::BinaryPolicy{}, "what is refused is not half read");
  }
  return binary;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span bytes(data, size);
  bool strict = false, xen33 = false;
  const models::BinaryPolicy binary = read(bytes, models::PolicyMode::strict, strict);
  const models::BinaryPolicy lenient = read(bytes, models::PolicyMode::xen33, xen33);
  TVDSIM_ASSERT(!strict || xen33, "strict refuses more than xen33, never less");
  if (!strict) return 0;
  TVDSIM_ASSERT(binary == lenient, "and reads the same");
  sim::Findings findings;
  const auto policy = models::compile_binary(binary, nullptr, models::PolicyMode::xen33, kFile, findings);
  if (!policy) return 0;
  TVDSIM_ASSERT(std::ranges::equal(models::write_policy_binary(*policy, binary.hash), bytes),
                "strict reads nothing but what the compiler writes");
  check_map(*policy, binary, bytes);
  return 0;
}
