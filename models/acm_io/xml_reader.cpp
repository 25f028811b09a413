#include "models/acm_io/xml_reader.hpp"

#include <fmt/format.h>

#include <charconv>
#include <pugixml.hpp>

#include "models/acm/policy_check.hpp"
#include "models/acm_io/canonical.hpp"
#include "models/acm_io/lint.hpp"
#include "models/acm_io/xml_shape.hpp"

namespace tvdsim::models {
namespace {

constexpr std::size_t kMostBytes = std::size_t{16} << 20;

class Reader {
 public:
  Reader(const Places& places, PolicyMode mode, sim::Findings& findings) : places_(places), mode_(mode), findings_(findings) {}

  PolicyDef policy(const pugi::xml_node& root) {
    PolicyDef def;
    def.where = places_.at(root);
    header(root.child("PolicyHeader"), def);
    if (const auto ste = root.child("SimpleTypeEnforcement")) {
      def.has_ste = true;
      types(ste.child("SimpleTypeEnforcementTypes"), def.ste_types, def.ste_types_at);
    }
    if (const auto wall = root.child("ChineseWall")) {
      def.has_wall = true;
      types(wall.child("ChineseWallTypes"), def.wall_types, def.wall_types_at);
      for (const auto& set : wall.child("ConflictSets").children("Conflict")) {
        ConflictSetDef read{set.attribute("name").value(), {}, places_.at(set), {}};
        types(set, read.types, read.types_at);
        def.conflict_sets.push_back(std::move(read));
      }
    }
    const auto labels = root.child("SecurityLabelTemplate");
    const auto subjects = labels.child("SubjectLabels");
    def.bootstrap = subjects.attribute("bootstrap").value();
    def.bootstrap_at = places_.at(subjects ? subjects : labels);
    for (const auto& one : subjects.children("VirtualMachineLabel")) def.vm_labels.push_back(label(one));
    for (const auto& one : labels.child("ObjectLabels").children("ResourceLabel")) def.resource_labels.push_back(label(one));
    return def;
  }

 private:
  void header(const pugi::xml_node& node, PolicyDef& def) {
    def.name = node.child_value("PolicyName");
    def.url = node.child_value("PolicyUrl");
    def.reference = node.child_value("Reference");
    def.date = node.child_value("Date");
    def.name_space_url = node.child_value("NameSpaceUrl");
    def.version = version(node.child("Version"));
    if (const auto from = node.child("FromPolicy")) {
      def.from = {from.child_value("PolicyName"), version(from.child("Version"))};
      def.from_at = places_.at(from);
    }
  }

  // Both numbers have one to eight digits, so they fit 32 bits.
  Version version(const pugi::xml_node& node) {
    if (!node) return {};  // its absence is a finding already
    const std::string_view text = node.child_value();
    const std::size_t dot = text.find('.');
    Version version;
    if (dot == std::string_view::npos || !number(text.substr(0, dot), version.major) || !number(text.substr(dot + 1), version.minor)) {
      findings_.error("TVD-318", places_.at(node), fmt::format("the version `{}` is not major.minor.", text),
                      "two numbers of at most eight digits, such as `1.0`");
    }
    return version;
  }

  static bool number(std::string_view digits, std::uint32_t& value) {
    if (digits.empty() || digits.size() > 8) return false;
    const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return code == std::errc{} && end == digits.data() + digits.size();
  }

  void types(const pugi::xml_node& list, std::vector<std::string>& names, std::vector<std::string>& at) {
    for (const auto& type : list.children("Type")) {
      // An empty <Type/> names nothing.
      if (*type.child_value() == '\0') continue;
      names.emplace_back(type.child_value());
      at.push_back(places_.at(type));
    }
  }

  LabelDef label(const pugi::xml_node& node) {
    LabelDef label;
    const auto name = node.child("Name");
    label.name = name.child_value();
    label.renamed_from = name.attribute("from").value();
    label.where = places_.at(node);
    only_the_first(node, "SimpleTypeEnforcementTypes", label.name);
    only_the_first(node, "ChineseWallTypes", label.name);
    types(node.child("SimpleTypeEnforcementTypes"), label.ste, label.ste_at);
    types(node.child("ChineseWallTypes"), label.wall, label.wall_at);
    return label;
  }

  // The schema lets a label have several lists; Xen's compiler read the first and passed over the rest in silence.
  void only_the_first(const pugi::xml_node& node, const char* list, std::string_view label) {
    const auto second = node.child(list).next_sibling(list);
    if (!second) return;
    auto message = fmt::format("the label `{}` has a second <{}>; only the first would count.", label, list);
    const char* help = "put all types into one list";
    if (mode_ == PolicyMode::strict) findings_.error("TVD-311", places_.at(second), std::move(message), help);
    else findings_.warning("TVD-311", places_.at(second), std::move(message), help);
  }

  const Places& places_;
  PolicyMode mode_;
  sim::Findings& findings_;
};

bool has_error_since(const sim::Findings& findings, std::size_t before) {
  for (std::size_t i = before; i < findings.list().size(); ++i) {
    if (findings.list()[i].severity == sim::Severity::error) return true;
  }
  return false;
}

// What can be read although elements may be missing or misplaced, so that meaning is checked in the same go.
// Nothing when the text is no policy document at all.
std::optional<PolicyDef> read(std::string_view text, std::string_view where, PolicyMode mode, sim::Findings& findings) {
  if (text.size() > kMostBytes) {
    findings.error("TVD-310", std::string(where), fmt::format("the policy is {} bytes long; at most {} are read.", text.size(), kMostBytes));
    return std::nullopt;
  }
  const Places places(text, where);
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    findings.error("TVD-310", places.at(static_cast<std::ptrdiff_t>(nul)), "the text holds a zero byte, which XML does not allow.");
    return std::nullopt;
  }
  pugi::xml_document document;
  const auto result = document.load_buffer(text.data(), text.size(), pugi::parse_default | pugi::parse_doctype, pugi::encoding_utf8);
  if (!result) {
    findings.error("TVD-310", places.at(result.offset), fmt::format("not well-formed XML: {}.", result.description()));
    return std::nullopt;
  }
  for (const auto& node : document.children()) {
    if (node.type() != pugi::node_doctype) continue;
    findings.error("TVD-310", places.at(node), "a document type declaration is not read.", "remove <!DOCTYPE …>");
  }
  if (!check_shape(document.document_element(), places, findings)) return std::nullopt;
  return Reader(places, mode, findings).policy(document.document_element());
}

}  // namespace

std::optional<PolicyDef> parse_policy_xml(std::string_view text, std::string_view where, PolicyMode mode, sim::Findings& findings) {
  const std::size_t before = findings.list().size();
  auto def = read(text, where, mode, findings);
  if (has_error_since(findings, before)) return std::nullopt;
  return def;
}

std::shared_ptr<const Policy> load_policy_xml(std::string_view text, std::string_view where, PolicyMode mode, sim::Findings& findings) {
  const std::size_t before = findings.list().size();
  auto def = read(text, where, mode, findings);
  if (!def) return nullptr;
  lint(*def, findings);
  if (has_error_since(findings, before)) {
    check_policy(*def, mode, findings);
    return nullptr;
  }
  const Digest digest = canonical_digest(*def);
  return Policy::compile(std::move(*def), mode, digest, findings);
}

}  // namespace tvdsim::models
