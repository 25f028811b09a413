#include "vtpm/served/served_tpm.hpp"

#include <dirent.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "tests/support/tpm_client.hpp"
#include "vtpm/device/commands.hpp"
#include "vtpm/served/fleet_tpm.hpp"
#include "vtpm/served/state_blob.hpp"

namespace tvdsim::vtpm {
namespace {

using Bytes = std::vector<std::uint8_t>;
using tests::TpmClient;
using namespace std::chrono_literals;

struct Folder {
  std::string path;
  Folder() {
    std::string name = std::filesystem::temp_directory_path() / "tvdsim-served-XXXXXX";
    path = ::mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }
  Folder(const Folder&) = delete;
  bool empty() const { return std::filesystem::is_empty(path); }
};

std::size_t open_descriptors() {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
}

struct Served : testing::Test {
  Folder folder;
  TpmFleet fleet{{.seed = 7, .workers = 2}};
  SharedFleet shared{fleet};

  FleetTpm made(std::string_view name) {
    const TpmId tpm = shared.alone([&](TpmFleet& f) { return f.create(name); });
    shared.with(tpm, [&](TpmFleet& f) { return f.execute(tpm, startup_command(StartupType::clear)); });
    return FleetTpm(shared, tpm);
  }
  ServedTpmSetup paths(const std::string& name) const {
    return {.control_path = folder.path + "/" + name + ".ctrl", .data_path = folder.path + "/" + name};
  }
  static Bytes pcr(TpmClient& client, std::uint32_t n) {
    return read_pcr_response(client.execute(pcr_read_command(HashAlg::sha256, n)));
  }
  static void extend(TpmClient& client, std::uint32_t n, std::uint8_t fill) {
    const BankDigest digest{HashAlg::sha256, Bytes(32, fill)};
    expect_success(client.execute(pcr_extend_command(n, {&digest, 1})), "extending");
  }
  static std::uint32_t code(const Bytes& response) { return response_code(response); }
};

TEST_F(Served, TpmsAnswerOverAUnixSocketAndTcpAlike) {
  FleetTpm tpm = made("a");
  ServedTpmSetup setup = paths("a");
  setup.port = 0;
  ServedTpm served(tpm, setup);
  TpmClient unix_client = TpmClient::at(served.data_path()), tcp_client = TpmClient::at(served.port());
  extend(unix_client, 10, 1);
  EXPECT_EQ(pcr(tcp_client, 10), pcr(unix_client, 10));
  EXPECT_NE(pcr(tcp_client, 10), Bytes(32, 0));
  TpmClient control = TpmClient::at(static_cast<std::uint16_t>(served.port() + 1));
  EXPECT_EQ(control.control({.code = ControlCode::get_capability}), (Bytes{0, 0, 0, 0, 0, 0, 0xff, 0xff}));
}

TEST_F(Served, TpmTakesCommandsOverASocketThatWasHandedOver) {
  FleetTpm tpm = made("a");
  ServedTpm served(tpm, {.control_path = folder.path + "/c"});
  TpmClient control = TpmClient::at(served.control_path());
  auto [mine, theirs] = tests::socket_pair();
  EXPECT_EQ(control.result({.code = ControlCode::set_datafd}), ControlResult::io_error)
      << "nothing came along";
  EXPECT_EQ(control.result({.code = ControlCode::set_datafd}, theirs.get()), ControlResult::ok);
  theirs = Fd();
  TpmClient data(std::move(mine));
  extend(data, 16, 9);
  EXPECT_NE(pcr(data, 16), Bytes(32, 0));
}

TEST_F(Served, TpmsAreManyAtOnceAndEachIsItsOwn) {
  constexpr std::uint8_t kCount = 12;
  std::vector<std::unique_ptr<FleetTpm>> tpms;
  std::vector<std::unique_ptr<ServedTpm>> served;
  for (std::uint8_t i = 0; i < kCount; ++i) {
    const TpmId id = shared.alone([&](TpmFleet& f) { return f.create(); });
    tpms.push_back(std::make_unique<FleetTpm>(shared, id));
    tpms.back()->execute(startup_command(StartupType::clear));
    served.push_back(std::make_unique<ServedTpm>(*tpms.back(), paths(std::to_string(i))));
  }
  std::vector<std::thread> clients;
  std::vector<Bytes> seen(kCount);
  for (std::uint8_t i = 0; i < kCount; ++i) {
    clients.emplace_back([&, i] {
      TpmClient client = TpmClient::at(served[i]->data_path());
      for (int round = 0; round < 20; ++round) extend(client, 5, i);
      seen[i] = pcr(client, 5);
    });
  }
  for (std::thread& client : clients) client.join();
  TpmFleet alone({.seed = 8});
  for (std::uint8_t i = 0; i < kCount; ++i) {
    const TpmId id = alone.create();
    alone.execute(id, startup_command(StartupType::clear));
    const BankDigest digest{HashAlg::sha256, Bytes(32, i)};
    for (int round = 0; round < 20; ++round) alone.execute(id, pcr_extend_command(5, {&digest, 1}));
    EXPECT_EQ(seen[i], read_pcr_response(alone.execute(id, pcr_read_command(HashAlg::sha256, 5))));
    EXPECT_EQ(served[i]->counts().commands, 21u);
  }
}

TEST_F(Served, ClientsThatDieInTheMiddleDisturbNobody) {
  FleetTpm tpm = made("a");
  ServedTpm served(tpm, paths("a"));
  TpmClient steady = TpmClient::at(served.data_path());
  extend(steady, 3, 1);
  const Bytes before = pcr(steady, 3);
  const BankDigest digest{HashAlg::sha256, Bytes(32, 2)};
  const Bytes command = pcr_extend_command(3, {&digest, 1});
  for (std::size_t n = 1; n < command.size(); ++n) {
    TpmClient dying = TpmClient::at(served.data_path());
    dying.send(Bytes(command.begin(), command.begin() + static_cast<std::ptrdiff_t>(n)));
    dying.leave();
  }
  for (const Bytes& begun : {Bytes{0}, Bytes{0, 0, 0, 13, 0, 0}, Bytes{0, 0, 0, 7, 0, 0, 0, 9, 1}}) {
    TpmClient dying = TpmClient::at(served.control_path());
    dying.send(begun);
    dying.leave();
  }
  const std::uint64_t dead = command.size() - 1 + 3;
  for (int i = 0; i < 2000 && served.counts().dropped < dead; ++i) std::this_thread::sleep_for(1ms);
  EXPECT_EQ(served.counts().dropped, dead);
  EXPECT_EQ(pcr(steady, 3), before) << "half a command was executed";
  // And one that dies after its command but before it reads the response.
  TpmClient hasty = TpmClient::at(served.data_path());
  hasty.send(command);
  hasty.leave();
  for (int i = 0; i < 2000 && pcr(steady, 3) == before; ++i) std::this_thread::sleep_for(1ms);
  EXPECT_NE(pcr(steady, 3), before);
}

TEST_F(Served, StreamsThatCannotBeReadOnAreAnsweredAndClosed) {
  FleetTpm tpm = made("a");
  ServedTpm served(tpm, paths("a"));
  TpmClient steady = TpmClient::at(served.data_path());
  for (const Bytes& bad : {Bytes{0x80, 1, 0xff, 0xff, 0xff, 0xff}, Bytes{0x80, 1, 0, 0, 0, 4, 1, 2, 3, 4},
                           Bytes(64, 0), Bytes(64, 0xff), Bytes{0, 0, 0, 8, 0, 0, 0, 0, 1}}) {
    TpmClient client = TpmClient::at(served.data_path());
    EXPECT_EQ(code(client.execute(bad)), 0x142u);
    EXPECT_TRUE(client.closed());
    EXPECT_EQ(pcr(steady, 0), Bytes(32, 0));
  }
  for (const auto& [bad, result] : {std::pair{Bytes{0, 0, 0, 99}, 0x0a}, std::pair{Bytes(32, 0xff), 0x0a},
                                    std::pair{Bytes{0, 0, 0, 7, 0xff, 0xff, 0xff, 0xff}, 0x11}}) {
    TpmClient client = TpmClient::at(served.control_path());
    client.send(bad);
    EXPECT_EQ(client.receive(4), (Bytes{0, 0, 0, static_cast<std::uint8_t>(result)}));
    EXPECT_TRUE(client.closed());
  }
  EXPECT_EQ(served.counts().refused, 8u);
  EXPECT_EQ(pcr(steady, 0), Bytes(32, 0));
}

TEST_F(Served, ClientsThatBeginAndDoNotGoOnAreDropped) {
  FleetTpm tpm = made("a");
  ServedTpmSetup setup = paths("a");
  setup.patience = 50ms;
  ServedTpm served(tpm, setup);
  TpmClient idle = TpmClient::at(served.data_path()), hanging = TpmClient::at(served.data_path());
  hanging.send({0x80, 1, 0});
  EXPECT_TRUE(hanging.closed());
  EXPECT_EQ(served.counts().dropped, 1u);
  EXPECT_EQ(pcr(idle, 0), Bytes(32, 0)) << "who has begun nothing may take its time";
}

TEST_F(Served, CommandsThatComeInPiecesOrTogetherAreTheSame) {
  FleetTpm tpm = made("a");
  ServedTpm served(tpm, paths("a"));
  TpmClient client = TpmClient::at(served.data_path());
  const Bytes command = pcr_read_command(HashAlg::sha256, 1);
  Bytes many;
  for (int i = 0; i < 5; ++i) many.insert(many.end(), command.begin(), command.end());
  client.send(many);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(read_pcr_response(client.response()), Bytes(32, 0));
  for (const std::uint8_t byte : command) client.send({byte});
  EXPECT_EQ(read_pcr_response(client.response()), Bytes(32, 0));
  Bytes framed{0, 0, 0, 8, 0, 0, 0, 0, static_cast<std::uint8_t>(command.size())};
  framed.insert(framed.end(), command.begin(), command.end());
  client.send(framed);
  const Bytes size = client.receive(4);
  const Bytes response = client.receive(size[3]);
  EXPECT_EQ(read_pcr_response(response), Bytes(32, 0));
  EXPECT_EQ(client.receive(4), Bytes(4, 0));
}

TEST_F(Served, PowerComesAndGoesAsTheControllerSays) {
  FleetTpm tpm = made("a");
  ServedTpm served(tpm, paths("a"));
  TpmClient client = TpmClient::at(served.data_path()), control = TpmClient::at(served.control_path());
  extend(client, 10, 4);
  const Bytes extended = pcr(client, 10);
  EXPECT_EQ(control.result({.code = ControlCode::set_buffersize, .size = 3968}), ControlResult::bad_ordinal);
  EXPECT_EQ(control.result({.code = ControlCode::store_volatile}), ControlResult::ok);
  EXPECT_EQ(control.result({.code = ControlCode::stop}), ControlResult::ok);
  EXPECT_EQ(code(client.execute(pcr_read_command(HashAlg::sha256, 10))), 0x101u);
  EXPECT_EQ(control.control({.code = ControlCode::set_buffersize, .size = 3968})[6], 0x0f);
  EXPECT_EQ(control.result({.code = ControlCode::init, .flags = kForgetStored}), ControlResult::ok);
  EXPECT_EQ(pcr(client, 10), extended) << "the stored state came back";
  EXPECT_EQ(control.result({.code = ControlCode::init}), ControlResult::ok);
  EXPECT_EQ(code(client.execute(pcr_read_command(HashAlg::sha256, 10))), 0x100u) << "and was forgotten then";
  expect_success(client.execute(startup_command(StartupType::clear)), "starting");
  EXPECT_EQ(pcr(client, 10), Bytes(32, 0));
}

TEST_F(Served, StatesMoveFromOneTpmToAnotherByBlobs) {
  FleetTpm from = made("a"), to = made("b");
  ServedTpm source(from, paths("a"));
  ServedTpmSetup waiting = paths("b");
  waiting.powered = false;
  ServedTpm target(to, waiting);
  TpmClient client = TpmClient::at(source.data_path()), out = TpmClient::at(source.control_path());
  TpmClient arrived = TpmClient::at(target.data_path()), in = TpmClient::at(target.control_path());
  extend(client, 10, 4);
  for (const std::uint32_t kind : {1u, 2u}) {
    const auto blob = read_state_answer(out.control({.code = ControlCode::get_stateblob, .kind = kind}));
    ASSERT_TRUE(blob && unpack_state_blob(blob->data));
    EXPECT_EQ(in.result({.code = ControlCode::set_stateblob, .kind = kind, .data = blob->data}),
              ControlResult::ok);
  }
  EXPECT_EQ(out.result({.code = ControlCode::get_stateblob, .kind = 3}), ControlResult::none);
  EXPECT_EQ(in.result({.code = ControlCode::init}), ControlResult::ok);
  EXPECT_EQ(pcr(arrived, 10), pcr(client, 10));
  EXPECT_EQ(arrived.execute(get_random_command(16)), client.execute(get_random_command(16)));
}

TEST_F(Served, BlobsThatAreNoneLeaveTheTpmOffAndAsItWas) {
  FleetTpm tpm = made("a");
  const TpmState before = tpm.save();
  ServedTpmSetup waiting = paths("a");
  waiting.powered = false;
  ServedTpm served(tpm, waiting);
  TpmClient control = TpmClient::at(served.control_path()), client = TpmClient::at(served.data_path());
  const auto set = [&](std::uint32_t kind, const Bytes& data) {
    return control.result({.code = ControlCode::set_stateblob, .kind = kind, .data = data});
  };
  EXPECT_EQ(set(1, Bytes(50, 1)), ControlResult::bad_parameter);
  EXPECT_EQ(set(9, pack_state_blob(before.permanent)), ControlResult::bad_parameter);
  EXPECT_EQ(set(1, pack_state_blob(Bytes(1299, 0x5a))), ControlResult::ok);
  EXPECT_EQ(control.result({.code = ControlCode::init}), ControlResult::fail);
  EXPECT_NE(served.failure(), "");
  EXPECT_EQ(code(client.execute(get_random_command(8))), 0x101u);
  EXPECT_EQ(tpm.save(), before);
  EXPECT_EQ(control.result({.code = ControlCode::init}), ControlResult::ok)
      << "what was refused is forgotten";
  expect_success(client.execute(startup_command(StartupType::clear)), "starting");
}

TEST_F(Served, TpmThatIsLostSaysSoDisturbsNobodyAndComesBackByItsBlobs) {
  if (!fleet.deterministic()) GTEST_SKIP() << "the stock library has no worker to lose";
  FleetTpm tpm = made("a"), neighbour = made("b");
  ServedTpm served(tpm, paths("a")), other(neighbour, paths("b"));
  TpmClient client = TpmClient::at(served.data_path()), control = TpmClient::at(served.control_path());
  TpmClient beside = TpmClient::at(other.data_path());
  extend(client, 10, 4);
  extend(beside, 10, 5);
  const Bytes here = pcr(client, 10), there = pcr(beside, 10);
  const TpmState kept = tpm.save();
  shared.alone([&](TpmFleet& f) { f.fail(tpm.id(), TpmFault::worker_crash, get_random_command(8)); });
  EXPECT_EQ(code(client.execute(get_random_command(8))), 0x101u);
  EXPECT_NE(served.failure().find("tpm_lost"), std::string::npos) << served.failure();
  EXPECT_EQ(pcr(beside, 10), there);
  EXPECT_EQ(other.failure(), "");
  control.result({.code = ControlCode::stop});
  for (const auto& [kind, blob] : {std::pair{1u, kept.permanent}, std::pair{2u, kept.running}}) {
    EXPECT_EQ(
        control.result({.code = ControlCode::set_stateblob, .kind = kind, .data = pack_state_blob(blob)}),
        ControlResult::ok);
  }
  EXPECT_EQ(control.result({.code = ControlCode::init}), ControlResult::ok);
  EXPECT_EQ(pcr(client, 10), here);
}

TEST_F(Served, LocalityCountsAndALaunchReachesPcr17) {
  FleetTpm tpm = made("a");
  ServedTpm served(tpm, paths("a"));
  TpmClient client = TpmClient::at(served.data_path()), control = TpmClient::at(served.control_path());
  EXPECT_EQ(code(client.execute(pcr_reset_command(20))), 0x907u) << "TPM_RC_LOCALITY";
  EXPECT_EQ(control.result({.code = ControlCode::set_locality, .locality = 2}), ControlResult::ok);
  EXPECT_EQ(code(client.execute(pcr_reset_command(20))), 0u);
  EXPECT_EQ(control.result({.code = ControlCode::set_locality, .locality = 5}), ControlResult::bad_locality);
  control.send({0, 0, 0, 5, 2, 0, 0, 0});  // as QEMU does
  EXPECT_EQ(control.receive(4), Bytes(4, 0));
  EXPECT_EQ(control.control({.code = ControlCode::get_tpmestablished})[4], 0);
  EXPECT_EQ(control.result({.code = ControlCode::hash_start}), ControlResult::ok);
  EXPECT_EQ(control.result({.code = ControlCode::hash_data, .data = Bytes(100'000, 7)}), ControlResult::ok);
  EXPECT_EQ(control.result({.code = ControlCode::hash_end}), ControlResult::ok);
  EXPECT_NE(pcr(client, 17), Bytes(32, 0xff));
  EXPECT_EQ(control.control({.code = ControlCode::get_tpmestablished})[4], 1);
  EXPECT_EQ(control.result({.code = ControlCode::reset_tpmestablished, .locality = 2}),
            ControlResult::bad_locality);
  EXPECT_EQ(control.result({.code = ControlCode::reset_tpmestablished, .locality = 3}), ControlResult::ok);
  EXPECT_EQ(control.control({.code = ControlCode::get_tpmestablished})[4], 0);
}

TEST_F(Served, ObserversSeeEveryCommandBeforeItsResponseGoesOut) {
  FleetTpm tpm = made("a");
  std::atomic<bool> answered = false;
  std::vector<std::pair<Bytes, Bytes>> seen;
  std::vector<ControlCode> controls;
  ServedTpmSetup setup = paths("a");
  setup.observer = [&](std::span<const std::uint8_t> command, std::span<const std::uint8_t> response,
                       std::uint8_t) {
    EXPECT_FALSE(answered);
    seen.emplace_back(Bytes(command.begin(), command.end()), Bytes(response.begin(), response.end()));
  };
  setup.control_observer = [&](const ControlRequest& request, ControlResult) {
    controls.push_back(request.code);
  };
  {
    ServedTpm served(tpm, setup);
    TpmClient control = TpmClient::at(served.control_path());
    control.result({.code = ControlCode::set_locality});
    TpmClient client = TpmClient::at(served.data_path());
    const Bytes response = client.execute(get_random_command(8));
    answered = true;
    served.stop();
    ASSERT_EQ(seen.size(), 1u);
    EXPECT_EQ(seen[0], (std::pair{get_random_command(8), response}));
    EXPECT_EQ(controls, std::vector{ControlCode::set_locality});
  }
}

TEST_F(Served, StoppingLeavesNoThreadNoDescriptorAndNoFile) {
  FleetTpm tpm = made("a");
  const std::size_t before = open_descriptors();
  for (int round = 0; round < 3; ++round) {
    ServedTpmSetup setup = paths("a");
    setup.port = 0;
    ServedTpm served(tpm, setup);
    TpmClient client = TpmClient::at(served.data_path()), control = TpmClient::at(served.control_path());
    auto [mine, theirs] = tests::socket_pair();
    control.result({.code = ControlCode::set_datafd}, theirs.get());
    client.send({0x80, 1, 0});
    EXPECT_FALSE(served.wait_for(0ms));
    if (round == 0) {
      EXPECT_EQ(control.result({.code = ControlCode::shutdown}), ControlResult::ok);
      EXPECT_TRUE(served.wait_for(10s));
    } else {
      served.stop();
      served.stop();
      EXPECT_TRUE(served.wait_for(0ms));
    }
    EXPECT_TRUE(folder.empty());
    EXPECT_TRUE(client.closed());
  }
  EXPECT_EQ(open_descriptors(), before);
  expect_success(tpm.execute(startup_command(StartupType::clear)),
                 "the TPM itself is still there, powered off and on");
}

TEST_F(Served, AddressesThatAreTakenAreRefusedAndLeftAlone) {
  FleetTpm tpm = made("a");
  ServedTpm first(tpm, paths("a"));
  const auto name_of = [&](const ServedTpmSetup& setup) -> std::string {
    try {
      ServedTpm second(tpm, setup);
    } catch (const sim::WorldError& taken) {
      return taken.name();
    }
    return "";
  };
  EXPECT_EQ(name_of(paths("a")), "EADDRINUSE");
  ServedTpmSetup half = paths("b");
  half.control_path = first.control_path();
  EXPECT_EQ(name_of(half), "EADDRINUSE");
  EXPECT_FALSE(std::filesystem::exists(folder.path + "/b")) << "what had been made is gone again";
  EXPECT_EQ(name_of(paths(std::string(200, 'x'))), "ENAMETOOLONG");
  TpmClient client = TpmClient::at(first.data_path());
  EXPECT_EQ(pcr(client, 0), Bytes(32, 0));
}

}  // namespace
}  // namespace tvdsim::vtpm
