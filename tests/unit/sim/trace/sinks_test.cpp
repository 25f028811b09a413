#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "sim/base/error.hpp"
#include "sim/trace/sinks/chrome_sink.hpp"
#include "sim/trace/sinks/jsonl_sink.hpp"
#include "sim/trace/sinks/npy_sink.hpp"
#include "sim/trace/sinks/output_file.hpp"
#include "sim/trace/sinks/sqlite_sink.hpp"

namespace tvdsim::sim {
namespace {

class Sinks : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "tvdsim_sinks.XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  std::string path(const char* name) const { return folder + "/" + name; }

  static void fill(Trace& trace) {
    trace.store(TableId::events, true);
    for (std::uint32_t i = 0; i < 1000; ++i) {
      trace.append(rows::events{{static_cast<std::int64_t>(i) * 10 - 5}, 1, i, 0 - std::uint64_t{i}});
    }
    const auto host = trace.text("h1"), vm = trace.text("acme1");
    trace.append(rows::decisions{.time_ns = {1'234'567},
                                 .host = host,
                                 .hook = trace.text("vm_start"),
                                 .verdict = trace.text("deny"),
                                 .reason = trace.text("it's \"so\"\nümlaut")});
    const auto change = [&](std::int64_t at, const char* from, const char* to) {
      trace.append(rows::lifecycle{.time_ns = {at},
                                   .vm = vm,
                                   .host = host,
                                   .from_state = trace.text(from),
                                   .to_state = trace.text(to)});
    };
    change(1'000, "defined", "building");
    change(2'000, "building", "running");
    change(9'000, "running", "stopped");
    trace.append(rows::truth_flows{.time_ns = {5}, .source = vm, .target = vm, .size_bytes = 4096});
  }

  std::string folder;
};

// The code that a failing call names, or "" when it does not fail.
template <class Call>
std::string failure(Call call) {
  try {
    call();
  } catch (const WorldError& error) {
    return error.name();
  }
  return {};
}

TEST_F(Sinks, AreReadBackByTheReadersThatUsersHave) {
  Trace trace;
  fill(trace);
  const std::string before = trace.fingerprint();
  write_sqlite(trace, path("run.sqlite"),
               {.bulk = true, .rows_per_transaction = 300, .meta = {{"seed", "77"}}});
  write_sqlite(trace, path("lean.sqlite"));
  write_npy(trace, path("columns"));
  write_npy(trace, path("rare"), {TableId::decisions});
  write_jsonl(trace, path("run.jsonl"));
  write_chrome(trace, path("run.json"));
  EXPECT_EQ(trace.fingerprint(), before);
  const std::string command =
      std::string(TVDSIM_PYTHON_EXECUTABLE) + " -B " + TVDSIM_READ_BACK + " " + folder;
  EXPECT_EQ(std::system(command.c_str()), 0);
}

TEST_F(Sinks, AGrowingTraceIsWrittenInPartsAndRowsOnce) {
  Trace trace;
  SqliteSink sink(path("run.sqlite"), {.bulk = true});
  fill(trace);
  sink.write(trace);
  sink.write(trace);
  trace.append(rows::truth_flows{});
  sink.finish(trace);
  const std::string query = std::string(TVDSIM_PYTHON_EXECUTABLE) +
                            " -c \"import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); "
                            "assert c.execute('select count(*) from events').fetchone() == (1000,); "
                            "assert c.execute('select count(*) from truth_flows').fetchone() == (2,)\" " +
                            path("run.sqlite");
  EXPECT_EQ(std::system(query.c_str()), 0);
}

TEST_F(Sinks, WhatWasNotFinishedIsNotThere) {
  Trace trace;
  fill(trace);
  {
    SqliteSink sink(path("run.sqlite"));
    sink.write(trace);
    EXPECT_TRUE(std::filesystem::exists(path("run.sqlite")));
  }
  EXPECT_FALSE(std::filesystem::exists(path("run.sqlite")));
  { OutputFile(path("lines")).write("half"); }
  EXPECT_FALSE(std::filesystem::exists(path("lines")));
}

TEST_F(Sinks, AnUnwritablePlaceIsNamedWithTheLibrarysOwnCode) {
  const Trace trace;
  EXPECT_EQ(failure([&] { write_sqlite(trace, path("missing/run.sqlite")); }), "SQLITE_CANTOPEN");
  EXPECT_EQ(failure([&] { write_jsonl(trace, path("missing/run.jsonl")); }), "ENOENT");
  EXPECT_EQ(failure([&] { write_npy(trace, path("missing/columns")); }), "ENOENT");
  EXPECT_EQ(failure([&] { write_chrome(trace, folder); }), "EISDIR");
}

TEST_F(Sinks, WhatIsNoRegularFileIsNeverReplacedOrRemoved) {
  const Trace trace;
  const std::string pipe = path("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(failure([&] { write_sqlite(trace, pipe); }), "SQLITE_CANTOPEN");
  EXPECT_EQ(failure([&] { write_sqlite(trace, folder); }), "SQLITE_CANTOPEN");
  EXPECT_TRUE(std::filesystem::is_fifo(pipe));
  EXPECT_TRUE(std::filesystem::is_directory(folder));
}

// A file-size limit stands in for a full disk: the write fails half-way through.
template <class Write>
int exit_code_on_a_full_disk(Write write, std::string_view name) {
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{64 * 1024, 64 * 1024};
    setrlimit(RLIMIT_FSIZE, &limit);
    const std::string code = failure(write);
    if (code != name) std::fprintf(stderr, "failed with `%s`\n", code.c_str());
    _exit(code == name ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(Sinks, AFullDiskLeavesAnErrorAndNoFile) {
  Trace trace;
  for (int i = 0; i < 20; ++i) fill(trace);
  EXPECT_EQ(exit_code_on_a_full_disk([&] { write_sqlite(trace, path("run.sqlite"), {.bulk = true}); },
                                     "SQLITE_IOERR"),
            0);
  EXPECT_EQ(exit_code_on_a_full_disk([&] { write_jsonl(trace, path("run.jsonl")); }, "EFBIG"), 0);
  EXPECT_EQ(exit_code_on_a_full_disk([&] { write_npy(trace, path("columns")); }, "EFBIG"), 0);
  EXPECT_FALSE(std::filesystem::exists(path("run.sqlite")));
  EXPECT_FALSE(std::filesystem::exists(path("run.jsonl")));
  EXPECT_FALSE(std::filesystem::exists(path("columns/events/time_ns.npy")));
}

TEST_F(Sinks, ADeviceThatIsFullSaysSo) {
  if (!std::filesystem::is_character_file("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  EXPECT_EQ(failure([] {
              OutputFile file("/dev/full");
              file.write("x");
              file.finish();
            }),
            "ENOSPC");
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/full"));
}

TEST(JsonString, EscapesWhatJsonForbids) {
  EXPECT_EQ(json_string("a\"b\\c\n\t\r\x01ü"), "\"a\\\"b\\\\c\\n\\t\\r\\u0001ü\"");
}

}  // namespace
}  // namespace tvdsim::sim
