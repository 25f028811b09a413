#include "models/acm_io/xml_shape.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <pugixml.hpp>

#include "models/acm_io/xml_grammar.hpp"

namespace tvdsim::models {
namespace {

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }

class Shape {
 public:
  Shape(const Places& places, sim::Findings& findings) : places_(places), findings_(findings) {}

  void element(const pugi::xml_node& node, const XmlElement& grammar) {
    attributes(node, grammar);
    if (grammar.holds_text)
      only_text(node, grammar);
    else
      children(node, grammar);
  }

 private:
  void object(const pugi::xml_node& node, std::string message, std::string help = {}) {
    findings_.error("TVD-311", places_.at(node), std::move(message), std::move(help));
  }

  void attributes(const pugi::xml_node& node, const XmlElement& grammar) {
    std::vector<std::string> known;
    for (const XmlAttribute& attribute : grammar.attributes) known.emplace_back(attribute.name);
    for (const pugi::xml_attribute& written : node.attributes()) {
      const std::string_view name = written.name();
      if (name == "xmlns" || name.starts_with("xmlns:") || name.starts_with("xsi:")) continue;
      const auto found = std::ranges::find(grammar.attributes, name, &XmlAttribute::name);
      if (found == grammar.attributes.end()) {
        object(node, fmt::format("<{}> has no attribute `{}`.", grammar.name, name),
               sim::suggest(name, known));
      } else if (!found->only_value.empty() && found->only_value != written.value()) {
        object(node, fmt::format("<{} {}=\"{}\">: the only value is `{}`.", grammar.name, name,
                                 written.value(), found->only_value));
      }
    }
    for (const XmlAttribute& attribute : grammar.attributes) {
      if (attribute.required && !node.attribute(attribute.name.data())) {
        object(node, fmt::format("<{}> lacks its attribute `{}`.", grammar.name, attribute.name));
      }
    }
  }

  void only_text(const pugi::xml_node& node, const XmlElement& grammar) {
    for (const pugi::xml_node& child : node.children()) {
      if (child.type() == pugi::node_element) {
        object(child,
               fmt::format("<{}> stands inside <{}>, which holds text only.", child.name(), grammar.name));
      }
    }
  }

  void children(const pugi::xml_node& node, const XmlElement& grammar) {
    std::vector<std::string> known;
    for (const XmlChild& child : grammar.children) known.emplace_back(child.element->name);
    std::vector<std::uint32_t> seen(grammar.children.size());
    std::size_t furthest = 0;
    for (const pugi::xml_node& child : node.children()) {
      if (child.type() == pugi::node_pcdata || child.type() == pugi::node_cdata) {
        if (!is_blank(child.value()))
          object(child, fmt::format("<{}> holds elements only, not text.", grammar.name));
        continue;
      }
      if (child.type() != pugi::node_element) continue;
      const auto place = std::ranges::find(known, std::string_view(child.name()));
      if (place == known.end()) {
        object(child, fmt::format("<{}> is not allowed in <{}>.", child.name(), grammar.name),
               sim::suggest(child.name(), known));
        continue;
      }
      const auto index = static_cast<std::size_t>(place - known.begin());
      if (index < furthest) {
        object(child,
               fmt::format("<{}> comes after <{}>; it must come before.", child.name(), known[furthest]));
      }
      furthest = std::max(furthest, index);
      if (++seen[index] == grammar.children[index].at_most + 1) {
        object(child, fmt::format("<{}> may stand in <{}> {} only.", child.name(), grammar.name,
                                  grammar.children[index].at_most == 1 ? "once" : "so often"));
      }
      element(child, *grammar.children[index].element);
    }
    for (std::size_t i = 0; i < known.size(); ++i) {
      if (seen[i] < grammar.children[i].at_least)
        object(node, fmt::format("<{}> lacks <{}>.", grammar.name, known[i]));
    }
  }

  const Places& places_;
  sim::Findings& findings_;
};

}  // namespace

Places::Places(std::string_view text, std::string_view where) : where_(where), line_starts_{0} {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') line_starts_.push_back(i + 1);
  }
}

std::string Places::at(std::ptrdiff_t offset) const {
  if (offset < 0) return where_;
  const auto byte = static_cast<std::size_t>(offset);
  const auto next = std::ranges::upper_bound(line_starts_, byte);
  const auto line = static_cast<std::size_t>(next - line_starts_.begin());
  return fmt::format("{}:{}:{}", where_, line, byte - line_starts_[line - 1] + 1);
}

std::string Places::at(const pugi::xml_node& node) const {
  // An element's offset is that of its name: the place is that of the `<` before it.
  return at(node.type() == pugi::node_element ? node.offset_debug() - 1 : node.offset_debug());
}

bool check_shape(const pugi::xml_node& root, const Places& places, sim::Findings& findings) {
  const XmlElement& grammar = policy_grammar();
  if (grammar.name != root.name()) {
    findings.error("TVD-311", places.at(root),
                   fmt::format("the document is a <{}>, not a <{}>.", root.name(), grammar.name),
                   "this reads sHype policies as Xen 3.x and 4.x wrote them");
    return false;
  }
  constexpr std::string_view kNamespace = "http://www.ibm.com";
  if (const std::string_view name_space = root.attribute("xmlns").value(); name_space != kNamespace) {
    findings.error("TVD-311", places.at(root), fmt::format("the document's namespace is `{}`.", name_space),
                   fmt::format("xmlns=\"{}\"", kNamespace));
  }
  Shape(places, findings).element(root, grammar);
  return true;
}

}  // namespace tvdsim::models
