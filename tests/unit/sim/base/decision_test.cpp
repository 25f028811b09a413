#include "sim/base/decision.hpp"

#include <gtest/gtest.h>

#include <set>

#include "sim/base/ticket.hpp"

namespace tvdsim::sim {
namespace {

Decision with(Verdict verdict) {
  Decision decision;
  decision.verdict = verdict;
  return decision;
}

TEST(Decision, WhatNobodyDecidedIsRefused) {
  const Decision decision;
  EXPECT_FALSE(decision);
  EXPECT_EQ(decision.verdict, Verdict::deny);
  EXPECT_EQ(decision.rule, Rule::no_rule_applies);
  EXPECT_FALSE(Ticket{});
}

TEST(Decision, AWarningIsNoRefusal) {
  EXPECT_TRUE((with(Verdict::warn)));
  EXPECT_TRUE((with(Verdict::permit)));
}

TEST(DecisionTables, NameEveryEnumeratorOnce) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < hook_infos().size(); ++i) {
    const auto hook = static_cast<Hook>(i);
    EXPECT_EQ(to_text(hook), hook_infos()[i].name);
    EXPECT_EQ(point_of(hook), hook_infos()[i].point);
    EXPECT_TRUE(names.insert(to_text(hook)).second);
  }
  EXPECT_EQ(to_text(Hook::vm_start), "vm_start");
  EXPECT_EQ(point_of(Hook::disk_attach), Point::dom0);
  EXPECT_EQ(to_text(Verdict::deny), "deny");
  EXPECT_EQ(to_text(Verdict::permit), "permit");
  EXPECT_EQ(to_text(Outcome::not_applicable), "not_applicable");
  EXPECT_EQ(to_text(Outcome::off), "off");
  EXPECT_EQ(to_text(ControlMode::monitor), "monitor");
  EXPECT_EQ(to_text(Point::manager), "manager");
  EXPECT_EQ(to_text(Control::none), "none");
}

TEST(DecisionTables, EveryRuleBelongsToAControlThatExists) {
  for (std::size_t i = 0; i < rule_infos().size(); ++i) {
    const auto rule = static_cast<Rule>(i);
    EXPECT_EQ(to_text(rule), rule_infos()[i].name);
    EXPECT_EQ(control_of(rule), rule_infos()[i].control);
    EXPECT_FALSE(sentence_of(rule).empty());
    EXPECT_FALSE(to_text(control_of(rule)).empty());
  }
  EXPECT_EQ(control_of(Rule::wall_conflict), Control::wall);
  EXPECT_EQ(control_infos().size(), kControls);
}

struct Keeper final : TicketKeeper {
  void commit(std::uint32_t) noexcept override { ++committed; }
  void cancel(std::uint32_t) noexcept override { ++cancelled; }
  int committed = 0, cancelled = 0;
};

TEST(Ticket, GivesBackExactlyOnceOrCommitsExactlyOnce) {
  Keeper keeper;
  { const Ticket abandoned(with(Verdict::permit), keeper, 1); }
  EXPECT_EQ(keeper.cancelled, 1);
  {
    Ticket kept(with(Verdict::permit), keeper, 2);
    kept.commit();
    kept.commit();
  }
  EXPECT_EQ(keeper.committed, 1);
  EXPECT_EQ(keeper.cancelled, 1);
  {
    Ticket first(with(Verdict::permit), keeper, 3);
    Ticket second(std::move(first));
    second = Ticket(with(Verdict::permit), keeper, 4);
    EXPECT_EQ(keeper.cancelled, 2);
  }
  EXPECT_EQ(keeper.cancelled, 3);
  EXPECT_EQ(keeper.committed, 1);
}

}  // namespace
}  // namespace tvdsim::sim
