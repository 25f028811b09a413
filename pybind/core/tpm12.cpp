// Real TPM 1.2s, for Python: started ones, their PCRs, a quote key each, their states.
#include <pybind11/stl.h>

#include <map>
#include <memory>
#include <mutex>
#include <type_traits>

#include "pybind/core/bindings.hpp"
#include "sim/base/error.hpp"
#include "sim/base/random.hpp"
#include "vtpm/device/tpm12.hpp"
#include "vtpm/device/tpm12_keys.hpp"
#include "vtpm/evidence/digest.hpp"

namespace py = pybind11;

namespace tvdsim::pybind {
namespace {

using Octets = std::vector<std::uint8_t>;

Octets octets_of(const py::bytes& bytes) {
  const std::string_view text = bytes;
  return {text.begin(), text.end()};
}
py::bytes as_bytes(const Octets& octets) {
  return {reinterpret_cast<const char*>(octets.data()), octets.size()};
}

// A digest of the bank's size, in hex; Python has said so already.
Octets digest_12(const std::string& hex) {
  auto digest = vtpm::from_hex(hex);
  if (!digest || digest->size() != 20) {
    throw sim::InputError(sim::Finding{"TVD-103",
                                       "digest",
                                       "a TPM 1.2 extends with SHA-1 digests: 40 hex digits.",
                                       {},
                                       sim::Severity::error});
  }
  return *digest;
}

// One fleet, one thread in it at a time.
class Fleet12 {
 public:
  Fleet12(const std::vector<std::string>& names, std::uint64_t seed)
      : fleet_(seed), numbers_(seed, "tpm12.owner") {
    const py::gil_scoped_release free;
    const std::lock_guard in(lock_);
    for (const std::string& name : names) {
      tpms_.push_back(fleet_.create(name));
      vtpm::read_12_response(fleet_.execute(tpms_.back(), vtpm::startup_12_command()));
    }
  }
  std::size_t size() const { return tpms_.size(); }

  py::bytes execute(std::size_t tpm, const py::bytes& command) {
    const Octets sent = octets_of(command);
    return as_bytes(alone([&] { return fleet_.execute(tpms_.at(tpm), sent); }));
  }
  void extend(std::size_t tpm, std::uint32_t pcr, const std::string& hex) {
    const Octets digest = digest_12(hex);
    alone([&] {
      vtpm::read_12_response(fleet_.execute(tpms_.at(tpm), vtpm::extend_12_command(pcr, digest)));
      return 0;
    });
  }
  std::string pcr(std::size_t tpm, std::uint32_t pcr) {
    return vtpm::to_hex(alone([&] {
      return vtpm::read_12_response(fleet_.execute(tpms_.at(tpm), vtpm::read_pcr_12_command(pcr)));
    }));
  }
  std::string quote_key_pem(std::size_t tpm) {
    return alone([&] { return key_of(tpm).public_pem; });
  }
  py::tuple quote(std::size_t tpm, const py::bytes& nonce, std::uint32_t pcrs) {
    const Octets question = octets_of(nonce);
    const vtpm::Quote12 made = alone([&] {
      const vtpm::QuoteKey12& key = key_of(tpm);
      return vtpm::quote_12(speak(tpm), key, question, pcrs, draw());
    });
    return py::make_tuple(as_bytes(made.composite), as_bytes(made.signature));
  }
  py::tuple save(std::size_t tpm) {
    const vtpm::TpmState state = alone([&] { return fleet_.save(tpms_.at(tpm)); });
    return py::make_tuple(as_bytes(state.permanent), as_bytes(state.running), vtpm::to_hex(state.digest));
  }
  // Its place.
  std::size_t load(const std::string& name, const py::bytes& permanent, const py::bytes& running,
                   const std::string& digest) {
    vtpm::TpmState state{octets_of(permanent), octets_of(running), {}};
    const auto given = vtpm::from_hex(digest);
    if (given && given->size() == state.digest.size())
      std::copy(given->begin(), given->end(), state.digest.begin());
    return alone([&] {
      tpms_.push_back(fleet_.load(name, state));
      return tpms_.size() - 1;
    });
  }

 private:
  template <class Work>
  std::invoke_result_t<const Work&> alone(const Work& work) {
    const py::gil_scoped_release free;
    const std::lock_guard in(lock_);
    return work();
  }
  vtpm::Speak speak(std::size_t tpm) {
    return [this, id = tpms_.at(tpm)](std::span<const std::uint8_t> command) {
      return fleet_.execute(id, command);
    };
  }
  vtpm::Draw draw() {
    return [this](std::span<std::uint8_t> bytes) {
      for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(numbers_.below(256));
    };
  }
  // Made at the first quote: the TPM gets an owner for that.
  const vtpm::QuoteKey12& key_of(std::size_t tpm) {
    const auto found = keys_.find(tpm);
    if (found != keys_.end()) return found->second;
    return keys_[tpm] = vtpm::make_quote_key_12(speak(tpm), draw());
  }

  vtpm::Tpm12Fleet fleet_;
  sim::Stream numbers_;
  std::vector<vtpm::TpmId> tpms_;
  std::map<std::size_t, vtpm::QuoteKey12> keys_;
  std::mutex lock_;
};

}  // namespace

void bind_tpm12(py::module_& m) {
  py::class_<Fleet12>(m, "Tpm12Fleet")
      .def(py::init<const std::vector<std::string>&, std::uint64_t>(), py::arg("names"), py::arg("seed"))
      .def("size", &Fleet12::size)
      .def("execute", &Fleet12::execute, py::arg("tpm"), py::arg("command"))
      .def("extend", &Fleet12::extend, py::arg("tpm"), py::arg("pcr"), py::arg("hex"))
      .def("pcr", &Fleet12::pcr, py::arg("tpm"), py::arg("pcr"))
      .def("quote_key_pem", &Fleet12::quote_key_pem, py::arg("tpm"))
      .def("quote", &Fleet12::quote, py::arg("tpm"), py::arg("nonce"), py::arg("pcrs"))
      .def("save", &Fleet12::save, py::arg("tpm"))
      .def("load", &Fleet12::load, py::arg("name"), py::arg("permanent"), py::arg("running"),
           py::arg("digest"));
}

}  // namespace tvdsim::pybind
