#include <gtest/gtest.h>

#include "scenarios/json.hpp"
#include "scenarios/spec_text.hpp"
#include "tests/unit/scenarios/samples.hpp"

namespace {

using namespace tvdsim;
using namespace tvdsim::tests;

constexpr const char* kFrame = R"({"tvdsim_spec": 1, "name": "x", "until": "5 min", %})";

std::string framed(const std::string& fields) { return replaced(kFrame, "%", fields); }

std::vector<sim::Finding> refused(const std::string& text) {
  try {
    scenarios::read_spec(text, "");
  } catch (const sim::InputError& error) {
    return error.findings();
  }
  return {};
}

TEST(SpecReader, CanonicalFormReadsBackToTheSameSpec) {
  const auto spec = two_vms();
  const auto text = scenarios::write_spec(spec);
  const auto again = scenarios::read_spec(text, "");
  EXPECT_EQ(scenarios::write_spec(again), text);
  EXPECT_EQ(scenarios::spec_hash(again), scenarios::spec_hash(spec));
  EXPECT_EQ(again.actions.size(), 4u);
  EXPECT_EQ(again.vms[1].disks, std::vector<std::string>{"d2"});
}

TEST(SpecReader, QuantitiesMayBeWrittenWithUnitsOrExactly) {
  const auto loose = scenarios::read_spec(
      framed(
          R"("hosts": [{"name": "h", "memory": "128 GiB", "nic_rate": "1 Gbit/s", "nic_latency": "30 us"}])"),
      "");
  const auto exact = scenarios::read_spec(
      framed(
          R"("hosts": [{"name": "h", "memory_bytes": 137438953472, "nic_rate_bit_s": 1000000000, "nic_latency_ns": 30000}])"),
      "");
  EXPECT_EQ(loose.until.ns, 300'000'000'000);
  EXPECT_EQ(loose.hosts[0].memory.count, 137438953472u);
  EXPECT_EQ(scenarios::write_spec(loose), scenarios::write_spec(exact));
}

TEST(SpecReader, OrderOfMembersDoesNotChangeTheHash) {
  const auto one = scenarios::read_spec(R"({"tvdsim_spec": 1, "name": "x", "until": "1 s", "seed": 3})", "");
  const auto other =
      scenarios::read_spec(R"({"seed": 3, "until_ns": 1000000000, "name": "x", "tvdsim_spec": 1})", "");
  EXPECT_EQ(scenarios::spec_hash(one), scenarios::spec_hash(other));
}

TEST(SpecReader, ASizeWithoutAUnitIsRefusedWithTheUnitInTheHelp) {
  const auto findings = refused(framed(R"("hosts": [{"name": "h", "memory": 4}])"));
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].code, "TVD-110");
  EXPECT_EQ(findings[0].where, "hosts[0].memory");
  EXPECT_EQ(findings[0].message, "memory=4: a size needs a unit.");
  EXPECT_EQ(findings[0].help, "\"4 GiB\"");
}

TEST(SpecReader, AnUnknownFieldNamesTheOneThatWasMeant) {
  const auto findings = refused(framed(R"("vms": [{"name": "a", "host": "h", "lable": "ma"}])"));
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].code, "TVD-105");
  EXPECT_EQ(findings[0].where, "vms[0].lable");
  EXPECT_EQ(findings[0].help, "did you mean `label`?");
}

TEST(SpecReader, EveryFindingComesAtOnce) {
  const auto findings = refused(framed(
      R"("seed": -1, "hosts": [{"cores": "two"}], "vms": [{"name": 3, "host": "h"}], "controls": {"wal": "off", "ste": "sometimes"},
         "actions": [{"at": "1 s", "action": "start_vms", "vm": "a"}, {"at": 5, "action": "stop_vm"}], "history": "yes", "disks": {}, "hosts": 3)"));
  const std::vector<std::string> expected{"TVD-102 ",  // hosts twice
                                          "TVD-110 seed",
                                          "TVD-101 controls.ste",
                                          "TVD-105 controls.wal",
                                          "TVD-103 history",
                                          "TVD-104 hosts[0]",
                                          "TVD-103 hosts[0].cores",
                                          "TVD-103 disks",
                                          "TVD-103 vms[0].name",
                                          "TVD-101 actions[0].action",
                                          "TVD-110 actions[1].at",
                                          "TVD-104 actions[1]"};
  EXPECT_EQ(brief(findings), expected);
}

TEST(SpecReader, BothFormsOfOneQuantityAreADuplicate) {
  const auto findings = refused(framed(R"("message_latency": "1 us", "message_latency_ns": 1000)"));
  EXPECT_EQ(brief(findings), std::vector<std::string>{"TVD-102 message_latency"});
}

TEST(SpecReader, ANewerSpecIsRefusedForBeingNewerAndForNothingElse) {
  const auto findings = refused(R"({"tvdsim_spec": 2, "name": "x", "wormholes": []})");
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].code, "TVD-121");
  EXPECT_NE(findings[0].message.find("version 2"), std::string::npos);
}

