#include "models/acm_io/xml_writer.hpp"

#include <fmt/format.h>

#include <pugixml.hpp>
#include <sstream>

namespace tvdsim::models {
namespace {

pugi::xml_node add(pugi::xml_node& parent, const char* name) { return parent.append_child(name); }

void add_text(pugi::xml_node& parent, const char* name, const std::string& text) {
  add(parent, name).append_child(pugi::node_pcdata).set_value(text.c_str());
}

void add_if(pugi::xml_node& parent, const char* name, const std::string& text) {
  if (!text.empty()) add_text(parent, name, text);
}

std::string text_of(Version version) { return fmt::format("{}.{}", version.major, version.minor); }

void add_types(pugi::xml_node& list, const std::vector<std::string>& types) {
  for (const std::string& type : types) add_text(list, "Type", type);
  // The schema asks for one entry at least; an empty one names nothing.
  if (types.empty()) add(list, "Type");
}

void add_label(pugi::xml_node& parent, const char* kind, const LabelDef& label, bool resource) {
  pugi::xml_node node = add(parent, kind);
  pugi::xml_node name = add(node, "Name");
  if (!label.renamed_from.empty()) name.append_attribute("from") = label.renamed_from.c_str();
  name.append_child(pugi::node_pcdata).set_value(label.name.c_str());
  if (resource || !label.ste.empty()) {
    pugi::xml_node list = add(node, "SimpleTypeEnforcementTypes");
    add_types(list, label.ste);
  }
  if (!label.wall.empty()) {
    pugi::xml_node list = add(node, "ChineseWallTypes");
    add_types(list, label.wall);
  }
}

void add_header(pugi::xml_node& root, const PolicyDef& def) {
  pugi::xml_node header = add(root, "PolicyHeader");
  add_text(header, "PolicyName", def.name);
  add_if(header, "PolicyUrl", def.url);
  add_if(header, "Reference", def.reference);
  add_if(header, "Date", def.date);
  add_if(header, "NameSpaceUrl", def.name_space_url);
  add_text(header, "Version", text_of(def.version));
  if (def.from) {
    pugi::xml_node from = add(header, "FromPolicy");
    add_text(from, "PolicyName", def.from->first);
    add_text(from, "Version", text_of(def.from->second));
  }
}

void add_parts(pugi::xml_node& root, const PolicyDef& def) {
  if (def.has_ste) {
    pugi::xml_node part = add(root, "SimpleTypeEnforcement");
    pugi::xml_node list = add(part, "SimpleTypeEnforcementTypes");
    add_types(list, def.ste_types);
  }
  if (!def.has_wall) return;
  pugi::xml_node part = add(root, "ChineseWall");
  pugi::xml_node list = add(part, "ChineseWallTypes");
  add_types(list, def.wall_types);
  if (def.conflict_sets.empty()) return;
  pugi::xml_node sets = add(part, "ConflictSets");
  for (const ConflictSetDef& set : def.conflict_sets) {
    pugi::xml_node node = add(sets, "Conflict");
    node.append_attribute("name") = set.name.c_str();
    add_types(node, set.types);
  }
}

}  // namespace

std::string write_policy_xml(const PolicyDef& def) {
  pugi::xml_document document;
  pugi::xml_node declaration = document.append_child(pugi::node_declaration);
  declaration.append_attribute("version") = "1.0";
  declaration.append_attribute("encoding") = "UTF-8";
  pugi::xml_node root = document.append_child("SecurityPolicyDefinition");
  root.append_attribute("xmlns") = "http://www.ibm.com";
  add_header(root, def);
  add_parts(root, def);
  pugi::xml_node labels = add(root, "SecurityLabelTemplate");
  if (!def.vm_labels.empty()) {
    pugi::xml_node subjects = add(labels, "SubjectLabels");
    subjects.append_attribute("bootstrap") = def.bootstrap.c_str();
    for (const LabelDef& label : def.vm_labels) add_label(subjects, "VirtualMachineLabel", label, false);
  }
  if (!def.resource_labels.empty()) {
    pugi::xml_node objects = add(labels, "ObjectLabels");
    for (const LabelDef& label : def.resource_labels) add_label(objects, "ResourceLabel", label, true);
  }
  std::ostringstream out;
  document.save(out, "  ");
  return out.str();
}

}  // namespace tvdsim::models
