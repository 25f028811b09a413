#include "models/acm_io/binary_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "models/acm_io/binary_format.hpp"
#include "models/acm_io/xml_text.hpp"

namespace tvdsim::models {

namespace {

constexpr std::uint64_t padded(std::uint64_t size) {
  return (size + Acm4::kAlignment - 1) / Acm4::kAlignment * Acm4::kAlignment;
}

// Each step returns whether reading may go on; the first that may not has left its finding.
class Reader {
 public:
  Reader(std::span<const std::uint8_t> bytes, std::string_view where, sim::Findings& findings,
         PolicyMode mode)
      : bytes_(bytes), where_(where), findings_(findings), strict_(mode == PolicyMode::strict) {}

  BinaryPolicy read() {
    if (header() && codes() && offsets() && name() && wall() && ste() && rows()) return std::move(policy_);
    return {};
  }

 private:
  struct Section {
    std::uint32_t begin, size;
    std::string_view what;
  };

  // The caller has made sure that four bytes are there.
  std::uint32_t word(std::size_t at) const {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value = value << 8 | bytes_[at + i];
    return value;
  }
  bool fail(std::string_view code, std::uint64_t at, std::string message, std::string help = {}) {
    findings_.error(code, fmt::format("{}, byte {}", where_, at), std::move(message), std::move(help));
    return false;
  }
  // What Xen's hypervisor loaded although its compiler never wrote it: no further in strict, a warning in xen33.
  bool object(std::string_view code, std::uint64_t at, std::string message, std::string help = {}) {
    if (strict_) return fail(code, at, std::move(message), std::move(help));
    findings_.warning(code, fmt::format("{}, byte {}", where_, at), std::move(message), std::move(help));
    return true;
  }

  bool header() {
    if (bytes_.size() >= 4 && word(Acm4::kMagicAt) != Acm4::kMagic) {
      return fail("TVD-330", Acm4::kMagicAt,
                  fmt::format("the file begins with {:08x}, a binary policy with {:08x}.",
                              word(Acm4::kMagicAt), Acm4::kMagic));
    }
    if (bytes_.size() < Acm4::kHeaderSize) {
      return fail("TVD-331", bytes_.size(),
                  fmt::format("the file ends after {} bytes; the header of a binary policy alone takes {}.",
                              bytes_.size(), Acm4::kHeaderSize));
    }
    if (const std::uint32_t format = word(Acm4::kFormatAt); format != Acm4::kFormat) {
      return fail(
          "TVD-330", Acm4::kFormatAt,
          fmt::format("the file is a binary policy of format {}; format {} is read.", format, Acm4::kFormat),
          "compile its XML again");
    }
    if (const std::uint32_t length = word(Acm4::kLengthAt); length != bytes_.size()) {
      return fail(
          "TVD-331", Acm4::kLengthAt,
          fmt::format("the policy says that it is {} bytes long, and there are {}.", length, bytes_.size()),
          length > bytes_.size() ? "the file was cut short; copy it again"
                                 : "something stands behind the policy; nothing may");
    }
    policy_.version = {word(Acm4::kMajorAt), word(Acm4::kMinorAt)};
    std::copy_n(bytes_.begin() + Acm4::kHashAt, policy_.hash.size(), policy_.hash.begin());
    return true;
  }

  bool codes() {
    const std::uint32_t primary = word(Acm4::kPrimaryCodeAt), secondary = word(Acm4::kSecondaryCodeAt);
    if (primary == Acm4::kTypeEnforcement) {
      return fail("TVD-333", Acm4::kPrimaryCodeAt,
                  "the primary policy is type enforcement (2); only a Chinese Wall (1) is loaded as primary.",
                  "Xen's compiler wrote this for XML without wall types, with an offset that leads to an "
                  "empty wall, and "
                  "its hypervisor refused it; define a wall type");
    }
    if (primary != Acm4::kChineseWall) {
      return fail(
          "TVD-333", Acm4::kPrimaryCodeAt,
          fmt::format("the primary policy has the code {}; only a Chinese Wall (1) is loaded.", primary));
    }
    if (secondary != Acm4::kTypeEnforcement) {
      return fail("TVD-333", Acm4::kSecondaryCodeAt,
                  fmt::format("the secondary policy has the code {}; only type enforcement (2) is loaded.",
                              secondary));
    }
    return true;
  }