TEST(SpecReader, ATextThatIsNoSpecSaysSo) {
  EXPECT_EQ(brief(refused(R"([1, 2])")), std::vector<std::string>{"TVD-103 "});
  EXPECT_EQ(brief(refused(R"({})")), (std::vector<std::string>{"TVD-104 ", "TVD-104 ", "TVD-104 "}));
  EXPECT_EQ(brief(refused("")), std::vector<std::string>{"TVD-120 json:1:1"});
}

TEST(SpecReader, EveryTruncationIsExactlyOneFinding) {
  const auto text = scenarios::write_spec(two_vms());
  const auto whole = text.find_last_of('}');
  for (std::size_t cut = 0; cut <= whole; ++cut) {
    const auto findings = refused(text.substr(0, cut));
    ASSERT_EQ(findings.size(), 1u) << "cut at " << cut;
    ASSERT_EQ(findings[0].code, "TVD-120") << "cut at " << cut;
    ASSERT_EQ(findings[0].message, "the text ends before the JSON does.") << "cut at " << cut;
  }
}

TEST(SpecReader, AnActionTakesTheFieldsOfItsKindAndNoOthers) {
  const auto spec = scenarios::read_spec(
      framed(
          R"("actions": [{"at": "60 s", "action": "write_disk", "vm": "a", "disk": "d", "text": "hello", "block": 3, "principal": "root"}])"),
      "");
  EXPECT_EQ(spec.actions[0].kind, models::ActionKind::write_disk);
  EXPECT_EQ(spec.actions[0].at.ns, 60'000'000'000);
  EXPECT_EQ(spec.actions[0].block, 3u);
  EXPECT_EQ(spec.actions[0].principal, "root");
  EXPECT_EQ(
      brief(refused(framed(R"("actions": [{"at": "60 s", "action": "stop_vm", "vm": "a", "disk": "d"}])"))),
      std::vector<std::string>{"TVD-105 actions[0].disk"});
}

TEST(SpecReader, EveryActionOfTheTableSurvivesTheRoundTrip) {
  auto spec = two_vms();
  spec.actions.clear();
  for (std::size_t i = 0; i < models::action_infos().size(); ++i) {
    models::Action action;
    action.kind = static_cast<models::ActionKind>(i);
    action.at = {static_cast<std::int64_t>(i)};
    action.vm = "v", action.other = "o", action.disk = "d", action.host = "h", action.label = "l",
    action.text = "t";
    action.device = "e", action.mode = "m", action.policy = "p", action.principal = "q";
    action.count = 5, action.block = 6, action.pcr = 7;
    spec.actions.push_back(action);
  }
  const auto again = scenarios::read_spec(scenarios::write_spec(spec), "");
  ASSERT_EQ(again.actions.size(), spec.actions.size());
  for (std::size_t i = 0; i < spec.actions.size(); ++i) {
    EXPECT_EQ(again.actions[i].kind, spec.actions[i].kind);
    for (const auto& field : scenarios::action_fields(models::action_infos()[i])) {
      if (field.name == "vm") {
        EXPECT_EQ(again.actions[i].vm, "v");
      }
      if (field.name == "text") {
        EXPECT_EQ(again.actions[i].text, "t");
      }
      if (field.name == "count") {
        EXPECT_EQ(again.actions[i].count, 5u);
      }
      if (field.name == "pcr") {
        EXPECT_EQ(again.actions[i].pcr, 7u);
      }
      if (field.name == "policy") {
        EXPECT_EQ(again.actions[i].policy, "p");
      }
    }
  }
  EXPECT_EQ(scenarios::write_spec(again), scenarios::write_spec(spec));
}

TEST(SpecReader, PlacesCarryTheNameOfTheText) {
  try {
    scenarios::read_spec(framed(R"("sede": 4)"), "spec.json");
    FAIL() << "an unknown field was read";
  } catch (const sim::InputError& error) {
    EXPECT_EQ(error.findings()[0].where, "spec.json sede");
    EXPECT_NE(std::string(error.what()).find("--> spec.json sede"), std::string::npos);
  }
}

}  // namespace
