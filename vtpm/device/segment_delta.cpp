#include "vtpm/device/segment_delta.hpp"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <unistd.h>

#include <cstring>

#include "sim/base/error.hpp"

namespace tvdsim::vtpm {
namespace {

constexpr std::size_t kWord = 8, kLine = 64, kBlock = 4 * kLine;
constexpr std::size_t kMaxLines = 0x10000;  // a line's number takes 16 bits

// Reading both is what parking costs: a block at a time, without a branch inside.
bool differs(const std::uint8_t* a, const std::uint8_t* b, std::size_t bytes) noexcept {
  using Lanes = std::uint64_t __attribute__((vector_size(16)));
  Lanes any{};
  for (std::size_t i = 0; i < bytes; i += sizeof(Lanes)) {
    Lanes x, y;
    std::memcpy(&x, a + i, sizeof x);
    std::memcpy(&y, b + i, sizeof y);
    any |= x ^ y;
  }
  return (any[0] | any[1]) != 0;
}

bool is_blank(const std::uint8_t* a, std::size_t bytes) noexcept {
  using Lanes = std::uint64_t __attribute__((vector_size(16)));
  Lanes any{};
  for (std::size_t i = 0; i < bytes; i += sizeof(Lanes)) {
    Lanes x;
    std::memcpy(&x, a + i, sizeof x);
    any |= x;
  }
  return (any[0] | any[1]) == 0;
}

void take_line(std::uint8_t* line, const std::uint8_t* image, std::size_t number,
               std::vector<std::uint8_t>& delta) {
  if (!differs(line, image, kLine)) return;
  const std::size_t head = delta.size();
  delta.push_back(static_cast<std::uint8_t>(number));
  delta.push_back(static_cast<std::uint8_t>(number >> 8));
  delta.push_back(0);
  for (unsigned word = 0; word < kLine / kWord; ++word) {
    if (std::memcmp(line + word * kWord, image + word * kWord, kWord) == 0) continue;
    delta[head + 2] = static_cast<std::uint8_t>(delta[head + 2] | 1u << word);
    delta.insert(delta.end(), line + word * kWord, line + (word + 1) * kWord);
  }
  std::memcpy(line, image, kLine);
}

}  // namespace

std::span<std::uint8_t> writable_segment(void* object) noexcept {
  link_map* map = nullptr;
  if (::dlinfo(object, RTLD_DI_LINKMAP, &map) != 0 || !map || map->l_addr == 0) return {};
  auto* const base = reinterpret_cast<std::uint8_t*>(map->l_addr);
  ElfW(Ehdr) header;
  std::memcpy(&header, base, sizeof header);
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_phentsize != sizeof(ElfW(Phdr)))
    return {};
  std::size_t begin = 0, end = 0, read_only = 0, writable = 0;
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    ElfW(Phdr) part;
    std::memcpy(&part, base + header.e_phoff + i * sizeof part, sizeof part);
    if (part.p_type == PT_GNU_RELRO) read_only = part.p_vaddr + part.p_memsz;
    if (part.p_type != PT_LOAD || !(part.p_flags & PF_W)) continue;
    begin = part.p_vaddr;
    end = part.p_vaddr + part.p_memsz;
    ++writable;
  }
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  if (read_only > begin) begin = read_only / page * page;  // the loader protects whole pages
  begin = (begin + kLine - 1) / kLine * kLine;
  end = (end + kLine - 1) / kLine * kLine;  // in the same page
  if (writable != 1 || end <= begin || (end - begin) / kLine > kMaxLines) return {};
  return {base + begin, end - begin};
}

std::vector<std::uint8_t> blank_blocks(std::span<const std::uint8_t> image) {
  std::vector<std::uint8_t> blank(image.size() / kBlock);
  for (std::size_t i = 0; i < blank.size(); ++i)
    blank[i] = is_blank(image.data() + i * kBlock, kBlock) ? 1 : 0;
  return blank;
}

void take_delta(std::span<std::uint8_t> segment, std::span<const std::uint8_t> image,
                std::span<const std::uint8_t> blank, std::vector<std::uint8_t>& delta) {
  TVDSIM_ASSERT(
      segment.size() == image.size() && segment.size() % kLine == 0 && blank.size() == image.size() / kBlock,
      "an image of another segment");
  delta.clear();
  const std::size_t blocks = segment.size() / kBlock * kBlock;
  for (std::size_t at = 0; at < blocks; at += kBlock) {
    const bool same = blank[at / kBlock] ? is_blank(segment.data() + at, kBlock)
                                         : !differs(segment.data() + at, image.data() + at, kBlock);
    if (same) continue;
    for (std::size_t line = at; line < at + kBlock; line += kLine)
      take_line(segment.data() + line, image.data() + line, line / kLine, delta);
  }
  for (std::size_t line = blocks; line < segment.size(); line += kLine)
    take_line(segment.data() + line, image.data() + line, line / kLine, delta);
}

void apply_delta(std::span<std::uint8_t> segment, std::span<const std::uint8_t> delta) noexcept {
  const std::uint8_t* from = delta.data();
  const std::uint8_t* const end = from + delta.size();
  while (from < end) {
    std::uint8_t* line = segment.data() + (from[0] | static_cast<std::size_t>(from[1]) << 8) * kLine;
    const unsigned words = from[2];
    from += 3;
    for (unsigned word = 0; word < kLine / kWord; ++word) {
      if (!(words >> word & 1)) continue;
      std::memcpy(line + word * kWord, from, kWord);
      from += kWord;
    }
  }
}

}  // namespace tvdsim::vtpm
