// The decision cache of Xen 3.3 against the original: every answer, what each domain remembers after it, and the six counters.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "models/acm/decision_cache.hpp"
#include "models/acm/monitor.hpp"
#include "models/acm_io/xml_reader.hpp"

namespace tvdsim::models {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

class XenAcmCache : public testing::Test {
 protected:
  void SetUp() override {
    const char* oracle = std::getenv("TVDSIM_CONFORMANCE");
    if (!oracle) GTEST_SKIP() << "TVDSIM_CONFORMANCE names no oracle";
    root_ = fs::path(oracle) / "xen-acm";
  }
  std::shared_ptr<const Policy> policy(const std::string& name) const {
    for (const char* folder : {"policies", "own-policies"}) {
      std::ifstream file(root_ / folder / (name + ".xml"));
      if (!file) continue;
      std::ostringstream text;
      text << file.rdbuf();
      return load_policy_xml(text.str(), name + ".xml", PolicyMode::xen33).policy;
    }
    return nullptr;
  }
  Json json(const fs::path& path) const {
    std::ifstream file(path);
    return Json::parse(file);
  }
  fs::path root_;
};

// Xen's hooks in their order: the cache first; then, to set up a grant, the caller's privilege; then the types.
struct Hooks {
  std::shared_ptr<const Policy> policy;
  std::map<std::uint32_t, LabelId> label{};
  DecisionCache cache{};

  int ask(const std::string& op, std::uint32_t subject, std::uint32_t object) {
    const CacheKind kind = op.starts_with("evtchn") ? CacheKind::event_channel : CacheKind::grant;
    if (cache.look(kind, {subject}, {object})) return 0;
    if (op == "grant_setup" && subject != 0) return -111;
    if (policy->shares(label.at(subject), label.at(object))) {
      cache.remember({subject}, {object});
      return 0;
    }
    cache.denied(kind);
    return -111;
  }
  std::vector<std::uint32_t> remembered(std::uint32_t subject) const {
    std::vector<std::uint32_t> ids;
    for (const DomainId id : cache.remembered({subject})) ids.push_back(id.value);
    return ids;
  }
};

void expect_counters(const DecisionCache& cache, const Json& stats) {
  const auto& channel = cache.counts(CacheKind::event_channel);
  const auto& grant = cache.counts(CacheKind::grant);
  EXPECT_EQ(channel.evaluated, stats.at("ec_eval"));
  EXPECT_EQ(channel.denied, stats.at("ec_denied"));
  EXPECT_EQ(channel.hits, stats.at("ec_hit"));
  EXPECT_EQ(grant.evaluated, stats.at("gt_eval"));
  EXPECT_EQ(grant.denied, stats.at("gt_denied"));
  EXPECT_EQ(grant.hits, stats.at("gt_hit"));
}

// F-193
TEST_F(XenAcmCache, AnswersRemembersAndCountsAsTheOriginalDid) {
  int policies = 0, calls = 0;
  for (const auto& entry : fs::directory_iterator(root_ / "vectors")) {
    if (entry.path().extension() != ".json") continue;
    const Json vector = json(entry.path());
    if (!vector.is_object() || !vector.contains("hook_stats")) continue;
    Hooks hooks{policy(vector.at("policy"))};
    ASSERT_TRUE(hooks.policy) << vector.at("policy");
    for (const auto& [domain, name] : vector.at("hook_domains").items()) {
      const auto id = static_cast<std::uint32_t>(std::stoul(domain));
      hooks.label[id] = hooks.policy->find_vm_label(name.get<std::string>());
      hooks.cache.begin({id});
    }
    for (const Json& op : vector.at("hook_ops")) {
      const std::uint32_t subject = op.at("subj"), object = op.at("obj");
      EXPECT_EQ(hooks.ask(op.at("op"), subject, object), op.at("rc")) << op;
      EXPECT_EQ(hooks.remembered(subject), op.at("subj_cache").get<std::vector<std::uint32_t>>()) << op;
      ++calls;
    }
    expect_counters(hooks.cache, vector.at("hook_stats"));
    ++policies;
  }
  std::printf("%d calls under %d policies\n", calls, policies);
  EXPECT_GE(policies, 10);
  EXPECT_GE(calls, 1500);
}

// F-193
TEST_F(XenAcmCache, AFullOneKeepsWhatItHasAndADestroyedDomainLeavesIt) {
  const Json quirk = json(root_ / "vectors" / "updates_relabels_quirks.json").at("quirk_cache_full");
  DecisionCache cache;
  cache.begin({1});
  const auto ids = [&] {
    std::vector<std::uint32_t> list;
    for (const DomainId id : cache.remembered({1})) list.push_back(id.value);
    return list;
  };
  for (const Json& op : quirk.at("ops")) {
    const DomainId object{op.at(0).get<std::uint32_t>()};
    EXPECT_FALSE(cache.look(CacheKind::event_channel, {1}, object));
    cache.remember({1}, object);
    EXPECT_EQ(ids(), op.at(2).get<std::vector<std::uint32_t>>());
  }
  expect_counters(cache, quirk.at("stats"));
  EXPECT_TRUE(cache.look(CacheKind::event_channel, {1}, {2}));
  EXPECT_FALSE(cache.look(CacheKind::event_channel, {1}, {11}));
  expect_counters(cache, quirk.at("stats_after_hit_and_miss"));
  cache.forget({5});
  EXPECT_EQ(ids(), quirk.at("cache_after_destroy_dom5").get<std::vector<std::uint32_t>>());
}

// The defect of the original, and its inversion: a relabelled domain was still permitted from memory.
// F-193
TEST_F(XenAcmCache, ARelabelledDomainIsStaleInTheOriginalAndDecidedAnewHere) {
  const Json quirk =
      json(root_ / "vectors" / "updates_relabels_quirks.json").at("quirk_stale_cache_after_relabel");
  EXPECT_EQ(quirk.at(4).at(1), 0) << "the original permits from memory";
  EXPECT_EQ(quirk.at(5).at(1), -111) << "what nothing permits any more";
  for (const bool purged : {false, true}) {
    Hooks hooks{policy("tvdc-banks")};
    ASSERT_TRUE(hooks.policy);
    hooks.label = {{1, hooks.policy->find_vm_label("A-Bank")}, {2, hooks.policy->find_vm_label("A-Bank")}};
    EXPECT_EQ(hooks.ask("grant_map", 1, 2), 0);
    hooks.label[2] = hooks.policy->find_vm_label("AutoCorp");
    if (purged) hooks.cache.keep({0, 1});
    EXPECT_EQ(hooks.ask("grant_map", 1, 2), purged ? -111 : quirk.at(4).at(1).get<int>());
    EXPECT_EQ(hooks.ask("grant_map", 2, 1), quirk.at(6).at(1));
  }
}

}  // namespace
}  // namespace tvdsim::models
