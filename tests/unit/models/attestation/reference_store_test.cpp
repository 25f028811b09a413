#include "models/attestation/reference_store.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "sim/base/error.hpp"
#include "vtpm/identity/certificate.hpp"
#include "vtpm/identity/p256.hpp"

namespace tvdsim::models {
namespace {

using namespace sim::literals;
using Standing = vtpm::ReferenceLookup::Standing;
using Kind = vtpm::ReferenceLookup::Kind;
constexpr auto kAlg = vtpm::HashAlg::sha256;

vtpm::Digest digest(std::uint8_t fill) { return vtpm::Digest::filled(kAlg, fill); }

struct Item {
  std::string name;
  vtpm::Digest value;
  vtpm::ReferenceLookup::Item view() const {
    return {Kind::file, 10, 0, name, static_cast<std::uint16_t>(kAlg), value.view(), {}};
  }
};
Item item(std::string name, std::uint8_t fill) { return {std::move(name), digest(fill)}; }

ReferenceList one(ReferenceChange::What what, std::string_view name, std::uint8_t fill,
                  Standing standing = Standing::good, std::string_view text = "") {
  ReferenceChange change;
  change.what = what;
  change.digest = digest(fill);
  change.name = name;
  change.standing = standing;
  change.text = text;
  return {"a test", {change}};
}
constexpr auto kAdd = ReferenceChange::What::add, kRetire = ReferenceChange::What::retire,
               kRemove = ReferenceChange::What::remove, kAnnotate = ReferenceChange::What::annotate;

TEST(ReferenceStore, KnowsWhatIsListedUnderThisNameAndNothingElse) {
  ReferenceStore store;
  store.apply(one(kAdd, "/a", 1), "add", "ann");
  EXPECT_EQ(store.look_up(item("/a", 1).view()), Standing::good);
  EXPECT_EQ(store.look_up(item("/a", 2).view()), Standing::unknown) << "the name is known, the bytes are not";
  EXPECT_EQ(store.look_up(item("/b", 1).view()), Standing::unheard);
  EXPECT_EQ(store.expected(item("/a", 2).view()), vtpm::to_hex(digest(1).view()));
  EXPECT_EQ(store.expected(item("/b", 1).view()), "");
  EXPECT_EQ(store.size(), 1u);
  store.apply(one(kRemove, "/a", 1), "remove", "ann");
  EXPECT_EQ(store.look_up(item("/a", 1).view()), Standing::unheard);
}

// F-150
TEST(ReferenceStore, AnAnnotationCountsUnderEveryNameAndTheGravestDecides) {
  ReferenceStore store;
  store.apply(one(kAdd, "/a", 1), "add", "ann");
  store.apply(one(kAnnotate, "", 1, Standing::vulnerable, "CVE-1 overflow"), "annotate", "cert");
  EXPECT_EQ(store.look_up(item("/a", 1).view()), Standing::vulnerable);
  EXPECT_EQ(store.annotation(item("/a", 1).view()), "CVE-1 overflow");
  EXPECT_EQ(store.look_up(item("/renamed", 1).view()), Standing::unheard)
      << "a weakness is no reason to trust, and none to call a stranger known";
  store.apply(one(kAnnotate, "", 1, Standing::malicious, "a back door"), "annotate", "cert");
  EXPECT_EQ(store.look_up(item("/a", 1).view()), Standing::malicious);
  EXPECT_EQ(store.look_up(item("/renamed", 1).view()), Standing::malicious);
  EXPECT_EQ(store.without_advisories().look_up(item("/a", 1).view()), Standing::good);
  store.apply(one(kAnnotate, "", 1, Standing::good, "a"), "annotate", "cert");
  EXPECT_EQ(store.look_up(item("/a", 1).view()), Standing::vulnerable) << "its first word is its name";
  store.apply(one(kAnnotate, "", 1, Standing::good, "CVE-1"), "annotate", "cert");
  EXPECT_EQ(store.look_up(item("/a", 1).view()), Standing::good);
}

TEST(ReferenceStore, ARetiredDigestIsGoodUntilItsGraceIsOver) {
  ReferenceStore store;
  store.at({1'000'000'000});
  store.apply(one(kAdd, "/a", 1), "add", "ann");
  store.apply(one(kRetire, "/a", 1), "retire", "bob", 5_s);
  const std::uint64_t before = store.generation();
  EXPECT_EQ(store.look_up(item("/a", 1).view()), Standing::good);
  store.at({5'999'999'999});
  EXPECT_EQ(store.look_up(item("/a", 1).view()), Standing::good);
  EXPECT_EQ(store.generation(), before) << "no answer changed";
  store.at({6'000'000'000});
  EXPECT_NE(store.generation(), before);
  EXPECT_EQ(store.look_up(item("/a", 1).view()), Standing::outdated);
  EXPECT_EQ(store.expected(item("/a", 1).view()), "") << "what is outdated is expected of nobody";
  EXPECT_EQ(store.annotation(item("/a", 1).view()), "replaced since 6.000 s: a test");
  EXPECT_EQ(store.without_advisories().look_up(item("/a", 1).view()), Standing::good);
  store.at({2'000'000'000});
  EXPECT_EQ(store.look_up(item("/a", 1).view()), Standing::outdated) << "time does not go back";
  store.apply(one(kAdd, "/a", 1), "add", "ann");
  EXPECT_EQ(store.look_up(item("/a", 1).view()), Standing::good);
}

// F-151
TEST(ReferenceStore, RemembersWhoSaidWhat) {
  ReferenceStore store;
  store.apply(one(kAdd, "/a", 1), "add", "ann");
  store.apply(one(kAdd, "/b", 2), "add", "bob");
  EXPECT_EQ(store.provenance(item("/a", 1).view())->importer, "ann");
  EXPECT_EQ(store.provenance(item("/b", 2).view())->importer, "bob");
  EXPECT_EQ(store.provenance(item("/c", 3).view()), std::nullopt);
  store.apply(one(kAnnotate, "", 2, Standing::malicious, "root"), "annotate", "cert");
  EXPECT_EQ(store.provenance(item("/b", 2).view())->importer, "cert");
  ASSERT_EQ(store.history().size(), 3u);
  EXPECT_EQ(store.history()[2].operation, "annotate");
  EXPECT_EQ(store.history()[2].rows, 1u);
  EXPECT_EQ(store.listed(Kind::file, "/b").size(), 1u);
}

struct Manifests : testing::Test {
  Manifests() {
    for (const std::string_view signer : {"ann", "bob"}) {
      const std::string pem = vtpm::to_pem("PUBLIC KEY", vtpm::public_key_info(key(signer).point()));
      store.trust(signer, {reinterpret_cast<const std::uint8_t*>(pem.data()), pem.size()});
    }
  }
  static vtpm::SigningKey key(std::string_view signer) { return vtpm::SigningKey::from_seed(signer, 1); }
  static std::vector<std::uint8_t> signature(std::string_view signer, std::string_view text) {
    return key(signer).sign({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  }
  ReferenceImport bring(std::string_view signer, const ImportRules& rules = {}) {
    return store.import_manifest(manifest, signature(signer, manifest), signer, rules);
  }
  ReferenceStore store;
  const std::string manifest = write_manifest(one(kAdd, "/a", 1));
};

TEST_F(Manifests, CountWhenWhoIsTrustedSignedThem) {
  EXPECT_EQ(store.signers(), (std::vector<std::string>{"ann", "bob"}));
  const ReferenceImport made = bring("ann");
  EXPECT_EQ(made.result, "done") << made.reason;
  EXPECT_EQ(made.rows, 1u);
  EXPECT_EQ(store.look_up(item("/a", 1).view()), Standing::good);
  EXPECT_EQ(store.provenance(item("/a", 1).view())->importer, "ann");
  EXPECT_EQ(bring("bob").result, "refused")
      << "it is in force already, and may not bring back what was retired";
}

TEST_F(Manifests, AreRefusedByNameAndLeaveARow) {
  EXPECT_EQ(store.import_manifest(manifest, {}, "ann").reason, "unsigned: nobody answers for it");
  EXPECT_EQ(bring("mallory").reason, "stranger: `mallory` is nobody whose manifests count");
  EXPECT_EQ(store.import_manifest(manifest, signature("mallory", manifest), "ann").reason,
            "bad signature: `ann` did not sign this");
  auto spoiled = signature("ann", manifest);
  for (std::size_t i = 0; i < spoiled.size(); ++i) {
    spoiled[i] ^= 1;
    EXPECT_EQ(store.import_manifest(manifest, spoiled, "ann").result, "refused") << i;
    spoiled[i] ^= 1;
  }
  const std::string odd = "no manifest";
  EXPECT_EQ(store.import_manifest(odd, signature("ann", odd), "ann").reason,
            "manifest:1: this is no manifest of reference values.");
  store.distrust("ann");
  EXPECT_EQ(bring("ann").result, "refused");
  EXPECT_EQ(store.look_up(item("/a", 1).view()), Standing::unheard);
  EXPECT_EQ(store.history().size(), 5u + spoiled.size());
  EXPECT_EQ(store.size(), 0u);
}

TEST_F(Manifests, UnderTheTwoPersonRuleWaitForTheSecond) {
  const ImportRules two{sim::ControlMode::on, 2, {}};
  EXPECT_EQ(bring("ann", two).result, "waiting");
  EXPECT_EQ(bring("ann", two).reason, "1 of 2 signers brought it");
  EXPECT_EQ(store.look_up(item("/a", 1).view()), Standing::unheard);
  EXPECT_EQ(bring("bob", two).result, "done");
  EXPECT_EQ(bring("bob", two).result, "refused");
  EXPECT_EQ(store.look_up(item("/a", 1).view()), Standing::good);
}

TEST_F(Manifests, ThatAreMonitoredGetInAndSayWhatIsWrong) {
  const ReferenceImport made = bring("mallory", {sim::ControlMode::monitor, 1, {}});
  EXPECT_EQ(made.result, "done");
  EXPECT_EQ(made.reason.find("monitored: stranger"), 0u) << made.reason;
  EXPECT_EQ(store.look_up(item("/a", 1).view()), Standing::good);
}

TEST(ReferenceFile, KeepsWhatItWasToldAndIsNoOtherFile) {
  const auto folder = std::filesystem::temp_directory_path() / ("references-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  const std::string path = (folder / "r.db").string();
  {
    ReferenceStore store(path);
    store.apply(one(kAdd, "/a", 1), "add", "ann");
  }
  EXPECT_EQ(ReferenceStore(path).look_up(item("/a", 1).view()), Standing::good);
  EXPECT_EQ(ReferenceStore(path).history().front().importer, "ann");
  const std::string other = (folder / "other").string();
  std::FILE* file = std::fopen(other.c_str(), "w");
  std::fputs("this is no database, however long it may be", file);
  std::fclose(file);
  EXPECT_THROW(ReferenceStore{other}, sim::WorldError);
  EXPECT_THROW(ReferenceStore{(folder / "no" / "folder").string()}, sim::WorldError);
  std::filesystem::remove_all(folder);
}

TEST(ReferenceStore, AnswersTheSameFromMemoryAndAnewWhateverWasAskedBefore) {
  ReferenceStore store;
  for (std::uint8_t i = 0; i < 200; ++i)
    store.add(Kind::file, "/f" + std::to_string(i % 7), kAlg, digest(i).view(),
              i % 5 ? Standing::good : Standing::bad, "x");
  std::vector<Standing> first;
  for (int round = 0; round < 2; ++round) {
    std::size_t at = 0;
    for (std::uint8_t i = 0; i < 250; ++i) {
      for (int name = 0; name < 7; ++name) {
        const Standing said = store.look_up(item("/f" + std::to_string(name), i).view());
        if (round == 0) first.push_back(said);
        EXPECT_EQ(said, first[at++]);
        EXPECT_EQ(said == Standing::good, i < 200 && i % 5 != 0 && i % 7 == name);
        EXPECT_EQ(said == Standing::bad, i < 200 && i % 5 == 0);
      }
    }
  }
}

}  // namespace
}  // namespace tvdsim::models
