// Lists of reference values: read or refused by name, in every format; what is read can be written as a manifest and read again.
//
// The input's first byte is the format (modulo 5; 4: whatever its bytes look like), the rest the list.
#include <algorithm>

#include "models/attestation/reference_lists.hpp"
#include "sim/base/error.hpp"

using namespace tvdsim;

namespace {

using models::ReferenceChange;
using models::ReferenceFormat;

void check(const ReferenceChange& change) {
  TVDSIM_ASSERT(change.digest.size == vtpm::digest_size(change.alg), "a digest of its algorithm's size");
  const bool note = change.what == ReferenceChange::What::annotate;
  TVDSIM_ASSERT(note ? !change.text.empty() : !change.name.empty(), "every statement is about something");
  TVDSIM_ASSERT(models::annotation_standing(models::to_text(change.standing)) == change.standing,
                "what is said has a word");
  TVDSIM_ASSERT(models::reference_kind(models::to_text(change.kind)) == change.kind, "a kind has a word");
}

void read(std::string_view text, ReferenceFormat format) {
  TVDSIM_ASSERT(models::reference_format(models::to_text(format)) == format, "a format has a word");
  const models::ReferenceList list = models::read_references(text, format, "list");
  TVDSIM_ASSERT(!list.changes.empty(), "a list that is read says something");
  for (const ReferenceChange& change : list.changes) check(change);
  const models::ReferenceList again =
      models::read_references(models::write_manifest(list), ReferenceFormat::manifest, "again");
  TVDSIM_ASSERT(again.source == list.source && again.changes == list.changes,
                "a manifest is read back as it was");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto format =
      data[0] % 5 == 4 ? models::guess_reference_format(text) : static_cast<ReferenceFormat>(data[0] % 5);
  try {
    read(text, format);
  } catch (const sim::InputError& error) {
    TVDSIM_ASSERT(error.findings().size() == 1, "one finding");
    const sim::Finding& finding = error.findings().front();
    TVDSIM_ASSERT(!finding.where.empty() && !finding.message.empty() && !finding.help.empty(),
                  "a refusal says where, what and how else");
  }
  return 0;
}
