// What every attack has from its row of attacks.def, and the one object of each file.
//
// Source     models/attack/attacks.def.
#pragma once

#include "models/attack/attack.hpp"

namespace tvdsim::models {

enum class AttackFile : std::uint8_t {
#define ATTACK(file, id, title, control, source) file,
#include "models/attack/attacks.def"
#undef ATTACK
};

// Answers the four questions that the table answers.
class CataloguedAttack : public Attack {
 public:
  explicit CataloguedAttack(AttackFile file) : file_(file) {}
  std::string_view id() const override;
  std::string_view title() const override;
  std::string_view source() const override;
  Control control() const override;

 private:
  AttackFile file_;
};

#define ATTACK(file, id, title, control, source) const Attack& file();
#include "models/attack/attacks.def"
#undef ATTACK

}  // namespace tvdsim::models
