// Measurement logs and quotes, for Python: bytes in, plain values out.
#include <fmt/format.h>
#include <pybind11/stl.h>

#include <optional>

#include "pybind/core/bindings.hpp"
#include "sim/base/error.hpp"
#include "vtpm/evidence/event_log.hpp"
#include "vtpm/evidence/ima_log.hpp"
#include "vtpm/evidence/quote.hpp"

namespace py = pybind11;

namespace tvdsim::pybind {
namespace {

using Bytes = std::span<const std::uint8_t>;
// By bank and PCR, in hex.
using HexPcrs = std::map<std::string, std::map<std::uint32_t, std::string>>;

Bytes view(const py::bytes& bytes) {
  const std::string_view text = bytes;
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
py::bytes copy(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// A path is bytes to Linux: what is not UTF-8 comes through as Python's own file names do.
py::str path_text(std::string_view path) {
  return py::reinterpret_steal<py::str>(
      PyUnicode_DecodeUTF8(path.data(), static_cast<Py_ssize_t>(path.size()), "surrogateescape"));
}

[[noreturn]] void refuse(std::string code, std::string where, std::string message, std::string help = {}) {
  throw sim::InputError(sim::Finding{std::move(code), std::move(where), std::move(message), std::move(help),
                                     sim::Severity::error});
}

vtpm::HashAlg bank_of(std::string_view name, const char* where) {
  if (const auto alg = vtpm::hash_by_name(name)) return *alg;
  std::vector<std::string> known;
  for (const vtpm::HashAlg alg : vtpm::kHashAlgs) known.emplace_back(vtpm::to_text(alg));
  refuse("TVD-101", where, fmt::format("`{}` is no bank of a TPM.", name), sim::suggest(name, known));
}

std::string alg_name(std::uint16_t id) {
  const auto alg = static_cast<vtpm::HashAlg>(id);
  return vtpm::digest_size(alg) ? std::string(vtpm::to_text(alg)) : fmt::format("{:#06x}", id);
}

vtpm::PcrValues values_of(const HexPcrs& pcrs) {
  vtpm::PcrValues out;
  for (const auto& [name, values] : pcrs) {
    const vtpm::HashAlg bank = bank_of(name, "pcrs");
    for (const auto& [pcr, hex] : values) {
      const std::string where = fmt::format("pcrs[\"{}\"][{}]", name, pcr);
      const auto bytes = vtpm::from_hex(hex);
      if (!bytes || bytes->size() != vtpm::digest_size(bank))
        refuse("TVD-103", where, fmt::format("`{}` is no {} digest in hex.", hex, name));
      if (pcr >= vtpm::PcrBank::kCount) refuse("TVD-103", where, "a TPM has PCRs 0 to 23.");
      out[bank][pcr] = vtpm::Digest(*bytes);
    }
  }
  return out;
}

HexPcrs hex_of(const vtpm::PcrValues& values) {
  HexPcrs out;
  for (const auto& [bank, pcrs] : values) {
    auto& named = out[std::string(vtpm::to_text(bank))];
    for (const auto& [pcr, digest] : pcrs) named[pcr] = vtpm::to_hex(digest.view());
  }
  return out;
}

HexPcrs replay(const vtpm::EventLog& log) {
  HexPcrs out;
  for (const vtpm::PcrBank& bank : log.replay()) {
    auto& named = out[std::string(vtpm::to_text(bank.alg()))];
    for (std::uint32_t pcr = 0; pcr < vtpm::PcrBank::kCount; ++pcr) {
      if (bank.touched(pcr)) named[pcr] = vtpm::to_hex(bank.value(pcr).view());
    }
  }
  return out;
}

// pcr, type, name, digests by algorithm, data, offset.
py::list events(const vtpm::EventLog& log) {
  py::list out;
  for (const vtpm::LogEvent& event : log.events()) {
    std::map<std::string, std::string> digests;
    for (const vtpm::LogDigest& d : event.digests) digests[alg_name(d.alg)] = vtpm::to_hex(d.value.view());
    out.append(py::make_tuple(event.pcr, event.type, std::string(vtpm::event_type_name(event.type)),
                              vtpm::event_name(event), digests, copy(event.data), event.offset));
  }
  return out;
}

// pcr, template hash, template, algorithm, digest, path, violation, does the hash match, signature.
py::list entries(const vtpm::ImaLog& log) {
  py::list out;
  for (const vtpm::ImaEntry& entry : log.entries()) {
    out.append(py::make_tuple(entry.pcr, vtpm::to_hex(entry.template_hash.view()),
                              std::string(entry.shape->name), std::string(entry.algorithm()),
                              vtpm::to_hex(entry.digest()), path_text(entry.path()), entry.violation(),
                              entry.violation() || entry.hash_matches(),
                              vtpm::to_hex(entry.field(vtpm::ImaField::sig))));
  }
  return out;
}

vtpm::ImaFill fill_of(bool padded) { return padded ? vtpm::ImaFill::padded_sha1 : vtpm::ImaFill::rehash; }

std::string ima_replay(const vtpm::ImaLog& log, const std::string& bank, std::optional<std::size_t> upto,
                       bool padded) {
  return vtpm::to_hex(log.replay(bank_of(bank, "bank"), upto.value_or(SIZE_MAX), fill_of(padded)).view());
}

std::optional<std::size_t> ima_prefix(const vtpm::ImaLog& log, const std::string& bank,
                                      const std::string& value, bool padded) {
  const vtpm::PcrValues one = values_of({{bank, {{10, value}}}});
  return log.prefix_for(one.begin()->first, one.begin()->second.begin()->second, fill_of(padded));
}

std::optional<std::string> boot_aggregate(const vtpm::ImaLog& log) {
  const vtpm::ImaEntry* first = log.boot_aggregate();
  return first ? std::optional(vtpm::to_hex(first->digest())) : std::nullopt;
}

// What a quote says, whether or not anybody signed it.
py::dict statement(const vtpm::Quote& quote) {
  const vtpm::QuoteStatement& said = quote.statement();
  py::dict out;
  out["tpm12"] = quote.tpm12();
  out["nonce"] = copy(said.extra_data);
  out["pcr_digest"] = vtpm::to_hex(said.pcr_digest.view());
  out["qualified_signer"] = vtpm::to_hex(said.qualified_signer);
  out["clock_ms"] = said.clock_ms;
  out["reset_count"] = said.reset_count;
  out["restart_count"] = said.restart_count;
  out["safe"] = said.safe;
  out["firmware_version"] = said.firmware_version;
  py::dict selection;  // in the quote's order, which its digest follows
  for (const vtpm::PcrSelection& s : said.selection) {
    const py::str bank{std::string(vtpm::to_text(s.bank))};
    if (!selection.contains(bank)) selection[bank] = py::list();
    const py::list covered = selection[bank];
    for (std::uint32_t pcr = 0; pcr < vtpm::PcrBank::kCount; ++pcr) {
      if (s.covers(pcr)) covered.attr("append")(pcr);
    }
  }
  out["selection"] = selection;
  using vtpm::SignatureScheme;
  const SignatureScheme scheme = quote.signature().scheme;
  out["scheme"] = scheme == SignatureScheme::ecdsa    ? "ecdsa"
                  : scheme == SignatureScheme::rsapss ? "rsapss"
                                                      : "rsassa";
  out["hash"] = std::string(vtpm::to_text(quote.signature().hash));
  return out;
}

// reason, bank, pcr, expected, got, detail.
py::tuple verify(const vtpm::Quote& quote, const py::bytes& key, const py::bytes& nonce,
                 const HexPcrs& pcrs) {
  const vtpm::QuoteVerdict verdict =
      quote.verify(vtpm::PublicKey::parse(view(key)), view(nonce), values_of(pcrs));
  const auto bank = verdict.bank ? std::optional(std::string(vtpm::to_text(*verdict.bank))) : std::nullopt;
  const std::string detail = verdict ? std::string(vtpm::describe(verdict.reason)) : verdict.detail;
  return py::make_tuple(std::string(vtpm::to_text(verdict.reason)), bank, verdict.pcr, verdict.expected,
                        verdict.got, detail);
}

// kind, bits, fingerprint, restricted signing, name, PEM.
py::tuple public_key(const py::bytes& data) {
  const vtpm::PublicKey key = vtpm::PublicKey::parse(view(data));
  return py::make_tuple(key.kind() == vtpm::PublicKey::Kind::rsa ? "rsa" : "ecc", key.bits(),
                        vtpm::to_hex(key.fingerprint().view()), key.restricted_signing(),
                        vtpm::to_hex(key.name()), key.pem());
}

}  // namespace

void bind_evidence(py::module_& m) {
  py::class_<vtpm::EventLog>(m, "EventLog")
      .def(py::init([](const py::bytes& data) { return vtpm::EventLog::parse(view(data)); }), py::arg("data"))
      .def("crypto_agile",
           [](const vtpm::EventLog& log) { return log.format() == vtpm::EventLog::Format::crypto_agile; })
      .def("algorithms",
           [](const vtpm::EventLog& log) {
             std::vector<std::string> out;
             for (const std::uint16_t id : log.algorithms()) out.push_back(alg_name(id));
             return out;
           })
      .def("startup_locality", [](const vtpm::EventLog& log) { return unsigned{log.startup_locality()}; })
      .def("events", &events)
      .def("replay", &replay);
  py::class_<vtpm::ImaLog>(m, "ImaLog")
      .def(py::init([](const py::bytes& data) { return vtpm::ImaLog::parse(view(data)); }), py::arg("data"))
      .def("ascii", &vtpm::ImaLog::ascii)
      .def("entries", &entries)
      .def("replay", &ima_replay, py::arg("bank"), py::arg("upto"), py::arg("padded"))
      .def("prefix_for", &ima_prefix, py::arg("bank"), py::arg("value"), py::arg("padded"))
      .def("first_bad", &vtpm::ImaLog::first_bad)
      .def("boot_aggregate", &boot_aggregate);
  py::class_<vtpm::Quote>(m, "Quote")
      .def(py::init([](const py::bytes& quoted, const py::bytes& signature, bool tpm12) {
             return tpm12 ? vtpm::Quote::parse_tpm12(view(quoted), view(signature))
                          : vtpm::Quote::parse(view(quoted), view(signature));
           }),
           py::arg("quoted"), py::arg("signature"), py::arg("tpm12"))
      .def("statement", &statement)
      .def("verify", &verify, py::arg("key"), py::arg("nonce"), py::arg("pcrs"));
  m.def("public_key", &public_key, py::arg("data"));
  m.def(
      "read_pcr_dump", [](const py::bytes& data) { return hex_of(vtpm::read_pcr_dump(view(data))); },
      py::arg("data"));
}

}  // namespace tvdsim::pybind
