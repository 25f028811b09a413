#include "vtpm/evidence/ima_log_writer.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sim/base/error.hpp"
#include "vtpm/evidence/writer.hpp"

namespace tvdsim::vtpm {
namespace {

using Bytes = std::span<const std::uint8_t>;
using Buffer = std::vector<std::uint8_t>;

// Template data of ima-ng or ima-sig: each field with its size before it.
Buffer template_data(std::string_view path, HashAlg alg, Bytes digest, const Bytes* signature) {
  const std::string_view name = to_text(alg);
  Buffer data;
  ByteWriter out(data);
  out.u32(name.size() + 2 + digest.size());
  out.text(name);
  out.u8(':');
  out.u8(0);
  out.bytes(digest);
  out.u32(path.size() + 1);
  out.text(path);
  out.u8(0);
  if (signature) {
    out.u32(signature->size());
    out.bytes(*signature);
  }
  return data;
}

std::string ascii_digest(Bytes field) {  // "sha256:\0" and the digest -> "sha256:<hex>"
  const auto nul = std::find(field.begin(), field.end(), 0);
  const auto start = static_cast<std::size_t>(nul - field.begin());
  if (nul == field.end()) return to_hex(field);
  return std::string(field.begin(), nul) + to_hex(field.subspan(start + 1));
}

std::string ascii_field(const ImaEntry& entry, ImaField kind) {
  const Bytes field = entry.field(kind);
  switch (kind) {
    case ImaField::d_ng:
    case ImaField::d_ngv2:
    case ImaField::d_modsig:
      return field.empty() ? std::string() : ascii_digest(field);
    case ImaField::n:
    case ImaField::n_ng: {
      std::string name(entry.path());
      std::replace(name.begin(), name.end(), ' ', '_');
      return name;
    }
    case ImaField::d:
    case ImaField::sig:
    case ImaField::buf:
    case ImaField::modsig:
      return to_hex(field);
  }
  return {};
}

}  // namespace

ImaLogWriter::ImaLogWriter(std::span<const HashAlg> banks, bool signatures, std::uint32_t pcr)
    : banks_(banks.begin(), banks.end()), signatures_(signatures), pcr_(pcr) {
  TVDSIM_ASSERT(pcr < PcrBank::kCount, "a PC client TPM has PCRs 0 to 23");
}

std::span<const LogDigest> ImaLogWriter::append(Buffer data, bool violation) {
  const Digest sha1 = violation ? Digest::filled(HashAlg::sha1, 0) : hash(HashAlg::sha1, {data});
  ByteWriter out(bytes_);
  out.u32(pcr_);
  out.bytes(sha1.view());
  const std::string_view name = signatures_ ? "ima-sig" : "ima-ng";
  out.u32(name.size());
  out.text(name);
  out.u32(data.size());
  out.bytes(data);
  ++size_;
  last_.clear();
  for (const HashAlg bank : banks_) {
    last_.push_back({static_cast<std::uint16_t>(bank), violation               ? Digest::filled(bank, 0xff)
                                                       : bank == HashAlg::sha1 ? sha1
                                                                               : hash(bank, {data})});
  }
  return last_;
}

std::span<const LogDigest> ImaLogWriter::boot_aggregate(const PcrBank& pcrs) {
  TVDSIM_ASSERT(size_ == 0, "the boot aggregate is the first entry");
  const Digest digest = vtpm::boot_aggregate(pcrs);
  return file("boot_aggregate", pcrs.alg(), digest.view());
}

std::span<const LogDigest> ImaLogWriter::file(std::string_view path, HashAlg alg, Bytes digest,
                                              Bytes signature) {
  TVDSIM_ASSERT(!path.empty() && path.find('\0') == std::string_view::npos, "a file has a path");
  TVDSIM_ASSERT(digest.size() == digest_size(alg), "a digest has its algorithm's size");
  TVDSIM_ASSERT(signatures_ || signature.empty(), "ima-ng has no place for a signature");
  return append(template_data(path, alg, digest, signatures_ ? &signature : nullptr), false);
}

std::span<const LogDigest> ImaLogWriter::violation(std::string_view path, HashAlg alg) {
  TVDSIM_ASSERT(!path.empty() && path.find('\0') == std::string_view::npos, "a file has a path");
  const Digest none = Digest::filled(alg, 0);
  const Bytes nothing;
  return append(template_data(path, alg, none.view(), signatures_ ? &nothing : nullptr), true);
}

std::string ascii_ima_log(std::span<const ImaEntry> entries) {
  std::string out;
  for (const ImaEntry& entry : entries) {
    out += fmt::format("{} {} {}", entry.pcr, to_hex(entry.template_hash.view()), entry.shape->name);
    for (const ImaField kind : entry.shape->fields) out += ' ' + ascii_field(entry, kind);
    out += '\n';
  }
  return out;
}

}  // namespace tvdsim::vtpm
