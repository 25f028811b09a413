// The emitted script, read back, is what the simulation forwards by; the captured frames are what tshark calls well-formed.
#include <sys/wait.h>

#include <cstdio>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "models/network/plumbing.hpp"
#include "netsim/pcap.hpp"
#include "tests/unit/models/network/office.hpp"

namespace tvdsim::tests {
namespace {

// What the commands of a script leave behind on a Linux machine: devices with their VID and parent, and who is whose master.
struct Machine {
  struct Device {
    std::string parent;
    int vid = 0;
  };
  std::set<std::string> bridges;
  std::map<std::string, Device> tagged;
  std::map<std::string, std::string> master;
  std::set<std::string> mute;  // nothing floods out there

  explicit Machine(const std::string& script) {
    std::istringstream lines(script);
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line.substr(0, line.find('#')));
      std::vector<std::string> word{std::istream_iterator<std::string>(words), {}};
      const auto after = [&](std::string_view key) {
        const auto at = std::find(word.begin(), word.end(), key);
        return at == word.end() || at + 1 == word.end() ? std::string{} : *(at + 1);
      };
      const bool link = word.size() > 2 && word[0] == "ip" && word[1] == "link";
      if (link && word[2] == "add" && after("type") == "bridge") bridges.insert(after("name"));
      if (link && word[2] == "add" && after("type") == "vlan")
        tagged[after("name")] = {word.at(4), std::stoi(after("id"))};
      if (link && word[2] == "set" && !after("master").empty()) master[word[3]] = after("master");
      if (!word.empty() && word[0] == "bridge" && line.find(" flood off") != std::string::npos)
        mute.insert(after("dev"));
    }
  }

  // By which (interface, tag) pairs does a broadcast leave that came in by this one? A tag of 0 is none.
  using Way = std::pair<std::string, int>;
  std::set<Way> flood(const Way& from) const {
    const std::string in = from.second ? from.first + "." + std::to_string(from.second) : from.first;
    if (from.second && !tagged.contains(in)) return {};
    const auto bridge = master.find(in);
    if (bridge == master.end()) return {};
    std::set<Way> out;
    for (const auto& [device, owner] : master) {
      if (owner != bridge->second || device == in || mute.contains(device)) continue;
      const auto vlan = tagged.find(device);
      out.insert(vlan == tagged.end() ? Way{device, 0} : Way{vlan->second.parent, vlan->second.vid});
    }
    return out;
  }
};

// Where a broadcast really goes: from a VM's interface, as rows of the run say.
std::set<Machine::Way> really(Office& office, sim::VmId from, std::uint16_t vid) {
  const std::size_t before = office.rows().size();
  netsim::Frame frame{netsim::kBroadcast, Fabric::mac(from), {}, 0x88b5, {1, 2, 3, 4}};
  const bool tagged = office.fabric.vlans(from).front() != vid;
  if (tagged) frame.tag = netsim::VlanTag{vid, 0, false};
  office.fabric.send_raw(from, encode(frame));
  office.settle();
  std::set<Machine::Way> out;
  const auto rows = office.rows();
  for (std::size_t i = before; i < rows.size(); ++i) {
    std::istringstream words(rows[i]);
    std::string place, event;
    int number = 0;
    words >> place >> event >> number;
    if (event == "tagged" && place.rfind("h1/", 0) == 0) out.insert({"eth0", number});
    const auto receiver = std::find(office.names.begin(), office.names.end(), place);
    if (event != "delivered") continue;
    const sim::VmId to{static_cast<std::uint32_t>(receiver - office.names.begin())};
    if (office.fabric.where(to) != sim::HostId{0}) continue;
    const bool with_tag = office.fabric.vlans(to).front() != number;
    out.insert({"vif" + std::to_string(to.value) + ".0", with_tag ? number : 0});
  }
  return out;
}

void expect_script_forwards_alike(Office& office) {
  const std::string script = plumbing_script(office.fabric.plumbing({0}));
  const Machine machine(script);
  std::size_t compared = 0;
  for (std::uint32_t i = 0; i < office.names.size(); ++i) {
    if (office.fabric.where({i}) != sim::HostId{0}) continue;
    const std::vector<std::uint16_t> vlans(office.fabric.vlans({i}).begin(), office.fabric.vlans({i}).end());
    for (const std::uint16_t vid : vlans) {
      const int tag = vid == vlans.front() ? 0 : vid;
      EXPECT_EQ(machine.flood({"vif" + std::to_string(i) + ".0", tag}), really(office, {i}, vid))
          << office.names[i] << " in VLAN " << vid << "\n"
          << script;
      ++compared;
    }
  }
  EXPECT_GE(compared, 5u);
}

