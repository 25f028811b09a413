// Real TPMs, for Python: a fleet of started ones, commands and quotes, one TPM or all of them on their home workers.
#include <fmt/format.h>
#include <pybind11/stl.h>

#include <memory>
#include <mutex>
#include <type_traits>

#include "pybind/core/bindings.hpp"
#include "sim/base/error.hpp"
#include "vtpm/device/commands.hpp"
#include "vtpm/device/fleet_work.hpp"
#include "vtpm/device/key_commands.hpp"
#include "vtpm/device/tpm.hpp"
#include "vtpm/evidence/pcr_values.hpp"

namespace py = pybind11;

namespace tvdsim::pybind {
namespace {

using Bytes = std::vector<std::uint8_t>;
using Selection = std::vector<std::pair<std::string, std::vector<std::uint32_t>>>;  // in the asker's order
using OrderedPcrs = std::vector<std::pair<std::string, std::map<std::uint32_t, std::string>>>;

constexpr std::size_t kMaxNonce = 64;  // TPM2B_DATA

Bytes bytes_of(const py::bytes& bytes) {
  const std::string_view text = bytes;
  return {text.begin(), text.end()};
}
py::bytes copy(const Bytes& bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

[[noreturn]] void refuse(std::string code, std::string where, std::string message, std::string help = {}) {
  throw sim::InputError(sim::Finding{std::move(code), std::move(where), std::move(message), std::move(help),
                                     sim::Severity::error});
}

vtpm::HashAlg bank_of(const std::string& name) {
  if (const auto alg = vtpm::hash_by_name(name)) return *alg;
  std::vector<std::string> known;
  for (const vtpm::HashAlg alg : vtpm::kHashAlgs) known.emplace_back(vtpm::to_text(alg));
  refuse("TVD-101", "bank", fmt::format("`{}` is no bank of a TPM.", name), sim::suggest(name, known));
}

std::uint32_t pcr_of(std::uint32_t pcr) {
  if (pcr >= vtpm::kPcrs)
    refuse("TVD-103", "pcr", fmt::format("PCR {}: a TPM has PCRs 0 to {}.", pcr, vtpm::kPcrs - 1));
  return pcr;
}

Bytes digest_of(vtpm::HashAlg bank, const std::string& hex) {
  auto digest = vtpm::from_hex(hex);
  if (!digest || digest->size() != vtpm::digest_size(bank)) {
    refuse("TVD-103", "digest", fmt::format("`{}` is no {} digest in hex.", hex, vtpm::to_text(bank)),
           fmt::format("{} hex digits", 2 * vtpm::digest_size(bank)));
  }
  return *digest;
}

std::vector<vtpm::BankSelection> selection_of(const Selection& asked) {
  std::vector<vtpm::BankSelection> out;
  for (const auto& [name, pcrs] : asked) {
    vtpm::BankSelection bank{bank_of(name), 0};
    for (const std::uint32_t pcr : pcrs) bank.pcrs |= 1u << pcr_of(pcr);
    out.push_back(bank);
  }
  return out;
}

Bytes nonce_of(const py::bytes& nonce) {
  Bytes out = bytes_of(nonce);
  if (out.size() > kMaxNonce) {
    refuse("TVD-103", "nonce",
           fmt::format("{} bytes: a TPM takes nonces of at most {}.", out.size(), kMaxNonce));
  }
  return out;
}

// A fleet that Python's threads may share: whoever is in it is alone. All stock fleets sit in one library: one lock for them.
class Fleet {
 public:
  Fleet(const std::vector<std::string>& names, std::uint64_t seed, unsigned workers, bool blobs)
      : fleet_(std::make_unique<vtpm::TpmFleet>(
            vtpm::TpmFleetSetup{.seed = seed,
                                .workers = workers,
                                .parking = blobs ? vtpm::Parking::blobs : vtpm::Parking::segments})),
        deterministic_(fleet_->deterministic()) {
    const py::gil_scoped_release free;
    const std::lock_guard in(lock());
    for (const std::string& name : names) tpms_.push_back(fleet_->create(name));
    vtpm::for_each_tpm(*fleet_, tpms_, [&](std::size_t i) { start(i); });
  }

  ~Fleet() {
    const std::lock_guard in(lock());
    fleet_.reset();
  }
  Fleet(const Fleet&) = delete;

  std::size_t size() const { return tpms_.size(); }
  std::string path() const { return std::string(fleet_->path()); }
  bool deterministic() const { return deterministic_; }
  unsigned workers() const { return fleet_->workers(); }
  std::vector<std::uint64_t> commands_per_worker() {
    return alone([&] { return fleet_->commands_per_worker(); });
  }
  std::string parking() const { return fleet_->parking() == vtpm::Parking::segments ? "segments" : "blobs"; }
  std::string state_digest() {
    return vtpm::to_hex(alone([&] { return fleet_->state_digest(); }));
  }
  std::string state_digest_of(std::size_t tpm) {
    return vtpm::to_hex(alone([&] { return fleet_->state_digest(tpms_.at(tpm)); }));
  }

  // permanent, running, digest in hex
  py::tuple save(std::size_t tpm) {
    const vtpm::TpmState state = alone([&] { return fleet_->save(tpms_.at(tpm)); });
    return py::make_tuple(copy(state.permanent), copy(state.running), vtpm::to_hex(state.digest));
  }
  void load(std::size_t tpm, const py::bytes& permanent, const py::bytes& running,
            const std::string& digest) {
    vtpm::TpmState state{bytes_of(permanent), bytes_of(running), {}};
    const auto given = vtpm::from_hex(digest);
    if (!given || given->size() != state.digest.size())
      refuse("TVD-103", "load", fmt::format("`{}` is no SHA-256 digest in hex.", digest));
    std::copy(given->begin(), given->end(), state.digest.begin());
    alone([&] { fleet_->load(tpms_.at(tpm), state); });
  }
  // The clone's place.
  std::size_t clone(std::size_t tpm, const std::string& name, bool fresh) {
    const auto identity = fresh ? vtpm::CloneIdentity::fresh : vtpm::CloneIdentity::shared;
    return alone([&] {
      tpms_.push_back(fleet_->clone(tpms_.at(tpm), name, identity));
      return tpms_.size() - 1;
    });
  }
  void fail(std::size_t tpm, const std::string& fault, const py::bytes& command) {
    const std::pair<std::string_view, vtpm::TpmFault> known[] = {
        {"failure_mode", vtpm::TpmFault::failure_mode},
        {"power_cut", vtpm::TpmFault::power_cut},
        {"worker_crash", vtpm::TpmFault::worker_crash}};
    std::vector<std::string> names;
    for (const auto& [name, what] : known) {
      names.emplace_back(name);
      if (name != fault) continue;
      const Bytes sent = bytes_of(command);
      alone([&, what = what] { fleet_->fail(tpms_.at(tpm), what, sent); });
      return;
    }
    refuse("TVD-101", "fail", fmt::format("`{}` is nothing that happens to a TPM.", fault),
           sim::suggest(fault, names));
  }

  py::bytes execute(std::size_t tpm, const py::bytes& command, std::uint8_t locality) {
    const Bytes sent = bytes_of(command);
    return copy(alone([&] { return fleet_->execute(tpms_.at(tpm), sent, {.locality = locality}); }));
  }
  // One list of commands per TPM.
  std::vector<std::vector<py::bytes>> execute_all(const std::vector<std::vector<py::bytes>>& commands) {
    std::vector<std::vector<Bytes>> sent(size()), answers(size());
    for (std::size_t i = 0; i < size(); ++i)
      for (const py::bytes& command : commands.at(i)) sent[i].push_back(bytes_of(command));
    alone([&] {
      vtpm::for_each_tpm(*fleet_, tpms_,
                         [&](std::size_t i) { answers[i] = fleet_->execute_all(tpms_[i], sent[i]); });
    });
    std::vector<std::vector<py::bytes>> out(size());
    for (std::size_t i = 0; i < size(); ++i)
      for (const Bytes& answer : answers[i]) out[i].push_back(copy(answer));
    return out;
  }

  void power_cycle(std::size_t tpm) {
    alone([&] {
      fleet_->power_cycle(tpms_.at(tpm));
      start(tpm);
    });
  }
  void extend(std::size_t tpm, std::uint32_t pcr, const std::string& hex, const std::string& bank) {
    const vtpm::HashAlg alg = bank_of(bank);
    const vtpm::BankDigest digest[] = {{alg, digest_of(alg, hex)}};
    const Bytes command = vtpm::pcr_extend_command(pcr_of(pcr), digest);
    const std::string doing = fmt::format("TPM2_PCR_Extend of PCR {}", pcr);
    alone([&] { vtpm::expect_success(fleet_->execute(tpms_.at(tpm), command), doing); });
  }
  std::string pcr(std::size_t tpm, std::uint32_t pcr, const std::string& bank) {
    const Bytes command = vtpm::pcr_read_command(bank_of(bank), pcr_of(pcr));
    return vtpm::to_hex(
        alone([&] { return vtpm::read_pcr_response(fleet_->execute(tpms_.at(tpm), command)); }));
  }

  std::string ak_public_pem(std::size_t tpm) {
    return alone([&] {
      const vtpm::AttestationKey key = vtpm::make_attestation_key(*fleet_, tpms_.at(tpm));
      fleet_->execute(tpms_[tpm], vtpm::flush_command(key.handle));
      return key.public_pem();
    });
  }
  py::tuple quote(std::size_t tpm, const py::bytes& nonce, const Selection& asked) {
    const Bytes question = nonce_of(nonce);
    const auto selection = selection_of(asked);
    const vtpm::QuoteBytes made = alone([&] { return quoted(tpm, question, selection); });
    return py::make_tuple(copy(made.attest), copy(made.signature));
  }
  // One nonce per TPM.
  py::list quote_all(const std::vector<py::bytes>& nonces, const Selection& asked) {
    const auto selection = selection_of(asked);
    std::vector<Bytes> questions;
    for (const py::bytes& nonce : nonces) questions.push_back(nonce_of(nonce));
    std::vector<vtpm::QuoteBytes> made(size());
    alone([&] {
      vtpm::for_each_tpm(*fleet_, tpms_,
                         [&](std::size_t i) { made[i] = quoted(i, questions.at(i), selection); });
    });
    py::list out;
    for (const vtpm::QuoteBytes& quote : made)
      out.append(py::make_tuple(copy(quote.attest), copy(quote.signature)));
    return out;
  }

 private:
  // The GIL goes first: who waits for the lock must not hold up who has it.
  template <class Work>
  std::invoke_result_t<const Work&> alone(const Work& work) {
    const py::gil_scoped_release free;
    const std::lock_guard in(lock());
    return work();
  }
  std::mutex& lock() {
    static std::mutex stock;
    return deterministic_ ? own_ : stock;
  }
  void start(std::size_t tpm) {
    vtpm::expect_success(fleet_->execute(tpms_.at(tpm), vtpm::startup_command(vtpm::StartupType::clear)),
                         "TPM2_Startup");
  }
  // The key is made for the quote and unloaded: commands of the user's own may have changed seed or handles meanwhile.
  vtpm::QuoteBytes quoted(std::size_t tpm, const Bytes& nonce,
                          const std::vector<vtpm::BankSelection>& selection) {
    const vtpm::TpmId id = tpms_.at(tpm);
    const vtpm::AttestationKey key = vtpm::make_attestation_key(*fleet_, id);
    const Bytes answer = fleet_->execute(id, vtpm::quote_command(key.handle, nonce, selection));
    fleet_->execute(id, vtpm::flush_command(key.handle));
    return vtpm::read_quote_response(answer);
  }

  std::unique_ptr<vtpm::TpmFleet> fleet_;
  bool deterministic_;
  std::vector<vtpm::TpmId> tpms_;
  std::mutex own_;
};

// name, meaning, what to look at first, handle, session, parameter.
py::tuple describe_rc(std::uint32_t code) {
  const vtpm::ResponseCode rc = vtpm::describe(code);
  return py::make_tuple(std::string(rc.name), std::string(rc.meaning), std::string(rc.look_at),
                        unsigned{rc.handle}, unsigned{rc.session}, unsigned{rc.parameter});
}

py::bytes write_pcr_dump(const OrderedPcrs& pcrs) {
  std::vector<vtpm::PcrSelection> selections;
  vtpm::PcrValues values;
  for (const auto& [name, held] : pcrs) {
    vtpm::PcrSelection selection{.bank = bank_of(name)};
    for (const auto& [pcr, hex] : held) {
      selection.mask |= 1u << pcr_of(pcr);
      values[selection.bank][pcr] = vtpm::Digest(digest_of(selection.bank, hex));
    }
    selections.push_back(selection);
  }
  return copy(vtpm::write_pcr_dump(selections, values));
}

// Commands as bytes, for TpmFleet.execute_all and for devices that take bytes.
void bind_commands(py::module_& m) {
  m.def("startup_command", [] { return copy(vtpm::startup_command(vtpm::StartupType::clear)); });
  m.def(
      "extend_command",
      [](std::uint32_t pcr, const std::string& hex, const std::string& bank) {
        const vtpm::HashAlg alg = bank_of(bank);
        const vtpm::BankDigest digest{alg, digest_of(alg, hex)};
        return copy(vtpm::pcr_extend_command(pcr_of(pcr), {&digest, 1}));
      },
      py::arg("pcr"), py::arg("hex"), py::arg("bank"));
  m.def(
      "read_command",
      [](std::uint32_t pcr, const std::string& bank) {
        return copy(vtpm::pcr_read_command(bank_of(bank), pcr_of(pcr)));
      },
      py::arg("pcr"), py::arg("bank"));
  m.def(
      "random_command", [](std::uint16_t size) { return copy(vtpm::get_random_command(size)); },
      py::arg("size"));
  m.def("make_key_command", [] { return copy(vtpm::create_attestation_key_command()); });
  m.def(
      "quote_command",
      [](std::uint32_t key, const py::bytes& nonce, const Selection& asked) {
        return copy(vtpm::quote_command(key, nonce_of(nonce), selection_of(asked)));
      },
      py::arg("key"), py::arg("nonce"), py::arg("selection"));
  m.def(
      "flush_command", [](std::uint32_t handle) { return copy(vtpm::flush_command(handle)); },
      py::arg("handle"));
}

}  // namespace

void bind_tpm(py::module_& m) {
  bind_commands(m);
  py::class_<Fleet>(m, "TpmFleet")
      .def(py::init<const std::vector<std::string>&, std::uint64_t, unsigned, bool>(), py::arg("names"),
           py::arg("seed"), py::arg("workers"), py::arg("blobs"))
      .def("parking", &Fleet::parking)
      .def("state_digest_of", &Fleet::state_digest_of, py::arg("tpm"))
      .def("save", &Fleet::save, py::arg("tpm"))
      .def("load", &Fleet::load, py::arg("tpm"), py::arg("permanent"), py::arg("running"), py::arg("digest"))
      .def("clone", &Fleet::clone, py::arg("tpm"), py::arg("name"), py::arg("fresh"))
      .def("fail", &Fleet::fail, py::arg("tpm"), py::arg("fault"), py::arg("command"))
      .def("size", &Fleet::size)
      .def("path", &Fleet::path)
      .def("deterministic", &Fleet::deterministic)
      .def("workers", &Fleet::workers)
      .def("commands_per_worker", &Fleet::commands_per_worker)
      .def("state_digest", &Fleet::state_digest)
      .def("execute", &Fleet::execute, py::arg("tpm"), py::arg("command"), py::arg("locality"))
      .def("execute_all", &Fleet::execute_all, py::arg("commands"))
      .def("power_cycle", &Fleet::power_cycle, py::arg("tpm"))
      .def("extend", &Fleet::extend, py::arg("tpm"), py::arg("pcr"), py::arg("hex"), py::arg("bank"))
      .def("pcr", &Fleet::pcr, py::arg("tpm"), py::arg("pcr"), py::arg("bank"))
      .def("ak_public_pem", &Fleet::ak_public_pem, py::arg("tpm"))
      .def("quote", &Fleet::quote, py::arg("tpm"), py::arg("nonce"), py::arg("selection"))
      .def("quote_all", &Fleet::quote_all, py::arg("nonces"), py::arg("selection"));
  m.def("describe_rc", &describe_rc, py::arg("code"));
  m.def("write_pcr_dump", &write_pcr_dump, py::arg("pcrs"));
  m.def("libtpms_path", [] { return std::string(vtpm::TpmFleet::default_path()); });
}

}  // namespace tvdsim::pybind
