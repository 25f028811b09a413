#include "vtpm/device/tpm_library.hpp"

#include <dlfcn.h>
#include <fmt/format.h>
#include <libtpms/tpm_library.h>
#include <libtpms/tpm_tis.h>
#include <sys/mman.h>
#include <unistd.h>

#include <memory>
#include <mutex>

#include "sim/base/error.hpp"
#include "vtpm/device/rsa_cache.hpp"
#include "vtpm/device/segment_delta.hpp"
#include "vtpm/device/tpm.hpp"
#include "vtpm/device/tpm_surroundings.hpp"

namespace tvdsim::vtpm {

struct LibtpmsFunctions {
  decltype(&TPMLIB_ChooseTPMVersion) choose_version = &TPMLIB_ChooseTPMVersion;
  decltype(&TPMLIB_RegisterCallbacks) register_callbacks = &TPMLIB_RegisterCallbacks;
  decltype(&TPMLIB_MainInit) main_init = &TPMLIB_MainInit;
  decltype(&TPMLIB_Terminate) terminate = &TPMLIB_Terminate;
  decltype(&TPMLIB_Process) process = &TPMLIB_Process;
  decltype(&TPMLIB_GetState) get_state = &TPMLIB_GetState;
  decltype(&TPMLIB_SetState) set_state = &TPMLIB_SetState;
  decltype(&TPM_IO_Hash_Start) hash_start = &TPM_IO_Hash_Start;
  decltype(&TPM_IO_Hash_Data) hash_data = &TPM_IO_Hash_Data;
  decltype(&TPM_IO_Hash_End) hash_end = &TPM_IO_Hash_End;
  decltype(&TPM_IO_TpmEstablished_Get) established = &TPM_IO_TpmEstablished_Get;
  decltype(&TPM_IO_TpmEstablished_Reset) reset_established = &TPM_IO_TpmEstablished_Reset;
  void (*forget)() = nullptr;  // of a private copy
  void (*fail)(int) = nullptr;
  void* (*swap_12)(void*) = nullptr;
};

namespace {

struct Hooks {  // as in private_object/hooks.c
  int (*random)(std::uint8_t* bytes, int size);
  std::int64_t (*now_ns)();
  int (*recall)(const std::uint8_t* question, int size, std::uint8_t* answer, int room);
  void (*keep)(const std::uint8_t* question, int size, const std::uint8_t* answer, int answer_size);
  int (*place)(std::uint8_t* stream, std::uint64_t* drawn);
};

std::mutex& shelf_lock() {
  static std::mutex lock;
  return lock;
}
// Copies that nobody has now, and all that were loaded: those live as long as the process, past its static objects' end, for a
// fleet may be one of them.
std::vector<TpmLibrary*>& shelf() {
  static auto& copies = *new std::vector<TpmLibrary*>;
  return copies;
}
std::vector<std::unique_ptr<TpmLibrary>>& loaded() {
  static auto& copies = *new std::vector<std::unique_ptr<TpmLibrary>>;
  return copies;
}
TpmLibrary& keep(std::unique_ptr<TpmLibrary> copy) {  // under shelf_lock()
  return *loaded().emplace_back(std::move(copy));
}

// The object as a file that no other copy has; it stays open, or the loader would take the next one for the same.
int file_of_its_own() {
  const int file = memfd_create("tvdsim-libtpms", MFD_CLOEXEC);
  if (file < 0) return -1;
  const auto image = private_object();
  for (std::size_t done = 0; done < image.size();) {
    const ssize_t n = ::write(file, image.data() + done, image.size() - done);
    if (n <= 0) {
      ::close(file);
      return -1;
    }
    done += static_cast<std::size_t>(n);
  }
  return file;
}

template <class Function>
bool find(void* object, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(object, name));
  return function != nullptr;
}

// Null when this machine does not let it be loaded.
std::unique_ptr<TpmLibrary> load() {
  if (private_object().empty()) return nullptr;
  const int file = file_of_its_own();
  if (file < 0) return nullptr;
  void* object = ::dlopen(fmt::format("/proc/self/fd/{}", file).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!object) {
    ::close(file);
    return nullptr;
  }
  auto functions = std::make_unique<LibtpmsFunctions>();
  void (*set_hooks)(const Hooks*) = nullptr;
  const bool whole = find(object, "TPMLIB_ChooseTPMVersion", functions->choose_version) &&
                     find(object, "TPMLIB_RegisterCallbacks", functions->register_callbacks) &&
                     find(object, "TPMLIB_MainInit", functions->main_init) &&
                     find(object, "TPMLIB_Terminate", functions->terminate) &&
                     find(object, "TPMLIB_Process", functions->process) &&
                     find(object, "TPMLIB_GetState", functions->get_state) &&
                     find(object, "TPMLIB_SetState", functions->set_state) &&
                     find(object, "TPM_IO_Hash_Start", functions->hash_start) &&
                     find(object, "TPM_IO_Hash_Data", functions->hash_data) &&
                     find(object, "TPM_IO_Hash_End", functions->hash_end) &&
                     find(object, "TPM_IO_TpmEstablished_Get", functions->established) &&
                     find(object, "TPM_IO_TpmEstablished_Reset", functions->reset_established) &&
                     find(object, "tvdsim_tpm_forget", functions->forget) &&
                     find(object, "tvdsim_tpm_fail", functions->fail) &&
                     find(object, "tvdsim_tpm_swap_12", functions->swap_12) &&
                     find(object, "tvdsim_tpm_set_hooks", set_hooks);
  if (!whole) return nullptr;
  const Hooks hooks{&TpmSurroundings::random, &TpmSurroundings::now_ns, &RsaCache::recall, &RsaCache::keep,
                    &TpmSurroundings::place};
  set_hooks(&hooks);
  auto copy = std::make_unique<TpmLibrary>();
  copy->segment = writable_segment(object);
  copy->loaded.assign(copy->segment.begin(), copy->segment.end());
  copy->call = functions.release();  // lives as long as the copy: as the process
  return copy;
}

TpmLibrary& stock_library() {
  static const LibtpmsFunctions functions;
  static TpmLibrary library;
  static std::once_flag once;
  std::call_once(once, [] {
    library.stock = true;
    library.call = &functions;
  });
  return library;
}

}  // namespace

