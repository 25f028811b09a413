// Every command from the moment it is scheduled until its answer is known.
//
// A command's number is its correlation id, which all messages, decisions and steps on its behalf carry. Services put the
// answer here before they send it; the row is written when it arrives where it was asked for.
//
// Invariant  one row of `commands` per command: done, refused or failed.
// Threads    the engine's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "models/host/action.hpp"
#include "sim/engine/engine.hpp"

namespace tvdsim::models {

enum class Result : std::uint8_t { done, refused, failed };
std::string_view to_text(Result) noexcept;

struct Answer {
  Result result = Result::failed;
  std::string reason;
};

class CommandLog {
 public:
  explicit CommandLog(sim::Engine& engine) : engine_(engine) {}

  std::uint64_t add(const Action& action);  // the correlation id: from 1
  const Action& action(std::uint64_t correlation) const { return commands_.at(correlation - 1).action; }
  std::string_view principal(std::uint64_t correlation) const;
  bool closed(std::uint64_t correlation) const { return commands_.at(correlation - 1).closed; }

  // What the service found; kept until close() takes it.
  void prepare(std::uint64_t correlation, Answer answer) {
    commands_.at(correlation - 1).answer = std::move(answer);
  }
  const Answer& answer(std::uint64_t correlation) const { return commands_.at(correlation - 1).answer; }
  void close(std::uint64_t correlation);  // with the prepared answer; once: later calls do nothing
  void close(std::uint64_t correlation, Result result, std::string_view reason);
  // What had begun when the run ended, and has no answer.
  void close_unanswered();
  // The epochs of all groups' policies, as whoever gave the command knew them: a part of the command.
  using Epochs = std::shared_ptr<const std::vector<sim::PolicyEpoch>>;
  void stamp(std::uint64_t correlation, Epochs epochs) {
    commands_.at(correlation - 1).epochs = std::move(epochs);
  }
  sim::PolicyEpoch epoch(std::uint64_t correlation, std::uint32_t group) const;
  void begin(std::uint64_t correlation) { commands_.at(correlation - 1).begun = true; }
  std::uint64_t count() const noexcept { return commands_.size(); }

 private:
  struct Command {
    Action action;
    Answer answer;
    Epochs epochs;
    bool begun = false, closed = false;
  };
  sim::Engine& engine_;
  std::vector<Command> commands_;
};

}  // namespace tvdsim::models
