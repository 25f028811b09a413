#include "models/acm_io/xml_schema.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
#include <optional>
#include <pugixml.hpp>
#include <span>
#include <string>
#include <vector>

namespace tvdsim::models {

namespace {

constexpr std::string_view kInstanceNamespace = "http://www.w3.org/2001/XMLSchema-instance";
constexpr unsigned kMany = std::numeric_limits<unsigned>::max();

struct Element;
struct Child {
  std::string_view name;
  unsigned least, most;
  const Element* element;
};
struct Attribute {
  std::string_view name;
  bool required = false;
  std::string_view only_value{};  // empty: any
};
struct Element {
  std::span<const Child> children;
  std::span<const Attribute> attributes;
  bool text = false;
};

constexpr Attribute kFrom[] = {{"from"}};
constexpr Attribute kPriority[] = {{"priority", false, "PrimaryPolicyComponent"}};
constexpr Attribute kBootstrap[] = {{"bootstrap", true}};
constexpr Attribute kConflictName[] = {{"name", true}};

constexpr Element kText{{}, {}, true};
constexpr Element kNameText{{}, kFrom, true};
constexpr Child kTypeList[] = {{"Type", 1, kMany, &kText}};
constexpr Element kTypes{kTypeList, {}};
constexpr Child kOneTypeList[] = {{"Type", 1, 1, &kText}};
constexpr Element kOneType{kOneTypeList, {}};
constexpr Child kFromPolicyList[] = {{"PolicyName", 1, 1, &kText}, {"Version", 1, 1, &kText}};
constexpr Element kFromPolicy{kFromPolicyList, {}};
constexpr Child kHeaderList[] = {{"PolicyName", 1, 1, &kText},      {"PolicyUrl", 0, 1, &kText},
                                 {"Reference", 0, 1, &kText},       {"Date", 0, 1, &kText},
                                 {"NameSpaceUrl", 0, 1, &kText},    {"Version", 1, 1, &kText},
                                 {"FromPolicy", 0, 1, &kFromPolicy}};
constexpr std::size_t kMostChildren = std::size(kHeaderList);
constexpr Element kHeader{kHeaderList, {}};
constexpr Child kSteList[] = {{"SimpleTypeEnforcementTypes", 1, 1, &kTypes}};
constexpr Element kSte{kSteList, kPriority};
constexpr Element kConflict{kTypeList, kConflictName};
constexpr Child kConflictSetList[] = {{"Conflict", 1, kMany, &kConflict}};
constexpr Element kConflictSets{kConflictSetList, {}};
constexpr Child kWallList[] = {{"ChineseWallTypes", 1, 1, &kTypes}, {"ConflictSets", 0, 1, &kConflictSets}};
constexpr Element kWall{kWallList, kPriority};
constexpr Child kVmLabelList[] = {{"Name", 1, 1, &kNameText},
                                  {"SimpleTypeEnforcementTypes", 0, kMany, &kTypes},
                                  {"ChineseWallTypes", 0, kMany, &kTypes}};
constexpr Element kVmLabel{kVmLabelList, {}};
constexpr Child kResourceLabelList[] = {{"Name", 1, 1, &kNameText},
                                        {"SimpleTypeEnforcementTypes", 1, 1, &kOneType}};
constexpr Element kResourceLabel{kResourceLabelList, {}};
constexpr Child kSubjectList[] = {{"VirtualMachineLabel", 1, kMany, &kVmLabel}};
constexpr Element kSubjects{kSubjectList, kBootstrap};
constexpr Child kObjectList[] = {{"ResourceLabel", 1, kMany, &kResourceLabel}};
constexpr Element kObjects{kObjectList, {}};
constexpr Child kTemplateList[] = {{"SubjectLabels", 0, 1, &kSubjects}, {"ObjectLabels", 0, 1, &kObjects}};
constexpr Element kTemplate{kTemplateList, {}};
constexpr Child kRootList[] = {{"PolicyHeader", 1, 1, &kHeader},
                               {"SimpleTypeEnforcement", 0, 1, &kSte},
                               {"ChineseWall", 0, 1, &kWall},
                               {"SecurityLabelTemplate", 1, 1, &kTemplate}};
constexpr Element kRoot{kRootList, {}};

std::string_view prefix_of(std::string_view name) {
  const std::size_t colon = name.find(':');
  return colon == std::string_view::npos ? std::string_view{} : name.substr(0, colon);
}

// The namespace that a prefix ("" for none) stands for at a node.
std::string_view namespace_of(pugi::xml_node node, std::string_view prefix) {
  constexpr std::string_view kKey = "xmlns";
  for (; node; node = node.parent()) {
    for (auto attribute = node.first_attribute(); attribute; attribute = attribute.next_attribute()) {
      const std::string_view name = attribute.name();
      if (!name.starts_with(kKey)) continue;
      const std::string_view rest = name.substr(kKey.size());
      if (prefix.empty() ? rest.empty() : rest.starts_with(':') && rest.substr(1) == prefix)
        return attribute.value();
    }
  }
  return {};
}

class Structure {
 public:
  Structure(const Places& places, sim::Findings& findings) : places_(places), findings_(findings) {}

  void check(const pugi::xml_node& node, const Element& element) {
    if (node.first_attribute() || !element.attributes.empty()) attributes(node, element);
    text(node, element);
    children(node, element);
  }

  void wrong(const pugi::xml_node& node, std::string message, std::string help = {}) {
    findings_.error("TVD-311", place_of(node, places_), std::move(message), std::move(help));
  }

