// Hundreds of strangers ask about one host at the same moment; its TPM signs fourteen quotes a second.
//
// The control is the admission queue: strangers who ask about one host share a quote, so that the schedule's own check finds at most one
// before it. Harm is a scheduled check of an honest host that goes unanswered. The near miss is a few strangers, one after the other.
#include <fmt/format.h>

#include <algorithm>

#include "models/attack/attested.hpp"
#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

class AttestationFlood final : public CataloguedAttack {
 public:
  AttestationFlood() : CataloguedAttack(AttackFile::a62_attestation_flood) {}

  sim::Duration duration() const override { return 60_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    DatacenterSetup setup = attested_setup(control(), staging, mode, {});
    setup.watches = {{.verifier = "v", .subjects = {"h1"}, .period = 25_s, .spread = false}};
    return setup;
  }

  std::vector<Action> steps(Staging staging) const override {
    std::vector<Action> steps;
    const bool floods = staging != Staging::near_miss;
    for (int i = 0; i < (floods ? 1 : 3); ++i) {
      Action ask = staged_action(ActionKind::flood_attestation, floods ? 24_s : 10_s + 5_s * i, {});
      ask.host = "h1";
      ask.verifier = "v";
      ask.count = floods ? kStrangers : 1;
      steps.push_back(ask);
    }
    return steps;
  }

  Verdicts judge(Staging staging, Datacenter&, sim::Trace& trace) const override {
    const auto said = texts(trace, sim::TableId::attestations, "verdict");
    const auto& command = numbers(trace, sim::TableId::attestations, "correlation");
    const auto &asked = numbers(trace, sim::TableId::attestations, "asked_ns"),
               &told = numbers(trace, sim::TableId::attestations, "time_ns");
    std::size_t checks = 0, answered = 0, quotes = 0;
    std::uint64_t slowest = 0;
    for (std::size_t i = 0; i < said.size(); ++i) {
      if (command[i] != 0) {
        ++quotes;
        continue;
      }
      ++checks;
      answered += said[i] == "trusted";
      slowest = std::max(slowest, told[i] - asked[i]);
    }
    const std::size_t strangers = staging == Staging::near_miss ? 3 : kStrangers;
    Verdicts verdicts;
    verdicts.harm = answered < checks;
    verdicts.refused = quotes < strangers / 2;
    verdicts.noticed = verdicts.refused || Evidence(trace).incident("warning");
    verdicts.worked = checks > 0 && answered == checks && quotes == strangers;
    verdicts.witness = fmt::format(
        "{} of {} scheduled checks found h1 trusted, the slowest after {} ms; {} strangers cost its TPM {} "
        "quotes",
        answered, checks, slowest / 1'000'000, strangers, quotes);
    return verdicts;
  }

 private:
  static constexpr std::size_t kStrangers = 400;
};

}  // namespace

const Attack& a62_attestation_flood() {
  static const AttestationFlood kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
