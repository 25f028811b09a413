// Two beginnings of a file that have one SHA-1 digest: whatever follows them, the two files have one digest too.
//
// The only two published ones are data here, as their finders published them; nothing in this tree finds others.
//
// Invariant  sha1(colliding(false, tail)) == sha1(colliding(true, tail)) for every tail, and no other digest that we compute agrees.
// Cost       a copy of the bytes.
// Threads    pure.
// Source     M. Stevens, E. Bursztein, P. Karpman, A. Albertini, Y. Markov: The first collision for full SHA-1, CRYPTO 2017, table 1.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tvdsim::models {

// 320 bytes of the one or the other, then the tail.
std::string colliding(bool second, std::string_view tail);
// Bytes that begin as one of the two, with the other's beginning; nothing for all other bytes.
std::optional<std::string> sha1_twin(std::string_view bytes);

}  // namespace tvdsim::models
