#include "scenarios/decision_logs.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <sstream>

#include "models/acm_io/audit_format.hpp"
#include "scenarios/build.hpp"
#include "scenarios/json.hpp"
#include "scenarios/replay.hpp"
#include "scenarios/simulation.hpp"
#include "tests/unit/scenarios/samples.hpp"
#include "vtpm/evidence/digest.hpp"

namespace {

using namespace tvdsim;
using namespace tvdsim::tests;
using models::AuditAnchor;
using models::AuditTrouble;
using scenarios::check_decisions;

// Two hosts, one with a TPM; some hundred decisions on the first.
scenarios::Spec logged(int connects = 400) {
  auto spec = two_vms();
  spec.decision_log = true;
  spec.hosts[0].tpm = true;
  spec.until = {60'000'000'000};
  for (int i = 0; i < connects; ++i) {
    models::Action action;
    action.kind = i % 2 == 0 ? models::ActionKind::connect : models::ActionKind::disconnect;
    action.at = {20'000'000'000 + std::int64_t{i} * 10'000'000};
    action.vm = "vm1", action.other = "dom0@h1";
    spec.actions.push_back(action);
  }
  return spec;
}

std::vector<std::uint8_t> octets(const std::string& text) { return {text.begin(), text.end()}; }

std::string file_of(const std::string& folder, const std::string& host, std::uint64_t number) {
  return folder + "/" + host + (number == 1 ? "" : "@" + std::to_string(number)) + ".audit";
}

struct Kept {
  std::vector<std::uint8_t> bytes;
  std::vector<AuditAnchor> anchors;
};
Kept kept(const std::string& run, const std::string& host) {
  Kept found;
  const auto folder = run + "/decisions";
  for (std::uint64_t n = 1; std::filesystem::exists(file_of(folder, host, n)); ++n) {
    const auto more = octets(contents(file_of(folder, host, n)));
    found.bytes.insert(found.bytes.end(), more.begin(), more.end());
  }
  std::istringstream lines(contents(folder + "/" + host + ".anchors"));
  std::uint64_t entries = 0;
  for (std::string hex; lines >> entries >> hex;) {
    const auto chain = vtpm::from_hex(hex);
    AuditAnchor anchor{entries, {}};
    if (chain && chain->size() == anchor.chain.size())
      std::copy(chain->begin(), chain->end(), anchor.chain.begin());
    found.anchors.push_back(anchor);
  }
  return found;
}

// Where the blocks of a log begin, its end included.
std::vector<std::size_t> blocks(const std::vector<std::uint8_t>& log) {
  std::vector<std::size_t> at;
  std::size_t next = models::kAuditHead;
  while (next < log.size()) {
    at.push_back(next);
    next += models::kAuditHead + models::get_u32(log.data() + next + 4) * models::kAuditEntry +
            models::kAuditChain;
  }
  at.push_back(next);
  return at;
}

class DecisionLogsOfARun : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    dir_ = new TempDir;
    run_into(logged(), *dir_ / "a");
    log_ = new Kept(kept(*dir_ / "a", "h1"));
    sim::Findings ignored;
    manifest_ = new scenarios::Json(scenarios::parse_json(contents(*dir_ / "a/manifest.json"), "", ignored));
  }
  static void TearDownTestSuite() {
    delete dir_;
    delete log_;
    delete manifest_;
  }
  static const scenarios::Json& facts(std::string_view host) {
    for (const auto& one : manifest_->find("decision_logs")->items) {
      if (one.text_of("host") == host) return one;
    }
    ADD_FAILURE() << "the manifest knows no log of " << host;
    return *manifest_;
  }
  static models::Digest pcr() {
    const auto bytes = vtpm::from_hex(facts("h1").text_of("pcr12_sha256"));
    models::Digest digest{};
    if (bytes && bytes->size() == digest.size()) std::copy(bytes->begin(), bytes->end(), digest.begin());
    return digest;
  }

  static TempDir* dir_;
  static Kept* log_;
  static scenarios::Json* manifest_;
};
TempDir* DecisionLogsOfARun::dir_ = nullptr;
Kept* DecisionLogsOfARun::log_ = nullptr;
scenarios::Json* DecisionLogsOfARun::manifest_ = nullptr;

TEST_F(DecisionLogsOfARun, HoldEveryDecisionOfEveryHost) {
  std::uint64_t decisions = 0, denied = 0;
  for (const char* host : {"h1", "h2", "@manager"}) {
    const auto log = kept(*dir_ / "a", host);
    const auto check = check_decisions(log.bytes, log.anchors);
    EXPECT_TRUE(check) << host << ": " << check.verdict.sentence;
    EXPECT_EQ(check.verdict.decisions, facts(host).natural_of("decisions")) << host;
    EXPECT_EQ(check.verdict.end.entries, facts(host).natural_of("entries")) << host;
    EXPECT_EQ(check.verdict.anchored, check.verdict.end.entries) << host;
    EXPECT_EQ(check.verdict.lost, 0u);
    decisions += check.verdict.decisions;
    denied += check.deny;
  }
  EXPECT_GT(decisions, 800u);
  EXPECT_EQ(decisions, manifest_->natural_of("decisions"));
  EXPECT_EQ(denied, manifest_->natural_of("denied"));
}

TEST_F(DecisionLogsOfARun, AreAnchoredInTheTpmOfAHostThatHasOne) {
  EXPECT_GT(log_->anchors.size(), 2u) << "not only at the end";
  EXPECT_EQ(scenarios::anchors_pcr(log_->anchors), pcr());
  EXPECT_TRUE(check_decisions(log_->bytes, log_->anchors, pcr()));
  EXPECT_EQ(facts("h2").find("pcr12_sha256"), nullptr);
}

TEST_F(DecisionLogsOfARun, AnEditIsFoundWhereverItIs) {
  std::uint64_t edits = 0;
  for (std::size_t at = 0; at < log_->bytes.size(); at += 61, ++edits) {
    auto edited = log_->bytes;
    edited[at] ^= 0x10;
    EXPECT_FALSE(check_decisions(edited, log_->anchors)) << "byte " << at;
  }
  EXPECT_GT(edits, 500u);
  auto edited = log_->bytes;
  edited[models::kAuditHead + models::kAuditHead + 1] ^= 2;  // the verdict of the first decision
  EXPECT_EQ(check_decisions(edited, {}).verdict.trouble, AuditTrouble::edited) << "without any anchor";
}

TEST_F(DecisionLogsOfARun, ACutIsFoundWhereverItIs) {
  for (std::size_t size = 0; size < log_->bytes.size(); size += 97) {
    const auto cut =
        std::vector(log_->bytes.begin(), log_->bytes.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_FALSE(check_decisions(cut, log_->anchors)) << size << " bytes";
  }
}

TEST_F(DecisionLogsOfARun, ABlockThatIsTakenOutIsAGap) {
  const auto at = blocks(log_->bytes);
  ASSERT_GT(at.size(), 4u);
  for (std::size_t i = 0; i + 2 < at.size(); ++i) {
    auto cut = log_->bytes;
    cut.erase(cut.begin() + static_cast<std::ptrdiff_t>(at[i]),
              cut.begin() + static_cast<std::ptrdiff_t>(at[i + 1]));
    EXPECT_EQ(check_decisions(cut, {}).verdict.trouble, AuditTrouble::gap) << "block " << i;
  }
}

// Somebody puts back log and anchors as they were before: all of it fits together, and does not lead to what the TPM holds.
TEST_F(DecisionLogsOfARun, AnOlderCopyIsFoundByTheTpmAndByTheManifest) {
  std::uint64_t copies = 0;
  for (std::size_t count = 0; count < log_->anchors.size(); ++count) {
    const std::vector older(log_->anchors.begin(),
                            log_->anchors.begin() + static_cast<std::ptrdiff_t>(count));
    const std::uint64_t entries = older.empty() ? 0 : older.back().entries;
    std::size_t end = models::kAuditHead;
    for (const std::size_t at : blocks(log_->bytes)) {
      const std::vector prefix(log_->bytes.begin(), log_->bytes.begin() + static_cast<std::ptrdiff_t>(at));
      if (models::verify_audit_log(prefix, {}).end.entries == entries) end = at;
    }
    const std::vector copy(log_->bytes.begin(), log_->bytes.begin() + static_cast<std::ptrdiff_t>(end));
    EXPECT_TRUE(check_decisions(copy, older)) << "by itself it is a log as good as any";
    const auto found = check_decisions(copy, older, pcr());
    EXPECT_FALSE(found);
    EXPECT_TRUE(found.other_pcr);
    EXPECT_EQ(check_decisions(copy, std::vector{log_->anchors.back()}).verdict.trouble,
              AuditTrouble::rolled_back);
    ++copies;
  }
  EXPECT_GT(copies, 2u);
}

TEST_F(DecisionLogsOfARun, AreTheSameAtAnyNumberOfTpmWorkersAndReplay) {
  auto spec = logged();
  spec.tpm_workers = 2;
  run_into(spec, *dir_ / "b");
  const auto other = kept(*dir_ / "b", "h1");
  EXPECT_EQ(other.anchors.size(), log_->anchors.size());
  EXPECT_TRUE(scenarios::replay(*dir_ / "a", {.scratch = *dir_ / "scratch"}).same);
}

TEST(DecisionLogFiles, AreFollowedByOthersWhenTheyAreFullAndTheChainGoesOn) {
  const TempDir dir;
  scenarios::RunOptions options;
  options.out = dir / "a";
  options.decision_file_bytes = 20'000;
  scenarios::run(logged(), options);
  const auto folder = dir / "a/decisions";
  std::uint64_t files = 1;
  while (std::filesystem::exists(file_of(folder, "h1", files + 1))) ++files;
  ASSERT_GE(files, 3u);
  for (std::uint64_t n = 1; n <= files; ++n)
    EXPECT_LE(std::filesystem::file_size(file_of(folder, "h1", n)), 20'000u);
  const auto whole = kept(dir / "a", "h1");
  EXPECT_TRUE(check_decisions(whole.bytes, whole.anchors));
  std::vector<std::uint8_t> missing;
  for (std::uint64_t n = 1; n <= files; ++n) {
    if (n == 2) continue;
    const auto more = octets(contents(file_of(folder, "h1", n)));
    missing.insert(missing.end(), more.begin(), more.end());
  }
  EXPECT_EQ(check_decisions(missing, {}).verdict.trouble, AuditTrouble::gap);
  const auto last = std::filesystem::file_size(file_of(folder, "h1", files));
  const std::vector shorter(whole.bytes.begin(), whole.bytes.end() - static_cast<std::ptrdiff_t>(last));
  EXPECT_TRUE(check_decisions(shorter, {})) << "without an anchor it is only a shorter log";
  EXPECT_EQ(check_decisions(shorter, whole.anchors).verdict.trouble, AuditTrouble::rolled_back);
}

TEST(DecisionLogFiles, AreNotThereUnlessTheyAreAskedFor) {
  const TempDir dir;
  run_into(two_vms(), dir / "a");
  EXPECT_FALSE(std::filesystem::exists(dir / "a/decisions"));
  EXPECT_EQ(contents(dir / "a/manifest.json").find("decision_logs"), std::string::npos);
}

// What fills a ring of four faster than anybody empties it.
struct MemoryKeeper final : models::DecisionKeeper {
  std::optional<models::Digest> drain(std::string_view host, models::DecisionRing& ring, bool) override {
    auto& log = logs[std::string(host)];
    if (!log) {
      auto& to = bytes[std::string(host)];
      log = std::make_unique<models::AuditLog>(
          models::Digest{}, [&to](auto block) { to.insert(to.end(), block.begin(), block.end()); });
    }
    log->drain(ring);
    return {};
  }
  std::map<std::string, std::vector<std::uint8_t>> bytes;
  std::map<std::string, std::unique_ptr<models::AuditLog>> logs;
};

TEST(DecisionRings, NeverHoldTheHypervisorUpAndCountWhatTheyCouldNotTake) {
  auto busy = logged(2000);
  for (auto& action : busy.actions) {
    if (action.at.ns >= 20'000'000'000) action.at = {20'000'000'000};  // all at one moment
  }
  std::uint64_t lost = 0, kept_in_all = 0;
  std::string decisions_of[2];
  for (const std::uint32_t room : {4u, 65'536u}) {
    auto made = scenarios::build_setup(busy);
    made.decision_ring = room;
    sim::Engine engine(busy.seed);
    models::Datacenter datacenter(engine, made);
    MemoryKeeper keeper;
    datacenter.keep_decisions(keeper);
    for (const auto& action : scenarios::build_actions(busy)) datacenter.schedule(action);
    engine.run_until(busy.until);
    datacenter.finish();
    const std::uint64_t decided = engine.trace().count(sim::TableId::decisions);
    std::uint64_t told = 0, missing = 0;
    for (const auto& [host, log] : keeper.logs) {
      log->seal();
      const auto verdict = models::verify_audit_log(keeper.bytes[host], {});
      EXPECT_TRUE(verdict) << verdict.sentence;
      told += verdict.decisions;
      missing += verdict.lost;
    }
    EXPECT_EQ(told + missing, decided) << "each is kept or counted";
    if (room == 4) {
      lost = missing;
      kept_in_all = told;
    } else {
      EXPECT_EQ(missing, 0u);
    }
    decisions_of[room != 4] = std::to_string(decided);
  }
  std::printf("ring of 4: %llu kept, %llu lost\n", static_cast<unsigned long long>(kept_in_all),
              static_cast<unsigned long long>(lost));
  EXPECT_GT(lost, 100u);
  EXPECT_GT(kept_in_all, 10u);
  EXPECT_EQ(decisions_of[0], decisions_of[1]) << "what is decided does not depend on who listens";
}

}  // namespace
