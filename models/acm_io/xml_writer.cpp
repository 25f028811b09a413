#include "models/acm_io/xml_writer.hpp"

#include <fmt/format.h>

#include <pugixml.hpp>
#include <sstream>

#include "models/acm_io/xml_schema.hpp"

namespace tvdsim::models {

namespace {

pugi::xml_node text_child(pugi::xml_node parent, const char* name, const std::string& value) {
  auto node = parent.append_child(name);
  node.text().set(value.c_str());
  return node;
}

void optional_text(pugi::xml_node parent, const char* name, const std::string& value) {
  if (!value.empty()) text_child(parent, name, value);
}

std::string to_text(Version version) { return fmt::format("{}.{}", version.major, version.minor); }

// The schema wants at least one Type in a list; an empty one names nothing.
void types(pugi::xml_node list, const std::vector<std::string>& names) {
  for (const std::string& name : names) text_child(list, "Type", name);
  if (names.empty()) list.append_child("Type");
}

void header(pugi::xml_node root, const PolicyDef& def) {
  auto node = root.append_child("PolicyHeader");
  text_child(node, "PolicyName", def.name);
  optional_text(node, "PolicyUrl", def.url);
  optional_text(node, "Reference", def.reference);
  optional_text(node, "Date", def.date);
  optional_text(node, "NameSpaceUrl", def.name_space_url);
  text_child(node, "Version", to_text(def.version));
  if (!def.from) return;
  auto from = node.append_child("FromPolicy");
  text_child(from, "PolicyName", def.from->first);
  text_child(from, "Version", to_text(def.from->second));
}

void label(pugi::xml_node parent, const char* kind, const LabelDef& label) {
  auto node = parent.append_child(kind);
  auto name = text_child(node, "Name", label.name);
  if (!label.renamed_from.empty()) name.append_attribute("from").set_value(label.renamed_from.c_str());
  const bool resource = std::string_view(kind) == "ResourceLabel";
  if (resource || !label.ste.empty()) types(node.append_child("SimpleTypeEnforcementTypes"), label.ste);
  if (!label.wall.empty()) types(node.append_child("ChineseWallTypes"), label.wall);
}

}  // namespace

std::string write_policy_xml(const PolicyDef& def) {
  pugi::xml_document document;
  auto declaration = document.append_child(pugi::node_declaration);
  declaration.append_attribute("version").set_value("1.0");
  declaration.append_attribute("encoding").set_value("UTF-8");
  auto root = document.append_child("SecurityPolicyDefinition");
  root.append_attribute("xmlns").set_value(std::string(kPolicyNamespace).c_str());
  header(root, def);
  if (def.has_ste) {
    types(root.append_child("SimpleTypeEnforcement").append_child("SimpleTypeEnforcementTypes"),
          def.ste_types);
  }
  if (def.has_wall) {
    auto wall = root.append_child("ChineseWall");
    wall.append_attribute("priority").set_value("PrimaryPolicyComponent");
    types(wall.append_child("ChineseWallTypes"), def.wall_types);
    auto sets = def.conflict_sets.empty() ? pugi::xml_node() : wall.append_child("ConflictSets");
    for (const ConflictSetDef& set : def.conflict_sets) {
      auto node = sets.append_child("Conflict");
      node.append_attribute("name").set_value(set.name.c_str());
      types(node, set.types);
    }
  }
  auto labels = root.append_child("SecurityLabelTemplate");
  if (!def.vm_labels.empty()) {
    auto subjects = labels.append_child("SubjectLabels");
    subjects.append_attribute("bootstrap").set_value(def.bootstrap.c_str());
    for (const LabelDef& vm : def.vm_labels) label(subjects, "VirtualMachineLabel", vm);
  }
  if (!def.resource_labels.empty()) {
    auto objects = labels.append_child("ObjectLabels");
    for (const LabelDef& resource : def.resource_labels) label(objects, "ResourceLabel", resource);
  }
  std::ostringstream out;
  document.save(out, "  ", pugi::format_indent, pugi::encoding_utf8);
  return std::move(out).str();
}

}  // namespace tvdsim::models
