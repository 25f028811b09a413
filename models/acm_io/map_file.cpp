#include "models/acm_io/map_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "models/acm/bit_row.hpp"
#include "models/acm_io/binary_format.hpp"

namespace tvdsim::models {

namespace {

constexpr std::string_view kNullLabel = "__NULL_LABEL__";
constexpr std::string_view kXmlEnd = "-security_policy.xml";  // of a policy's file
constexpr std::string_view kWall = "CHWALL", kSte = "STE", kNone = "NULL";

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }
bool is_control(char c) { return (static_cast<unsigned char>(c) < 0x20 && !is_blank(c)) || c == 0x7f; }

class Writer {
 public:
  explicit Writer(const Policy& policy) : policy_(policy) {}

  std::string write() {
    check();
    std::string path = policy_.def().name;
    std::ranges::replace(path, '.', '/');
    const std::size_t walls = policy_.wall_types().size(), stes = policy_.ste_types().size();
    line("{:<22} {}", "POLICYREFERENCENAME", policy_.def().name);
    line("{:<22} {:08x}", "MAGIC", Acm4::kMagic);
    line("{:<22} {}{}", "POLICFILE", path, kXmlEnd);
    line("{:<22} {}.bin", "BINARYFILE", path);
    line("{:<22} {:08x}", "MAX-CHWALL-TYPES", walls);
    line("{:<22} {:08x}", "MAX-CHWALL-SSIDS", policy_.vm_labels());
    line("{:<22} {:08x}", "MAX-CHWALL-LABELS", policy_.vm_labels());
    line("{:<22} {:08x}", "MAX-STE-TYPES", stes);
    line("{:<22} {:08x}", "MAX-STE-SSIDS", policy_.labels());
    line("{:<22} {:08x}\n", "MAX-STE-LABELS", policy_.labels());
    line("{:<22} {}", "PRIMARY", walls != 0 ? kWall : stes != 0 ? kSte : kNone);
    line("{:<22} {}\n", "SECONDARY", walls != 0 && stes != 0 ? kSte : kNone);
    for (const std::string_view part : {kWall, kSte}) labels(part);
    for (const std::string_view part : {kWall, kSte}) held(part);
    for (const std::string_view part : {kWall, kSte}) types(part);
    return std::move(text_);
  }

 private:
  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    text_ += fmt::format(format, std::forward<Args>(args)...);
    text_ += '\n';
  }

  std::string label(std::uint32_t row) const {
    const auto& vms = policy_.def().vm_labels;
    const auto unlabelled = [](const LabelDef& l) { return l.name == Policy::kUnlabelledName; };
    if (row == 0 && std::ranges::none_of(vms, unlabelled)) return std::string(kNullLabel);
    return std::string(policy_.label_name(LabelId{row}));
  }

  void check() const {
    std::vector<sim::Finding> wrong;
    const auto name = [&](std::string_view kind, std::string_view text, std::size_t most) {
      const auto bad = [](char c) { return is_blank(c) || is_control(c); };
      if (!text.empty() && text.size() <= most && text[0] != '#' && std::ranges::none_of(text, bad)) return;
      wrong.push_back(
          {"TVD-336", fmt::format("policy `{}`", policy_.def().name),
           fmt::format("the {} name `{}` cannot stand in a map file.", kind, text),
           fmt::format("a name there has 1 to {} bytes, no blank, no control character, and no # in front",
                       most)});
    };
    name("policy", policy_.def().name, kMaxMapWord - kXmlEnd.size());
    for (std::uint32_t row = 0; row < policy_.labels(); ++row)
      name("label", policy_.label_name(LabelId{row}), kMaxMapWord);
    for (const std::string& type : policy_.wall_types()) name("wall type", type, kMaxMapWord);
    for (const std::string& type : policy_.ste_types()) name("STE type", type, kMaxMapWord);
    if (!wrong.empty()) throw sim::InputError(std::move(wrong));
  }

  std::uint32_t rows(std::string_view part) const {
    return part == kWall ? policy_.vm_labels() : policy_.labels();
  }

  void labels(std::string_view part) {
    for (std::uint32_t row = 0; row < rows(part); ++row) {
      const std::string_view kind = row == 0 ? "ANY" : policy_.is_resource(LabelId{row}) ? "RES" : "VM";
      line("LABEL->SSID {:<3} {:<6} {:<20} {:x}", kind, part, label(row), row);
    }
    text_ += '\n';
  }

  void held(std::string_view part) {
    const auto names = part == kWall ? policy_.wall_types() : policy_.ste_types();
    for (std::uint32_t row = 0; row < rows(part); ++row) {
      const auto bits = part == kWall ? policy_.wall(LabelId{row}) : policy_.ste(LabelId{row});
      text_ += fmt::format("SSID->TYPE {:<11} {:08x}", part, row);
      for (std::uint32_t type = 0; type < names.size(); ++type) {
        if (has_bit(bits, type)) text_ += fmt::format(" {}", names[type]);
      }
      text_ += '\n';
    }
    text_ += '\n';
  }

  void types(std::string_view part) {
    const auto names = part == kWall ? policy_.wall_types() : policy_.ste_types();
    for (std::size_t i = 0; i < names.size(); ++i) line("TYPE {:<17} {:<20} {}", part, names[i], i);
    text_ += '\n';
  }

  const Policy& policy_;
  std::string text_;
};

}  // namespace

std::string write_policy_map(const Policy& policy) { return Writer(policy).write(); }

}  // namespace tvdsim::models
