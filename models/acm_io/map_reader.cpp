// The reading half of map_file.hpp: lines first, then what they say together.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "models/acm_io/binary_format.hpp"
#include "models/acm_io/map_file.hpp"
#include "models/acm_io/xml_text.hpp"

namespace tvdsim::models {

namespace {

using Names = std::vector<std::string>;

constexpr std::string_view kNullLabel = "__NULL_LABEL__";
constexpr std::string_view kWall = "CHWALL", kSte = "STE", kNone = "NULL";

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }
bool is_control(char c) { return (static_cast<unsigned char>(c) < 0x20 && !is_blank(c)) || c == 0x7f; }

class Reader {
 public:
  Reader(std::string_view where, sim::Findings& findings) : where_(where), findings_(findings) {}

  PolicyMap read(std::string_view text) {
    if (text.size() > kMaxPolicyText) {
      error("TVD-336",
            fmt::format("the map is {} bytes long; at most {} are read.", text.size(), kMaxPolicyText));
      return {};
    }
    const std::size_t end = end_of_utf8(text);
    for (std::size_t begin = 0; begin < text.size() && errors_ < kMostErrors; ++line_) {
      const std::size_t stop = std::min(text.find('\n', begin), text.size());
      if (begin <= end && end < stop)
        error("TVD-336", "the line is not UTF-8.");
      else
        one_line(text.substr(begin, stop - begin));
      begin = stop + 1;
    }
    if (errors_ == 0) assemble();
    return errors_ == 0 ? std::move(map_) : PolicyMap{};
  }

 private:
  struct Label {
    std::string kind, name;
    std::size_t line = 0;
  };
  struct Held {
    Names types;
    std::size_t line = 0;
  };
  struct Part {
    std::map<std::uint32_t, Label> labels;
    std::map<std::uint32_t, Held> held;
    std::map<std::uint32_t, Label> types;
    std::set<std::string, std::less<>> type_names;
    std::set<std::pair<std::string, std::string>> label_names;
  };
  struct Number {
    std::uint32_t value;
    std::size_t line;
  };
  static constexpr std::size_t kMostErrors = 50;

  void error(std::string_view code, std::string message, std::string help = {}) {
    error_at(line_, code, std::move(message), std::move(help));
  }
  void error_at(std::size_t line, std::string_view code, std::string message, std::string help = {}) {
    if (++errors_ > kMostErrors) return;
    findings_.error(code, fmt::format("{}:{}", where_, line), std::move(message), std::move(help));
  }

