#include "sim/trace/trace.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tvdsim::sim {
namespace {

rows::events event(std::int64_t time, std::uint32_t target = 0, std::uint64_t data = 0) {
  return {.time_ns = {time}, .kind = 1, .target = target, .data = data};
}

template <class Fill>
std::string fingerprint_of(Fill fill) {
  Trace trace;
  fill(trace);
  return trace.fingerprint();
}

TEST(Fingerprint, OfNothingIsTheHashOfNothing) {
  EXPECT_EQ(Trace().fingerprint(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

// The bytes are a contract with other compilers and machines: table number, then the cells, little-endian.
TEST(Fingerprint, IsTheHashOfTheCanonicalBytes) {
  EXPECT_EQ(fingerprint_of([](Trace& t) { t.append(event(1, 2, 3)); }),
            "6bbc6b454dd24669dc9625d3b227689ab4b999a51c7759f64b63a465f78189af");
}

TEST(Fingerprint, ChangesWithOneCellOneOrderOneRow) {
  const auto base = fingerprint_of([](Trace& t) { t.append(event(1)), t.append(event(2)); });
  EXPECT_EQ(base, fingerprint_of([](Trace& t) { t.append(event(1)), t.append(event(2)); }));
  EXPECT_NE(base, fingerprint_of([](Trace& t) { t.append(event(2)), t.append(event(1)); }));
  EXPECT_NE(base, fingerprint_of([](Trace& t) { t.append(event(1)), t.append(event(2, 1)); }));
  EXPECT_NE(base, fingerprint_of([](Trace& t) { t.append(event(1)), t.append(event(2, 0, 1)); }));
  EXPECT_NE(base,
            fingerprint_of([](Trace& t) { t.append(event(1)), t.append(event(2)), t.append(event(2)); }));
  EXPECT_NE(base, fingerprint_of([](Trace& t) { t.append(event(1)); }));
}

TEST(Fingerprint, SeesATextByItsContent) {
  const auto with = [](std::string_view vm) {
    return fingerprint_of([&](Trace& t) { t.append(rows::lifecycle{.vm = t.text(vm)}); });
  };
  EXPECT_EQ(with("acme1"), with("acme1"));
  EXPECT_NE(with("acme1"), with("acme2"));
  EXPECT_NE(with(""),
            fingerprint_of([](Trace& t) { t.append(rows::lifecycle{}); }));  // an empty text is not none
}

TEST(Fingerprint, DoesNotSeeTextsThatNoRowUsesNorInWhichOrderTheyWereInterned) {
  const auto fill = [](Trace& t) {
    t.append(rows::lifecycle{.vm = t.text("a"), .host = t.text("b")});
    t.append(rows::lifecycle{.vm = t.text("b"), .host = t.text("a")});
  };
  EXPECT_EQ(fingerprint_of(fill), fingerprint_of([&](Trace& t) {
              t.text("unused");
              t.text("b");
              fill(t);
            }));
  EXPECT_NE(fingerprint_of(fill), fingerprint_of([](Trace& t) {
              t.append(rows::lifecycle{.vm = t.text("a"), .host = t.text("b")});
              t.append(rows::lifecycle{.vm = t.text("a"), .host = t.text("b")});
            }));
}

TEST(Fingerprint, DoesNotDependOnWhatIsStoredNorOnBeingAskedFor) {
  const auto fill = [](Trace& t, bool events, bool lifecycle, bool ask) {
    t.store(TableId::events, events);
    t.store(TableId::lifecycle, lifecycle);
    for (int i = 0; i < 5000; ++i) {  // many blocks
      t.append(event(i, static_cast<std::uint32_t>(i)));
      if (i % 7 == 0) t.append(rows::lifecycle{.time_ns = {i}, .vm = t.text(std::to_string(i % 50))});
      if (ask && i % 100 == 0) t.fingerprint();
    }
  };
  const auto base = fingerprint_of([&](Trace& t) { fill(t, false, true, false); });
  EXPECT_EQ(base, fingerprint_of([&](Trace& t) { fill(t, true, true, false); }));
  EXPECT_EQ(base, fingerprint_of([&](Trace& t) { fill(t, false, false, false); }));
  EXPECT_EQ(base, fingerprint_of([&](Trace& t) { fill(t, true, false, true); }));
}

TEST(Fingerprint, TakesTextsLongerThanABlock) {
  const auto with = [](std::size_t size, char last) {
    return fingerprint_of([&](Trace& t) {
      t.append(event(1));
      t.append(rows::lifecycle{.vm = t.text(std::string(size, 'x') + last)});
      t.append(event(2));
    });
  };
  for (const std::size_t size : {100u, 7'000u, 8'191u, 8'192u, 8'193u, 100'000u}) {
    EXPECT_EQ(with(size, 'a'), with(size, 'a'));
    EXPECT_NE(with(size, 'a'), with(size, 'b')) << size;
  }
}

TEST(Trace, CountsExactlyAndStoresOnlyWhatItIsToldTo) {
  Trace trace;
  EXPECT_FALSE(trace.stored(TableId::events));
  EXPECT_TRUE(trace.stored(TableId::decisions));
  EXPECT_TRUE(trace.stored(TableId::truth_flows));
  for (int i = 0; i < 3; ++i) trace.append(event(i));
  EXPECT_EQ(trace.count(TableId::events), 3u);
  EXPECT_TRUE(trace.column(TableId::events, 0).empty());

  trace.store(TableId::events, true);
  trace.append(event(41, 42, 43));
  EXPECT_EQ(trace.count(TableId::events), 4u);
  EXPECT_EQ(trace.column(TableId::events, 0), std::vector<std::uint64_t>{41});
  EXPECT_EQ(trace.column(TableId::events, 2), std::vector<std::uint64_t>{42});
  EXPECT_EQ(trace.column(TableId::events, 3), std::vector<std::uint64_t>{43});
}

TEST(Trace, GivesEachTextOneIdForGood) {
  Trace trace;
  const TextId a = trace.text("acme");
  for (int i = 0; i < 10'000; ++i) trace.text(std::to_string(i));
  EXPECT_EQ(trace.text("acme"), a);
  EXPECT_EQ(trace.text(a), "acme");
  EXPECT_EQ(trace.text(TextId::none()), "");
  EXPECT_EQ(trace.texts(), 10'001u);
}

TEST(Ledger, SumsByCauseAndListsOnlyCausesThatOccurred) {
  Trace trace;
  trace.charge(Cause::hypercall, {1'000});
  trace.charge(Cause::hypercall, {500});
  trace.charge(Cause::message, {7});
  EXPECT_EQ(trace.charged(Cause::hypercall).count, 2u);
  EXPECT_EQ(trace.charged(Cause::hypercall).total, Duration{1'500});
  EXPECT_EQ(trace.charged(Cause::transfer).count, 0u);

  trace.append_ledger();
  ASSERT_EQ(trace.count(TableId::charges), 2u);
  EXPECT_EQ(trace.text(TextId{static_cast<std::uint32_t>(trace.column(TableId::charges, 0)[0])}),
            "hypercall");
  EXPECT_EQ(trace.column(TableId::charges, 2), (std::vector<std::uint64_t>{1'500, 7}));
}

TEST(LedgerDeathTest, NeverGivesTimeBack) {
  Trace trace;
  EXPECT_DEATH(trace.charge(Cause::message, {-1}), "never given back");
}

TEST(Tables, HaveColumnsThatEndInTheirUnit) {
  ASSERT_EQ(table_infos().size(), kTables);
  EXPECT_EQ(table_info(TableId::events).kind, TableKind::bulk);
  for (const auto& table : table_infos()) {
    EXPECT_FALSE(table.columns.empty()) << table.name;
    for (const auto& column : table.columns) {
      const bool is_time = column.type == ColumnType::time || column.type == ColumnType::span;
      EXPECT_EQ(is_time, column.name.ends_with("_ns")) << table.name << '.' << column.name;
    }
  }
}

}  // namespace
}  // namespace tvdsim::sim
