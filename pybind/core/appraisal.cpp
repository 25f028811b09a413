// Whole evidence appraised, for Python: files in, every check and what became of it out.
#include <fmt/format.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "models/attestation/reference_store.hpp"
#include "pybind/core/bindings.hpp"
#include "sim/base/error.hpp"
#include "vtpm/evidence/attestation_verdict.hpp"

namespace py = pybind11;

namespace tvdsim::pybind {
namespace {

using FileBytes = std::map<std::string, py::bytes>;
using PcrsInHex = std::map<std::string, std::map<std::uint32_t, std::string>>;
using NamesByDigest = std::map<std::string, std::vector<std::string>>;

// Digests that are known to be good, in hex, each under the names that it may have; under any name where the list has none.
class ListedReferences final : public vtpm::ReferenceLookup {
 public:
  explicit ListedReferences(NamesByDigest names) : names_(std::move(names)) {
    for (const auto& [digest, listed] : names_) all_names_.insert(listed.begin(), listed.end());
  }
  Standing look_up(const Item& item) const override {
    const auto found = names_.find(vtpm::to_hex(item.digest));
    if (found != names_.end() &&
        (item.kind == Kind::boot || found->second.empty() || listed(found->second, item.name)))
      return Standing::good;
    return all_names_.contains(std::string(item.name)) ? Standing::unknown : Standing::unheard;
  }
  std::optional<std::string> known_as(const Item& item) const override {
    const auto found = names_.find(vtpm::to_hex(item.digest));
    if (found == names_.end()) return std::string();
    if (found->second.empty()) return std::nullopt;
    return found->second.front();
  }

