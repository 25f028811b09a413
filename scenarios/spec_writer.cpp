#include <openssl/evp.h>

#include <fmt/format.h>

#include "scenarios/json.hpp"
#include "scenarios/spec.hpp"
#include "scenarios/spec_fields.hpp"
#include "scenarios/spec_text.hpp"

namespace tvdsim::scenarios {
namespace {

// Writes each field into one JSON object, in the order visited; integers carry their unit in the name.
class Writer {
 public:
  Json object = Json::object();

  void required(std::string_view name, const std::string& value) { object.add(name, value); }
  void text(std::string_view name, const std::string& value) { object.add(name, value); }
  void flag(std::string_view name, bool value) { object.add(name, value); }
  void count(std::string_view name, std::uint64_t value, bool = false) { object.add(name, value); }
  void share(std::string_view name, double value) { object.add(name, value); }
  void texts(std::string_view name, const std::vector<std::string>& value) { object.add(name, value); }
  void counts(std::string_view name, const std::vector<std::uint32_t>& value) {
    Json list = Json::array();
    for (const std::uint32_t number : value) list.items.push_back(Json::of(number));
    object.add(name, std::move(list));
  }
  void bytes(std::string_view name, sim::Bytes value) {
    object.add(fmt::format("{}_bytes", name), value.count);
  }
  void rate(std::string_view name, sim::BitRate value) {
    object.add(fmt::format("{}_bit_s", name), value.bit_s);
  }
  void span(std::string_view name, sim::Duration value) { object.add(fmt::format("{}_ns", name), value.ns); }
  void instant(std::string_view name, sim::Time value) { object.add(fmt::format("{}_ns", name), value.ns); }

  template <class Value, std::size_t n>
  void choice(std::string_view name, Value value, const std::array<std::string_view, n>& words) {
    object.add(name, words[static_cast<std::size_t>(value)]);
  }
  void modes(std::string_view name, const std::map<std::string, std::string>& modes) {
    Json all = Json::object();
    for (const auto& control : control_names()) {
      const auto given = modes.find(control);
      all.add(control, given == modes.end() ? std::string("on") : given->second);
    }
    object.add(name, std::move(all));
  }
  template <class Part>
  void parts(std::string_view name, const std::vector<Part>& parts) {
    Json list = Json::array();
    for (const auto& part : parts) {
      Writer one;
      fields(one, part);
      list.items.push_back(std::move(one.object));
    }
    object.add(name, std::move(list));
  }
  void actions(std::string_view name, const std::vector<models::Action>& actions) {
    Json list = Json::array();
    for (const auto& action : actions) list.items.push_back(action_json(action));
    object.add(name, std::move(list));
  }

 private:
  static Json action_json(const models::Action& action) {
    const auto& info = models::action_infos()[static_cast<std::size_t>(action.kind)];
    Writer one;
    one.instant("at", action.at);
    one.object.add("action", info.name);
    for (const auto& field : action_fields(info)) action_field(one, action, field.name, field.required);
    one.text("principal", action.principal);
    return std::move(one.object);
  }
};

}  // namespace

Json spec_json(const Spec& spec) {
  Writer writer;
  writer.object.add("tvdsim_spec", static_cast<std::uint64_t>(kSpecVersion));
  fields(writer, spec);
  return std::move(writer.object);
}

std::string write_spec(const Spec& spec) { return to_text(spec_json(spec)); }

std::string sha256_hex(std::string_view bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  TVDSIM_ASSERT(EVP_Digest(bytes.data(), bytes.size(), digest, &length, EVP_sha256(), nullptr) == 1,
                "OpenSSL computes a SHA-256");
  std::string hex;
  for (unsigned int i = 0; i < length; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

std::string spec_hash(const Spec& spec) { return sha256_hex(write_spec(spec)); }

}  // namespace tvdsim::scenarios
