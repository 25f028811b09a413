#include "models/attack/catalogue.hpp"

#include <algorithm>

namespace tvdsim::models {

namespace {

struct Row {
  std::string_view id, title, source;
  Control control;
};

const Row& row(AttackFile file) {
  static constexpr Row kRows[] = {
#define ATTACK(name, number, words, stopper, from) {number, words, from, Control::stopper},
#include "models/attack/attacks.def"
#undef ATTACK
  };
  return kRows[static_cast<std::size_t>(file)];
}

}  // namespace

std::string_view CataloguedAttack::id() const { return row(file_).id; }
std::string_view CataloguedAttack::title() const { return row(file_).title; }
std::string_view CataloguedAttack::source() const { return row(file_).source; }
Control CataloguedAttack::control() const { return row(file_).control; }

std::string_view to_text(Staging staging) noexcept {
  switch (staging) {
    case Staging::ablated:
      return "ablated";
    case Staging::controlled:
      return "controlled";
    case Staging::near_miss:
      return "near_miss";
  }
  return "";
}

const std::vector<const Attack*>& attacks() {
  static const std::vector<const Attack*> kAttacks = {
#define ATTACK(file, id, title, control, source) &file(),
#include "models/attack/attacks.def"
#undef ATTACK
  };
  return kAttacks;
}

const Attack* find_attack(std::string_view id) noexcept {
  const auto& all = attacks();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Attack* attack) { return attack->id() == id; });
  return found == all.end() ? nullptr : *found;
}

}  // namespace tvdsim::models