  bool offsets() {
    const auto length = static_cast<std::uint32_t>(bytes_.size());
    const std::uint32_t name = word(Acm4::kNameOffsetAt), first = word(Acm4::kPrimaryOffsetAt),
                        second = word(Acm4::kSecondaryOffsetAt);
    const auto behind = [&](std::uint32_t at, std::string_view what, std::uint32_t begin,
                            std::string_view before, std::uint64_t end) {
      if (begin < end) {
        return fail("TVD-332", at,
                    fmt::format("the {} begins at byte {}, which belongs to the {}.", what, begin, before),
                    "the length of a section would be negative");
      }
      if (begin >= length) {
        return fail("TVD-332", at,
                    fmt::format("the {} begins at byte {} of a file of {}.", what, begin, length));
      }
      return true;
    };
    if (!behind(Acm4::kNameOffsetAt, "policy's name", name, "header", Acm4::kHeaderSize) ||
        !behind(Acm4::kPrimaryOffsetAt, "wall section", first, "policy's name or what stands before it",
                std::uint64_t{name} + 1) ||
        !behind(Acm4::kSecondaryOffsetAt, "STE section", second, "wall section or what stands before it",
                std::uint64_t{first} + 1)) {
      return false;
    }
    name_ = {name, first - name, "policy's name"};
    wall_ = {first, second - first, "wall section"};
    ste_ = {second, length - second, "STE section"};
    return name == Acm4::kHeaderSize ||
           object("TVD-332", Acm4::kNameOffsetAt,
                  fmt::format("{} bytes between the header and the policy's name are unexplained.",
                              name - Acm4::kHeaderSize));
  }

  bool name() {
    if (name_.size < 4) return too_short(name_, 4);
    const std::uint32_t length = word(name_.begin);
    if (length == 0 || length > name_.size - 4) {
      return fail("TVD-334", name_.begin,
                  fmt::format("the policy's name says that it is {} bytes long, and there are {}.", length,
                              name_.size - 4));
    }
    const std::uint32_t begin = name_.begin + 4;
    const std::string_view text(reinterpret_cast<const char*>(bytes_.data()) + begin, length);
    if (text.back() != '\0') {
      return fail("TVD-334", begin + length - 1, "the policy's name does not end with a zero byte.",
                  "a reader that relies on it would read on");
    }
    const std::string_view name = text.substr(0, length - 1);
    const auto no_text = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
    if (const auto bad = std::ranges::find_if(name, no_text); bad != name.end()) {
      const auto at = static_cast<std::size_t>(bad - name.begin());
      return fail("TVD-334", begin + at,
                  fmt::format("the policy's name contains the control character {:02x}.",
                              static_cast<unsigned char>(*bad)));
    }
    if (const std::size_t end = end_of_utf8(name); end != name.size()) {
      return fail("TVD-334", begin + end, "the policy's name is not UTF-8.");
    }
    policy_.name = name;
    return ends_as_compiled(name_, 4 + std::uint64_t{length});
  }

  bool wall() {
    if (!section(wall_, Acm4::kWallSize, Acm4::kChineseWall)) return false;
    const std::uint32_t begin = wall_.begin, types = word(begin + Acm4::kWallTypesAt);
    for (const std::uint32_t at : {begin + Acm4::kWallRunningAt, begin + Acm4::kWallAggregateAt}) {
      if (word(at) != 0 &&
          !object("TVD-332", at, "the policy has an offset for the counters of a running system.",
                  "a dump of a running hypervisor is no policy; compile its XML")) {
        return false;
      }
    }
    std::uint64_t end = Acm4::kWallSize;
    return dimension("wall types", begin + Acm4::kWallTypesAt, Policy::kMaxTypes, 1) &&
           dimension("VM labels", begin + Acm4::kWallRowsAt, Policy::kMaxLabels, 2) &&
           dimension("conflict sets", begin + Acm4::kWallSetsAt, Policy::kMaxSets, 0) &&
           table(wall_, Acm4::kWallTableAt, word(begin + Acm4::kWallRowsAt), types, end, policy_.wall) &&
           table(wall_, Acm4::kWallSetTableAt, word(begin + Acm4::kWallSetsAt), types, end,
                 policy_.conflicts) &&
           ends_as_compiled(wall_, end);
  }

  bool ste() {
    if (!section(ste_, Acm4::kSteSize, Acm4::kTypeEnforcement)) return false;
    const std::uint32_t begin = ste_.begin;
    std::uint64_t end = Acm4::kSteSize;
    return dimension("STE types", begin + Acm4::kSteTypesAt, Policy::kMaxTypes, 0) &&
           dimension("labels", begin + Acm4::kSteRowsAt, Policy::kMaxLabels, 2) &&
           table(ste_, Acm4::kSteTableAt, word(begin + Acm4::kSteRowsAt), word(begin + Acm4::kSteTypesAt),
                 end, policy_.ste) &&
           ends_as_compiled(ste_, end);
  }

  // A VM label's row is the same in both tables, so that the STE table has at least the wall's.
  bool rows() {
    return policy_.wall.rows <= policy_.ste.rows ||
           object("TVD-335", ste_.begin + Acm4::kSteRowsAt,
                  fmt::format("the STE table has {} rows, and the wall {} VM labels.", policy_.ste.rows,
                              policy_.wall.rows),
                  "the labels without a row would share with nobody");
  }

