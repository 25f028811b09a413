#include "vtpm/evidence/pcr_values.hpp"

#include <fmt/format.h>

#include "sim/base/error.hpp"
#include "vtpm/evidence/reader.hpp"
#include "vtpm/evidence/writer.hpp"

namespace tvdsim::vtpm {
namespace {

// The C structures of tpm2-tools, as they lie in memory of a little-endian machine.
constexpr std::size_t kSelections =
    16;  // TPML_PCR_SELECTION: u32 count, then 16 of {u16 hash, u8 size, u8[4], pad}
constexpr std::size_t kDigestsEach = 8;   // TPML_DIGEST: u32 count, then 8 of {u16 size, u8[64]}
constexpr std::uint32_t kMostLists = 64;  // more than all PCRs of all banks need

std::vector<PcrSelection> read_selections(Reader& in) {
  std::vector<PcrSelection> out;
  const std::uint32_t count = in.u32("the number of selections");
  if (count > kSelections)
    in.refuse("TVD-525", fmt::format("{} PCR selections", count), "the file of `tpm2_quote -o`");
  for (std::size_t i = 0; i < kSelections; ++i) {
    PcrSelection one;
    const std::uint16_t id = in.u16("a selection's bank");
    one.size = in.u8("a selection's size");
    one.mask = in.u32("a selection");
    in.take(1, "padding");
    if (i >= count) continue;
    one.bank = static_cast<HashAlg>(id);
    if (!digest_size(one.bank)) in.refuse("TVD-525", fmt::format("bank {:#06x} is not known", id));
    if (one.size > 4) in.refuse("TVD-525", fmt::format("a selection of {} bytes", one.size));
    if (one.size < 4) one.mask &= (1u << (8 * one.size)) - 1;
    if (one.mask >> PcrBank::kCount) in.refuse("TVD-525", "it selects a PCR above 23");
    out.push_back(one);
  }
  return out;
}

std::vector<Digest> read_digests(Reader& in) {
  std::vector<Digest> out;
  const std::uint32_t lists = in.u32("the number of digest lists");
  if (lists > kMostLists) in.refuse("TVD-525", fmt::format("{} lists of digests", lists));
  for (std::uint32_t list = 0; list < lists; ++list) {
    const std::uint32_t count = in.u32("the number of digests");
    if (count > kDigestsEach) in.refuse("TVD-525", fmt::format("{} digests in a list of 8", count));
    for (std::size_t i = 0; i < kDigestsEach; ++i) {
      const std::uint16_t size = in.u16("a digest's size");
      const auto bytes = in.take(kMaxDigest, "a digest");
      if (i >= count) continue;
      if (size > kMaxDigest) in.refuse("TVD-525", fmt::format("a digest of {} bytes", size));
      out.push_back(Digest(bytes.first(size)));
    }
  }
  return out;
}

}  // namespace

PcrValues pcr_values(const PcrBank& bank, std::uint32_t mask) {
  PcrValues out;
  auto& values = out[bank.alg()];
  for (std::uint32_t pcr = 0; pcr < PcrBank::kCount; ++pcr) {
    if (mask >> pcr & 1) values.emplace(pcr, bank.value(pcr));
  }
  return out;
}

PcrValues read_pcr_dump(std::span<const std::uint8_t> bytes) {
  Reader in(bytes, "PCR file", "TVD-525");
  const auto selections = read_selections(in);
  const auto digests = read_digests(in);
  if (!in.done()) in.refuse("TVD-525", fmt::format("{} bytes follow the digests", in.rest().size()));
  PcrValues out;
  std::size_t next = 0;
  for (const PcrSelection& selection : selections) {
    auto& values = out[selection.bank];
    for (std::uint32_t pcr = 0; pcr < PcrBank::kCount; ++pcr) {
      if (!selection.covers(pcr)) continue;
      if (next == digests.size()) in.refuse("TVD-525", "it selects more PCRs than it holds digests");
      const Digest& digest = digests[next++];
      if (digest.size != digest_size(selection.bank)) {
        in.refuse("TVD-525",
                  fmt::format("PCR {} of {} has {} bytes", pcr, to_text(selection.bank), digest.size));
      }
      if (!values.emplace(pcr, digest).second) {
        in.refuse("TVD-525", fmt::format("PCR {} of {} is there twice", pcr, to_text(selection.bank)));
      }
    }
  }
  if (next != digests.size()) in.refuse("TVD-525", "it holds more digests than it selects PCRs");
  return out;
}

std::vector<std::uint8_t> write_pcr_dump(std::span<const PcrSelection> selections, const PcrValues& values) {
  TVDSIM_ASSERT(selections.size() <= kSelections, "at most 16 selections fit");
  std::vector<std::uint8_t> bytes;
  ByteWriter out(bytes);
  std::vector<Digest> digests;
  out.u32(selections.size());
  for (const PcrSelection& selection : selections) {
    out.u16(static_cast<std::uint16_t>(selection.bank));
    out.u8(selection.size);
    out.u32(selection.mask);
    out.u8(0);
    for (std::uint32_t pcr = 0; pcr < PcrBank::kCount; ++pcr) {
      if (selection.covers(pcr)) digests.push_back(values.at(selection.bank).at(pcr));
    }
  }
  out.zeros(8 * (kSelections - selections.size()));
  const std::size_t lists = (digests.size() + kDigestsEach - 1) / kDigestsEach;
  out.u32(lists);
  for (std::size_t list = 0; list < lists; ++list) {
    const std::size_t first = list * kDigestsEach, count = std::min(kDigestsEach, digests.size() - first);
    out.u32(count);
    for (std::size_t i = 0; i < kDigestsEach; ++i) {
      const Digest digest = i < count ? digests[first + i] : Digest{};
      out.u16(digest.size);
      out.bytes(digest.bytes);
    }
  }
  return bytes;
}

}  // namespace tvdsim::vtpm
