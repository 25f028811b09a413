#include "scenarios/json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

namespace tvdsim::scenarios {
namespace {

struct Position {
  std::size_t line = 1, column = 1;
};

Position position_of(std::string_view text, std::size_t offset) {
  Position at;
  for (std::size_t i = 0; i < std::min(offset, text.size()); ++i) {
    if (text[i] == '\n') {
      ++at.line;
      at.column = 1;
    } else if ((static_cast<unsigned char>(text[i]) & 0xc0) !=
               0x80) {  // count characters, not UTF-8 continuation bytes
      ++at.column;
    }
  }
  return at;
}

// Receives the library's events and builds our tree; it is where depth and duplicates are noticed.
class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  Builder(std::string_view text, std::string_view where, sim::Findings& findings)
      : text_(text), where_(where), findings_(findings) {}

  Json root;

  bool null() override { return put(Json()); }
  bool boolean(bool value) override { return put(Json::of(value)); }
  bool number_integer(number_integer_t value) override { return put(Json::of(std::int64_t{value})); }
  bool number_unsigned(number_unsigned_t value) override { return put(Json::of(std::uint64_t{value})); }
  bool number_float(number_float_t value, const string_t&) override { return put(Json::of(double{value})); }
  bool string(string_t& value) override { return put(Json::of(value)); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    auto& frame = stack_.back();
    if (!frame.seen.insert(name).second) {
      findings_.error("TVD-102", path(), fmt::format("member `{}` is given twice.", name),
                      "keep one of them");
    }
    frame.key = name;
    return true;
  }

  bool parse_error(std::size_t offset, const std::string&, const nlohmann::json::exception& why) override {
    const auto at = position_of(text_, offset == 0 ? 0 : offset - 1);
    std::string sentence = why.what();
    const bool truncated =
        sentence.find("unexpected end of input") != std::string::npos || offset > text_.size();
    if (truncated) {
      sentence = "the text ends before the JSON does.";
    } else {
      // The library's sentence after its own code and place.
      if (const auto colon = sentence.find(": "); colon != std::string::npos) sentence.erase(0, colon + 2);
      sentence = fmt::format("this is not JSON: {}.", sentence);
    }
    findings_.error("TVD-120", fmt::format("{}:{}:{}", where_.empty() ? "json" : where_, at.line, at.column),
                    sentence, truncated ? "the file was cut off; write it again" : "");
    return false;
  }

 private:
  struct Frame {
    Json value;
    std::string key;
    std::set<std::string> seen;
  };

  std::string path() const {
    std::string out;
    for (std::size_t i = 0; i + 1 < stack_.size(); ++i) {
      const auto& frame = stack_[i];
      out += frame.value.kind == Json::Kind::array ? fmt::format("[{}]", frame.value.items.size())
                                                   : fmt::format("{}{}", out.empty() ? "" : ".", frame.key);
    }
    if (where_.empty()) return out;
    return out.empty() ? std::string(where_) : fmt::format("{} {}", where_, out);
  }
  bool open(Json value) {
    if (stack_.size() >= Json::kMaxDepth) {
      findings_.error("TVD-120", path(),
                      fmt::format("the JSON is nested deeper than {} levels.", Json::kMaxDepth));
      return false;
    }
    stack_.push_back({std::move(value), {}, {}});
    return true;
  }
  bool close() {
    Json done = std::move(stack_.back().value);
    stack_.pop_back();
    return put(std::move(done));
  }
  bool put(Json value) {
    if (++values_ > Json::kMaxValues) {
      findings_.error("TVD-120", std::string(where_),
                      fmt::format("the JSON has more than {} values.", Json::kMaxValues));
      return false;
    }
    if (stack_.empty()) {
      root = std::move(value);
    } else if (auto& frame = stack_.back(); frame.value.kind == Json::Kind::array) {
      frame.value.items.push_back(std::move(value));
    } else {
      frame.value.members.emplace_back(std::move(frame.key), std::move(value));
    }
    return true;
  }

