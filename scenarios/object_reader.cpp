#include "scenarios/object_reader.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "scenarios/spec_fields.hpp"
#include "scenarios/spec_text.hpp"

namespace tvdsim::scenarios {

ObjectReader::ObjectReader(const Json& object, std::string_view where, std::string path,
                           sim::Findings& findings)
    : object_(object), where_(where), path_(std::move(path)), findings_(findings) {
  if (!is_object()) {
    findings_.error("TVD-103", place(where_, path_),
                    fmt::format("{} stands where an object must.", kind_name(object)));
  }
}

std::string ObjectReader::path_of(std::string_view name) const {
  return place(where_, path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name));
}

const Json* ObjectReader::member(std::string_view name) {
  known_.emplace_back(name);
  return object_.find(name);
}

const Json* ObjectReader::needed(std::string_view name) {
  const Json* found = member(name);
  if (!found && is_object()) {
    findings_.error("TVD-104", place(where_, path_), fmt::format("field `{}` is missing.", name));
  }
  return found;
}

bool ObjectReader::is(const Json& value, Json::Kind kind, std::string_view name, std::string_view wanted) {
  if (value.kind == kind) return true;
  findings_.error("TVD-103", path_of(name),
                  fmt::format("{}={}: {} is wanted, not {}.", name, shown(value), wanted, kind_name(value)));
  return false;
}

void ObjectReader::required(std::string_view name, std::string& value) {
  const Json* found = needed(name);
  if (found && is(*found, Json::Kind::text, name, "a text")) value = found->text;
}

void ObjectReader::text(std::string_view name, std::string& value) {
  const Json* found = member(name);
  if (found && is(*found, Json::Kind::text, name, "a text")) value = found->text;
}

void ObjectReader::flag(std::string_view name, bool& value) {
  const Json* found = member(name);
  if (found && is(*found, Json::Kind::boolean, name, "true or false")) value = found->boolean;
}

void ObjectReader::share(std::string_view name, double& value) {
  const Json* found = member(name);
  if (!found) return;
  const bool natural = found->kind == Json::Kind::natural;
  if (!natural && !is(*found, Json::Kind::real, name, "a number")) return;
  const double given = natural ? static_cast<double>(found->natural) : found->real;
  if (given >= 0 && given <= 1) {
    value = given;
  } else {
    findings_.error("TVD-110", path_of(name),
                    fmt::format("{}={} does not lie between 0 and 1.", name, shown(*found)));
  }
}

void ObjectReader::texts(std::string_view name, std::vector<std::string>& value) {
  for (const auto& [item, path] : items(name)) {
    if (item->kind == Json::Kind::text) {
      value.push_back(item->text);
    } else {
      findings_.error("TVD-103", place(where_, path),
                      fmt::format("{} stands in a list of texts.", shown(*item)));
    }
  }
}

void ObjectReader::counts(std::string_view name, std::vector<std::uint32_t>& value) {
  for (const auto& [item, path] : items(name)) {
    if (item->kind == Json::Kind::natural && item->natural <= std::numeric_limits<std::uint32_t>::max()) {
      value.push_back(static_cast<std::uint32_t>(item->natural));
    } else {
      findings_.error("TVD-103", place(where_, path),
                      fmt::format("{} stands in a list of whole numbers.", shown(*item)));
    }
  }
}

std::vector<ObjectReader::Item> ObjectReader::items(std::string_view name) {
  std::vector<Item> out;
  const Json* found = member(name);
  if (!found || !is(*found, Json::Kind::array, name, "a list")) return out;
  const auto stem = path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name);
  for (std::size_t i = 0; i < found->items.size(); ++i)
    out.push_back({&found->items[i], fmt::format("{}[{}]", stem, i)});
  return out;
}

bool ObjectReader::whole(std::string_view name, std::uint64_t most, bool required, std::uint64_t& value) {
  const Json* found = required ? needed(name) : member(name);
  if (!found) return false;
  if (found->kind == Json::Kind::negative) {
    findings_.error("TVD-110", path_of(name), fmt::format("{}={} is negative.", name, shown(*found)));
    return false;
  }
  if (!is(*found, Json::Kind::natural, name, "a whole number")) return false;
  if (found->natural > most) {
    findings_.error("TVD-110", path_of(name),
                    fmt::format("{}={} is more than {}.", name, shown(*found), most));
    return false;
  }
  value = found->natural;
  return true;
}

bool ObjectReader::one_of(std::string_view name, std::vector<std::string> words, std::size_t& index) {
  const Json* found = member(name);
  if (!found || !is(*found, Json::Kind::text, name, "a text")) return false;
  const auto word = std::find(words.begin(), words.end(), found->text);
  if (word == words.end()) {
    findings_.error("TVD-101", path_of(name),
                    fmt::format("`{}` is not a {} that is known.", found->text, name),
                    sim::suggest(found->text, words));
    return false;
  }
  index = static_cast<std::size_t>(word - words.begin());
  return true;
}