std::uint32_t TpmLibrary::choose_version(int version) {
  return call->choose_version(static_cast<TPMLIB_TPMVersion>(version));
}
std::uint32_t TpmLibrary::register_callbacks(void* callbacks) {
  return call->register_callbacks(static_cast<libtpms_callbacks*>(callbacks));
}
std::uint32_t TpmLibrary::main_init() { return call->main_init(); }
void TpmLibrary::terminate() noexcept { call->terminate(); }
std::uint32_t TpmLibrary::process(std::uint32_t& size, std::vector<std::uint8_t>& command) {
  return call->process(&response, &size, &capacity, command.data(),
                       static_cast<std::uint32_t>(command.size()));
}
std::uint32_t TpmLibrary::get_state(int type, unsigned char** state, std::uint32_t* size) {
  return call->get_state(static_cast<TPMLIB_StateType>(type), state, size);
}
std::uint32_t TpmLibrary::set_state(int type, std::span<const std::uint8_t> state) {
  return call->set_state(static_cast<TPMLIB_StateType>(type), state.data(),
                         static_cast<std::uint32_t>(state.size()));
}

std::uint32_t TpmLibrary::signal(TpmSignal signal, std::span<const std::uint8_t> data, bool& mark) {
  switch (signal) {
    case TpmSignal::hash_start:
      return call->hash_start();
    case TpmSignal::hash_data:
      return call->hash_data(data.data(), static_cast<std::uint32_t>(data.size()));
    case TpmSignal::hash_end:
      return call->hash_end();
    case TpmSignal::reset_established:
      return call->reset_established();
    case TpmSignal::established:
      break;
  }
  TPM_BOOL is = 0;
  const std::uint32_t code = call->established(&is);
  mark = is != 0;
  return code;
}

void TpmLibrary::forget() noexcept {
  if (call->forget) call->forget();
}
void* TpmLibrary::swap_12(void* instance) noexcept { return call->swap_12(instance); }
bool TpmLibrary::can_fail() const noexcept { return call->fail != nullptr; }
void TpmLibrary::fail(bool fails) noexcept {
  if (call->fail) call->fail(fails ? 1 : 0);
}

bool TpmLibrary::private_copies() noexcept {
  static const bool can = [] {
    auto first = load();
    if (!first) return false;
    TpmSurroundings::install();
    const std::lock_guard guard(shelf_lock());
    shelf().push_back(&keep(std::move(first)));
    return true;
  }();
  return can;
}

TpmLibrary& TpmLibrary::borrow(bool stock) {
  if (stock) return stock_library();
  TVDSIM_ASSERT(private_copies(), "private copies are asked for where there are none");
  const std::lock_guard guard(shelf_lock());
  if (shelf().empty()) {
    auto copy = load();
    if (!copy)
      throw sim::WorldError("loading another copy of libtpms", "ENOMEM", "fewer workers need fewer copies");
    return keep(std::move(copy));
  }
  TpmLibrary* copy = shelf().back();
  shelf().pop_back();
  return *copy;
}

void TpmLibrary::give_back(TpmLibrary& copy) {
  if (copy.stock) return;
  const std::lock_guard guard(shelf_lock());
  shelf().push_back(&copy);
}

}  // namespace tvdsim::vtpm