  static std::optional<std::uint32_t> number(std::string_view text, int base) {
    std::uint32_t value = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (status != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
  }

  void one_line(std::string_view line) {
    if (std::ranges::any_of(line, is_control))
      return error("TVD-336", "the line contains a control character.");
    std::vector<std::string_view> words;
    for (std::size_t i = 0; i < line.size();) {
      while (i < line.size() && is_blank(line[i])) ++i;
      const std::size_t begin = i;
      while (i < line.size() && !is_blank(line[i])) ++i;
      if (i > begin) words.push_back(line.substr(begin, i - begin));
    }
    if (words.empty() || words[0].starts_with('#')) return;
    if (std::ranges::any_of(words, [](std::string_view w) { return w.size() > kMaxMapWord; }))
      return error("TVD-336", fmt::format("the line has a word of more than {} bytes.", kMaxMapWord));
    const std::string_view key = words[0];
    if (key == "LABEL->SSID") return label(words);
    if (key == "SSID->TYPE") return held(words);
    if (key == "TYPE") return type(words);
    field(key, words);
  }

  void field(std::string_view key, const std::vector<std::string_view>& words) {
    static const Names kText = {"POLICYREFERENCENAME", "POLICFILE", "BINARYFILE", "PRIMARY", "SECONDARY"};
    static const Names kNumbers = {
        "MAGIC",         "MAX-CHWALL-TYPES", "MAX-CHWALL-SSIDS", "MAX-CHWALL-LABELS",
        "MAX-STE-TYPES", "MAX-STE-SSIDS",    "MAX-STE-LABELS"};
    const bool is_number = std::ranges::find(kNumbers, key) != kNumbers.end();
    if (!is_number && std::ranges::find(kText, key) == kText.end()) {
      Names known = kText;
      known.insert(known.end(), kNumbers.begin(), kNumbers.end());
      known.insert(known.end(), {"LABEL->SSID", "SSID->TYPE", "TYPE"});
      return error("TVD-336", fmt::format("a line of a policy map does not begin with `{}`.", key),
                   sim::suggest(key, known));
    }
    if (words.size() != 2) {
      return error("TVD-336",
                   fmt::format("`{}` is followed by {} words; it takes one.", key, words.size() - 1));
    }
    if (!seen_.emplace(key).second) return error("TVD-337", fmt::format("`{}` is said twice.", key));
    if (is_number) {
      const auto value = number(words[1], 16);
      if (!value) return error("TVD-336", fmt::format("`{}` is no hexadecimal number of 32 bits.", words[1]));
      numbers_.emplace(key, Number{*value, line_});
      return;
    }
    texts_.emplace(key, Label{"", std::string(words[1]), line_});
  }

  Part* part(std::string_view name) {
    if (name == kWall) return &wall_;
    if (name == kSte) return &ste_;
    error("TVD-336", fmt::format("`{}` is no part of a policy; CHWALL and STE are.", name));
    return nullptr;
  }

  std::optional<std::uint32_t> index(std::string_view text, int base, std::uint32_t limit) {
    const auto value = number(text, base);
    if (value && *value < limit) return value;
    error("TVD-336",
          fmt::format("`{}` is no {} number below {}.", text, base == 16 ? "hexadecimal" : "decimal", limit));
    return std::nullopt;
  }

  void label(const std::vector<std::string_view>& words) {
    if (words.size() != 5) {
      return error("TVD-336", "the line is not `LABEL->SSID VM|RES|ANY CHWALL|STE <label> <row>`.");
    }
    Part* const to = part(words[2]);
    if (to == nullptr) return;
    const auto row = index(words[4], 16, Policy::kMaxLabels);
    if (!row) return;
    const std::string_view kind = words[1];
    if (kind != "VM" && kind != "ANY" && !(kind == "RES" && to == &ste_)) {
      return error("TVD-336", fmt::format("`{}` is no kind of label that {} has.", kind, words[2]));
    }
    const bool no_label = words[3] == kNullLabel || words[3] == Policy::kUnlabelledName;
    if ((*row == 0) != (kind == "ANY") || (*row == 0) != no_label) {
      return error(
          "TVD-337", fmt::format("the {} label `{}` has row {:x}.", kind, words[3], *row),
          "row 0 is for what has no label (ANY `__UNLABELED__` or `__NULL_LABEL__`), and nothing else is");
    }
    if (!to->labels.emplace(*row, Label{std::string(kind), std::string(words[3]), line_}).second)
      return error("TVD-337", fmt::format("row {:x} of {} has two labels.", *row, words[2]));
    if (!to->label_names.emplace(kind, words[3]).second)
      error("TVD-337", fmt::format("the {} label `{}` has two rows of {}.", kind, words[3], words[2]));
  }

  void held(const std::vector<std::string_view>& words) {
    if (words.size() < 3) return error("TVD-336", "the line is not `SSID->TYPE CHWALL|STE <row> <type>…`.");
    Part* const to = part(words[1]);
    if (to == nullptr) return;
    const auto row = index(words[2], 16, Policy::kMaxLabels);
    if (!row) return;
    if (!to->held.emplace(*row, Held{Names(words.begin() + 3, words.end()), line_}).second)
      error("TVD-337", fmt::format("the types of row {:x} of {} are listed twice.", *row, words[1]));
  }

  void type(const std::vector<std::string_view>& words) {
    if (words.size() != 4) return error("TVD-336", "the line is not `TYPE CHWALL|STE <type> <column>`.");
    Part* const to = part(words[1]);
    if (to == nullptr) return;
    const auto column = index(words[3], 10, Policy::kMaxTypes);
    if (!column) return;
    if (!to->types.emplace(*column, Label{"", std::string(words[2]), line_}).second)
      return error("TVD-337", fmt::format("column {} of {} has two types.", *column, words[1]));
    if (!to->type_names.emplace(words[2]).second)
      error("TVD-337", fmt::format("the type `{}` has two columns of {}.", words[2], words[1]));
  }

  // Numbered 0, 1, 2 and so on?
  template <class Row>
  void complete(const std::map<std::uint32_t, Row>& rows, std::string_view what, std::string_view part) {
    std::uint32_t next = 0;
    for (const auto& [row, entry] : rows) {
      if (row != next) {
        return error_at(entry.line, "TVD-337",
                        fmt::format("{} {} of {} is missing; {} is there.", what, next, part, row));
      }
      ++next;
    }
  }

  void assemble() {
    const auto name = texts_.find("POLICYREFERENCENAME");
    if (name == texts_.end())
      error_at(1, "TVD-337", "the map does not say for which policy it is (POLICYREFERENCENAME).");
    else
      map_.policy = name->second.name;
    for (const auto& [part, text] : {std::pair{&wall_, kWall}, std::pair{&ste_, kSte}}) {
      complete(part->labels, "row", text);
      complete(part->types, "column", text);
    }
    if (errors_ != 0) return;
    for (const auto& [column, type] : wall_.types) map_.wall_types.push_back(type.name);
    for (const auto& [column, type] : ste_.types) map_.ste_types.push_back(type.name);
    map_.has_wall = !map_.wall_types.empty();
    map_.has_ste = !map_.ste_types.empty();
    rows();
    contents(wall_, kWall);
    contents(ste_, kSte);
    sizes();
    parts();
  }

  // The STE part lists every label, the wall part the VM labels again.
  void rows() {
    if (ste_.labels.size() < 2)
      error_at(1, "TVD-337", "the map lists no VM label; every policy has the control domain's.");
    for (const auto& [row, label] : ste_.labels) {
      const bool resource = label.kind == "RES";
      if (!resource && map_.vm_labels != row)
        error_at(label.line, "TVD-337",
                 fmt::format("the VM label `{}` stands behind a resource label.", label.name));
      if (row == 1 && resource)
        error_at(label.line, "TVD-337",
                 fmt::format("row 1 is for the control domain; `{}` is a resource label.", label.name));
      if (!resource) map_.vm_labels = row + 1;
      map_.rows.push_back({.label = label.name, .resource = resource});
    }
    for (const auto& [row, label] : wall_.labels) {
      if (row >= map_.vm_labels || map_.rows[row].label != label.name)
        error_at(label.line, "TVD-337",
                 fmt::format("the label `{}` has row {:x} of CHWALL and another of STE.", label.name, row));
    }
    if (!wall_.labels.empty() && wall_.labels.size() != map_.vm_labels) {
      error_at(
          wall_.labels.rbegin()->second.line, "TVD-337",
          fmt::format("CHWALL has rows for {} labels and STE for {}.", wall_.labels.size(), map_.vm_labels));
    }
  }

  void contents(const Part& part, std::string_view text) {
    const std::size_t rows = &part == &wall_ ? map_.vm_labels : map_.rows.size();
    for (const auto& [row, held] : part.held) {
      if (errors_ >= kMostErrors) return;
      if (row >= rows) {
        error_at(held.line, "TVD-337", fmt::format("row {:x} of {} has types and no label.", row, text));
        continue;
      }
      for (const std::string& type : held.types) {
        if (part.type_names.contains(type) || errors_ >= kMostErrors) continue;
        error_at(held.line, "TVD-337",
                 fmt::format("the type `{}` of row {:x} has no column of {}.", type, row, text),
                 sim::suggest(type, Names(part.type_names.begin(), part.type_names.end())));
      }
      (&part == &wall_ ? map_.rows[row].wall : map_.rows[row].ste) = held.types;
    }
  }

  void sizes() {
    const std::pair<std::string_view, std::size_t> kExpected[] = {
        {"MAGIC", Acm4::kMagic},
        {"MAX-CHWALL-TYPES", map_.wall_types.size()},
        {"MAX-CHWALL-SSIDS", map_.vm_labels},
        {"MAX-CHWALL-LABELS", map_.vm_labels},
        {"MAX-STE-TYPES", map_.ste_types.size()},
        {"MAX-STE-SSIDS", map_.rows.size()},
        {"MAX-STE-LABELS", map_.rows.size()}};
    for (const auto& [key, value] : kExpected) {
      const auto said = numbers_.find(key);
      if (said == numbers_.end() || said->second.value == value) continue;
      error_at(said->second.line, "TVD-337",
               fmt::format("`{}` is {:08x}, and it should be {:08x}.", key, said->second.value, value),
               key == "MAGIC" ? "" : "the map does not list as many");
    }
  }

  void parts() {
    const std::string_view primary = map_.has_wall ? kWall : map_.has_ste ? kSte : kNone;
    const std::string_view secondary = map_.has_wall && map_.has_ste ? kSte : kNone;
    for (const auto& [key, value] :
         {std::pair{std::string_view("PRIMARY"), primary}, {"SECONDARY", secondary}}) {
      const auto said = texts_.find(key);
      if (said == texts_.end() || said->second.name == value) continue;
      error_at(said->second.line, "TVD-337",
               fmt::format("`{}` is {}, and by the types that are listed it is {}.", key, said->second.name,
                           value));
    }
  }

  std::string_view where_;
  sim::Findings& findings_;
  std::size_t line_ = 1, errors_ = 0;
  std::set<std::string, std::less<>> seen_;
  std::map<std::string, Label, std::less<>> texts_;
  std::map<std::string, Number, std::less<>> numbers_;
  Part wall_, ste_;
  PolicyMap map_;
};

}  // namespace

PolicyMap read_policy_map(std::string_view text, std::string_view where, sim::Findings& findings) {
  return Reader(where, findings).read(text);
}

}  // namespace tvdsim::models