template <class Parse>
bool ObjectReader::quantity(std::string_view name, std::string_view suffix, std::string_view what,
                            std::string_view example, std::uint64_t most, Parse parse, std::uint64_t& value,
                            bool required) {
  const auto exact = fmt::format("{}_{}", name, suffix);
  const Json* written = member(name);
  const Json* integer = member(exact);
  if (written && integer) {
    findings_.error("TVD-102", path_of(name), fmt::format("both `{}` and `{}` are given.", name, exact),
                    "keep one of them");
    return false;
  }
  if (integer) return whole(exact, most, false, value);
  if (!written) {
    if (required && is_object()) {
      findings_.error("TVD-104", place(where_, path_), fmt::format("field `{}` is missing.", name),
                      fmt::format("\"{}\": \"{}\"", name, example));
    }
    return false;
  }
  if (written->kind != Json::Kind::text) {
    const bool number = written->kind == Json::Kind::natural || written->kind == Json::Kind::negative ||
                        written->kind == Json::Kind::real;
    findings_.error(number ? "TVD-110" : "TVD-103", path_of(name),
                    number ? fmt::format("{}={}: {} needs a unit.", name, shown(*written), what)
                           : fmt::format("{}={}: {} is wanted, not {}.", name, shown(*written), what,
                                         kind_name(*written)),
                    fmt::format("\"{}\"", example));
    return false;
  }
  try {
    value = parse(written->text, path_of(name));
    return true;
  } catch (const sim::InputError& error) {
    for (const auto& finding : error.findings())
      findings_.error(finding.code, finding.where, finding.message, finding.help);
    return false;
  }
}

void ObjectReader::bytes(std::string_view name, sim::Bytes& value) {
  quantity(
      name, "bytes", "a size", "4 GiB", UINT64_MAX,
      [](std::string_view text, std::string_view where) { return sim::parse_bytes(text, where).count; },
      value.count);
}

void ObjectReader::rate(std::string_view name, sim::BitRate& value) {
  quantity(
      name, "bit_s", "a rate", "10 Gbit/s", UINT64_MAX,
      [](std::string_view text, std::string_view where) { return sim::parse_bit_rate(text, where).bit_s; },
      value.bit_s);
}

void ObjectReader::span(std::string_view name, sim::Duration& value) {
  std::uint64_t ns = 0;
  const auto parse = [](std::string_view text, std::string_view where) {
    return static_cast<std::uint64_t>(sim::parse_duration(text, where).ns);
  };
  if (quantity(name, "ns", "a duration", "20 us", INT64_MAX, parse, ns))
    value.ns = static_cast<std::int64_t>(ns);
}

void ObjectReader::instant(std::string_view name, sim::Time& value) {
  std::uint64_t ns = 0;
  const auto parse = [](std::string_view text, std::string_view where) {
    return static_cast<std::uint64_t>(sim::parse_duration(text, where).ns);
  };
  if (quantity(name, "ns", "a time", "90 s", INT64_MAX, parse, ns, true))
    value.ns = static_cast<std::int64_t>(ns);
}

void ObjectReader::modes(std::string_view name, std::map<std::string, std::string>& value) {
  const Json* found = member(name);
  if (!found || !is(*found, Json::Kind::object, name, "an object")) return;
  ObjectReader controls(*found, where_, path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name),
                        findings_);
  for (const auto& control : control_names()) {
    std::size_t index = kControlModes.size();
    controls.choice(control, index, kControlModes);
    if (index < kControlModes.size()) value[control] = kControlModes[index];
  }
  controls.finish();
}

void ObjectReader::actions(std::string_view name, std::vector<models::Action>& value) {
  for (const auto& [item, path] : items(name)) {
    models::Action one;
    action(*item, path, one);
    value.push_back(std::move(one));
  }
}

void ObjectReader::action(const Json& json, const std::string& path, models::Action& action) {
  ObjectReader one(json, where_, path, findings_);
  if (!one.is_object()) return;
  one.instant("at", action.at);
  const Json* kind = one.needed("action");
  if (!kind || !one.is(*kind, Json::Kind::text, "action", "the name of an action")) return;
  const auto& names = action_names();
  const auto found = std::find(names.begin(), names.end(), kind->text);
  if (found == names.end()) {
    findings_.error("TVD-101", one.path_of("action"), fmt::format("there is no action `{}`.", kind->text),
                    sim::suggest(kind->text, names));
    return;
  }
  const auto index = static_cast<std::size_t>(found - names.begin());
  action.kind = static_cast<models::ActionKind>(index);
  for (const auto& field : action_fields(models::action_infos()[index]))
    action_field(one, action, field.name, field.required);
  one.text("principal", action.principal);
  one.finish();
}

void ObjectReader::finish() {
  for (const auto& [name, value] : object_.members) {
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    findings_.error("TVD-105", path_of(name), fmt::format("field `{}` is not known.", name),
                    sim::suggest(name, known_));
  }
}

}  // namespace tvdsim::scenarios
