// tvd_guest: gate and watch in one plugin, so that each block is looked at once.
#include <signal.h>
#include <sys/prctl.h>

#include <cstdio>
#include <memory>

#include "plugins/gate.hpp"
#include "plugins/qemu_plugin_v1.h"
#include "plugins/watch.hpp"

namespace tvdsim::plugins {
namespace {

struct GuestPlugin {
  Options options;
  SharedPage shared;
  Internals internals;
  std::unique_ptr<Gate> gate;
  std::unique_ptr<Watch> watch;
};
// Lives as long as the program, since translated code points into it; only a mock host installs another.
GuestPlugin* plugin = nullptr;

int refuse(const std::string& why) {
  std::fprintf(stderr, "tvd_guest: %s\n", why.c_str());
  return -1;
}

void on_translation(qemu_plugin_id_t, qemu_plugin_tb* block) { plugin->watch->translate(block); }
void on_end(int status, void* which) {
  auto* ending = static_cast<GuestPlugin*>(which);
  if (ending == plugin) ending->gate->ended(status);
}

// 0, or what the emulator takes for a refusal.
int install(qemu_plugin_id_t id, const qemu_info_t& info, int count, char** arguments) {
  auto made = std::make_unique<GuestPlugin>();
  if (const std::string why = read_options(count, arguments, made->options); !why.empty()) return refuse(why);
  if (!info.system_emulation) return refuse("this is not a whole machine");
  if (info.of.system.max_vcpus != 1) return refuse("a guest has one vCPU, else its time is not its own");
  if (info.version.min > 1 || info.version.cur < 1)
    return refuse("the emulator does not offer version 1 of the plugin interface");
  if (const std::string why = made->shared.open(made->options); !why.empty()) return refuse(why);
  made->internals = find_internals();
  made->gate = std::make_unique<Gate>(made->shared, made->internals, made->options);
  made->watch = std::make_unique<Watch>(made->shared, *made->gate, made->internals, made->options);
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // a guest does not outlive its time master
  delete plugin;
  plugin = made.release();
  qemu_plugin_register_vcpu_tb_trans_cb(id, &on_translation);
  on_exit(&on_end, plugin);
  return 0;
}

}  // namespace
}  // namespace tvdsim::plugins

extern "C" {
__attribute__((visibility("default"))) extern int qemu_plugin_version;
__attribute__((visibility("default"))) int qemu_plugin_version = 1;

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t* info,
                                                               int count, char** arguments) {
  return tvdsim::plugins::install(id, *info, count, arguments);
}
}
