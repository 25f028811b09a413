#include "models/acm_io/python_literal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace tvdsim::models {

namespace {

bool is_line_end(char c) { return c == '\n' || c == '\r'; }
bool is_space(char c) { return c == ' ' || c == '\t' || c == '\f'; }
bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

void append_utf8(std::string& out, std::uint32_t c) {
  const auto byte = [&](std::uint32_t value) { out += static_cast<char>(static_cast<unsigned char>(value)); };
  if (c < 0x80) return byte(c);
  if (c < 0x800) return byte(0xc0 | c >> 6), byte(0x80 | (c & 0x3f));
  if (c < 0x10000) return byte(0xe0 | c >> 12), byte(0x80 | (c >> 6 & 0x3f)), byte(0x80 | (c & 0x3f));
  byte(0xf0 | c >> 18), byte(0x80 | (c >> 12 & 0x3f)), byte(0x80 | (c >> 6 & 0x3f)), byte(0x80 | (c & 0x3f));
}

// What keeps the text from meaning the same in each Python; at npos, nothing.
struct SourceProblem {
  std::size_t offset = std::string_view::npos;
  std::string message{};
};

// A comment in the first two lines may declare an encoding.
SourceProblem foreign_encoding(std::string_view text) {
  std::size_t at = 0;
  for (int line = 0; line < 2 && at < text.size(); ++line) {
    const std::size_t end = std::min(text.find_first_of("\r\n", at), text.size());
    const std::string_view whole = text.substr(at, end - at);
    const std::size_t comment = whole.find_first_not_of(" \t\f");
    std::size_t key = whole.find("coding");
    if (comment != std::string_view::npos && whole[comment] == '#' && key != std::string_view::npos &&
        key + 6 < whole.size() && (whole[key + 6] == ':' || whole[key + 6] == '=')) {
      for (key += 7; key < whole.size() && is_space(whole[key]);) ++key;
      std::size_t stop = key;
      while (stop < whole.size() && (is_word(whole[stop]) || whole[stop] == '-' || whole[stop] == '.'))
        ++stop;
      const std::string_view name = whole.substr(key, stop - key);
      if (name != "utf-8" && name != "utf8" && name != "UTF-8" && name != "ascii" && name != "us-ascii")
        return {at + key, fmt::format("the encoding `{}` is not read; write UTF-8.", name)};
    }
    at = text.substr(end).starts_with("\r\n") ? end + 2 : end + 1;
  }
  return {};
}

SourceProblem source_problem(std::string_view text) {
  if (text.size() > kMaxLiteralText) {
    return {0, fmt::format("the text is {} bytes long; at most {} are read.", text.size(), kMaxLiteralText)};
  }
  if (const std::size_t end = end_of_utf8(text); end < text.size())
    return {end, "the text is not UTF-8 here."};
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos)
    return {nul, "a NUL character stands in the text."};
  return foreign_encoding(text);
}

class Reader {
 public:
  Reader(std::string_view text, std::string_view code, TextReport& report)
      : text_(text), code_(code), report_(report) {}

  std::vector<PythonPair> run(std::string_view name) {
    if (text_.starts_with("\xef\xbb\xbf")) at_ = 3;
    bool found = false;
    while (to_statement()) {
      const std::size_t begin = at_;
      if (!assignment(name)) {
        fail(begin,
             fmt::format(
                 "here stands something else than `{} = {{…}}`; it is read as data and never executed.",
                 name));
        skip_line();
        continue;
      }
      if (found) fail(begin, fmt::format("`{}` is given twice.", name));
      found = true;
      dict();
      end_of_statement();
    }
    if (!found && !report_.any()) fail(at_, fmt::format("there is no `{} = {{…}}` in it.", name));
    return std::move(pairs_);
  }

 private:
  char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  bool done() const { return at_ >= text_.size() || report_.full(); }
  bool fail(std::size_t offset, std::string message, std::string help = {}) {
    report_.error(code_, offset, std::move(message), std::move(help));
    return false;
  }
  void skip_line() {
    while (at_ < text_.size() && !is_line_end(text_[at_])) ++at_;
  }
  void skip_spaces() {
    while (is_space(peek())) ++at_;
  }
  // Inside brackets, lines do not end anything.
  void skip_blanks() {
    for (;; ++at_) {
      if (peek() == '#') skip_line();
      const bool joined = peek() == '\\' && is_line_end(peek(1));
      if (!is_space(peek()) && !is_line_end(peek()) && !joined) return;
    }
  }