 private:
  static bool listed(const std::vector<std::string>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  }
  NamesByDigest names_;
  std::set<std::string> all_names_;
};

vtpm::PcrValues digests_of(const PcrsInHex& pcrs) {
  vtpm::PcrValues out;
  for (const auto& [name, values] : pcrs) {
    const auto bank = vtpm::hash_by_name(name);
    for (const auto& [pcr, hex] : values) {
      const auto bytes = vtpm::from_hex(hex);
      if (!bank || pcr >= vtpm::PcrBank::kCount || !bytes || bytes->size() != vtpm::digest_size(*bank)) {
        throw sim::InputError(sim::Finding{"TVD-103", fmt::format("pcrs[\"{}\"][{}]", name, pcr),
                                           fmt::format("`{}` is no digest of bank {}.", hex, name),
                                           "hex, of the bank's size", sim::Severity::error});
      }
      out[*bank][pcr] = vtpm::Digest(*bytes);
    }
  }
  return out;
}

vtpm::AppraisalCheck check_of(const std::string& name) {
  std::vector<std::string> known;
  for (std::size_t i = 0; i < vtpm::kAppraisalChecks; ++i) {
    const auto check = static_cast<vtpm::AppraisalCheck>(i);
    if (to_text(check) == name) return check;
    known.emplace_back(to_text(check));
  }
  throw sim::InputError(sim::Finding{"TVD-101", "without", fmt::format("`{}` is no check.", name),
                                     sim::suggest(name, known), sim::Severity::error});
}

template <class T>
std::optional<T> option(const py::dict& options, const char* name) {
  if (!options.contains(name) || options[name].is_none()) return std::nullopt;
  return options[name].cast<T>();
}

vtpm::Expectations expectations_of(const py::dict& options, std::span<const std::uint8_t> key) {
  vtpm::Expectations expect;
  if (!key.empty()) expect.key = vtpm::PublicKey::parse(key);
  for (const auto& [bank, numbers] :
       option<std::map<std::string, std::vector<std::uint32_t>>>(options, "require")
           .value_or(std::map<std::string, std::vector<std::uint32_t>>{})) {
    vtpm::PcrSelection wanted{vtpm::hash_by_name(bank).value_or(vtpm::HashAlg::sha256), 0, 3};
    for (const std::uint32_t pcr : numbers) wanted.mask |= 1u << (pcr % vtpm::PcrBank::kCount);
    expect.selection.push_back(wanted);
  }
  expect.event_log = option<bool>(options, "event_log").value_or(false);
  expect.ima_log = option<bool>(options, "ima_log").value_or(false);
  expect.chain = option<std::vector<std::string>>(options, "chain").value_or(std::vector<std::string>{});
  if (option<bool>(options, "padded").value_or(false)) expect.ima_fill = vtpm::ImaFill::padded_sha1;
  expect.separators = option<bool>(options, "separators").value_or(false);
  expect.hashed_words = option<bool>(options, "hashed_words").value_or(false);
  expect.secure_boot = option<bool>(options, "secure_boot");
  if (const auto locality = option<unsigned>(options, "startup_locality"))
    expect.startup_locality = static_cast<std::uint8_t>(*locality);
  const std::string end = option<std::string>(options, "exit_boot_services").value_or("either");
  expect.exit_boot_services = end == "logged"        ? vtpm::ExitBootServices::logged
                              : end == "gap_allowed" ? vtpm::ExitBootServices::gap_allowed
                                                     : vtpm::ExitBootServices::either;
  return expect;
}

py::dict said_of(const vtpm::Appraisal& appraisal) {
  py::dict out;
  out["appraisal"] = std::string(to_text(appraisal.verdict));
  out["verdict"] = std::string(to_text(verdict_of(appraisal)));
  out["reason"] =
      appraisal.reason ? py::object(py::str(std::string(to_text(*appraisal.reason)))) : py::none();
  out["detail"] = appraisal.detail;
  out["bank"] = appraisal.bank ? py::object(py::str(std::string(to_text(*appraisal.bank)))) : py::none();
  out["pcr"] = appraisal.pcr ? py::object(py::int_(*appraisal.pcr)) : py::none();
  out["entity"] = py::reinterpret_steal<py::str>(PyUnicode_DecodeUTF8(
      appraisal.entity.data(), static_cast<Py_ssize_t>(appraisal.entity.size()), "backslashreplace"));
  out["expected"] = appraisal.expected;
  out["got"] = appraisal.got;
  out["events_beyond"] = appraisal.events_beyond;
  out["events_checked"] = appraisal.events_checked;
  out["entries_checked"] = appraisal.entries_checked;
  out["entries_believed"] = appraisal.entries_believed;
  out["entries_beyond"] = appraisal.entries_beyond;
  py::list checks;
  for (std::size_t i = 0; i < vtpm::kAppraisalChecks; ++i) {
    const vtpm::Appraisal::Result& result = appraisal.results[i];
    checks.append(py::make_tuple(std::string(to_text(static_cast<vtpm::AppraisalCheck>(i))),
                                 std::string(to_text(result.outcome)), result.why));
  }
  out["checks"] = checks;
  return out;
}

py::dict appraise_evidence(const FileBytes& files, const py::bytes& nonce, const PcrsInHex& pcrs,
                           const std::optional<NamesByDigest>& listed_references,
                           const models::ReferenceStore* store, const py::dict& options) {
  const auto held = [](const py::bytes& bytes) {
    const std::string_view text = bytes;
    return std::span<const std::uint8_t>(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  };
  const auto file = [&](const char* name) {
    const auto found = files.find(name);
    return found == files.end() ? std::span<const std::uint8_t>{} : held(found->second);
  };
  vtpm::Evidence evidence;
  evidence.attest = file("attest");
  evidence.signature = file("signature");
  evidence.event_log = file("event_log");
  evidence.ima_log = file("ima_log");
  evidence.pcrs = digests_of(pcrs);
  evidence.tpm12 = option<bool>(options, "tpm12").value_or(false);
  vtpm::Checks checks;
  for (const std::string& name :
       option<std::vector<std::string>>(options, "without").value_or(std::vector<std::string>{}))
    checks.set(check_of(name), false);
  std::optional<ListedReferences> listed;
  if (listed_references) listed.emplace(*listed_references);
  const vtpm::ReferenceLookup* references = store;
  if (listed) references = &*listed;
  return said_of(appraise(evidence, held(nonce), expectations_of(options, file("key")), references, checks));
}

// name, what must hold, what it says when it does not.
py::list appraisal_checks() {
  py::list out;
  for (std::size_t i = 0; i < vtpm::kAppraisalChecks; ++i) {
    const auto check = static_cast<vtpm::AppraisalCheck>(i);
    out.append(py::make_tuple(std::string(to_text(check)), std::string(describe(check)),
                              std::string(fault_of(check))));
  }
  return out;
}

}  // namespace

void bind_appraisal(py::module_& m) {
  m.def("appraise_evidence", &appraise_evidence, py::arg("files"), py::arg("nonce"), py::arg("pcrs"),
        py::arg("references"), py::arg("store"), py::arg("options"));
  m.def("appraisal_checks", &appraisal_checks);
}

}  // namespace tvdsim::pybind
