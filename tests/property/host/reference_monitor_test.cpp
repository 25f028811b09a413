// A reference monitor is always asked, whatever guests and management do in whatever order.
//
// Each sequence is at least four operations on one host: hypercalls with any arguments, and starts, stops, relabellings and policy
// changes between them (tests/property/host/arena.hpp). TVDSIM_SEQUENCES=100000000 runs the long form.
#include <cstdio>
#include <cstdlib>

#include "sim/base/random.hpp"
#include "tests/property/host/arena.hpp"

namespace tvdsim::tests {
namespace {

constexpr std::uint64_t kSeed = 20080501;
constexpr std::uint64_t kPerHost = 2048;  // sequences

struct Found {
  std::string harm, story;
  std::uint64_t tried = 0;
  std::size_t operations = 0;
};

// So many sequences; the first harmful one, cut down.
Found search(const sim::ControlModes& modes, std::uint64_t sequences, ArenaTally& tally) {
  sim::Stream random(kSeed, "sequences");
  Found found;
  std::unique_ptr<Arena> arena;
  std::uint64_t rules = 0;
  CacheMode cache{};
  for (; found.tried < sequences; ++found.tried) {
    if (found.tried % kPerHost == 0) {
      rules = kSeed + found.tried / kPerHost;
      cache = found.tried / kPerHost % 2 == 0 ? CacheMode::xen33 : CacheMode::none;
      arena = std::make_unique<Arena>(modes, rules, cache);
    }
    arena->hash_every_call(found.tried % 1024 == 0);
    const Sequence sequence = Arena::draw(random);
    found.harm = arena->play(sequence, tally);
    if (found.harm.empty()) continue;
    ++found.tried;
    ArenaTally ignored;
    const auto harms = [&](const Sequence& shorter) {
      return !Arena(modes, rules, cache).play(shorter, ignored).empty();
    };
    const Sequence least = harms(sequence) ? shrink(sequence, harms) : sequence;
    found.story = arena->words(least);
    found.operations = least.size() - 1;
    break;
  }
  return found;
}

// F-007
TEST(ReferenceMonitor, NoInformationFlowsWithoutADecisionInAMillionSequences) {
  const char* asked = std::getenv("TVDSIM_SEQUENCES");
  const std::uint64_t sequences = asked ? std::strtoull(asked, nullptr, 10) : 1'000'000;
  ArenaTally tally;
  const Found found = search(modes_under_test(), sequences, tally);
  EXPECT_EQ(found.harm, "") << found.story;
  std::printf(
      "%llu sequences, %llu operations: %llu done, %llu refused, %llu impossible; %llu decisions, %llu "
      "edges, "
      "%llu hashes compared\n",
      static_cast<unsigned long long>(tally.sequences), static_cast<unsigned long long>(tally.operations),
      static_cast<unsigned long long>(tally.done), static_cast<unsigned long long>(tally.refused),
      static_cast<unsigned long long>(tally.failed), static_cast<unsigned long long>(tally.decisions),
      static_cast<unsigned long long>(tally.edges), static_cast<unsigned long long>(tally.hashes));
  if (!found.harm.empty()) return;
  EXPECT_EQ(tally.sequences, sequences);
  EXPECT_GE(tally.operations, sequences * Arena::kShortest);
  EXPECT_GT(tally.edges * 20, sequences) << "something moves in them";
  EXPECT_GT(tally.refused * 4, sequences) << "and something is refused";
}

// F-007
TEST(ReferenceMonitor, WithoutEachOfItsControlsAHarmfulSequenceIsFoundAndCutDown) {
  const std::pair<Control, const char*> kHarms[] = {{Control::mediation, "without a decision"},
                                                    {Control::ste, "shares no type"},
                                                    {Control::privilege, "a guest did"},
                                                    {Control::label_store, "a guest did"},
                                                    {Control::cache_purge, "shares no type"}};
  for (const auto& [control, harm] : kHarms) {
    sim::ControlModes modes;
    modes.set(control, ControlMode::off);
    ArenaTally tally;
    const Found found = search(modes, 50'000, tally);
    std::printf("%s off: sequence %llu, %zu operations: %s(%s)\n", std::string(to_text(control)).c_str(),
                static_cast<unsigned long long>(found.tried), found.operations, found.story.c_str(),
                found.harm.c_str());
    EXPECT_NE(found.harm.find(harm), std::string::npos) << to_text(control) << ": " << found.harm;
    EXPECT_LE(found.operations, 6u) << to_text(control);
  }
}

}  // namespace
}  // namespace tvdsim::tests