  // To the first character of the next statement; false at the end.
  bool to_statement() {
    while (!done()) {
      const std::size_t begin = at_;
      skip_spaces();
      if (peek() == '#') skip_line();
      if (at_ >= text_.size()) return false;
      if (!is_line_end(peek())) {
        if (at_ != begin) fail(at_, "a statement begins with blanks.");
        return !done();
      }
      ++at_;
    }
    return false;
  }

  bool assignment(std::string_view name) {
    if (!text_.substr(at_).starts_with(name)) return false;
    at_ += name.size();
    skip_spaces();
    if (peek() != '=') return false;
    ++at_;
    skip_spaces();
    return peek() == '{';
  }

  void end_of_statement() {
    skip_spaces();
    if (peek() == '#') skip_line();
    if (done() || is_line_end(peek())) return;
    fail(at_, "something stands behind the dict.");
    skip_line();
  }

  void dict() {
    const std::size_t begin = at_++;
    while (!report_.full()) {
      skip_blanks();
      if (at_ >= text_.size()) {
        fail(begin, "the dict is not closed.");
        return;
      }
      if (peek() == '}') {
        ++at_;
        return;
      }
      if (!entry()) skip_entry();
      if (peek() == ',') ++at_;
    }
  }

  bool entry() {
    depth_ = 0;
    PythonPair pair;
    PythonValue key;
    pair.offset = at_;
    if (!value(key)) return false;
    if (key.is_tuple) return fail(key.offset, "a key is a string, and this is a tuple.");
    pair.key = std::move(key.text);
    skip_blanks();
    if (peek() != ':') return fail(at_, "`:` and a value must follow the key.");
    ++at_;
    skip_blanks();
    if (!value(pair.value)) return false;
    skip_blanks();
    if (peek() != ',' && peek() != '}') {
      return at_ >= text_.size() ? true : fail(at_, "`,` or `}` must follow the value.");
    }
    pairs_.push_back(std::move(pair));
    return true;
  }

  // Behind a mistake: to the comma or brace that ends the entry.
  void skip_entry() {
    while (!done()) {
      const char c = peek();
      if (depth_ == 0 && (c == ',' || c == '}')) return;
      if (c == '\'' || c == '"') {
        quote_ = c;
        ++at_;
        skip_string();
        continue;
      }
      if (c == '#') {
        skip_line();
        continue;
      }
      if (c == '(' || c == '[' || c == '{') ++depth_;
      if ((c == ')' || c == ']' || c == '}') && depth_ > 0) --depth_;
      ++at_;
    }
  }
  void skip_string() {
    for (; at_ < text_.size() && !is_line_end(peek()); ++at_) {
      if (peek() == '\\' && at_ + 1 < text_.size()) {
        ++at_;
      } else if (peek() == quote_) {
        ++at_;
        return;
      }
    }
  }

  bool value(PythonValue& out) {
    out.offset = at_;
    if (peek() == '(') return tuple(out);
    if (!at_string())
      return fail(at_, fmt::format("{} is neither a string nor a tuple of strings.", shown()));
    // Strings beside each other are one.
    while (at_string()) {
      if (!string(out.text)) return false;
      skip_blanks();
    }
    return true;
  }

  bool tuple(PythonValue& out) {
    if (depth_ == kMaxNesting) return fail(at_, "tuples lie in each other too deep.");
    ++depth_;
    ++at_;
    bool comma = false;
    for (skip_blanks(); peek() != ')'; skip_blanks()) {
      if (at_ >= text_.size()) return fail(out.offset, "the tuple is not closed.");
      out.items.emplace_back();
      if (!value(out.items.back())) return false;
      skip_blanks();
      if (peek() != ',') break;
      comma = true;
      ++at_;
    }
    if (peek() != ')') return fail(at_, "`,` or `)` must follow in a tuple.");
    ++at_;
    --depth_;
    out.is_tuple = comma || out.items.empty();
    if (!out.is_tuple) {
      // Brackets around one value are brackets.
      PythonValue only = std::move(out.items.front());
      only.offset = out.offset;
      out = std::move(only);
      if (!out.is_tuple) {
        skip_blanks();
        if (at_string()) return fail(at_, "a string stands behind a bracket.");
      }
    }
    return true;
  }

  bool at_string() const {
    std::size_t i = 0;
    while (i < 2 && is_word(peek(i))) ++i;
    return peek(i) == '\'' || peek(i) == '"';
  }

