// Real guests under test: what they need, what they leave behind.
//
//   class Guests : public tests::WithGuests {};
//   TEST_F(Guests, …) { GuestProcess guest(payload("work=1")); … }
//
// Each test of the fixture is skipped, and says so, where QEMU or the payload is missing; and fails when it leaves a child
// process, a thread, a descriptor or a file behind.
#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "models/emulation/guest_process.hpp"
#include "sim/base/error.hpp"
#include "vtpm/device/tpm.hpp"

namespace tvdsim::tests {

using namespace sim::literals;

// What this process holds now.
struct Holdings {
  std::size_t children = 0, threads = 0, descriptors = 0, files = 0;
  friend bool operator==(const Holdings&, const Holdings&) = default;

  static Holdings now() {
    namespace fs = std::filesystem;
    Holdings out;
    for (const auto& thread : fs::directory_iterator("/proc/self/task")) {
      ++out.threads;
      std::ifstream children(thread.path() / "children");
      for (std::string pid; children >> pid;) ++out.children;
    }
    for ([[maybe_unused]] const auto& fd : fs::directory_iterator("/proc/self/fd")) ++out.descriptors;
    for ([[maybe_unused]] const auto& file : fs::directory_iterator(fs::temp_directory_path())) ++out.files;
    return out;
  }
};
inline void PrintTo(const Holdings& it, std::ostream* out) {
  *out << it.children << " children, " << it.threads << " threads, " << it.descriptors << " descriptors, "
       << it.files << " files";
}

inline models::GuestSetup payload(std::string command_line) {
  models::GuestSetup setup;
  setup.image = TVDSIM_GUEST_PAYLOAD;
  setup.plugin = TVDSIM_GUEST_PLUGIN;
  setup.qemu = models::find_qemu();
  setup.command_line = std::move(command_line);
  return setup;
}

class WithGuests : public testing::Test {
 protected:
  // Its own folder for what is temporary: programs that run at the same time leave nothing in it.
  static void SetUpTestSuite() {
    std::string folder = (std::filesystem::temp_directory_path() / "tvdsim-test-XXXXXX").string();
    ASSERT_NE(mkdtemp(folder.data()), nullptr) << folder;
    setenv("TMPDIR", folder.c_str(), 1);
  }
  static void TearDownTestSuite() {
    std::filesystem::remove_all(std::getenv("TMPDIR"));
    unsetenv("TMPDIR");
  }
  void SetUp() override {
    if (models::find_qemu().empty()) GTEST_SKIP() << "SKIP 1 case: qemu-system-x86_64 is not installed";
    if (!std::filesystem::exists(TVDSIM_GUEST_PAYLOAD))
      GTEST_SKIP() << "SKIP 1 case: the C compiler makes no 32-bit x86 code, so there is no payload";
    {  // what libraries open once and keep
      vtpm::TpmFleet first;
      first.create("first");
    }
    before_ = Holdings::now();
  }
  void TearDown() override {
    if (IsSkipped()) return;
    EXPECT_EQ(Holdings::now(), before_) << "something was left behind";
  }

 private:
  Holdings before_;
};

// The name of the WorldError that `work` ends in; "" when it ends well.
template <class Work>
std::string error_of(Work work) {
  try {
    work();
  } catch (const sim::WorldError& error) {
    return error.name();
  }
  return {};
}

}  // namespace tvdsim::tests
