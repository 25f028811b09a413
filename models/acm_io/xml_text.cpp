#include "models/acm_io/xml_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstring>

namespace tvdsim::models {

namespace {
// Of a character that takes several bytes in UTF-8.
bool is_later_byte(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

bool all_ascii(std::string_view text) {
  std::uint64_t all = 0;
  std::size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + i, 8);
    all |= word;
  }
  for (; i < text.size(); ++i) all |= static_cast<unsigned char>(text[i]);
  return (all & 0x8080'8080'8080'8080) == 0;
}

}  // namespace

Places::Places(std::string_view text, std::string_view where) : text_(text), where_(where), lines_{0} {
  for (std::size_t i = text.find('\n'); i != std::string_view::npos; i = text.find('\n', i + 1))
    lines_.push_back(i + 1);
  plain_ = all_ascii(text);
}

TextPlace Places::place(std::size_t offset) const {
  offset = std::min(offset, text_.size());
  const auto line = static_cast<std::size_t>(std::ranges::upper_bound(lines_, offset) - lines_.begin());
  const std::string_view before = text_.substr(lines_[line - 1], offset - lines_[line - 1]);
  std::size_t column = before.size();
  if (!plain_) column -= static_cast<std::size_t>(std::ranges::count_if(before, is_later_byte));
  return {static_cast<std::uint32_t>(line), static_cast<std::uint32_t>(column + 1)};
}

std::string Places::at(std::size_t offset) const {
  const TextPlace found = place(offset);
  return fmt::format("{}:{}:{}", where_, found.line, found.column);
}

CodePoint code_point(std::string_view text, std::size_t offset) {
  const auto byte = [&](std::size_t i) {
    return offset + i < text.size() ? static_cast<std::uint32_t>(static_cast<unsigned char>(text[offset + i]))
                                    : 0U;
  };
  const std::uint32_t first = byte(0);
  if (first < 0x80) return {first, 1};
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  std::uint32_t value = first & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    value = value << 6 | (byte(i) & 0x3f);
  }
  constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if (first < 0xc2 || first > 0xf4 || value < kLeast[length]) return {};
  return {value, length};
}

namespace {

bool is_xml_char(std::uint32_t c) {
  return c == '\t' || c == '\n' || c == '\r' || (c >= 0x20 && c <= 0xd7ff) || (c >= 0xe000 && c <= 0xfffd) ||
         (c >= 0x10000 && c <= 0x10ffff);
}

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Characters with a meaning inside a tag.
bool ends_run(char c) {
  static constexpr auto kTable = [] {
    std::array<bool, 256> table{};
    for (const char each : {'<', '>', '&', '"', '\''}) table[static_cast<unsigned char>(each)] = true;
    return table;
  }();
  return kTable[static_cast<unsigned char>(c)];
}

// How many bytes at the start are printable ASCII; eight at a time, so it may stop up to seven short, but not at none.
std::size_t plain_bytes(std::string_view text) {
  std::size_t count = 0;
  for (; count + 8 <= text.size(); count += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + count, 8);
    constexpr std::uint64_t kHigh = 0x8080'8080'8080'8080, kBlank = 0x2020'2020'2020'2020;
    // Below 0x80 in each byte, adding 0x60 sets the high bit of those that are 0x20 or more.
    if ((word & kHigh) != 0 || ((word + 3 * kBlank) & kHigh) != kHigh) break;
  }
  return std::max<std::size_t>(count, 1);
}

class Scan {
 public:
  explicit Scan(std::string_view text) : text_(text) {}

  std::optional<TextProblem> run() {
    if (text_.size() > kMaxPolicyText) {
      return TextProblem{
          0, fmt::format("the text is {} bytes long; at most {} are read.", text_.size(), kMaxPolicyText)};
    }
    characters();
    if (text_.starts_with("\xef\xbb\xbf")) at_ = 3;
    while (!problem_ && at_ < text_.size()) {
      if (text_[at_] == '<')
        markup();
      else
        content();
    }
    return problem_;
  }

 private:
  void fail(std::size_t offset, std::string message) {
    if (!problem_) problem_ = TextProblem{offset, std::move(message)};
  }

  void characters() {
    for (std::size_t i = 0; i < text_.size() && !problem_;) {
      const auto byte = static_cast<unsigned char>(text_[i]);
      if (byte >= 0x20 && byte < 0x80) {  // nearly all of them
        i += plain_bytes(text_.substr(i));
        continue;
      }
      const CodePoint c = code_point(text_, i);
      if (c.length == 0) return fail(i, "the text is not UTF-8 here.");
      if (!is_xml_char(c.value))
        return fail(i, fmt::format("the character U+{:04X} may not stand in XML.", c.value));
      i += c.length;
    }
  }

  bool skip(std::string_view begin, std::string_view end, std::string_view what) {
    if (!text_.substr(at_).starts_with(begin)) return false;
    const std::size_t stop = text_.find(end, at_ + begin.size());
    if (stop == std::string_view::npos) {
      fail(at_, fmt::format("a {} is not closed.", what));
      return true;
    }
    at_ = stop + end.size();
    return true;
  }