  bool too_short(const Section& section, std::uint32_t least) {
    return fail("TVD-332", section.begin,
                fmt::format("the {} is {} bytes long; its own words alone take {}.", section.what,
                            section.size, least));
  }

  bool section(const Section& section, std::uint32_t head, std::uint32_t code) {
    if (section.size < head) return too_short(section, head);
    const std::uint32_t version_at = section.begin + Acm4::kSectionVersionAt,
                        code_at = section.begin + Acm4::kSectionCodeAt;
    if (word(version_at) != Acm4::kSectionVersion) {
      return fail("TVD-333", version_at,
                  fmt::format("the {} has version {}; version {} is read.", section.what, word(version_at),
                              Acm4::kSectionVersion));
    }
    if (word(code_at) != code) {
      return fail("TVD-333", code_at,
                  fmt::format("the {} has the code {} where the header leads to one with {}.", section.what,
                              word(code_at), code));
    }
    return true;
  }

  bool dimension(std::string_view what, std::uint32_t at, std::uint32_t most, std::uint32_t least) {
    const std::uint32_t count = word(at);
    if (count > most) {
      return fail("TVD-335", at,
                  fmt::format("the policy says that it has {} {}; at most {} are read.", count, what, most));
    }
    if (count >= least) return true;
    return object("TVD-335", at,
                  fmt::format("the policy has {} {}; it needs at least {}.", count, what, least),
                  least == 2 ? "row 0 is for what has no label, row 1 for the control domain" : "");
  }

  // `end` is where the table before it ends, in the section; it is moved to this table's end.
  bool table(const Section& section, std::uint32_t offset_at, std::uint32_t rows, std::uint32_t types,
             std::uint64_t& end, TypeTable& table) {
    const std::uint32_t at = section.begin + offset_at, offset = word(at);
    const std::uint64_t size = std::uint64_t{rows} * types * Acm4::kCellSize;
    if (offset > section.size) {
      return fail("TVD-332", at,
                  fmt::format("a table begins at byte {} of the {}, which is {} bytes long.", offset,
                              section.what, section.size));
    }
    if (size > section.size - offset) {
      return fail("TVD-335", at,
                  fmt::format("a table of {} rows and {} types takes {} bytes; the {} has {} left for it.",
                              rows, types, size, section.what, section.size - offset));
    }
    if (offset != end &&
        !object("TVD-332", at,
                offset < end
                    ? fmt::format("a table begins at byte {} of the {} and overlaps what ends at byte {}.",
                                  offset, section.what, end)
                    : fmt::format("{} bytes of the {} before a table are unexplained.", offset - end,
                                  section.what))) {
      return false;
    }
    end = std::max(end, offset + size);
    return cells(section.begin + std::size_t{offset}, rows, types, table);
  }

  bool cells(std::size_t begin, std::uint32_t rows, std::uint32_t types, TypeTable& table) {
    table = {rows, types, std::vector<std::uint8_t>(std::size_t{rows} * types)};
    for (std::size_t i = 0; i < table.cells.size(); ++i) {
      const std::size_t at = begin + i * Acm4::kCellSize;
      const unsigned value = static_cast<unsigned>(bytes_[at]) << 8 | bytes_[at + 1];
      table.cells[i] = value == 0 ? 0 : 1;
      if (value > 1 && !object("TVD-335", at,
                               fmt::format("the cell of row {} and type {} is {}; it is 0 or 1.", i / types,
                                           i % types, value))) {
        return false;
      }
    }
    return true;
  }

  // Behind what was read there is zero padding to a multiple of 8, and no more.
  bool ends_as_compiled(const Section& section, std::uint64_t end) {
    if (section.size != padded(end)) {
      return object("TVD-332", section.begin + end,
                    fmt::format("the {} is {} bytes long; what it holds takes {} with its padding.",
                                section.what, section.size, padded(end)),
                    "nothing may stand between the sections or behind them");
    }
    const auto padding = bytes_.subspan(section.begin + static_cast<std::size_t>(end),
                                        section.size - static_cast<std::size_t>(end));
    const auto bad = std::ranges::find_if(padding, [](std::uint8_t b) { return b != 0; });
    return bad == padding.end() ||
           object("TVD-332", section.begin + end + static_cast<std::uint64_t>(bad - padding.begin()),
                  fmt::format("the padding of the {} is not zero.", section.what));
  }

  std::span<const std::uint8_t> bytes_;
  std::string_view where_;
  sim::Findings& findings_;
  bool strict_;
  Section name_{}, wall_{}, ste_{};
  BinaryPolicy policy_;
};

}  // namespace

BinaryPolicy read_policy_binary(std::span<const std::uint8_t> bytes, std::string_view where,
                                sim::Findings& findings, PolicyMode mode) {
  return Reader(bytes, where, findings, mode).read();
}

}  // namespace tvdsim::models
