#include "vtpm/served/replay.hpp"

#include <algorithm>
#include <optional>

#include "vtpm/served/big_endian.hpp"

namespace tvdsim::vtpm {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t kResponseHeader = 10;
constexpr std::uint32_t kWithSessions = 0x8002;

enum class Varies : std::uint8_t { nothing, clock, attest, signature, drawn };

std::uint32_t code_of(std::span<const std::uint8_t> bytes) {
  return bytes.size() < 10 ? 0 : get_u32(bytes, 6);
}

Varies what_varies(std::uint32_t command) {
  switch (command) {
#define VARIES(code, name, what) \
  case code:                     \
    return Varies::what;
#include "vtpm/served/replay_rules.def"
#undef VARIES
    default:
      return Varies::nothing;
  }
}

// Walks through a response and blanks what may vary. Stops where the response ends, whatever its sizes say.
class Blanker {
 public:
  Blanker(Bytes& bytes, std::size_t at) : bytes_(bytes), at_(at) {}
  void skip(std::size_t n) { at_ = std::min(bytes_.size(), at_ + n); }
  void blank(std::size_t n) {
    const std::size_t end = std::min(bytes_.size(), at_ + n);
    std::fill(bytes_.begin() + static_cast<std::ptrdiff_t>(at_),
              bytes_.begin() + static_cast<std::ptrdiff_t>(end), std::uint8_t{0});
    at_ = end;
  }
  std::uint32_t u16() {
    const std::uint32_t out = bytes_.size() - at_ < 2 ? 0 : get_u16(bytes_, at_);
    skip(2);
    return out;
  }
  void skip_sized() { skip(u16()); }
  void blank_sized() { blank(u16()); }
  // Scheme and hash stay; then a size and bytes: one pair (RSA) or two (elliptic curves).
  void signature() {
    const std::uint32_t scheme = u16();
    constexpr std::uint32_t kRsassa = 0x14, kRsapss = 0x16, kNull = 0x10;
    if (scheme == kNull) return;
    u16();
    blank_sized();
    if (scheme != kRsassa && scheme != kRsapss) blank_sized();
  }
  void attest() {
    u16();
    skip(4);  // the magic number
    const std::uint32_t kind = u16();
    skip_sized();
    skip_sized();
    blank(8);  // the clock; counts and safety stay
    constexpr std::uint32_t kOfTheTime = 0x8019;
    if (kind != kOfTheTime) return;
    skip(4 + 4 + 1 + 8);  // the counts, safety, the firmware's version
    blank(16);            // time and clock
  }
  std::size_t at() const noexcept { return at_; }

 private:
  Bytes& bytes_;
  std::size_t at_;
};

Bytes without_what_varies(std::span<const std::uint8_t> response, Varies what) {
  Bytes out(response.begin(), response.end());
  const bool sessions = get_u16(out, 0) == kWithSessions;
  Blanker walk(out, kResponseHeader + (sessions ? 4 : 0));
  switch (what) {
    case Varies::nothing:
      break;
    case Varies::clock:
      walk.blank(16);  // time and clock
      break;
    case Varies::attest: {
      const std::size_t begin = walk.at();
      walk.attest();
      const std::size_t size = out.size() - begin < 2 ? 0 : get_u16(out, begin);
      Blanker signature(out, std::min(out.size(), begin + 2 + size));
      signature.signature();
      break;
    }
    case Varies::signature:
      walk.signature();
      break;
    case Varies::drawn:
      walk.blank(sessions && out.size() >= 14 ? get_u32(out, 10) : out.size());
      break;
  }
  return out;
}

}  // namespace

std::vector<std::uint8_t> Recorder::execute(std::span<const std::uint8_t> command, std::uint8_t locality) {
  RecordedCommand done{{command.begin(), command.end()}, device_.execute(command, locality), locality};
  stream_.push_back(std::move(done));
  return stream_.back().response;
}

Sameness compare_responses(std::span<const std::uint8_t> command, std::span<const std::uint8_t> one,
                           std::span<const std::uint8_t> other) {
  if (std::equal(one.begin(), one.end(), other.begin(), other.end())) return Sameness::equal;
  const Varies what = what_varies(code_of(command));
  if (what == Varies::nothing || one.size() != other.size() || one.size() < kResponseHeader)
    return Sameness::different;
  const bool same = without_what_varies(one, what) == without_what_varies(other, what);
  return same ? Sameness::varying : Sameness::different;
}

ReplayResult replay(TpmDevice& device, std::span<const RecordedCommand> stream) {
  ReplayResult out;
  for (std::size_t i = 0; i < stream.size(); ++i) {
    Bytes response = device.execute(stream[i].command, stream[i].locality);
    switch (compare_responses(stream[i].command, stream[i].response, response)) {
      case Sameness::equal:
        ++out.equal;
        break;
      case Sameness::varying:
        ++out.varying;
        break;
      case Sameness::different:
        out.differences.push_back({i, code_of(stream[i].command), stream[i].response, std::move(response)});
        break;
    }
  }
  return out;
}

}  // namespace tvdsim::vtpm