  std::string_view text_, where_;
  sim::Findings& findings_;
  std::vector<Frame> stack_;
  std::size_t values_ = 0;
};

std::string json_quoted(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string number(double value) {
  auto out = fmt::format("{}", value);  // the shortest that reads back the same
  if (out.find_first_of(".en") == std::string::npos) out += ".0";
  return out;
}

void write(std::string& out, const Json& value, int indent);

template <class Range, class Each>
void write_all(std::string& out, const Range& range, char open, char close, int indent, Each each) {
  out += open;
  bool first = true;
  for (const auto& item : range) {
    if (!first) out += indent < 0 ? ", " : ",";
    first = false;
    if (indent >= 0) out += fmt::format("\n{:{}}", "", 2 * (indent + 1));
    each(item);
  }
  if (!first && indent >= 0) out += fmt::format("\n{:{}}", "", 2 * indent);
  out += close;
}

// indent < 0: everything on one line.
void write(std::string& out, const Json& value, int indent) {
  const int deeper = indent < 0 ? -1 : indent + 1;
  switch (value.kind) {
    case Json::Kind::null:
      out += "null";
      break;
    case Json::Kind::boolean:
      out += value.boolean ? "true" : "false";
      break;
    case Json::Kind::negative:
      out += fmt::format("{}", value.negative);
      break;
    case Json::Kind::natural:
      out += fmt::format("{}", value.natural);
      break;
    case Json::Kind::real:
      out += number(value.real);
      break;
    case Json::Kind::text:
      out += json_quoted(value.text);
      break;
    case Json::Kind::array:
      write_all(out, value.items, '[', ']', indent, [&](const Json& item) { write(out, item, deeper); });
      break;
    case Json::Kind::object:
      write_all(out, value.members, '{', '}', indent, [&](const auto& member) {
        out += json_quoted(member.first) + ": ";
        write(out, member.second, deeper);
      });
      break;
  }
}

}  // namespace

Json Json::of(bool value) {
  Json j;
  j.kind = Kind::boolean;
  j.boolean = value;
  return j;
}
Json Json::of(std::uint64_t value) {
  Json j;
  j.kind = Kind::natural;
  j.natural = value;
  return j;
}
Json Json::of(std::int64_t value) {
  if (value >= 0) return of(static_cast<std::uint64_t>(value));
  Json j;
  j.kind = Kind::negative;
  j.negative = value;
  return j;
}
Json Json::of(double value) {
  Json j;
  j.kind = Kind::real;
  j.real = value;
  return j;
}
Json Json::of(std::string_view value) {
  Json j;
  j.kind = Kind::text;
  j.text = value;
  return j;
}
Json Json::of(const std::vector<std::string>& values) {
  Json j = array();
  for (const auto& value : values) j.items.push_back(of(value));
  return j;
}

const Json* Json::find(std::string_view name) const noexcept {
  for (const auto& [key, value] : members) {
    if (key == name) return &value;
  }
  return nullptr;
}

std::string_view Json::text_of(std::string_view name) const noexcept {
  const Json* found = find(name);
  return found && found->kind == Kind::text ? std::string_view(found->text) : std::string_view();
}

std::uint64_t Json::natural_of(std::string_view name) const noexcept {
  const Json* found = find(name);
  return found && found->kind == Kind::natural ? found->natural : 0;
}

Json parse_json(std::string_view text, std::string_view where, sim::Findings& findings) {
  if (text.size() > Json::kMaxBytes) {
    findings.error("TVD-120", std::string(where),
                   fmt::format("{} bytes of JSON are more than {}.", text.size(), Json::kMaxBytes));
    return {};
  }
  Builder builder(text, where, findings);
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &builder)) return {};
  return std::move(builder.root);
}

std::string to_text(const Json& value) {
  std::string out;
  write(out, value, 0);
  return out + "\n";
}

std::string to_line(const Json& value) {
  std::string out;
  write(out, value, -1);
  return out;
}

std::string_view kind_name(const Json& value) noexcept {
  switch (value.kind) {
    case Json::Kind::null:
      return "null";
    case Json::Kind::boolean:
      return "true or false";
    case Json::Kind::negative:
      return "a negative number";
    case Json::Kind::natural:
      return "a whole number";
    case Json::Kind::real:
      return "a number";
    case Json::Kind::text:
      return "a text";
    case Json::Kind::array:
      return "a list";
    case Json::Kind::object:
      return "an object";
  }
  return "null";
}

std::string shown(const Json& value) {
  constexpr std::size_t kMost = 40;
  auto line = to_line(value);
  if (line.size() <= kMost) return line;
  std::size_t cut = kMost;
  while (cut > 0 && (static_cast<unsigned char>(line[cut]) & 0xc0) == 0x80) --cut;  // not inside a character
  return line.substr(0, cut) + "…";
}

}  // namespace tvdsim::scenarios