 private:
  void attributes(const pugi::xml_node& node, const Element& element) {
    std::vector<std::string_view> seen;
    for (auto attribute = node.first_attribute(); attribute; attribute = attribute.next_attribute()) {
      const std::string_view name = attribute.name();
      const bool again = std::ranges::find(seen, name) != seen.end();
      seen.push_back(name);
      if (again) {
        findings_.error("TVD-310", place_of(node, places_),
                        fmt::format("`{}` has the attribute `{}` twice.", node.name(), name));
        continue;
      }
      const std::string_view prefix = prefix_of(name);
      if (name == "xmlns" || prefix == "xmlns") continue;
      if (!prefix.empty() && namespace_of(node, prefix) == kInstanceNamespace) continue;
      const auto* known = find(element.attributes, name);
      if (known == nullptr) {
        wrong(node, fmt::format("`{}` has no attribute `{}`.", node.name(), name));
      } else if (!known->only_value.empty() && known->only_value != attribute.value()) {
        wrong(node, fmt::format("the attribute `{}` of `{}` is `{}`.", name, node.name(), attribute.value()),
              fmt::format("the only value is `{}`", known->only_value));
      }
    }
    for (const Attribute& attribute : element.attributes) {
      if (attribute.required && std::ranges::find(seen, attribute.name) == seen.end()) {
        wrong(node, fmt::format("`{}` lacks its attribute `{}`.", node.name(), attribute.name));
      }
    }
  }

  void text(const pugi::xml_node& node, const Element& element) {
    unsigned pieces = 0;
    for (auto child = node.first_child(); child; child = child.next_sibling()) {
      if (child.type() == pugi::node_pcdata || child.type() == pugi::node_cdata) ++pieces;
    }
    if (!element.text && pieces > 0)
      wrong(node, fmt::format("`{}` holds elements only, no text.", node.name()));
    // Readers differ in what they make of text that a comment or CDATA section interrupts.
    if (element.text && pieces > 1)
      wrong(node, fmt::format("the text of `{}` is in {} pieces.", node.name(), pieces));
  }

  void children(const pugi::xml_node& node, const Element& element) {
    std::array<unsigned, kMostChildren> counts{};
    std::size_t reached = 0;
    // What a prefix stands for here holds for every child that says nothing else about it.
    std::optional<std::string_view> asked;
    bool ours_here = false;
    for (auto child = node.first_child(); child; child = child.next_sibling()) {
      if (child.type() != pugi::node_element) continue;
      const std::string_view full = child.name(), prefix = prefix_of(full);
      const bool inherits = !child.first_attribute();
      if (inherits && asked != prefix) {
        asked = prefix;
        ours_here = namespace_of(node, prefix) == kPolicyNamespace;
      }
      const bool ours = inherits ? ours_here : namespace_of(child, prefix) == kPolicyNamespace;
      const std::string_view name = prefix.data() == nullptr ? full : full.substr(prefix.size() + 1);
      std::size_t i = 0;
      while (i < element.children.size() && element.children[i].name != name) ++i;
      if (!ours || i == element.children.size()) {
        wrong(child, fmt::format("`{}` is not allowed in `{}`.", child.name(), node.name()),
              ours ? expected(element)
                   : fmt::format("elements of a policy are in the namespace {}", kPolicyNamespace));
        continue;
      }
      if (i < reached) {
        wrong(child,
              fmt::format("`{}` must stand before `{}`.", child.name(), element.children[reached].name));
      } else {
        reached = i;
      }
      if (++counts[i] == element.children[i].most + 1 && element.children[i].most != kMany) {
        wrong(child, fmt::format("`{}` may hold only {} `{}`.", node.name(), element.children[i].most,
                                 child.name()));
      }
      check(child, *element.children[i].element);
    }
    for (std::size_t i = 0; i < element.children.size(); ++i) {
      if (counts[i] < element.children[i].least) {
        wrong(node, fmt::format("`{}` lacks `{}`.", node.name(), element.children[i].name));
      }
    }
  }

  static std::string expected(const Element& element) {
    if (element.children.empty()) return "it holds text only";
    std::string list;
    for (const Child& child : element.children)
      list += fmt::format("{}`{}`", list.empty() ? "" : ", ", child.name);
    return fmt::format("it holds, in this order: {}", list);
  }

  static const Attribute* find(std::span<const Attribute> attributes, std::string_view name) {
    for (const Attribute& attribute : attributes) {
      if (attribute.name == name) return &attribute;
    }
    return nullptr;
  }

  const Places& places_;
  sim::Findings& findings_;
};

}  // namespace

std::string_view local_name(const pugi::xml_node& node) {
  const std::string_view name = node.name();
  const std::size_t colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

namespace {
std::size_t offset_of(const pugi::xml_node& node) {
  const std::ptrdiff_t offset = node.offset_debug();
  return offset > 0 ? static_cast<std::size_t>(offset) - 1 : 0;
}
}  // namespace

TextPlace text_place(const pugi::xml_node& node, const Places& places) {
  return places.place(offset_of(node));
}
std::string place_of(const pugi::xml_node& node, const Places& places) { return places.at(offset_of(node)); }

void check_structure(const pugi::xml_node& root, const Places& places, sim::Findings& findings) {
  Structure structure(places, findings);
  if (local_name(root) != "SecurityPolicyDefinition" ||
      namespace_of(root, prefix_of(root.name())) != kPolicyNamespace) {
    structure.wrong(
        root, fmt::format("the root element is `{}`.", root.name()),
        fmt::format("a policy's root is `SecurityPolicyDefinition` in the namespace {}", kPolicyNamespace));
    if (local_name(root) != "SecurityPolicyDefinition") return;
  }
  structure.check(root, kRoot);
}

}  // namespace tvdsim::models
