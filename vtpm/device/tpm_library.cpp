#include "vtpm/device/tpm_library.hpp"

#include <dlfcn.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <memory>
#include <mutex>

#include "sim/base/error.hpp"
#include "vtpm/device/tpm_surroundings.hpp"

namespace tvdsim::vtpm {
namespace {

struct Hooks {  // as in private_object/hooks.c
  int (*random)(std::uint8_t* bytes, int size);
  std::int64_t (*now_ns)();
};

std::mutex& shelf_lock() {
  static std::mutex lock;
  return lock;
}
// Copies that nobody has now. Loaded copies live as long as the process.
std::vector<TpmLibrary*>& shelf() {
  static std::vector<TpmLibrary*> copies;
  return copies;
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
  auto copy = std::make_unique<TpmLibrary>();
  void (*set_hooks)(const Hooks*) = nullptr;
  const bool whole =
      find(object, "TPMLIB_ChooseTPMVersion", copy->choose_version) &&
      find(object, "TPMLIB_RegisterCallbacks", copy->register_callbacks) &&
      find(object, "TPMLIB_MainInit", copy->main_init) && find(object, "TPMLIB_Terminate", copy->terminate) &&
      find(object, "TPMLIB_Process", copy->process) && find(object, "TPMLIB_GetState", copy->get_state) &&
      find(object, "TPMLIB_SetState", copy->set_state) && find(object, "tvdsim_tpm_set_hooks", set_hooks);
  if (!whole) return nullptr;
  const Hooks hooks{&TpmSurroundings::random, &TpmSurroundings::now_ns};
  set_hooks(&hooks);
  return copy;
}

TpmLibrary& stock_library() {
  static TpmLibrary library;
  static std::once_flag once;
  std::call_once(once, [] {
    library.stock = true;
    library.choose_version = &TPMLIB_ChooseTPMVersion;
    library.register_callbacks = &TPMLIB_RegisterCallbacks;
    library.main_init = &TPMLIB_MainInit;
    library.terminate = &TPMLIB_Terminate;
    library.process = &TPMLIB_Process;
    library.get_state = &TPMLIB_GetState;
    library.set_state = &TPMLIB_SetState;
  });
  return library;
}

}  // namespace

bool TpmLibrary::private_copies() noexcept {
  static const bool can = [] {
    auto first = load();
    if (!first) return false;
    TpmSurroundings::install();
    const std::lock_guard guard(shelf_lock());
    shelf().push_back(first.release());
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
    return *copy.release();
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
