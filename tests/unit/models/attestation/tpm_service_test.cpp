// The three roots of trust behind one service: what each offers, what is refused without it, who waits for whom.
#include "models/attestation/tpm_service.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "tests/unit/models/attestation/trust_lab.hpp"
#include "vtpm/device/commands.hpp"
#include "vtpm/device/key_commands.hpp"

namespace tvdsim::tests {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint32_t kNoSuchCommand = 0x143;
constexpr RootOfTrust kAllRoots[] = {RootOfTrust::measurement, RootOfTrust::storage, RootOfTrust::reporting};

// A service in front of a chip, and what it answered.
struct Desk {
  sim::Engine engine{3};
  Chips chips{engine, 0};
  TpmService service{engine, chips, chips.add("h1", {}), {.host = "h1", .disabled = {}}};
  std::vector<Bytes> answers;

  void keep(std::uint64_t, Bytes& answer) { answers.push_back(answer); }
  Bytes ask(const Bytes& command, const TpmCaller& caller = {"test", false}) {
    service.execute(caller, command, ChipDone<Bytes>::to<&Desk::keep>(*this, 0));
    engine.run_until(engine.now() + 10_s);
    return answers.back();
  }
};

// TPM2_GetCapability: the codes of all commands that this TPM has.
std::vector<std::uint32_t> commands_of(Desk& desk) {
  const Bytes all = {0x80, 0x01, 0, 0, 0, 22, 0, 0, 0x01, 0x7a, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 1, 0};
  const Bytes answer = desk.ask(all);
  vtpm::expect_success(answer, "listing the TPM's commands");
  std::vector<std::uint32_t> codes;
  for (std::size_t at = 19; at + 4 <= answer.size(); at += 4) {
    std::uint32_t attributes = 0;
    for (std::size_t i = 0; i < 4; ++i) attributes = attributes << 8 | answer[at + i];
    codes.push_back((attributes & 0xffff) | (attributes & 0x2000'0000));
  }
  return codes;
}

Bytes bare(std::uint32_t code) {
  return {0x80,
          0x01,
          0,
          0,
          0,
          10,
          static_cast<std::uint8_t>(code >> 24),
          static_cast<std::uint8_t>(code >> 16),
          static_cast<std::uint8_t>(code >> 8),
          static_cast<std::uint8_t>(code)};
}

// F-076
TEST(RootsOfTrust, EveryCommandOfTheTpmIsNamedAndBelongsToOneOrNone) {
  Desk desk;
  std::map<std::uint32_t, RootOfTrust> table;
  for (const TpmCommandInfo& row : tpm_command_infos()) {
    EXPECT_TRUE(table.emplace(row.code, row.root).second) << row.name << " stands twice";
    EXPECT_EQ(root_of(bare(row.code)), row.root);
  }
  const auto codes = commands_of(desk);
  EXPECT_GT(codes.size(), 90u);
  for (const std::uint32_t code : codes) EXPECT_TRUE(table.contains(code)) << std::hex << code;
}

// F-076
TEST(RootsOfTrust, SwitchedOffTakeExactlyTheirCommandsAlong) {
  Desk whole;
  const auto codes = commands_of(whole);
  for (const RootOfTrust off : kAllRoots) {
    Desk part;
    part.service.enable(off, false);
    commands_of(part);  // the same history as the whole one's
    Desk twin;
    commands_of(twin);
    std::size_t refused = 0;
    for (const std::uint32_t code : codes) {
      const Bytes with = twin.ask(bare(code)), without = part.ask(bare(code));
      if (root_of(bare(code)) == off) {
        EXPECT_EQ(vtpm::response_code(without), kNoSuchCommand) << std::hex << code;
        EXPECT_NE(vtpm::response_code(with), kNoSuchCommand) << std::hex << code;
        ++refused;
      } else {
        EXPECT_EQ(vtpm::response_code(without), vtpm::response_code(with)) << std::hex << code;
      }
    }
    EXPECT_GT(refused, 5u) << to_text(off);
    part.service.enable(off, true);
    for (const std::uint32_t code : codes)
      EXPECT_NE(vtpm::response_code(part.ask(bare(code))), kNoSuchCommand) << std::hex << code;
  }
}

TEST(RootsOfTrust, APrimaryKeyOfTheEndorsementHierarchyIsForReporting) {
  EXPECT_EQ(root_of(vtpm::create_attestation_key_command()), RootOfTrust::reporting);
  EXPECT_EQ(root_of(vtpm::create_storage_key_command()), RootOfTrust::storage);
  EXPECT_EQ(root_of(Bytes{1, 2, 3}), RootOfTrust::none);
  EXPECT_EQ(root_of_trust("storage"), RootOfTrust::storage);
  EXPECT_EQ(root_of_trust("none"), std::nullopt);
}

struct CommandRow {
  std::uint64_t asked, begun, time;
  std::string caller, command, result;
};

std::vector<CommandRow> command_rows(const TrustLab& lab) {
  using enum sim::TableId;
  const auto asked = lab.cells(tpm_commands, "asked_ns"), begun = lab.cells(tpm_commands, "begun_ns"),
             time = lab.cells(tpm_commands, "time_ns");
  const auto caller = lab.texts(tpm_commands, "caller"), command = lab.texts(tpm_commands, "command"),
             result = lab.texts(tpm_commands, "result");
  std::vector<CommandRow> rows;
  for (std::size_t i = 0; i < asked.size(); ++i)
    rows.push_back({asked[i], begun[i], time[i], caller[i], command[i], result[i]});
  return rows;
}

Action on_host(ActionKind kind, std::string_view text = {}) {
  Action made;
  made.kind = kind;
  made.host = "h1";
  made.text = text;
  made.pcr = 12;
  made.verifier = "v";
  return made;
}

// A guest's own command to its host's TPM.
Action reaching() {
  Action made;
  made.kind = ActionKind::command_tpm;
  made.vm = "web1";
  made.text = "anything";
  made.pcr = 9;
  return made;
}

// F-076
TEST(TpmServices, PassCommandsOnInTheirOrderAndSayHowLongEachWaited) {
  TrustLab lab(trusted_setup());
  lab.settle();
  const std::size_t before = command_rows(lab).size();
  for (const ActionKind kind :
       {ActionKind::attest_host, ActionKind::attest_statement, ActionKind::attest_host})
    lab.begin(on_host(kind));
  lab.settle(15_s);
  std::vector<CommandRow> rows = command_rows(lab);
  rows.erase(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(before));
  ASSERT_GE(rows.size(), 6u);  // three static quotes; extend, quote and reset of the scratch PCR
  std::set<std::string> callers;
  std::uint64_t waited = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    callers.insert(rows[i].caller);
    EXPECT_LE(rows[i].asked, rows[i].begun);
    EXPECT_LE(rows[i].begun, rows[i].time);
    EXPECT_EQ(rows[i].result, "TPM_RC_SUCCESS");
    EXPECT_GE(rows[i].begun, i == 0 ? 0 : rows[i - 1].time) << "two at a time";
    waited += rows[i].begun - rows[i].asked;
  }
  EXPECT_EQ(callers, (std::set<std::string>{"attest@h1", "statement"}));
  EXPECT_GT(waited, 0u) << "the second waits for the first";
}

// F-076
TEST(TpmServices, KeepAGuestAwayFromItsHostsTpm) {
  DatacenterSetup setup = trusted_setup();
  setup.controls = modes_under_test();
  TrustLab lab(setup);
  lab.settle();
  const Action reach = reaching();
  const Outcomes outcome = lab.act(reach);
  EXPECT_TRUE(outcome.refused()) << outcome.reason;
  EXPECT_EQ(lab.attest_host("h1").verdict, "trusted");
  const auto kinds = lab.texts(sim::TableId::incidents, "kind");
  EXPECT_NE(std::find(kinds.begin(), kinds.end(), "tpm_access"), kinds.end());
}

// F-076
TEST(TpmServices, WithoutThemAGuestSpoilsItsHostsMeasurements) {
  TrustLab lab(without(trusted_setup(), Control::tpm_service));
  lab.settle();
  const Action reach = reaching();
  EXPECT_TRUE(lab.act(reach).done());
  EXPECT_EQ(lab.attest_host("h1").verdict, "untrusted");
}

// F-076
TEST(TpmServices, OfAHostThatLacksARootRefuseWhatNeedsIt) {
  DatacenterSetup setup = trusted_setup();
  setup.hosts[0].roots_off = {"reporting"};
  TrustLab mute(setup);
  EXPECT_EQ(mute.attest_host("h1").verdict, "incomplete");
  EXPECT_TRUE(mute.act(on_host(ActionKind::seal_secret, "key")).done());
  EXPECT_TRUE(mute.act(on_host(ActionKind::unseal_secret)).done());
  EXPECT_TRUE(mute.act(on_host(ActionKind::measure_host, "program")).done());

  setup.hosts[0].roots_off = {"storage"};
  TrustLab forgetful(setup);
  EXPECT_EQ(forgetful.attest_host("h1").verdict, "trusted");
  const Outcomes sealed = forgetful.act(on_host(ActionKind::seal_secret, "key"));
  EXPECT_TRUE(sealed.refused());
  EXPECT_EQ(sealed.reason, "TPM_RC_COMMAND_CODE");

  setup.hosts[0].roots_off = {"measurement"};
  TrustLab blind(setup);
  EXPECT_EQ(blind.attest_host("h1").verdict, "untrusted") << "its log tells of what no PCR holds";
  EXPECT_TRUE(blind.act(on_host(ActionKind::measure_host, "program")).refused());
  EXPECT_TRUE(blind.act(on_host(ActionKind::seal_secret, "key")).done());

  setup.hosts[0].roots_off = {"reportng"};
  EXPECT_THROW(TrustLab wrong(setup), sim::InputError);
}

}  // namespace
}  // namespace tvdsim::tests