  bool string(std::string& out) {
    const std::size_t begin = at_;
    while (is_word(peek())) ++at_;
    const std::string_view prefix = text_.substr(begin, at_ - begin);
    const bool unicode = prefix == "u" || prefix == "U";
    if (!prefix.empty() && !unicode)
      return fail(begin, fmt::format("a string with the prefix `{}` is not read.", prefix));
    quote_ = peek();
    if (peek(1) == quote_ && peek(2) == quote_) {
      const std::size_t end = text_.find(std::string(3, quote_), at_ + 3);
      at_ = end == std::string_view::npos ? text_.size() : end + 3;
      return fail(begin, "a string in triple quotes is not read.");
    }
    for (++at_; at_ < text_.size() && peek() != quote_;) {
      if (is_line_end(peek())) return fail(begin, "the string is not closed on its line.");
      if (peek() != '\\') {
        out += text_[at_++];
      } else if (!escape(out, unicode)) {
        return false;
      }
    }
    if (at_ >= text_.size()) return fail(begin, "the string is not closed.");
    ++at_;
    return true;
  }

  bool escape(std::string& out, bool unicode) {
    const std::size_t begin = at_++;
    const char c = peek();
    constexpr std::string_view kNames = "\\'\"abfnrtv", kValues = "\\'\"\a\b\f\n\r\t\v";
    if (const std::size_t i = kNames.find(c); c != '\0' && i != std::string_view::npos) {
      out += kValues[i];
      ++at_;
      return true;
    }
    if (is_line_end(c)) {
      at_ += c == '\r' && peek(1) == '\n' ? 2 : 1;
      return true;
    }
    if (c == 'x') return number(out, begin, 2, 2, 16, unicode);
    if (c >= '0' && c <= '7') return --at_, number(out, begin, 1, 3, 8, unicode);
    if (c == 'u' || c == 'U' || c == 'N') {
      if (unicode && c != 'N') return number(out, begin, c == 'u' ? 4 : 8, c == 'u' ? 4 : 8, 16, true);
      leave_string(begin);
      return fail(begin, fmt::format("`\\{}` is an escape in one Python and none in another.", c),
                  "write the character itself, in UTF-8");
    }
    out += '\\';  // An unknown escape stands for itself.
    return true;
  }

  bool number(std::string& out, std::size_t begin, int least, int most, int base, bool unicode) {
    ++at_;
    std::uint32_t value = 0;
    int digits = 0;
    for (; digits < most; ++digits, ++at_) {
      const int digit = hex_digit(peek());
      if (digit < 0 || digit >= base) break;
      value = value * static_cast<std::uint32_t>(base) + static_cast<std::uint32_t>(digit);
    }
    if (digits < least) {
      leave_string(begin);
      return fail(begin, "the escape has too few digits.");
    }
    const bool surrogate = value >= 0xd800 && value <= 0xdfff;
    if (value > 0x10ffff || surrogate || (value >= 0x80 && !unicode)) {
      leave_string(begin);
      if (value > 0x10ffff || surrogate) return fail(begin, "the escape is no character.");
      return fail(begin, "the escape is a byte in one Python and a character in another.",
                  "write the character itself, in UTF-8");
    }
    append_utf8(out, value);
    return true;
  }
  // A mistake inside a string: go on behind the string.
  void leave_string(std::size_t escape) {
    at_ = escape;
    skip_string();
  }

  std::string shown() const {
    if (at_ >= text_.size()) return "the end of the text";
    std::size_t end = at_;
    while (end < text_.size() && end - at_ < 20 && is_word(text_[end])) ++end;
    if (end == at_) {
      const CodePoint c = code_point(text_, at_);
      if (c.value < 0x20 || c.value == 0x7f) return fmt::format("the character U+{:04X}", c.value);
      end += c.length;
    }
    return fmt::format("`{}`", text_.substr(at_, end - at_));
  }

  std::string_view text_, code_;
  TextReport& report_;
  std::size_t at_ = 0, depth_ = 0;
  char quote_ = '"';  // of the string that is being read
  std::vector<PythonPair> pairs_;
};

}  // namespace

std::vector<PythonPair> parse_python_dict(std::string_view text, std::string_view name, std::string_view code,
                                          TextReport& report) {
  if (auto problem = source_problem(text); problem.offset != std::string_view::npos) {
    report.error(code, problem.offset, std::move(problem.message));
    return {};
  }
  return Reader(text, code, report).run(name);
}

std::string python_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\\' || c == '\'') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out + "'";
}

}  // namespace tvdsim::models
