#include "vtpm/device/libtpms_device.hpp"

#include <fmt/format.h>
#include <libtpms/tpm_error.h>
#include <libtpms/tpm_library.h>
#include <libtpms/tpm_nvfilename.h>

#include <cstdlib>
#include <cstring>

#include "sim/base/error.hpp"
#include "vtpm/device/commands.hpp"
#include "vtpm/device/tpm_surroundings.hpp"

namespace tvdsim::vtpm {
namespace {

using Bytes = LibtpmsDevice::Bytes;

// The callbacks get no word about which copy calls them: it is the one that this thread is in.
thread_local TpmLibrary* inside = nullptr;

class Visit {
 public:
  explicit Visit(TpmLibrary& library) : outer_(inside) { inside = &library; }
  ~Visit() { inside = outer_; }
  Visit(const Visit&) = delete;

 private:
  TpmLibrary* outer_;
};

// The library's only file, `permall`. It writes it while it manufactures and reads it back before the first command; state
// that is handed over by TPMLIB_SetState goes before it.
Bytes& permall() { return inside->permall; }
TPM_RESULT nvram_init() { return TPM_SUCCESS; }
TPM_RESULT nvram_load(unsigned char** data, std::uint32_t* length, std::uint32_t, const char* name) {
  if (std::strcmp(name, TPM_PERMANENT_ALL_NAME) != 0 || permall().empty())
    return TPM_RETRY;                                                  // "no such file"
  *data = static_cast<unsigned char*>(std::malloc(permall().size()));  // the library frees it
  if (!*data) return TPM_FAIL;
  std::memcpy(*data, permall().data(), permall().size());
  *length = static_cast<std::uint32_t>(permall().size());
  return TPM_SUCCESS;
}
TPM_RESULT nvram_store(const unsigned char* data, std::uint32_t length, std::uint32_t, const char* name) {
  if (std::strcmp(name, TPM_PERMANENT_ALL_NAME) == 0) permall().assign(data, data + length);
  return TPM_SUCCESS;
}
TPM_RESULT nvram_delete(std::uint32_t, const char* name, TPM_BOOL) {
  if (std::strcmp(name, TPM_PERMANENT_ALL_NAME) == 0) permall().clear();
  return TPM_SUCCESS;
}
TPM_RESULT io_init() { return TPM_SUCCESS; }
TPM_RESULT io_locality(TPM_MODIFIER_INDICATOR* locality, std::uint32_t) {
  *locality = TpmSurroundings::locality();
  return TPM_SUCCESS;
}
TPM_RESULT io_presence(TPM_BOOL* present, std::uint32_t) {
  *present = 0;
  return TPM_SUCCESS;
}

// The library's own functions return TPM 1.2's codes for themselves and TPM 2.0's for what is inside a blob.
std::string_view library_code(TPM_RESULT code) {
  switch (code) {
    case TPM_BAD_PARAMETER:
      return "TPM_BAD_PARAMETER";
    case TPM_FAIL:
      return "TPM_FAIL";
    case TPM_NOSPACE:
      return "TPM_NOSPACE";
    case TPM_SIZE:
      return "TPM_SIZE";
    case TPM_BADTAG:
      return "TPM_BADTAG";
    case TPM_INVALID_POSTINIT:
      return "TPM_INVALID_POSTINIT";
    case TPM_BAD_VERSION:
      return "TPM_BAD_VERSION";
    case TPM_INVALID_STRUCTURE:
      return "TPM_INVALID_STRUCTURE";
    case TPM_RETRY:
      return "TPM_RETRY";
    case TPM_BAD_LOCALITY:
      return "TPM_BAD_LOCALITY";
    default:
      return describe(code).name;
  }
}

void demand(TPM_RESULT code, std::string_view doing) {
  if (code == TPM_SUCCESS) return;
  throw sim::WorldError(fmt::format("libtpms, {}", doing), library_code(code));
}

}  // namespace

Bytes LibtpmsDevice::take_state(int type, std::string_view doing) {
  unsigned char* data = nullptr;
  std::uint32_t size = 0;
  demand(lib_.get_state(type, &data, &size), doing);
  Bytes out(data, data + size);
  std::free(data);
  return out;
}

void LibtpmsDevice::give_state(int type, std::span<const std::uint8_t> state, std::string_view doing) {
  demand(lib_.set_state(type, state), doing);
}

// Choosing the other version and back drops every blob that the library has cached.
void LibtpmsDevice::drop_cached_state() {
  demand(lib_.choose_version(TPMLIB_TPM_VERSION_1_2), "choosing TPM 1.2 for a moment");
  demand(lib_.choose_version(TPMLIB_TPM_VERSION_2), "choosing TPM 2.0");
}

void LibtpmsDevice::choose_12(bool chosen) {
  const Visit visit(lib_);
  set_up();
  demand(lib_.choose_version(chosen ? TPMLIB_TPM_VERSION_1_2 : TPMLIB_TPM_VERSION_2), "choosing a version");
}

// Sets the copy up once; what a sound TPM's permanent state is, is kept to clean the globals after a bad blob.
void LibtpmsDevice::set_up() {
  if (!lib_.sound.empty()) return;
  const Visit visit(lib_);
  permall().clear();
  demand(lib_.choose_version(TPMLIB_TPM_VERSION_2), "choosing TPM 2.0");
  libtpms_callbacks callbacks{sizeof(libtpms_callbacks),
                              nvram_init,
                              nvram_load,
                              nvram_store,
                              nvram_delete,
                              io_init,
                              io_locality,
                              io_presence};
  demand(lib_.register_callbacks(&callbacks), "registering callbacks");
  // A stream of nobody's: the first visitor's own must not depend on being the first.
  TpmStream nobody(stream_key(0, ""), 0);
  const TpmSurroundings here(nobody, {}, 0);
  demand(lib_.main_init(), "manufacturing the first TPM");
  lib_.sound = take_state(TPMLIB_STATE_PERMANENT, "reading the first TPM's state");
  lib_.terminate();
}

// A rejected blob has been unmarshalled half-way into the library's globals: a sound one goes over it, then nothing is cached.
void LibtpmsDevice::clean_after_bad_state() {
  lib_.terminate();
  drop_cached_state();
  give_state(TPMLIB_STATE_PERMANENT, lib_.sound, "cleaning up after a bad state");
  drop_cached_state();
}

void LibtpmsDevice::power_on_manufactured() {
  const Visit visit(lib_);
  set_up();
  permall().clear();
  demand(lib_.main_init(), "manufacturing a TPM");
}

void LibtpmsDevice::power_on(std::span<const std::uint8_t> permanent, std::span<const std::uint8_t> running) {
  const Visit visit(lib_);
  set_up();
  permall().clear();
  try {
    // The library takes "no data" for "explicitly none" and would then come up half-made.
    if (permanent.empty()) throw sim::WorldError("a TPM without permanent state", "state_empty");
    give_state(TPMLIB_STATE_PERMANENT, permanent, "loading a TPM's permanent state");
    if (!running.empty()) give_state(TPMLIB_STATE_VOLATILE, running, "loading a TPM's running state");
    demand(lib_.main_init(), "powering a TPM on");
  } catch (...) {
    clean_after_bad_state();
    throw;
  }
}

void LibtpmsDevice::power_on_12(std::span<const std::uint8_t> permanent,
                                std::span<const std::uint8_t> running) {
  const Visit visit(lib_);
  permall().clear();
  try {
    if (permanent.empty()) throw sim::WorldError("a TPM without permanent state", "state_empty");
    give_state(TPMLIB_STATE_PERMANENT, permanent, "loading a TPM 1.2's permanent state");
    if (!running.empty()) give_state(TPMLIB_STATE_VOLATILE, running, "loading a TPM 1.2's running state");
    demand(lib_.main_init(), "powering a TPM 1.2 on");
  } catch (...) {
    // Choosing the other version and back drops what the library has cached of it.
    demand(lib_.choose_version(TPMLIB_TPM_VERSION_2), "choosing TPM 2.0 for a moment");
    demand(lib_.choose_version(TPMLIB_TPM_VERSION_1_2), "choosing TPM 1.2");
    throw;
  }
}

void LibtpmsDevice::power_off() noexcept {
  const Visit visit(lib_);
  lib_.terminate();
}

Bytes LibtpmsDevice::permanent_state() {
  const Visit visit(lib_);
  return take_state(TPMLIB_STATE_PERMANENT, "saving a TPM's permanent state");
}

Bytes LibtpmsDevice::running_state() {
  const Visit visit(lib_);
  return take_state(TPMLIB_STATE_VOLATILE, "saving a TPM's running state");
}

Bytes LibtpmsDevice::process(std::span<const std::uint8_t> command) {
  const Visit visit(lib_);
  // The library wants a writable command and may read its header before it looks at the size.
  Bytes writable(command.begin(), command.end());
  writable.reserve(16);
  std::uint32_t size = 0;
  demand(lib_.process(size, writable), "executing a command");
  return Bytes(lib_.response, lib_.response + size);
}

bool LibtpmsDevice::signal(TpmSignal signal, std::span<const std::uint8_t> data) {
  const Visit visit(lib_);
  bool mark = true;
  const std::uint32_t code = lib_.signal(signal, data, mark);
  if (code == TPM_BAD_LOCALITY) return false;
  demand(code, "signalling to a TPM");
  return mark;
}

}  // namespace tvdsim::vtpm
