#include "vtpm/evidence/ima_log.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sim/base/error.hpp"
#include "vtpm/evidence/ima_ascii.hpp"
#include "vtpm/evidence/reader.hpp"

namespace tvdsim::vtpm {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kLongestTemplateName = 255, kLongestLegacyName = 255;

std::string_view text_in(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// The data of template `ima` carry no length: 20 bytes of digest, then the name; hashed with the name filled up to 256.
void read_legacy_data(ImaEntry& entry, Reader& in) {
  const Bytes digest = in.take(20, "the file's digest");
  const std::uint32_t size = in.u32("the name's length");
  if (size == 0 || size > kLongestLegacyName) in.refuse("TVD-513", fmt::format("a name of {} bytes", size));
  const Bytes name = in.take(size, "the name");
  if (std::find(name.begin(), name.end(), 0) != name.end())
    in.refuse("TVD-513", "a name with a NUL in it, where the kernel writes its length without any");
  entry.data.assign(digest.begin(), digest.end());
  entry.data.insert(entry.data.end(), name.begin(), name.end());
  entry.data.resize(20 + 256);
}

ImaEntry read_binary_entry(Reader& in) {
  ImaEntry entry;
  entry.pcr = in.u32("the PCR");
  if (entry.pcr >= PcrBank::kCount) in.refuse("TVD-505", fmt::format("an entry for PCR {}", entry.pcr));
  entry.template_hash = Digest(in.take(20, "the template hash"));
  const std::uint32_t length = in.u32("the template name's length");
  if (length > kLongestTemplateName) in.refuse("TVD-512", fmt::format("a template name of {} bytes", length));
  const std::string_view name = text_in(in.take(length, "the template's name"));
  entry.shape = find_ima_template(name);
  if (!entry.shape) in.refuse("TVD-512", fmt::format("the template {:?} is not known", name));
  if (entry.shape->fields.front() == ImaField::d) {
    read_legacy_data(entry, in);
  } else {
    const Bytes data = in.take(in.u32("the size of the template data"), "the template data");
    entry.data.assign(data.begin(), data.end());
  }
  if (!tile_ima_fields(entry)) in.refuse("TVD-513", "the fields are not what the template prescribes");
  if (const auto fault = fault_of_ima_signature(entry.field(ImaField::sig))) {
    in.refuse("TVD-514", fmt::format("the signature of {:?} is not one: {}", entry.path(), *fault));
  }
  return entry;
}

[[noreturn]] void refuse_foreign(std::string message) {
  throw sim::InputError(sim::Finding{"TVD-511", "IMA log, byte 0", std::move(message),
                                     "expected binary_runtime_measurements or ascii_runtime_measurements",
                                     sim::Severity::error});
}

}  // namespace

Digest extended_by(const ImaEntry& entry, HashAlg bank, ImaFill fill) {
  if (entry.violation()) return Digest::filled(bank, 0xff);
  if (bank == HashAlg::sha1) return entry.template_hash;
  if (fill == ImaFill::rehash) return hash(bank, {entry.data});
  Digest padded = entry.template_hash;
  padded.size = static_cast<std::uint8_t>(digest_size(bank));
  return padded;
}

std::size_t ImaEntry::recorded_size() const noexcept {
  const bool legacy = shape->fields.front() == ImaField::d;
  return 4 + 20 + 4 + shape->name.size() + (legacy ? 20 + 4 + path().size() : 4 + data.size());
}

ImaLog ImaLog::parse(Bytes bytes) {
  ImaLog log;
  log.read(bytes);
  return log;
}

ImaLog ImaLog::parse_beginning(Bytes bytes) {
  ImaLog log;
  try {
    log.read(bytes);
  } catch (const sim::InputError& error) {
    const sim::Finding& finding = error.findings().front();
    log.fault_ = finding.where + ": " + finding.message;
  }
  return log;
}

void ImaLog::read(Bytes bytes) {
  if (bytes.empty()) refuse_foreign("the log is empty");
  ascii_ = bytes[0] == ' ' || (bytes[0] >= '0' && bytes[0] <= '9');
  if (ascii_) {
    std::string_view rest = text_in(bytes);
    for (std::size_t number = 1; !rest.empty(); ++number) {
      const auto end = rest.find('\n');
      entries_.push_back(parse_ima_line(rest.substr(0, end), number));
      rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    }
    return;
  }
  // A binary log's first four bytes are a PCR's number.
  if (bytes[0] >= PcrBank::kCount || bytes.size() < 4 || bytes[1] || bytes[2] || bytes[3]) {
    refuse_foreign("these bytes are not an IMA log");
  }
  Reader in(bytes, "IMA log");
  while (!in.done()) {
    in.begin("entry", entries_.size());
    entries_.push_back(read_binary_entry(in));
  }
}

Digest ImaLog::replay(HashAlg bank, std::size_t upto, ImaFill fill, std::uint32_t pcr) const {
  PcrBank pcrs(bank);
  for (std::size_t i = 0; i < std::min(upto, entries_.size()); ++i) {
    if (entries_[i].pcr == pcr) pcrs.extend(pcr, extended_by(entries_[i], bank, fill).view());
  }
  return pcrs.value(pcr);
}

std::vector<Digest> ImaLog::replays(HashAlg bank, ImaFill fill, std::uint32_t pcr) const {
  PcrBank pcrs(bank);
  std::vector<Digest> out{pcrs.value(pcr)};
  out.reserve(entries_.size() + 1);
  for (const ImaEntry& entry : entries_) {
    if (entry.pcr == pcr) pcrs.extend(pcr, extended_by(entry, bank, fill).view());
    out.push_back(pcrs.value(pcr));
  }
  return out;
}

std::optional<std::size_t> ImaLog::prefix_for(HashAlg bank, const Digest& value, ImaFill fill,
                                              std::uint32_t pcr) const {
  PcrBank pcrs(bank);
  if (pcrs.value(pcr) == value) return 0;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].pcr != pcr) continue;
    pcrs.extend(pcr, extended_by(entries_[i], bank, fill).view());
    if (pcrs.value(pcr) == value) return i + 1;
  }
  return std::nullopt;
}

std::optional<std::size_t> ImaLog::first_bad() const {
  const auto bad = std::find_if(entries_.begin(), entries_.end(),
                                [](const ImaEntry& e) { return !e.violation() && !e.hash_matches(); });
  if (bad == entries_.end()) return std::nullopt;
  return static_cast<std::size_t>(bad - entries_.begin());
}

const ImaEntry* ImaLog::boot_aggregate() const noexcept {
  return !entries_.empty() && entries_.front().path() == "boot_aggregate" ? &entries_.front() : nullptr;
}

}  // namespace tvdsim::vtpm
