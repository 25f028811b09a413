// One JSON object, read field by field; everything wrong with it becomes a finding and reading goes on.
//
// It is a visitor of scenarios/spec_fields.hpp. After the last field, finish() reports the members that nobody asked for.
//
// Invariant  a value is changed only when its member is well-formed.
// Cost       linear search of the object's members per field: objects are small.
// Threads    plain data.
#pragma once

#include <array>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "models/host/action.hpp"
#include "scenarios/json.hpp"
#include "sim/base/units.hpp"

namespace tvdsim::scenarios {

class ObjectReader {
 public:
  // `path` is where the object stands, "" at the top. An object of another kind is reported here.
  ObjectReader(const Json& object, std::string_view where, std::string path, sim::Findings& findings);

  void required(std::string_view name, std::string& value);
  void text(std::string_view name, std::string& value);
  void flag(std::string_view name, bool& value);
  void share(std::string_view name, double& value);
  void texts(std::string_view name, std::vector<std::string>& value);
  void counts(std::string_view name, std::vector<std::uint32_t>& value);
  void bytes(std::string_view name, sim::Bytes& value);
  void rate(std::string_view name, sim::BitRate& value);
  void span(std::string_view name, sim::Duration& value);
  void instant(std::string_view name, sim::Time& value);
  void modes(std::string_view name, std::map<std::string, std::string>& value);
  void actions(std::string_view name, std::vector<models::Action>& value);

  template <class Number>
  void count(std::string_view name, Number& value, bool required = false) {
    std::uint64_t wide = value;
    if (whole(name, std::numeric_limits<Number>::max(), required, wide)) value = static_cast<Number>(wide);
  }
  template <class Value, std::size_t n>
  void choice(std::string_view name, Value& value, const std::array<std::string_view, n>& words) {
    std::size_t index = static_cast<std::size_t>(value);
    if (one_of(name, {words.begin(), words.end()}, index)) value = static_cast<Value>(index);
  }
  template <class Part>
  void parts(std::string_view name, std::vector<Part>& value) {
    for (const auto& [item, path] : items(name)) {
      ObjectReader one(*item, where_, path, findings_);
      Part part;
      if (one.is_object()) fields(one, part);  // found by argument: scenarios/spec_fields.hpp
      one.finish();
      value.push_back(std::move(part));
    }
  }

  bool is_object() const noexcept { return object_.kind == Json::Kind::object; }
  void knows(std::string_view name) { known_.emplace_back(name); }  // a member that the caller reads itself
  void finish();

 private:
  struct Item {
    const Json* value;
    std::string path;
  };
  const Json* member(std::string_view name);  // null when absent; remembers that it is known
  const Json* needed(std::string_view name);  // the same, and reports absence
  bool is(const Json& value, Json::Kind kind, std::string_view name, std::string_view wanted);
  bool whole(std::string_view name, std::uint64_t most, bool required, std::uint64_t& value);
  bool one_of(std::string_view name, std::vector<std::string> words, std::size_t& index);
  std::vector<Item> items(std::string_view name);
  // A quantity: "name" with a unit, or "name_suffix" as a whole number. False: absent or wrong.
  template <class Parse>
  bool quantity(std::string_view name, std::string_view suffix, std::string_view what,
                std::string_view example, std::uint64_t most, Parse parse, std::uint64_t& value,
                bool required = false);
  std::string path_of(std::string_view name) const;  // with where_ in front
  void action(const Json& json, const std::string& path, models::Action& action);

  const Json& object_;
  std::string_view where_;
  std::string path_;
  sim::Findings& findings_;
  std::vector<std::string> known_;
};

}  // namespace tvdsim::scenarios
