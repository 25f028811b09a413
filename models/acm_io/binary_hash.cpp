#include "models/acm_io/binary_hash.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <pugixml.hpp>
#include <string>
#include <utility>
#include <vector>

#include "models/acm_io/binary_reader.hpp"
#include "models/acm_io/canonical.hpp"
#include "models/acm_io/xml_reader.hpp"

namespace tvdsim::models {

namespace {

XmlHash sha1(std::string_view bytes) {
  XmlHash hash{};
  unsigned length = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), hash.data(), &length, EVP_sha1(), nullptr) != 1 ||
      length != hash.size()) {
    throw sim::WorldError("computing the hash of a policy", "EVP_Digest");
  }
  return hash;
}

// The document as Python 2.7's minidom writes it: attributes sorted, four characters escaped, empty elements closed at once,
// all else as it stood. Without recursion, so that depth costs no stack.
class Minidom {
 public:
  std::string write(const pugi::xml_document& document) {
    text_ = R"(<?xml version="1.0" ?>)";
    for (pugi::xml_node node = document.first_child(); node;) {
      open(node);
      if (node.first_child()) {
        node = node.first_child();
        continue;
      }
      while (node && !node.next_sibling()) {
        node = node.parent();
        if (node.type() == pugi::node_element) close(node);
        if (node.type() == pugi::node_document) return std::move(text_);
      }
      node = node.next_sibling();
    }
    return std::move(text_);
  }

 private:
  void escaped(std::string_view data) {
    for (const char c : data) {
      switch (c) {
        case '&':
          text_ += "&amp;";
          break;
        case '<':
          text_ += "&lt;";
          break;
        case '"':
          text_ += "&quot;";
          break;
        case '>':
          text_ += "&gt;";
          break;
        default:
          text_ += c;
      }
    }
  }

  void element(const pugi::xml_node& node) {
    text_ += fmt::format("<{}", node.name());
    std::vector<std::pair<std::string_view, std::string_view>> attributes;
    for (const auto& attribute : node.attributes())
      attributes.emplace_back(attribute.name(), attribute.value());
    std::ranges::sort(attributes);
    for (const auto& [name, value] : attributes) {
      text_ += fmt::format(" {}=\"", name);
      escaped(value);
      text_ += '"';
    }
    text_ += node.first_child() ? ">" : "/>";
  }

  void open(const pugi::xml_node& node) {
    switch (node.type()) {
      case pugi::node_element:
        return element(node);
      case pugi::node_pcdata:
        return escaped(node.value());
      case pugi::node_cdata:
        text_ += fmt::format("<![CDATA[{}]]>", node.value());
        return;
      case pugi::node_comment:
        text_ += fmt::format("<!--{}-->", node.value());
        return;
      case pugi::node_pi:
        text_ += fmt::format("<?{} {}?>", node.name(), node.value());
        return;
      default:
        return;
    }
  }
  void close(const pugi::xml_node& node) { text_ += fmt::format("</{}>", node.name()); }

  std::string text_;
};

std::string hex(const XmlHash& hash) { return fmt::format("{:02x}", fmt::join(hash, "")); }

}  // namespace

XmlHash canonical_hash(const PolicyDef& def) { return sha1(canonical_bytes(def)); }

XmlHash xen_hash(std::string_view text) {
  pugi::xml_document document;
  const unsigned options = pugi::parse_pi | pugi::parse_comments | pugi::parse_cdata | pugi::parse_ws_pcdata |
                           pugi::parse_escapes | pugi::parse_eol | pugi::parse_wconv_attribute;
  document.load_buffer(text.data(), text.size(), options, pugi::encoding_utf8);
  return sha1(Minidom().write(document));
}

HashMatch hash_belongs(std::string_view xml, std::string_view where, const BinaryPolicy& binary,
                       sim::Findings& findings) {
  sim::Findings own;
  const auto def = parse_policy_xml(xml, where, PolicyMode::xen33, own);
  for (const sim::Finding& f : own.list()) {
    if (f.severity == sim::Severity::error) findings.error(f.code, f.where, f.message, f.help);
  }
  if (!def || own.any_error()) return HashMatch::none;
  const XmlHash canonical = canonical_hash(*def), xen = xen_hash(xml);
  if (binary.hash == canonical) return HashMatch::canonical;
  if (binary.hash == xen) return HashMatch::xen;
  const bool same_name = def->name == binary.name && def->version == binary.version;
  findings.error(
      "TVD-338", std::string(where),
      fmt::format("the binary policy `{}` {}.{} was not compiled from this XML: it names the hash {}, "
                  "and the XML has {} (canonical) or {} (Xen's).",
                  binary.name, binary.version.major, binary.version.minor, hex(binary.hash), hex(canonical),
                  hex(xen)),
      same_name
          ? "one of the two was changed since; compile the XML again"
          : fmt::format("the XML defines `{}` {}.{}", def->name, def->version.major, def->version.minor));
  return HashMatch::none;
}

}  // namespace tvdsim::models
