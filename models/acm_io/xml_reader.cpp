#include "models/acm_io/xml_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <pugixml.hpp>

#include "models/acm_io/canonical.hpp"
#include "models/acm_io/xml_schema.hpp"
#include "models/acm_io/xml_text.hpp"

namespace tvdsim::models {

namespace {

pugi::xml_node child(const pugi::xml_node& node, std::string_view name) {
  auto c = node.first_child();
  while (c && local_name(c) != name) c = c.next_sibling();
  return c;
}

template <class Visit>
void for_each(const pugi::xml_node& node, std::string_view name, Visit visit) {
  for (auto c = node.first_child(); c; c = c.next_sibling()) {
    if (local_name(c) == name) visit(c);
  }
}

class Reader {
 public:
  Reader(const Places& places, PolicyMode mode, sim::Findings& findings)
      : places_(places), strict_(mode == PolicyMode::strict), findings_(findings) {}

  PolicyDef read(const pugi::xml_node& root) {
    def_.file = places_.file();
    def_.where = text_place(root, places_);
    header(child(root, "PolicyHeader"));
    if (const auto ste = child(root, "SimpleTypeEnforcement")) {
      def_.has_ste = true;
      types(child(ste, "SimpleTypeEnforcementTypes"), def_.ste_types, def_.ste_types_at);
    }
    if (const auto wall = child(root, "ChineseWall")) {
      def_.has_wall = true;
      types(child(wall, "ChineseWallTypes"), def_.wall_types, def_.wall_types_at);
      for_each(child(wall, "ConflictSets"), "Conflict", [&](const pugi::xml_node& c) { conflict(c); });
    }
    const auto labels = child(root, "SecurityLabelTemplate");
    if (const auto subjects = child(labels, "SubjectLabels")) {
      def_.bootstrap = subjects.attribute("bootstrap").value();
      def_.bootstrap_at = text_place(subjects, places_);
      for_each(subjects, "VirtualMachineLabel", [&](const pugi::xml_node& n) { label(n, def_.vm_labels); });
    }
    for_each(child(labels, "ObjectLabels"), "ResourceLabel",
             [&](const pugi::xml_node& n) { label(n, def_.resource_labels); });
    return std::move(def_);
  }

 private:
  static std::string text(const pugi::xml_node& node) { return node.text().get(); }

  void header(const pugi::xml_node& node) {
    def_.name = text(child(node, "PolicyName"));
    def_.url = text(child(node, "PolicyUrl"));
    def_.reference = text(child(node, "Reference"));
    def_.date = text(child(node, "Date"));
    def_.name_space_url = text(child(node, "NameSpaceUrl"));
    if (const auto n = child(node, "Version")) def_.version = version(n);
    if (const auto from = child(node, "FromPolicy")) {
      def_.from_at = text_place(from, places_);
      const auto n = child(from, "Version");
      def_.from.emplace(text(child(from, "PolicyName")), n ? version(n) : Version{});
    }
  }

  Version version(const pugi::xml_node& node) {
    const std::string written = text(node);
    const std::size_t dot = written.find('.');
    const auto part = [&](std::string_view digits, std::uint32_t& value) {
      const bool form = !digits.empty() && digits.size() <= 8 &&
                        std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; });
      if (form) std::from_chars(digits.data(), digits.data() + digits.size(), value);
      return form;
    };
    Version result;
    if (dot == std::string::npos || !part(std::string_view(written).substr(0, dot), result.major) ||
        !part(std::string_view(written).substr(dot + 1), result.minor)) {
      findings_.error("TVD-318", place_of(node, places_),
                      fmt::format("the version `{}` is not major.minor.", written),
                      "write two numbers of at most eight digits with a dot between, as in `1.0`");
    }
    return result;
  }

