// Ours beside swtpm: the same answers on the control channel, the same responses to the same commands from the same state, and a
// TPM that goes there and back is the TPM that it was.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>

#include "tests/support/tpm_client.hpp"
#include "tests/support/tpm_commands.hpp"
#include "vtpm/device/commands.hpp"
#include "vtpm/device/key_commands.hpp"
#include "vtpm/served/fleet_tpm.hpp"
#include "vtpm/served/replay.hpp"
#include "vtpm/served/served_tpm.hpp"
#include "vtpm/served/swtpm_device.hpp"

namespace tvdsim::vtpm {
namespace {

using Bytes = std::vector<std::uint8_t>;
using tests::TpmClient;
using namespace std::chrono_literals;

#define NEEDS_SWTPM() \
  if (!SwtpmDevice::installed()) GTEST_SKIP() << "no swtpm here: apt install swtpm"

struct Peers : testing::Test {
  TpmFleet fleet{{.seed = 7}};
  SharedFleet shared{fleet};
  FleetTpm ours{shared, fleet.create("a")};

  void SetUp() override { expect_success(ours.execute(startup_command(StartupType::clear)), "starting"); }
  static Bytes pcr(TpmDevice& tpm, std::uint32_t n) {
    return read_pcr_response(tpm.execute(pcr_read_command(HashAlg::sha256, n)));
  }
  static void extend(TpmDevice& tpm, std::uint32_t n, std::uint8_t fill) {
    const BankDigest digest{HashAlg::sha256, Bytes(32, fill)};
    expect_success(tpm.execute(pcr_extend_command(n, {&digest, 1})), "extending");
  }
  static std::string name_of(const std::function<void()>& work) {
    try {
      work();
    } catch (const sim::WorldError& problem) {
      return problem.name();
    }
    return "";
  }
};

TEST_F(Peers, AnswerEveryControlRequestAlikeInEveryState) {
  NEEDS_SWTPM();
  SwtpmDevice theirs({});
  theirs.execute(startup_command(StartupType::clear));
  const std::string ours_at = theirs.folder() + "/ours";
  ServedTpm served(ours, {.control_path = ours_at});
  TpmClient mine = TpmClient::at(ours_at);
  std::vector<ControlRequest> asked;
  for (const ControlCode code :
       {ControlCode::get_capability, ControlCode::get_tpmestablished, ControlCode::hash_start,
        ControlCode::hash_end, ControlCode::get_tpmestablished, ControlCode::cancel_tpm_cmd,
        ControlCode::get_config, ControlCode::set_datafd})
    asked.push_back({.code = code});
  for (const std::uint8_t locality : std::vector<std::uint8_t>{0, 1, 2, 3, 4, 5, 255}) {
    asked.push_back({.code = ControlCode::set_locality, .locality = locality});
    asked.push_back({.code = ControlCode::reset_tpmestablished, .locality = locality});
  }
  for (const std::uint32_t size : {0u, 1u, 3968u, 5000u})
    asked.push_back({.code = ControlCode::set_buffersize, .size = size});
  for (std::uint64_t parts = 0; parts < 9; ++parts)
    asked.push_back({.code = ControlCode::get_info, .info = parts});
  asked.push_back({.code = ControlCode::get_info, .offset = 20, .info = 7});
  asked.push_back({.code = ControlCode::get_stateblob, .kind = 3});
  asked.push_back({.code = ControlCode::get_stateblob, .kind = 4});
  asked.push_back({.code = ControlCode::get_stateblob, .kind = 1, .offset = 1u << 20});
  asked.push_back({.code = ControlCode::set_stateblob, .kind = 1, .data = Bytes(5, 1)});
  asked.push_back({.code = ControlCode::set_stateblob, .kind = 9, .data = Bytes(5, 1)});
  for (const ControlCode power : {ControlCode::stop, ControlCode::init, ControlCode::stop}) {
    for (const ControlRequest& request : asked) {
      const ControlRow& row = *control_row(static_cast<std::uint32_t>(request.code));
      EXPECT_EQ(mine.control(request), theirs.ask(request))
          << row.name << " before " << static_cast<int>(power);
    }
    EXPECT_EQ(mine.control({.code = power}), theirs.ask({.code = power}));
  }
}

TEST_F(Peers, GiveTheSameResponsesToARecordedStream) {
  NEEDS_SWTPM();
  SwtpmDevice theirs({});
  extend(ours, 10, 1);
  const TpmState before = ours.save();
  Recorder recorder(ours);
  tests::speak_of_everything(recorder);
  theirs.load(before);
  const ReplayResult result = replay(theirs, recorder.stream());
  for (const auto& d : result.differences)
    ADD_FAILURE() << d.at << ": command " << std::hex << d.command << " gave "
                  << testing::PrintToString(d.replayed) << " and not " << testing::PrintToString(d.recorded);
  EXPECT_GT(result.equal, 25u);
  EXPECT_GT(result.varying, 0u);
  EXPECT_EQ(result.equal + result.varying, recorder.stream().size());
}

TEST_F(Peers, AChangedResponseIsADifference) {
  Recorder recorder(ours);
  tests::speak_of_everything(recorder);
  std::size_t noticed = 0, bytes = 0;
  for (const RecordedCommand& done : recorder.stream()) {
    EXPECT_EQ(compare_responses(done.command, done.response, done.response), Sameness::equal);
    for (std::size_t i = 0; i < done.response.size(); ++i, ++bytes) {
      Bytes other = done.response;
      other[i] ^= 1;
      noticed += compare_responses(done.command, done.response, other) == Sameness::different;
    }
    for (std::size_t n = 0; n < done.response.size(); ++n) {
      EXPECT_EQ(compare_responses(done.command, done.response, std::span(done.response).first(n)),
                Sameness::different);
    }
  }
  EXPECT_GT(noticed * 2, bytes) << "most of what TPMs say follows from their state";
}

TEST_F(Peers, TakeATpmOverByItsBlobsAndItGoesOnAsItWouldHave) {
  NEEDS_SWTPM();
  tests::make_counter(ours);
  tests::increment_counter(ours);
  extend(ours, 10, 1);
  extend(ours, 16, 2);
  const TpmId twin_id = fleet.create("a");
  FleetTpm twin(shared, twin_id);  // stays at home
  twin.load(ours.save());
  SwtpmDevice theirs({});
  theirs.load(ours.save());
  const auto same_step = [&](TpmDevice& away) {
    EXPECT_EQ(away.execute(get_random_command(32)), twin.execute(get_random_command(32)));
    extend(away, 10, 3);
    extend(twin, 10, 3);
    for (const std::uint32_t n : {10u, 16u, 17u}) EXPECT_EQ(pcr(away, n), pcr(twin, n));
    tests::increment_counter(away);
    tests::increment_counter(twin);
    EXPECT_EQ(tests::read_counter(away), tests::read_counter(twin));
  };
  same_step(theirs);
  FleetTpm back(shared, fleet.create("another name"));
  back.load(theirs.save());
  same_step(back);
  EXPECT_EQ(tests::read_counter(back), 3u);
}

TEST_F(Peers, RefuseAStateThatIsNoneAndStayAsTheyWere) {
  NEEDS_SWTPM();
  SwtpmDevice theirs({});
  theirs.execute(startup_command(StartupType::clear));
  extend(theirs, 10, 1);
  const Bytes before = pcr(theirs, 10);
  TpmState bad = ours.save();
  bad.permanent.assign(1299, 0x5a);
  EXPECT_EQ(name_of([&] { theirs.load(bad); }), "state_digest");
  bad.digest = bad.compute_digest();
  EXPECT_NE(name_of([&] { theirs.load(bad); }), "");
  EXPECT_EQ(pcr(theirs, 10), before);
}

TEST_F(Peers, ThatDieOrHangEndInANamedErrorWithinTheDeadline) {
  NEEDS_SWTPM();
  const auto began = std::chrono::steady_clock::now();
  for (const auto& [how, name] : {std::pair{SIGKILL, "swtpm_died"}, std::pair{SIGSTOP, "ETIMEDOUT"}}) {
    std::string folder;
    pid_t process = -1;
    {
      SwtpmDevice theirs({.deadline = 300ms});
      folder = theirs.folder();
      process = theirs.process();
      ::kill(process, how);
      EXPECT_EQ(name_of([&] { theirs.execute(get_random_command(8)); }), name);
      EXPECT_EQ(name_of([&] { theirs.save(); }), name) << "and it stays lost";
    }
    EXPECT_FALSE(std::filesystem::exists(folder));
    EXPECT_EQ(::kill(process, 0), -1) << "the program is left behind";
  }
  EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
}

TEST_F(Peers, ThatAreNotThereOrAreSomethingElseAreNamed) {
  EXPECT_EQ(name_of([] { SwtpmDevice none({.program = "no-such-swtpm"}); }), "ENOENT");
  EXPECT_EQ(name_of([] { SwtpmDevice other({.program = "/bin/false"}); }), "swtpm_died");
}

TEST_F(Peers, LaunchesReachPcr17ThereAsHere) {
  NEEDS_SWTPM();
  SwtpmDevice theirs({});
  theirs.load(ours.save());
  for (TpmDevice* tpm : std::initializer_list<TpmDevice*>{&ours, &theirs}) {
    EXPECT_FALSE(tpm->signal(TpmSignal::established));
    tpm->signal(TpmSignal::hash_start);
    tpm->signal(TpmSignal::hash_data, Bytes{1, 2, 3});
    tpm->signal(TpmSignal::hash_end);
    EXPECT_TRUE(tpm->signal(TpmSignal::established));
    EXPECT_FALSE(tpm->signal(TpmSignal::reset_established, {}, 1));
  }
  EXPECT_EQ(pcr(ours, 17), pcr(theirs, 17));
  EXPECT_NE(pcr(ours, 17), Bytes(32, 0xff));
}

}  // namespace
}  // namespace tvdsim::vtpm