  void markup() {
    const std::size_t begin = at_;
    const char next = begin + 1 < text_.size() ? text_[begin + 1] : '\0';
    if (next != '!' && next != '?') return tag();  // nearly all of them
    if (skip("<!--", "-->", "comment")) return;
    if (text_.substr(at_).starts_with("<![CDATA[")) {
      if (depth_ == 0) return fail(at_, "text stands outside the root element.");
      skip("<![CDATA[", "]]>", "CDATA section");
      return;
    }
    if (text_.substr(at_).starts_with("<!")) {
      return fail(at_, "a document type is not read: it could define entities, and none is expanded.");
    }
    skip("<?", "?>", "processing instruction");
    if (!problem_) declaration(begin, text_.substr(begin, at_ - begin));
  }

  void declaration(std::size_t begin, std::string_view text) {
    if (!text.starts_with("<?xml") || text.size() < 6 || !is_blank(text[5])) return;
    if (begin != 0 && !(begin == 3 && text_.starts_with("\xef\xbb\xbf"))) {
      return fail(begin, "the XML declaration stands only at the very start.");
    }
    const std::size_t key = text.find("encoding");
    if (key == std::string_view::npos) return;
    const std::size_t open = text.find_first_of("\"'", key);
    const std::size_t close = open == std::string_view::npos ? open : text.find(text[open], open + 1);
    if (close == std::string_view::npos) return fail(begin, "the XML declaration's encoding is not quoted.");
    std::string name(text.substr(open + 1, close - open - 1));
    std::ranges::transform(name, name.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (name != "utf-8" && name != "us-ascii")
      fail(begin, fmt::format("the encoding `{}` is not read; write UTF-8.", name));
  }

  void tag() {
    const std::size_t begin = at_;
    const bool closing = text_.substr(at_).starts_with("</");
    // A closing tag with anything but a name in it matches no opening one.
    if (closing) at_ = std::min(text_.find('>', at_), text_.size());
    char quote = 0;
    for (at_ += !closing; at_ < text_.size(); ++at_) {
      // The next character that means something here.
      std::size_t next = at_;
      while (next < text_.size() && !ends_run(text_[next])) ++next;
      at_ = next;
      if (at_ == text_.size()) break;
      const char c = text_[at_];
      if (c == '<') return fail(at_, "`<` stands inside a tag.");
      if (c == '&') {
        reference();
        if (problem_) return;
      } else if (quote != 0) {
        if (c == quote) quote = 0;
      } else if (c == '"' || c == '\'') {
        quote = c;
      } else if (c == '>') {
        break;
      }
    }
    if (at_ >= text_.size()) return fail(begin, "a tag is not closed.");
    if (depth_ == 0 && (closing || roots_ > 0)) return fail(begin, "there is more than one root element.");
    const bool empty = text_[at_ - 1] == '/';
    if (depth_ == 0) ++roots_;
    if (closing)
      --depth_;
    else if (!empty)
      ++depth_;
    ++at_;
  }

  void content() {
    const std::size_t end = std::min(text_.find('<', at_), text_.size());
    if (depth_ == 0) {
      while (at_ < end && is_blank(text_[at_])) ++at_;
      if (at_ < end) {
        if (text_[at_] == '&') reference();
        if (!problem_) fail(at_, "text stands outside the root element.");
      }
      return;
    }
    const auto next_reference = [&](std::size_t from) {
      return from + std::min(text_.substr(from, end - from).find('&'), end - from);
    };
    for (at_ = next_reference(at_); at_ < end; at_ = next_reference(at_ + 1)) {
      reference();
      if (problem_) return;
    }
  }

  // At an `&`: one of XML's five entities or a character reference. Stays on its last character.
  void reference() {
    const std::size_t end = text_.find(';', at_);
    const std::string_view name =
        end == std::string_view::npos ? std::string_view{} : text_.substr(at_ + 1, end - at_ - 1);
    if (name.empty() || name.size() > 10) return fail(at_, "`&` begins no entity; write `&amp;`.");
    bool known = name == "amp" || name == "lt" || name == "gt" || name == "quot" || name == "apos";
    if (name.starts_with('#')) {
      const bool hex = name.starts_with("#x");
      const std::string_view digits = name.substr(hex ? 2 : 1);
      std::uint32_t value = 0;
      const auto [stop, error] =
          std::from_chars(digits.data(), digits.data() + digits.size(), value, hex ? 16 : 10);
      known = error == std::errc{} && stop == digits.data() + digits.size() && is_xml_char(value);
    }
    if (!known) return fail(at_, fmt::format("the entity `&{};` is not defined.", name));
    at_ = end;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0, roots_ = 0;
  std::optional<TextProblem> problem_;
};

}  // namespace

std::optional<TextProblem> text_problem(std::string_view text) { return Scan(text).run(); }

std::size_t end_of_utf8(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const CodePoint c = code_point(text, at);
    if (c.length == 0 || (c.value >= 0xd800 && c.value <= 0xdfff)) break;
    at += c.length;
  }
  return at;
}

}  // namespace tvdsim::models