  // An empty Type names nothing; Xen's own files hold them, because the schema wants at least one.
  void types(const pugi::xml_node& list, std::vector<std::string>& names, std::vector<TextPlace>& at) {
    names.reserve(4);  // of a label seldom more
    at.reserve(4);
    for_each(list, "Type", [&](const pugi::xml_node& n) {
      std::string name = text(n);
      if (name.empty()) return;
      names.push_back(std::move(name));
      at.push_back(text_place(n, places_));
    });
  }

  void conflict(const pugi::xml_node& node) {
    ConflictSetDef set;
    set.name = node.attribute("name").value();
    set.where = text_place(node, places_);
    types(node, set.types, set.types_at);
    def_.conflict_sets.push_back(std::move(set));
  }

  void label(const pugi::xml_node& node, std::vector<LabelDef>& labels) {
    LabelDef label;
    const auto name = child(node, "Name");
    label.name = text(name);
    label.renamed_from = name.attribute("from").value();
    label.where = text_place(node, places_);
    const bool is_vm = &labels == &def_.vm_labels;
    first_list(node, "SimpleTypeEnforcementTypes", label.name, label.ste, label.ste_at);
    if (is_vm) first_list(node, "ChineseWallTypes", label.name, label.wall, label.wall_at);
    labels.push_back(std::move(label));
  }

  void first_list(const pugi::xml_node& node, std::string_view list, const std::string& label,
                  std::vector<std::string>& names, std::vector<TextPlace>& at) {
    unsigned count = 0;
    for_each(node, list, [&](const pugi::xml_node& n) {
      if (count++ == 0) return types(n, names, at);
      std::string message = fmt::format("the label `{}` has a second `{}`, which is not read.", label, list);
      std::string help = "put all its types into one list";
      if (strict_)
        findings_.error("TVD-311", place_of(n, places_), std::move(message), std::move(help));
      else
        findings_.warning("TVD-311", place_of(n, places_), std::move(message), std::move(help));
    });
  }

  const Places& places_;
  bool strict_;
  sim::Findings& findings_;
  PolicyDef def_;
};

}  // namespace

std::optional<PolicyDef> parse_policy_xml(std::string_view text, std::string_view where, PolicyMode mode,
                                          sim::Findings& findings) {
  const Places places(text, where);
  const auto malformed = [&](std::size_t offset, std::string message) {
    findings.error("TVD-310", places.at(offset), std::move(message));
    return std::nullopt;
  };
  if (const auto problem = text_problem(text)) return malformed(problem->offset, problem->message);
  pugi::xml_document document;
  const unsigned options =
      pugi::parse_cdata | pugi::parse_escapes | pugi::parse_wconv_attribute | pugi::parse_eol;
  const auto result = document.load_buffer(text.data(), text.size(), options, pugi::encoding_utf8);
  if (!result) {
    return malformed(static_cast<std::size_t>(std::max<std::ptrdiff_t>(result.offset, 0)),
                     fmt::format("the text is not well-formed XML: {}.", result.description()));
  }
  const auto root = document.document_element();
  check_structure(root, places, findings);
  if (local_name(root) != "SecurityPolicyDefinition") return std::nullopt;
  return Reader(places, mode, findings).read(root);
}

LoadedPolicy load_policy_xml(std::string_view text, std::string_view where, PolicyMode mode) {
  LoadedPolicy loaded;
  auto def = parse_policy_xml(text, where, mode, loaded.findings);
  if (!def) return loaded;
  const Digest digest = policy_digest(*def);
  auto policy = Policy::compile(std::move(*def), mode, digest, loaded.findings);
  if (!loaded.findings.any_error()) loaded.policy = std::move(policy);
  return loaded;
}

std::shared_ptr<const Policy> load_policy_xml(std::string_view text, std::string_view where, PolicyMode mode,
                                              sim::Findings& findings) {
  LoadedPolicy loaded = load_policy_xml(text, where, mode);
  for (const sim::Finding& f : loaded.findings.list()) {
    if (f.severity == sim::Severity::error)
      findings.error(f.code, f.where, f.message, f.help);
    else
      findings.warning(f.code, f.where, f.message, f.help);
  }
  return loaded.policy;
}

}  // namespace tvdsim::models
