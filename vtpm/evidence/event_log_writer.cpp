#include "vtpm/evidence/event_log_writer.hpp"

#include <algorithm>

#include "sim/base/error.hpp"
#include "vtpm/evidence/writer.hpp"

namespace tvdsim::vtpm {
namespace {

using Bytes = std::span<const std::uint8_t>;
using namespace std::string_view_literals;

Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

std::vector<LogDigest> measure(std::span<const HashAlg> banks, Bytes bytes) {
  std::vector<LogDigest> out;
  out.reserve(banks.size());
  for (const HashAlg bank : banks) out.push_back({static_cast<std::uint16_t>(bank), hash(bank, {bytes})});
  return out;
}

std::vector<LogDigest> measure(std::span<const HashAlg> banks, std::string_view bytes) {
  return measure(banks, bytes_of(bytes));
}

EventLogWriter::EventLogWriter(std::span<const HashAlg> banks) : banks_(banks.begin(), banks.end()) {
  TVDSIM_ASSERT(!banks_.empty() && banks_.size() <= std::size(kHashAlgs), "a TPM has one to four banks");
  std::vector<std::uint8_t> header;
  ByteWriter out(header);
  out.text("Spec ID Event03\0"sv);
  out.u32(0);  // platform class: client
  for (const std::uint8_t v : {std::uint8_t{0}, std::uint8_t{2}, std::uint8_t{0}})
    out.u8(v);  // 2.0, errata 0
  out.u8(2);    // UINTN of eight bytes
  out.u32(banks_.size());
  for (std::size_t i = 0; i < banks_.size(); ++i) {
    TVDSIM_ASSERT(std::find(banks_.begin(), banks_.begin() + static_cast<std::ptrdiff_t>(i), banks_[i]) ==
                      banks_.begin() + static_cast<std::ptrdiff_t>(i),
                  "a TPM has each bank once");
    out.u16(static_cast<std::uint16_t>(banks_[i]));
    out.u16(static_cast<std::uint16_t>(digest_size(banks_[i])));
  }
  out.u8(0);  // no vendor information

  ByteWriter log(bytes_);  // the header event itself has the form of TPM 1.2's logs
  log.u32(0);
  log.u32(kNoAction);
  log.zeros(digest_size(HashAlg::sha1));
  log.u32(header.size());
  log.bytes(header);
}

void EventLogWriter::startup_locality(std::uint8_t locality) {
  TVDSIM_ASSERT(locality == 0 || locality == 3 || locality == 4,
                "TPM2_Startup comes from locality 0, 3 or 4");
  std::vector<LogDigest> none;
  for (const HashAlg bank : banks_)
    none.push_back({static_cast<std::uint16_t>(bank), Digest::filled(bank, 0)});
  std::vector<std::uint8_t> data;
  ByteWriter out(data);
  out.text("StartupLocality\0"sv);
  out.u8(locality);
  record(0, kNoAction, std::move(none), data);
}

const std::vector<LogDigest>& EventLogWriter::record(std::uint32_t pcr, std::uint32_t type,
                                                     std::vector<LogDigest> digests, Bytes data) {
  TVDSIM_ASSERT(pcr < PcrBank::kCount, "a PC client TPM has PCRs 0 to 23");
  TVDSIM_ASSERT(digests.size() == banks_.size(), "an event has a digest for each bank");
  ByteWriter out(bytes_);
  out.u32(pcr);
  out.u32(type);
  out.u32(digests.size());
  for (std::size_t i = 0; i < digests.size(); ++i) {
    TVDSIM_ASSERT(digests[i].alg == static_cast<std::uint16_t>(banks_[i]) &&
                      digests[i].value.size == digest_size(banks_[i]),
                  "an event's digests are in the banks' order");
    out.u16(digests[i].alg);
    out.bytes(digests[i].value.view());
  }
  out.u32(data.size());
  out.bytes(data);
  last_ = std::move(digests);
  return last_;
}

const std::vector<LogDigest>& EventLogWriter::record(std::uint32_t pcr, std::uint32_t type,
                                                     std::vector<LogDigest> digests, std::string_view data) {
  return record(pcr, type, std::move(digests), bytes_of(data));
}

const std::vector<LogDigest>& EventLogWriter::separator(std::uint32_t pcr) {
  return record(pcr, EventType::EV_SEPARATOR, measure(banks_, "\0\0\0\0"sv), "\0\0\0\0"sv);
}

}  // namespace tvdsim::vtpm
