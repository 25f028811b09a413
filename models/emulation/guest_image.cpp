#include "models/emulation/guest_image.hpp"

#include <fstream>
#include <iterator>

#include "sim/base/error.hpp"

namespace tvdsim::models {

namespace {

constexpr std::uint32_t kCodePcr = 8, kConstantsPcr = 9, kCommandLinePcr = 12;

[[noreturn]] void foreign(std::string_view why) { throw sim::WorldError(why, "guest_image"); }

class Elf32 {
 public:
  explicit Elf32(std::span<const std::uint8_t> bytes) : bytes_(bytes) {
    static constexpr std::uint8_t kStart[] = {0x7f, 'E', 'L', 'F', 1, 1};  // 32 bits, little-endian
    if (bytes.size() < 52 || !std::equal(std::begin(kStart), std::end(kStart), bytes.begin()))
      foreign("the image is not a 32-bit ELF file");
    sections_ = number(32, 4);
    size_ = number(46, 2);
    count_ = number(48, 2);
    const std::uint64_t names = sections_ + number(50, 2) * size_;
    if (size_ < 40) foreign("the image has no table of sections");
    names_ = number(names + 16, 4);
  }

  std::span<const std::uint8_t> section(std::string_view name) const {
    for (std::uint64_t i = 0; i < count_; ++i) {
      const std::uint64_t at = sections_ + i * size_;
      if (!named(names_ + number(at, 4), name)) continue;
      const std::uint64_t begin = number(at + 16, 4), length = number(at + 20, 4);
      if (begin > bytes_.size() || length > bytes_.size() - begin)
        foreign("a section of the image lies outside of it");
      return bytes_.subspan(begin, length);
    }
    foreign("the image has no section " + std::string(name));
  }

 private:
  std::uint64_t number(std::uint64_t at, unsigned size) const {
    if (at > bytes_.size() || size > bytes_.size() - at) foreign("the image ends inside its tables");
    std::uint64_t value = 0;
    for (unsigned i = size; i-- > 0;) value = value << 8 | bytes_[at + i];
    return value;
  }
  bool named(std::uint64_t at, std::string_view name) const {
    if (at > bytes_.size() || name.size() >= bytes_.size() - at) return false;
    return std::equal(name.begin(), name.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(at)) &&
           bytes_[at + name.size()] == 0;
  }

  std::span<const std::uint8_t> bytes_;
  std::uint64_t sections_ = 0, size_ = 0, count_ = 0, names_ = 0;
};

vtpm::Digest sha256(std::span<const std::uint8_t> bytes) {
  return vtpm::hash(vtpm::HashAlg::sha256, {bytes});
}

}  // namespace

std::vector<MeasuredPart> payload_parts(std::span<const std::uint8_t> elf, std::string_view command_line) {
  const Elf32 image(elf);
  const auto* words = reinterpret_cast<const std::uint8_t*>(command_line.data());
  return {{kCodePcr, ".text", sha256(image.section(".text"))},
          {kConstantsPcr, ".rodata", sha256(image.section(".rodata"))},
          {kCommandLinePcr, "command line", sha256({words, command_line.size()})}};
}

std::map<std::uint32_t, vtpm::Digest> pcrs_after(std::span<const MeasuredPart> parts) {
  std::map<std::uint32_t, vtpm::Digest> pcrs;
  for (const MeasuredPart& part : parts) {
    auto [pcr, first] = pcrs.try_emplace(part.pcr, vtpm::Digest::filled(vtpm::HashAlg::sha256, 0));
    pcr->second = vtpm::hash(vtpm::HashAlg::sha256, {pcr->second.view(), part.sha256.view()});
  }
  return pcrs;
}

std::vector<std::uint8_t> read_image(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw sim::WorldError("cannot read the guest's image " + path, "ENOENT");
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace tvdsim::models
