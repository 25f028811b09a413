// The shape of a policy file, as a table: which elements stand in which, in what order and how often.
//
// check_shape() walks a document along the table and reports everything that stands where it must not, or is missing.
//
// Cost       linear in the number of elements.
// Threads    pure.
// Source     the published schema of Xen 3.3's policies, re-expressed.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace tvdsim::models {

inline constexpr std::uint32_t kUnbounded = 0xffff'ffff;

struct XmlElement;

struct XmlChild {
  const XmlElement* element;
  std::uint32_t at_least, at_most;
};

struct XmlAttribute {
  std::string_view name;
  bool required;
  std::string_view only_value;  // empty: any
};

struct XmlElement {
  std::string_view name;
  bool holds_text;                     // text or children, never both
  std::span<const XmlChild> children;  // in this order
  std::span<const XmlAttribute> attributes;
};

const XmlElement& policy_grammar() noexcept;  // the root, SecurityPolicyDefinition

}  // namespace tvdsim::models
