// Reference values, for Python: a store in memory or in a file, and the lists that it reads.
#include "models/attestation/reference_store.hpp"

#include <fmt/format.h>
#include <pybind11/stl.h>

#include "pybind/core/bindings.hpp"
#include "sim/base/error.hpp"

namespace py = pybind11;

namespace tvdsim::pybind {
namespace {

using models::ReferenceChange;
using models::ReferenceImport;
using models::ReferenceStore;

[[noreturn]] void refuse_value(std::string code, std::string where, std::string message, std::string help) {
  throw sim::InputError(sim::Finding{std::move(code), std::move(where), std::move(message), std::move(help)});
}

std::span<const std::uint8_t> octets(const py::bytes& bytes) {
  const std::string_view text = bytes;
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// "sha256:HEX", or HEX alone when its length says the rest.
void take(std::string_view text, ReferenceChange& change) {
  const std::size_t colon = text.find(':');
  const auto bytes = vtpm::from_hex(colon == std::string_view::npos ? text : text.substr(colon + 1));
  for (const vtpm::HashAlg alg : vtpm::kHashAlgs) {
    if (!bytes || vtpm::digest_size(alg) != bytes->size()) continue;
    if (colon != std::string_view::npos && vtpm::to_text(alg) != text.substr(0, colon)) continue;
    change.alg = alg;
    change.digest = vtpm::Digest(*bytes);
    return;
  }
  refuse_value("TVD-103", "digest", fmt::format("`{}` is no digest.", text.substr(0, 140)),
               "`sha256:` and 64 hexadecimal digits");
}

ReferenceChange::Kind kind_of(std::string_view word) {
  if (const auto kind = models::reference_kind(word)) return *kind;
  const std::vector<std::string> known{"boot", "file", "buffer"};
  refuse_value("TVD-101", "kind", fmt::format("`{}` is no kind of reference value.", word),
               sim::suggest(word, known));
}

models::ReferenceFormat format_of(std::string_view name, std::string_view text) {
  if (name.empty()) return models::guess_reference_format(text);
  if (const auto format = models::reference_format(name)) return *format;
  const std::vector<std::string> known{"sums", "packages", "keylime", "manifest"};
  refuse_value("TVD-101", "format", fmt::format("`{}` is no format of reference values.", name),
               sim::suggest(name, known));
}

py::dict row_of(const ReferenceImport& row) {
  py::dict out;
  out["id"] = row.id;
  out["time_ns"] = row.at.ns;
  out["operation"] = row.operation;
  out["importer"] = row.importer;
  out["source"] = row.source;
  out["rows"] = row.rows;
  out["result"] = row.result;
  out["reason"] = row.reason;
  return out;
}

py::dict apply_list(ReferenceStore& store, const py::bytes& data, const std::string& format,
                    const std::string& where, const std::string& importer) {
  const std::string_view text = data;
  models::ReferenceList list = models::read_references(text, format_of(format, text), where);
  if (list.source.empty()) list.source = where;
  return row_of(store.apply(list, "import", importer));
}

py::dict import_manifest(ReferenceStore& store, const py::bytes& manifest, const py::bytes& signature,
                         const std::string& signer, std::uint32_t approvals, std::int64_t grace_ns) {
  return row_of(store.import_manifest(std::string_view(manifest), octets(signature), signer,
                                      {sim::ControlMode::on, approvals, {grace_ns}}));
}

py::dict state(ReferenceStore& store, const std::string& what, const std::string& digest,
               const std::string& kind, const std::string& name, const std::string& standing,
               const std::string& text, const std::string& importer, std::int64_t grace_ns) {
  models::ReferenceList list{text, {}};
  ReferenceChange& change = list.changes.emplace_back();
  change.what = what == "add"      ? ReferenceChange::What::add
                : what == "retire" ? ReferenceChange::What::retire
                : what == "remove" ? ReferenceChange::What::remove
                                   : ReferenceChange::What::annotate;
  take(digest, change);
  change.kind = kind_of(kind);
  change.name = name;
  change.text = text;
  if (change.what == ReferenceChange::What::annotate) {
    const auto said = models::annotation_standing(standing);
    const std::vector<std::string> known{"good", "outdated", "vulnerable", "revoked", "malicious"};
    if (!said)
      refuse_value("TVD-101", "standing", fmt::format("`{}` says nothing about a digest.", standing),
                   sim::suggest(standing, known));
    change.standing = *said;
  }
  return row_of(store.apply(list, what, importer, {grace_ns}));
}

py::dict look_up(const ReferenceStore& store, const std::string& name, const std::string& digest,
                 const std::string& kind) {
  ReferenceChange asked;
  take(digest, asked);
  const vtpm::ReferenceLookup::Item item{
      kind_of(kind), 0, 0, name, static_cast<std::uint16_t>(asked.alg), asked.digest.view(), {}};
  py::dict out;
  out["standing"] = std::string(models::to_text(store.look_up(item)));
  out["annotation"] = store.annotation(item);
  out["expected"] = store.expected(item);
  const auto by = store.provenance(item);
  out["importer"] = by ? by->importer : std::string();
  out["source"] = by ? by->source : std::string();
  return out;
}

}  // namespace

void bind_references(py::module_& m) {
  py::class_<ReferenceStore>(m, "ReferenceStore")
      .def(py::init<const std::string&>(), py::arg("path"))
      .def(
          "at", [](ReferenceStore& store, std::int64_t ns) { store.at({ns}); }, py::arg("ns"))
      .def("apply_list", &apply_list, py::arg("data"), py::arg("format"), py::arg("where"),
           py::arg("importer"))
      .def("import_manifest", &import_manifest, py::arg("manifest"), py::arg("signature"), py::arg("signer"),
           py::arg("approvals"), py::arg("grace_ns"))
      .def("state", &state, py::arg("what"), py::arg("digest"), py::arg("kind"), py::arg("name"),
           py::arg("standing"), py::arg("text"), py::arg("importer"), py::arg("grace_ns"))
      .def("look_up", &look_up, py::arg("name"), py::arg("digest"), py::arg("kind"))
      .def(
          "trust",
          [](ReferenceStore& store, const std::string& signer, const py::bytes& key) {
            store.trust(signer, octets(key));
          },
          py::arg("signer"), py::arg("key"))
      .def("distrust", &ReferenceStore::distrust, py::arg("signer"))
      .def("signers", &ReferenceStore::signers)
      .def("size", &ReferenceStore::size)
      .def(
          "listed",
          [](const ReferenceStore& store, const std::string& kind, const std::string& name) {
            std::vector<std::string> out;
            for (const ReferenceChange& row : store.listed(kind_of(kind), name))
              out.push_back(fmt::format("{}:{}", vtpm::to_text(row.alg), vtpm::to_hex(row.digest.view())));
            return out;
          },
          py::arg("kind"), py::arg("name"))
      .def("history", [](const ReferenceStore& store) {
        py::list out;
        for (const ReferenceImport& row : store.history()) out.append(row_of(row));
        return out;
      });
}

}  // namespace tvdsim::pybind
