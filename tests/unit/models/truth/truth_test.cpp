#include <gtest/gtest.h>

#include "models/truth/read.hpp"
#include "models/truth/record.hpp"

namespace tvdsim::models {
namespace {

using sim::Time;

struct Books {
  sim::Trace trace;
  Truth truth{trace};
  const TruthReader& read() { return truth.reader(); }
};

TEST(Truth, AByteCarriesTheWorkloadThatWroteIt) {
  Books books;
  const auto disk = books.truth.add_region("disk");
  books.truth.wrote(disk, 100, 10, "acme");
  EXPECT_EQ(books.read().taint("disk", 100, 10), std::vector<std::string>{"acme"});
  EXPECT_TRUE(books.read().taint("disk", 0, 100).empty());
  EXPECT_TRUE(books.read().taint("disk", 110, 50).empty());
}

TEST(Truth, ACopyCarriesExactlyTheTaintOfItsOriginalAcrossPages) {
  Books books;
  const auto from = books.truth.add_region("from"), to = books.truth.add_region("to");
  books.truth.wrote(from, 4000, 50, "acme");
  books.truth.wrote(from, 4050, 100, "bolt");
  books.truth.copied(from, 4000, to, 8180, 150);
  EXPECT_EQ(books.read().taint("to", 8180, 50), std::vector<std::string>{"acme"});
  EXPECT_EQ(books.read().taint("to", 8230, 100), std::vector<std::string>{"bolt"});
  EXPECT_EQ(books.read().taint("to"), (std::vector<std::string>{"acme", "bolt"}));
  EXPECT_TRUE(books.read().taint("to", 8330, 100).empty());
}

TEST(Truth, OverlappingCopiesWithinOneRegionReadBeforeTheyWrite) {
  Books books;
  const auto place = books.truth.add_region("memory");
  books.truth.wrote(place, 0, 4, "acme");
  books.truth.wrote(place, 4, 4, "bolt");
  books.truth.copied(place, 0, place, 4, 8);
  EXPECT_EQ(books.read().taint("memory", 4, 4), std::vector<std::string>{"acme"});
  EXPECT_EQ(books.read().taint("memory", 8, 4), std::vector<std::string>{"bolt"});
}

TEST(Truth, ClearingRemovesWhatIsThereButNotThatItWasThere) {
  Books books;
  const auto disk = books.truth.add_region("disk");
  books.truth.wrote(disk, 0, 512, "acme");
  EXPECT_EQ(books.read().holders("acme"), std::vector<std::string>{"disk"});
  books.truth.cleared(disk);
  EXPECT_FALSE(books.read().holds("acme", "disk"));
  EXPECT_TRUE(books.read().reached("acme", "disk"));
  EXPECT_TRUE(books.read().holders("acme").empty());
}

TEST(Truth, OverwritingReplacesTheTaint) {
  Books books;
  const auto disk = books.truth.add_region("disk"), blank = books.truth.add_region("blank");
  books.truth.wrote(disk, 0, 8, "acme");
  books.truth.copied(blank, 0, disk, 0, 8);
  EXPECT_FALSE(books.read().holds("acme", "disk")) << "bytes of nobody were copied over it";
}

TEST(Truth, AFlowEdgeNamesTheTaintOfTheBytesThatMoved) {
  Books books;
  const auto page = books.truth.add_region("vm");
  books.truth.wrote(page, 0, 16, "acme");
  books.truth.flow(Time{5}, "disk", "vm", Medium::disk, page, 0, 16);
  books.truth.flow(Time{6}, "disk", "vm", Medium::disk, page, 100, 16);
  ASSERT_EQ(books.read().edges().size(), 2u);
  EXPECT_EQ(books.read().edges()[0].taint, std::vector<std::string>{"acme"});
  EXPECT_TRUE(books.read().edges()[1].taint.empty());
  EXPECT_TRUE(books.read().flowed("disk", "vm"));
  EXPECT_FALSE(books.read().flowed("vm", "disk"));
  EXPECT_EQ(books.trace.count(sim::TableId::truth_flows), 2u);
}

TEST(Truth, RunningTogetherMeansOneHostAndOneTime) {
  Books books;
  books.truth.runs(Time{0}, "a", "h1", "acme");
  books.truth.halts(Time{10}, "a", "h1");
  books.truth.runs(Time{10}, "b", "h1", "bolt");
  books.truth.runs(Time{10}, "a", "h2", "acme");
  EXPECT_FALSE(books.read().ran_together("a", "b"));
  books.truth.runs(Time{12}, "c", "h1", "acme");
  EXPECT_TRUE(books.read().ran_together("b", "c"));
  EXPECT_TRUE(books.read().ran_together("c", "b"));
  EXPECT_FALSE(books.read().ran_together("a", "c"));
  EXPECT_EQ(books.read().most_copies("a"), 1u);
}

TEST(Truth, CountsRunnableCopiesAndDriversAtOneTime) {
  Books books;
  books.truth.runs(Time{0}, "a", "h1", "acme");
  books.truth.runs(Time{5}, "a", "h2", "acme");
  books.truth.halts(Time{6}, "a", "h1");
  EXPECT_EQ(books.read().most_copies("a"), 2u);
  books.truth.drives(Time{0}, "a", "nic");
  books.truth.releases(Time{3}, "a", "nic");
  books.truth.drives(Time{3}, "b", "nic");
  EXPECT_EQ(books.read().most_drivers("nic"), 1u);
  books.truth.drives(Time{4}, "a", "nic");
  EXPECT_EQ(books.read().most_drivers("nic"), 2u);
}

TEST(Truth, UnknownNamesHoldNothing) {
  Books books;
  EXPECT_FALSE(books.read().reached("acme", "nowhere"));
  EXPECT_TRUE(books.read().taint("nowhere").empty());
  EXPECT_TRUE(books.read().holders("nobody").empty());
}

TEST(Truth, KeepsFactsAboutExecutionAndCompromise) {
  Books books;
  books.truth.executed(Time{1}, "a", "sshd");
  books.truth.compromised(Time{2}, "a", "sshd was replaced");
  ASSERT_EQ(books.read().executed().size(), 1u);
  ASSERT_EQ(books.read().compromised().size(), 1u);
  EXPECT_EQ(books.read().compromised()[0].what, "sshd was replaced");
}

}  // namespace
}  // namespace tvdsim::models
