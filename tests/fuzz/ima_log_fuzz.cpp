// IMA logs: read or refused by name; a binary log that is read can be written again, byte for byte.
#include "sim/base/error.hpp"
#include "vtpm/evidence/coverage.hpp"
#include "vtpm/evidence/ima_log.hpp"

using namespace tvdsim;

namespace {

using Bytes = std::vector<std::uint8_t>;

void put(Bytes& out, std::span<const std::uint8_t> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}
void put(Bytes& out, std::string_view text) { out.insert(out.end(), text.begin(), text.end()); }
void put(Bytes& out, std::size_t number) {
  for (unsigned shift = 0; shift < 32; shift += 8) out.push_back(static_cast<std::uint8_t>(number >> shift));
}

Bytes written_again(const vtpm::ImaLog& log) {
  Bytes out;
  for (const vtpm::ImaEntry& entry : log.entries()) {
    put(out, std::size_t{entry.pcr});
    put(out, entry.template_hash.view());
    put(out, entry.shape->name.size());
    put(out, entry.shape->name);
    if (entry.shape->name == "ima") {
      put(out, entry.digest());
      put(out, entry.path().size());
      put(out, entry.path());
    } else {
      put(out, entry.data.size());
      put(out, std::span<const std::uint8_t>(entry.data));
    }
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const vtpm::ImaLog beginning = vtpm::ImaLog::parse_beginning({data, size});
  if (!beginning.ascii() && size > 0) {
    for (const std::size_t believed : {std::size_t{0}, std::size_t{1}, SIZE_MAX}) {
      std::size_t covered = 0;
      for (const vtpm::CoverRange& range : vtpm::coverage_of_ima_log({data, size}, believed))
        covered += range.size;
      TVDSIM_ASSERT(covered == size, "every byte has its cover");
    }
  }
  try {
    const vtpm::ImaLog log = vtpm::ImaLog::parse({data, size});
    TVDSIM_ASSERT(beginning.fault().empty() && beginning.entries().size() == log.entries().size(),
                  "a log that can be read begins with all of it");
    for (const vtpm::ImaEntry& entry : log.entries()) {
      TVDSIM_ASSERT(!entry.digest().empty() && !entry.algorithm().empty(),
                    "an entry says which digest its file had");
      if (const auto signature = entry.signature())
        TVDSIM_ASSERT(!signature->signature.empty(), "a signature is not empty");
    }
    for (const vtpm::HashAlg alg : {vtpm::HashAlg::sha1, vtpm::HashAlg::sha256}) {
      const vtpm::Digest whole = log.replay(alg);
      TVDSIM_ASSERT(log.prefix_for(alg, whole).has_value(), "the whole log is one of its prefixes");
    }
    std::size_t recorded = 0;
    for (const vtpm::ImaEntry& entry : log.entries()) recorded += entry.recorded_size();
    TVDSIM_ASSERT(log.ascii() || recorded == size, "the entries take the whole log");
    TVDSIM_ASSERT(log.replays(vtpm::HashAlg::sha256).back() == log.replay(vtpm::HashAlg::sha256),
                  "the last prefix is the log");
    log.replay(vtpm::HashAlg::sha512, SIZE_MAX, vtpm::ImaFill::padded_sha1);
    const auto bad = log.first_bad();
    TVDSIM_ASSERT(!bad || !log.entries()[*bad].violation(), "a violation has no hash that could be wrong");
    TVDSIM_ASSERT(!log.boot_aggregate() || log.boot_aggregate() == log.entries().data(),
                  "the boot aggregate comes first");
    TVDSIM_ASSERT(log.ascii() || written_again(log) == Bytes(data, data + size),
                  "a binary log is written again as it was");
  } catch (const sim::InputError& error) {
    TVDSIM_ASSERT(!beginning.fault().empty(), "what cannot be read has its fault");
    TVDSIM_ASSERT(error.findings().size() == 1 && error.findings()[0].code.starts_with("TVD-5"),
                  "a refusal has its name");
  }
  return 0;
}