Office& fill(Office& office) {
  for (const int vid : {10, 20, 30}) office.vlan(static_cast<std::uint16_t>(vid));
  office.vm("a1", 0, {10}), office.vm("a2", 0, {10}), office.vm("b1", 0, {20});
  office.vm("both", 0, {20, 10}), office.vm("a3", 1, {10});
  office.settle();
  return office;
}

// F-050
TEST(PlumbingScript, ReadBackForwardsAsTheSimulationDoes) {
  Office office(2);
  expect_script_forwards_alike(fill(office));
  // The same after a bridge was joined to another interface, and after a VM has left.
  office.fabric.map({0}, 10, 20);
  office.fabric.disconnect({1});
  office.vm("late", 0, {30, 20});
  office.settle();
  expect_script_forwards_alike(office);
}

TEST(PlumbingScript, BelievedTagsComeInAndNothingFloodsOut) {
  Fabric::Setup trusting;
  trusting.anti_spoof = sim::ControlMode::off;
  Office office(2, trusting);
  fill(office);
  const Machine machine(plumbing_script(office.fabric.plumbing({0})));
  // b1 has not joined VLAN 10: forged, its frame gets there all the same.
  EXPECT_EQ(machine.flood({"vif2.0", 10}), really(office, {2}, 10));
  EXPECT_FALSE(machine.flood({"vif2.0", 10}).empty());
  expect_script_forwards_alike(office);
}

// F-050
TEST(PlumbingScript, IsAShellScript) {
  Office office(2);
  fill(office);
  const std::string path = testing::TempDir() + "tvdsim_plumbing.sh";
  std::ofstream(path) << plumbing_script(office.fabric.plumbing({0}));
  const int status = std::system(("sh -n " + path).c_str());
  EXPECT_EQ(WEXITSTATUS(status), 0);
  std::remove(path.c_str());
}

std::string output_of(const std::string& command) {
  std::string text;
  FILE* pipe = popen(command.c_str(), "r");
  if (!pipe) return "cannot be run";
  char buffer[4096];
  for (std::size_t n; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) text.append(buffer, n);
  EXPECT_EQ(WEXITSTATUS(pclose(pipe)), 0) << command;
  return text;
}

// F-048
TEST(Capture, TsharkFindsEveryFrameWellFormedWithTheTagsThatItHad) {
  if (std::system("tshark --version >/dev/null 2>&1") != 0)
    GTEST_SKIP() << "SKIP 1 case: tshark is not installed";
  Office office(2);
  fill(office);
  for (std::uint32_t from = 0; from < 5; ++from) {
    for (std::uint32_t to = 0; to < 5; ++to) {
      if (from == to) continue;
      office.fabric.ping({from}, {to}, 0, 0);
      office.fabric.send({from}, {to}, 0, 64 + 300 * to);
    }
  }
  office.settle();
  const std::string path = testing::TempDir() + "tvdsim_capture.pcap";
  netsim::PcapWriter writer(path);
  std::map<std::string, int> tags;
  for (const auto& seen : office.wire) {
    writer.write(seen.when, seen.bytes);
    const auto header = netsim::read_header(seen.bytes);
    ++tags[header.tagged ? std::to_string(header.tag.vid) : ""];
  }
  writer.close();
  ASSERT_GT(office.wire.size(), 60u);
  EXPECT_EQ(output_of("tshark -r " + path +
                      " -Y '_ws.malformed || ip.checksum.status == 0 || "
                      "udp.checksum.status == 0 || icmp.checksum.status == 0' -o ip.check_checksum:TRUE "
                      "-o udp.check_checksum:TRUE 2>/dev/null"),
            "");
  std::map<std::string, int> found;
  std::istringstream lines(output_of("tshark -r " + path + " -T fields -e vlan.id 2>/dev/null"));
  for (std::string line; std::getline(lines, line);) ++found[line];
  EXPECT_EQ(found, tags);
  EXPECT_GT(found["10"], 0);
  EXPECT_GT(found["20"], 0);
  std::remove(path.c_str());
}

}  // namespace
}  // namespace tvdsim::tests
